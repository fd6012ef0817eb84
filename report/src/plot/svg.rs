//! Drawing a figure as SVG.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::scale::{Bytes, Quality};
use super::{Figure, Point, hero};
use crate::ReportError;
use crate::number::ratio;
use crate::style::{Line, Look, Marker, Series};

/// Width and height in CSS pixels with one line of legend: 7.5 by 5.2 inches at 96 pixels an inch.
pub(super) const SIZE: (u32, u32) = (720, 500);
/// Height of a line of the legend.
pub(super) const LEGEND_LINE: u32 = 24;
/// Fonts to try, one that every system has at the end.
const FONTS: &str = "DejaVu Sans, Verdana, Arial, sans-serif";
/// Size of text as plotters counts it: it divides by 1.24, and 16 pixels are 12 pt.
pub(super) const TEXT: f64 = 16.0 * 1.24;
/// Pixels above the axes: the ticks of compression and their name.
pub(super) const TOP: u32 = 54;
/// Longest name in the title, in characters.
const LONGEST_NAME: usize = 32;
/// Colour of grid lines; light enough to stay behind on white, visible on black.
const GRID: RGBAColor = RGBAColor(128, 128, 128, 0.35);

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
pub(super) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;
type Error = DrawingAreaErrorKind<std::io::Error>;
pub(super) type Drawn = Result<(), Error>;

/// An axis with the ticks that we want, where plotters would choose its own.
#[derive(Clone)]
pub(super) struct Axis {
    pub(super) ends: Range<f64>,
    pub(super) ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.ends.start) / (self.ends.end - self.ends.start);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.ends.clone()
    }
}

/// Draws a figure as an SVG document with a white background.
pub fn svg(figure: &Figure<'_>) -> Result<String, ReportError> {
    let legend = Legend::of(figure);
    page((SIZE.0, SIZE.1 + legend.further()), |area| draw(figure, &legend, area))
}

/// What is drawn on a white page of this size.
pub(super) fn page(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, ReportError> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
    let drawn = area.fill(&WHITE).and_then(|()| draw(&area)).and_then(|()| area.present());
    drop(area);
    drawn.map_err(|error| ReportError::Draw(error.to_string()))?;
    Ok(text)
}

/// Title and legend; returns the room below.
pub(super) fn head<'a>(area: &Area<'a>, title: String, legend: &Legend) -> Result<Area<'a>, Error> {
    let (head, body) = area.split_vertically(40 + LEGEND_LINE * legend.0.len().max(1) as u32);
    let style = text_style(TEXT * 1.1).pos(Pos::new(HPos::Center, VPos::Top));
    head.draw(&Text::new(title, (SIZE.0 as i32 / 2, 10), style))?;
    legend.draw(&head)?;
    Ok(body)
}

fn draw(figure: &Figure<'_>, legend: &Legend, area: &Area<'_>) -> Drawn {
    let body = head(area, format!("{} on {}", short(figure.model), short(figure.dataset)), legend)?;
    let bytes = Bytes::new(figure.points.iter().map(|point| point.bytes_per_vector));
    let quality = Quality::new(figure.greatest);
    let x = Axis { ends: bytes.from..bytes.to, ticks: bytes.ticks.clone() };
    let y = Axis { ends: 0.0..quality.to, ticks: quality.ticks() };
    let mut chart = ChartBuilder::on(&body)
        .margin_left(10)
        .margin_right(24)
        .margin_top(TOP)
        .margin_bottom(10)
        .set_label_area_size(LabelAreaPosition::Left, 72)
        .set_label_area_size(LabelAreaPosition::Bottom, 56)
        .build_cartesian_2d(x, y)?;
    axes(&mut chart, figure, quality)?;
    compression(&chart, area, &bytes, figure.float32_bytes)?;
    let series = legend.series();
    if figure.hero {
        return hero::draw(&mut chart, figure, &series, (bytes.from, bytes.to));
    }
    for series in series {
        draw_series(&mut chart, figure, series, (bytes.from, bytes.to))?;
    }
    Ok(())
}

