//! Drawing a figure as SVG.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::scale::{Bytes, Quality};
use super::{Figure, Point};
use crate::ReportError;
use crate::number::ratio;
use crate::style::{Family, Marker};

/// Width and height in CSS pixels: 7.5 by 5.2 inches at 96 pixels an inch.
const SIZE: (u32, u32) = (720, 500);
/// Fonts to try, one that every system has at the end.
const FONTS: &str = "DejaVu Sans, Verdana, Arial, sans-serif";
/// Size of text as plotters counts it: it divides by 1.24, and 16 pixels are 12 pt.
const TEXT: f64 = 16.0 * 1.24;
/// Pixels above the axes: the ticks of compression and their name.
const TOP: u32 = 54;
/// Longest name in the title, in characters.
const LONGEST_NAME: usize = 32;
/// Colour of grid lines; light enough to stay behind on white, visible on black.
const GRID: RGBAColor = RGBAColor(128, 128, 128, 0.35);

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// An axis with the ticks that we want, where plotters would choose its own.
#[derive(Clone)]
struct Axis {
    ends: Range<f64>,
    ticks: Vec<f64>,
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
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    let drawn = draw(figure, &area).and_then(|()| area.present());
    drop(area);
    drawn.map_err(|error| ReportError::Draw(error.to_string()))?;
    Ok(text)
}

fn draw(figure: &Figure<'_>, area: &Area<'_>) -> Drawn {
    area.fill(&WHITE)?;
    let (head, body) = area.split_vertically(64);
    let title = format!("{} on {}", short(figure.model), short(figure.dataset));
    let style = text_style(TEXT * 1.1).pos(Pos::new(HPos::Center, VPos::Top));
    head.draw(&Text::new(title, (SIZE.0 as i32 / 2, 10), style))?;
    let families: Vec<Family> = Family::ALL.into_iter().filter(|family| of(figure, *family).next().is_some()).collect();
    legend(&head, &families)?;

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
    for family in families {
        series(&mut chart, figure, family, (bytes.from, bytes.to))?;
    }
    Ok(())
}