fn axes(chart: &mut Chart<'_, '_>, figure: &Figure<'_>, quality: Quality) -> Drawn {
    let measure = figure.measure.to_string();
    let labels: [&dyn Fn(&f64) -> String; 2] =
        [&|exponent: &f64| format!("{:.0}", exponent.exp2()), &|value: &f64| quality.label(*value)];
    mesh(chart, ["bytes per vector (log scale)", &measure], labels)
}

/// Grid, ticks and the names of both axes, the horizontal one first.
pub(super) fn mesh(chart: &mut Chart<'_, '_>, names: [&str; 2], labels: [&dyn Fn(&f64) -> String; 2]) -> Drawn {
    chart
        .configure_mesh()
        .x_desc(names[0])
        .y_desc(names[1])
        .x_label_formatter(labels[0])
        .y_label_formatter(labels[1])
        .label_style(text_style(TEXT))
        .axis_desc_style(text_style(TEXT))
        .axis_style(BLACK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()
}

/// The same ticks above: how much smaller than float32.
fn compression(chart: &Chart<'_, '_>, area: &Area<'_>, bytes: &Bytes, float32_bytes: u64) -> Drawn {
    let label = |tick: &f64| (*tick, format!("{}×", ratio(float32_bytes as f64 / tick.exp2())));
    above(chart, area, bytes.ticks.iter().map(label), "compression over float32")
}

/// An axis above the plot, with these ticks.
pub(super) fn above(
    chart: &Chart<'_, '_>,
    area: &Area<'_>,
    ticks: impl Iterator<Item = (f64, String)>,
    name: &str,
) -> Drawn {
    let (columns, rows) = chart.plotting_area().get_pixel_range();
    let style = text_style(TEXT).pos(Pos::new(HPos::Center, VPos::Bottom));
    area.draw(&PathElement::new([(columns.start, rows.start), (columns.end, rows.start)], BLACK))?;
    for (tick, text) in ticks {
        let (x, _) = chart.backend_coord(&(tick, 0.0));
        area.draw(&PathElement::new([(x, rows.start - 5), (x, rows.start)], BLACK))?;
        area.draw(&Text::new(text, (x, rows.start - 4), style.clone()))?;
    }
    let middle = (columns.start + columns.end) / 2;
    area.draw(&Text::new(name.to_owned(), (middle, rows.start - 27), style))
}

/// The points of one series, lightest first.
pub(super) fn of<'a>(figure: &'a Figure<'_>, series: Series) -> impl Iterator<Item = &'a Point> {
    let mut points: Vec<&Point> = figure.points.iter().filter(|point| point.series() == series).collect();
    points.sort_by_key(|point| point.bytes_per_vector);
    points.into_iter()
}

/// One series: pale bars for ties, bars for seeds, a line, markers on top.
fn draw_series(chart: &mut Chart<'_, '_>, figure: &Figure<'_>, series: Series, ends: (f64, f64)) -> Drawn {
    let look = series.look();
    let color = look.color;
    let at = |point: &Point, value: f64| ((point.bytes_per_vector as f64).log2(), value);
    let bar = |point: &Point, from: f64, to: f64, style: ShapeStyle| {
        PathElement::new(vec![at(point, from), at(point, to)], style)
    };
    chart.draw_series(
        of(figure, series)
            .map(|point| bar(point, point.spread.tie_min, point.spread.tie_max, color.mix(0.4).stroke_width(9))),
    )?;
    for point in of(figure, series).filter(|point| point.spread.least < point.spread.greatest) {
        let style = color.stroke_width(2);
        let end = |value| EmptyElement::at(at(point, value)) + PathElement::new(vec![(-7, 0), (7, 0)], style);
        let ends = [point.spread.least, point.spread.greatest];
        chart.draw_series(std::iter::once(bar(point, ends[0], ends[1], style)))?;
        chart.draw_series(ends.into_iter().map(end))?;
    }
    let lines: Vec<Vec<(f64, f64)>> = if series == Series::Float32 {
        // The level that the others are compared with, from side to side.
        of(figure, series).map(|point| vec![(ends.0, point.spread.mean), (ends.1, point.spread.mean)]).collect()
    } else {
        vec![of(figure, series).map(|point| at(point, point.spread.mean)).collect()]
    };
    for line in lines {
        polyline(chart, line, (look.line, color.stroke_width(2)))?;
    }
    for point in of(figure, series) {
        marker(chart, at(point, point.spread.mean), (look, 1.0))?;
    }
    Ok(())
}

/// A line through points, solid or dashed.
pub(super) fn polyline(chart: &mut Chart<'_, '_>, line: Vec<(f64, f64)>, (form, style): (Line, ShapeStyle)) -> Drawn {
    match form {
        Line::None => {}
        Line::Solid => drop(chart.draw_series(LineSeries::new(line, style))?),
        Line::Dashed(on, off) => drop(chart.draw_series(DashedLineSeries::new(line, on, off, style))?),
    }
    Ok(())
}

/// A marker at a place, as opaque as `strength` says (1: wholly).
pub(super) fn marker(chart: &mut Chart<'_, '_>, place: (f64, f64), (look, strength): (Look, f64)) -> Drawn {
    let corners = outline(look.marker, (0, 0));
    let closed: Vec<(i32, i32)> = corners.iter().chain(&corners[..1]).copied().collect();
    let filled = if look.hollow { WHITE.filled() } else { look.color.mix(strength).filled() };
    chart.draw_series(std::iter::once(EmptyElement::at(place) + Polygon::new(corners, filled)))?;
    let edge = look.color.mix(strength).stroke_width(2);
    chart.draw_series(std::iter::once(EmptyElement::at(place) + PathElement::new(closed, edge)))?;
    Ok(())
}

/// What a marker is filled with.
fn fill(look: Look) -> ShapeStyle {
    if look.hollow { WHITE.filled() } else { look.color.filled() }
}

/// One sign of the legend.
#[derive(Clone, Copy)]
enum Entry {
    /// Codecs.
    Of(Series),
    /// The staircase.
    Front,
}

impl Entry {
    fn series(self) -> Option<Series> {
        match self {
            Self::Of(series) => Some(series),
            Self::Front => None,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Of(series) => series.to_string(),
            Self::Front => "Pareto front".to_owned(),
        }
    }

    fn width(self) -> i32 {
        60 + 12 * self.name().len() as i32
    }

    fn draw(self, area: &Area<'_>, (x, y): (i32, i32)) -> Drawn {
        match self {
            Self::Of(series) => Self::draw_look(area, series.look(), (x, y))?,
            Self::Front => {
                let stairs = [(x, y + 6), (x + 17, y + 6), (x + 17, y - 6), (x + 34, y - 6)];
                area.draw(&PathElement::new(stairs, hero::front_style()))?;
            }
        }
        let style = text_style(TEXT).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(self.name(), (x + 42, y), style))
    }

    /// A piece of the line with the marker on it.
    fn draw_look(area: &Area<'_>, look: Look, (x, y): (i32, i32)) -> Drawn {
        let (on, off) = match look.line {
            Line::None => (0, 34),
            Line::Solid => (34, 0),
            Line::Dashed(on, off) => (on as i32, off as i32),
        };
        for dash in (0..34).step_by((on + off) as usize).filter(|_| on > 0) {
            let end = (dash + on).min(34);
            area.draw(&PathElement::new([(x + dash, y), (x + end, y)], look.color.stroke_width(2)))?;
        }
        let corners = outline(look.marker, (x + 17, y));
        area.draw(&Polygon::new(corners.clone(), fill(look)))?;
        let closed: Vec<(i32, i32)> = corners.iter().chain(&corners[..1]).copied().collect();
        area.draw(&PathElement::new(closed, look.color.stroke_width(2)))
    }
}

/// The legend: under the title a sign and a name for each series, in as many lines as they need.
pub(super) struct Legend(Vec<Vec<Entry>>);

impl Legend {
    fn of(figure: &Figure<'_>) -> Self {
        Self::new(figure.points.iter().map(|point| point.series()), figure.hero)
    }

    /// Of these series, in their own order and each once, and with the staircase or without.
    pub(super) fn new(series: impl Iterator<Item = Series>, front: bool) -> Self {
        let mut all: Vec<Series> = series.collect();
        all.sort();
        all.dedup();
        let mut lines: Vec<Vec<Entry>> = Vec::new();
        let mut used = 0;
        for entry in all.into_iter().map(Entry::Of).chain(front.then_some(Entry::Front)) {
            let width = entry.width();
            match lines.last_mut() {
                Some(line) if used + width <= SIZE.0 as i32 - 20 => line.push(entry),
                _ => {
                    lines.push(vec![entry]);
                    used = 0;
                }
            }
            used += width;
        }
        Self(lines)
    }

    /// The series, in the order of the legend.
    pub(super) fn series(&self) -> Vec<Series> {
        self.0.iter().flatten().filter_map(|entry| entry.series()).collect()
    }

    /// Pixels that it needs beyond those of one line.
    pub(super) fn further(&self) -> u32 {
        LEGEND_LINE * (self.0.len() as u32).saturating_sub(1)
    }