fn axes(chart: &mut Chart<'_, '_>, figure: &Figure<'_>, quality: Quality) -> Drawn {
    chart
        .configure_mesh()
        .x_desc("bytes per vector (log scale)")
        .y_desc(figure.measure.to_string())
        .x_label_formatter(&|exponent: &f64| format!("{:.0}", exponent.exp2()))
        .y_label_formatter(&|value: &f64| quality.label(*value))
        .label_style(text_style(TEXT))
        .axis_desc_style(text_style(TEXT))
        .axis_style(BLACK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()
}

/// The same ticks above: how much smaller than float32.
fn compression(chart: &Chart<'_, '_>, area: &Area<'_>, bytes: &Bytes, float32_bytes: u64) -> Drawn {
    let (columns, rows) = chart.plotting_area().get_pixel_range();
    let style = text_style(TEXT).pos(Pos::new(HPos::Center, VPos::Bottom));
    area.draw(&PathElement::new([(columns.start, rows.start), (columns.end, rows.start)], BLACK))?;
    for tick in &bytes.ticks {
        let (x, _) = chart.backend_coord(&(*tick, 0.0));
        let text = format!("{}×", ratio(float32_bytes as f64 / tick.exp2()));
        area.draw(&PathElement::new([(x, rows.start - 5), (x, rows.start)], BLACK))?;
        area.draw(&Text::new(text, (x, rows.start - 4), style.clone()))?;
    }
    let middle = (columns.start + columns.end) / 2;
    area.draw(&Text::new("compression over float32", (middle, rows.start - 27), style))
}

/// The points of one family, lightest first.
fn of<'a>(figure: &'a Figure<'_>, family: Family) -> impl Iterator<Item = &'a Point> {
    let mut points: Vec<&Point> = figure.points.iter().filter(|point| Family::of(point.codec) == family).collect();
    points.sort_by_key(|point| point.bytes_per_vector);
    points.into_iter()
}

/// One family: pale bars for ties, bars for seeds, a line, markers on top.
fn series(chart: &mut Chart<'_, '_>, figure: &Figure<'_>, family: Family, ends: (f64, f64)) -> Drawn {
    let color = family.color();
    let at = |point: &Point, value: f64| ((point.bytes_per_vector as f64).log2(), value);
    let bar = |point: &Point, from: f64, to: f64, style: ShapeStyle| {
        PathElement::new(vec![at(point, from), at(point, to)], style)
    };
    chart.draw_series(
        of(figure, family)
            .map(|point| bar(point, point.spread.tie_min, point.spread.tie_max, color.mix(0.4).stroke_width(9))),
    )?;
    for point in of(figure, family).filter(|point| point.spread.least < point.spread.greatest) {
        let style = color.stroke_width(2);
        let end = |value| EmptyElement::at(at(point, value)) + PathElement::new(vec![(-7, 0), (7, 0)], style);
        let ends = [point.spread.least, point.spread.greatest];
        chart.draw_series(std::iter::once(bar(point, ends[0], ends[1], style)))?;
        chart.draw_series(ends.into_iter().map(end))?;
    }
    if family == Family::Float32 {
        let level = |point: &Point| [(ends.0, point.spread.mean), (ends.1, point.spread.mean)];
        for point in of(figure, family) {
            chart.draw_series(DashedLineSeries::new(level(point), 7, 5, color.stroke_width(2)))?;
        }
    } else {
        let line = of(figure, family).map(|point| at(point, point.spread.mean));
        chart.draw_series(LineSeries::new(line, color.stroke_width(2)))?;
    }
    for point in of(figure, family) {
        let here = EmptyElement::at(at(point, point.spread.mean));
        chart.draw_series(std::iter::once(here + Polygon::new(outline(family.marker(), (0, 0)), color.filled())))?;
    }
    Ok(())
}

/// The legend: one line under the title, a marker and a name for each family.
fn legend(area: &Area<'_>, families: &[Family]) -> Drawn {
    let widths = families.iter().map(|family| 60 + 10 * family.name().len() as i32);
    let mut x = (SIZE.0 as i32 - widths.clone().sum::<i32>()) / 2;
    for (family, width) in families.iter().zip(widths) {
        let color = family.color();
        let ends = [(x, 50), (x + 34, 50)];
        if *family == Family::Float32 {
            for dash in [0, 12, 24] {
                area.draw(&PathElement::new([(x + dash, 50), (x + dash + 8, 50)], color.stroke_width(2)))?;
            }
        } else {
            area.draw(&PathElement::new(ends, color.stroke_width(2)))?;
        }
        area.draw(&Polygon::new(outline(family.marker(), (x + 17, 50)), color.filled()))?;
        let style = text_style(TEXT).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(family.name(), (x + 42, 50), style))?;
        x += width;
    }
    Ok(())
}

/// A marker's corners around `center`, in pixels.
fn outline(marker: Marker, (x, y): (i32, i32)) -> Vec<(i32, i32)> {
    let corners: &[(i32, i32)] = match marker {
        Marker::Diamond => &[(0, -7), (7, 0), (0, 7), (-7, 0)],
        Marker::Square => &[(-5, -5), (5, -5), (5, 5), (-5, 5)],
        Marker::Triangle => &[(0, -7), (6, 5), (-6, 5)],
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

fn text_style(size: f64) -> TextStyle<'static> {
    TextStyle::from((FONTS, size).into_font()).color(&BLACK)
}

/// A name for a title: cut where too long, and without control characters, which XML cannot hold.
fn short(name: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    if name.chars().count() <= LONGEST_NAME {
        return name.chars().map(clean).collect();
    }
    name.chars().take(LONGEST_NAME - 1).map(clean).chain(['…']).collect()
}