    fn draw(&self, area: &Area<'_>) -> Drawn {
        for (line, y) in self.0.iter().zip((50..).step_by(LEGEND_LINE as usize)) {
            let mut x = (SIZE.0 as i32 - line.iter().map(|entry| entry.width()).sum::<i32>()) / 2;
            for entry in line {
                entry.draw(area, (x, y))?;
                x += entry.width();
            }
        }
        Ok(())
    }
}

/// A marker's corners around `center`, in pixels.
fn outline(marker: Marker, (x, y): (i32, i32)) -> Vec<(i32, i32)> {
    let corners: &[(i32, i32)] = match marker {
        Marker::Diamond => &[(0, -7), (7, 0), (0, 7), (-7, 0)],
        Marker::Square => &[(-5, -5), (5, -5), (5, 5), (-5, 5)],
        Marker::Triangle => &[(0, -7), (6, 5), (-6, 5)],
        Marker::Funnel => &[(0, 7), (6, -5), (-6, -5)],
        Marker::Plus => &[
            (-2, -7),
            (2, -7),
            (2, -2),
            (7, -2),
            (7, 2),
            (2, 2),
            (2, 7),
            (-2, 7),
            (-2, 2),
            (-7, 2),
            (-7, -2),
            (-2, -2),
        ],
        Marker::Cross => {
            &[(0, -3), (4, -7), (7, -4), (3, 0), (7, 4), (4, 7), (0, 3), (-4, 7), (-7, 4), (-3, 0), (-7, -4), (-4, -7)]
        }
        Marker::Star => &[(0, -8), (2, -3), (8, -3), (3, 1), (5, 7), (0, 3), (-5, 7), (-3, 1), (-8, -3), (-2, -3)],
        Marker::Pentagon => &[(0, -7), (7, -2), (4, 6), (-4, 6), (-7, -2)],
        Marker::Hourglass => &[(-6, -7), (6, -7), (1, 0), (6, 7), (-6, 7), (-1, 0)],
        Marker::Circle => &[
            (0, -5),
            (2, -5),
            (4, -4),
            (5, -2),
            (5, 0),
            (5, 2),
            (4, 4),
            (2, 5),
            (0, 5),
            (-2, 5),
            (-4, 4),
            (-5, 2),
            (-5, 0),
            (-5, -2),
            (-4, -4),
            (-2, -5),
        ],
    };
    corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect()
}

pub(super) fn text_style(size: f64) -> TextStyle<'static> {
    TextStyle::from((FONTS, size).into_font()).color(&BLACK)
}

/// A name for a title: cut where too long, and without control characters, which XML cannot hold.
pub(super) fn short(name: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    if name.chars().count() <= LONGEST_NAME {
        return name.chars().map(clean).collect();
    }
    name.chars().take(LONGEST_NAME - 1).map(clean).chain(['…']).collect()
}
