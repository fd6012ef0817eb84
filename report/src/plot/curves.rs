//! Drawing second stages.
//!
//! A colour and a marker stand for a family, as in the other plots; where a figure has several sizes, each curve has its bytes
//! written to its left. Names keep so far apart that they can be read on a phone, where text is drawn larger.

use std::collections::BTreeSet;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::rescoring::{Curve, Rescoring, Stage, bytes};
use super::scale::Quality;
use super::svg::{
    Area, Axis, Chart, Drawn, Legend, SIZE, TEXT, TOP, above, head, marker, mesh, page, polyline, short, text_style,
};
use crate::ReportError;
use crate::number::ratio;
use crate::style::Series;

/// Pixels left of the plot: ticks and the measure's name.
const LEFT: u32 = 72;
/// Pixels around the whole: left, and right, where the last tick needs room.
const MARGINS: [u32; 2] = [10, 24];
/// Pixels beside the outermost points.
const BESIDE: f64 = 30.0;
/// Pixels of a letter at the size that phones show.
const LETTER: f64 = 12.0;
/// Least pixels between two names, and between two ticks.
const APART: i32 = 22;
const TICK: f64 = 62.0;
/// Most pixels between neighbouring curves, and between the first and the last: their bars would hide one another.
const STEP: f64 = 6.0;
const WIDEST: f64 = 30.0;
/// Pixels between a name and the first point.
const LEADER: i32 = 24;

/// Draws second stages as an SVG document with a white background.
pub fn rescoring_svg(figure: &Rescoring<'_>) -> Result<String, ReportError> {
    let series = figure.curves.iter().map(|curve| Series::of(curve.codec));
    let legend = Legend::new(series.chain(figure.float32.map(|_| Series::Float32)), false);
    page((SIZE.0, SIZE.1 + legend.further()), |area| draw(figure, &legend, area))
}

fn draw(figure: &Rescoring<'_>, legend: &Legend, area: &Area<'_>) -> Drawn {
    let names = names(figure);
    let part = part(figure, names.is_empty()).map(|ends| format!(": {}", bytes(ends))).unwrap_or_default();
    let body = head(area, format!("{} on {}{part}", short(figure.model), short(figure.dataset)), legend)?;
    let scale = Scale::of(figure, &names);
    let quality = Quality::new(figure.greatest);
    let x = Axis { ends: scale.from..scale.to, ticks: scale.ticks.clone() };
    let y = Axis { ends: 0.0..quality.to, ticks: quality.ticks() };
    let mut chart = ChartBuilder::on(&body)
        .margin_left(MARGINS[0])
        .margin_right(MARGINS[1])
        .margin_top(if figure.cut().is_some() { TOP } else { 12 })
        .margin_bottom(10)
        .set_label_area_size(LabelAreaPosition::Left, LEFT)
        .set_label_area_size(LabelAreaPosition::Bottom, 56)
        .build_cartesian_2d(x, y)?;
    let name = format!("candidates ranked again by {} (log scale)", figure.with.name());
    let measure = figure.measure.to_string();
    let labels: [&dyn Fn(&f64) -> String; 2] =
        [&|place: &f64| scale.label(*place), &|value: &f64| quality.label(*value)];
    mesh(&mut chart, [&name, &measure], labels)?;
    if let Some(cut) = figure.cut() {
        let tick = |tick: &f64| (*tick, format!("{}×", ratio(tick.exp2() / f64::from(cut.max(1)))));
        above(&chart, area, scale.ticks[1..].iter().map(tick), &format!("as multiples of {cut} ranks"))?;
    }
    if let Some(float32) = figure.float32 {
        let look = Series::Float32.look();
        polyline(
            &mut chart,
            vec![(scale.alone, float32), (scale.to, float32)],
            (look.line, look.color.stroke_width(2)),
        )?;
    }
    for (at, curve) in figure.curves.iter().enumerate() {
        draw_curve(&mut chart, curve, &|stage: &Stage| (scale.x(stage) + scale.shift(at), stage.mean))?;
    }
    if !names.is_empty() {
        draw_names(&chart, area, (figure, &names, &scale))?;
    }
    Ok(())
}

/// Bars, a line, markers on top.
fn draw_curve(chart: &mut Chart<'_, '_>, curve: &Curve, place: &dyn Fn(&Stage) -> (f64, f64)) -> Drawn {
    let look = Series::of(curve.codec).look();
    let thin = look.color.mix(0.6).stroke_width(1);
    for stage in &curve.stages {
        let Some([low, high]) = stage.interval else { continue };
        let (x, _) = place(stage);
        chart.draw_series(std::iter::once(PathElement::new(vec![(x, low), (x, high)], thin)))?;
        for end in [low, high] {
            let cap = PathElement::new(vec![(-3, 0), (3, 0)], thin);
            chart.draw_series(std::iter::once(EmptyElement::at((x, end)) + cap))?;
        }
    }
    polyline(chart, curve.stages.iter().map(place).collect(), (look.line, look.color.stroke_width(2)))?;
    for stage in &curve.stages {
        marker(chart, place(stage), (look, 1.0))?;
    }
    Ok(())
}

/// The sizes that the title has to tell: those of a part, or the one size where no curve has a name.
fn part(figure: &Rescoring<'_>, unnamed: bool) -> Option<[u64; 2]> {
    let ends = [figure.curves.first()?, figure.curves.last()?].map(|curve| curve.bytes_per_vector);
    if unnamed { Some(ends) } else { figure.part }
}

/// What each curve is called beside the sign of its family: its bytes, or its whole name where these do not tell it apart. None
/// are needed where several curves share one size and no family comes twice.
fn names(figure: &Rescoring<'_>) -> Vec<String> {
    let key = |curve: &Curve| (Series::of(curve.codec), curve.bytes_per_vector);
    let keys: Vec<(Series, u64)> = figure.curves.iter().map(key).collect();
    let twice = |at: usize| keys.iter().filter(|other| **other == keys[at]).count() > 1;
    let one_size = keys.len() > 1 && keys.iter().all(|(_, bytes)| *bytes == keys[0].1);
    if one_size && !(0..keys.len()).any(twice) {
        return Vec::new();
    }
    let name = |(at, curve): (usize, &Curve)| {
        if twice(at) { curve.codec.name() } else { format!("{} B", curve.bytes_per_vector) }
    };
    figure.curves.iter().enumerate().map(name).collect()
}

/// The names, one below the other, each with a thin line to the first point of its curve.
fn draw_names(
    chart: &Chart<'_, '_>,
    area: &Area<'_>,
    (figure, names, scale): (&Rescoring<'_>, &[String], &Scale),
) -> Drawn {
    let (_, rows) = chart.plotting_area().get_pixel_range();
    let mut firsts: Vec<((i32, i32), usize)> = Vec::new();
    for (at, curve) in figure.curves.iter().enumerate() {
        let place = curve.stages.first().map(|stage| (scale.x(stage) + scale.shift(at), stage.mean));
        firsts.extend(place.map(|place| (chart.backend_coord(&place), at)));
    }
    firsts.sort_by_key(|((_, y), _)| *y);
    let wanted: Vec<i32> = firsts.iter().map(|((_, y), _)| *y).collect();
    let right = chart.backend_coord(&(scale.alone, 0.0)).0 - LEADER;
    let style = text_style(TEXT).pos(Pos::new(HPos::Right, VPos::Center));
    for (((x, y), at), row) in firsts.into_iter().zip(spread(&wanted, (rows.start, rows.end))) {
        let thin = Series::of(figure.curves[at].codec).look().color.mix(0.6).stroke_width(1);
        area.draw(&PathElement::new([(right + 3, row), (x - 8, y)], thin))?;
        area.draw(&Text::new(names[at].clone(), (right, row), style.clone()))?;
    }
    Ok(())
}

/// Rows for names that want to stand at `wanted`, from the top: at least [`APART`] pixels from one another, and between the two
/// ends as far as they have room.
fn spread(wanted: &[i32], (top, bottom): (i32, i32)) -> Vec<i32> {
    let mut rows: Vec<i32> = Vec::with_capacity(wanted.len());
    for row in wanted {
        let least = rows.last().map_or(top + APART / 2, |last| last + APART);
        rows.push(least.max(*row));
    }
    let mut most = bottom - APART / 2;
    for row in rows.iter_mut().rev() {
        *row = most.min(*row);
        most = *row - APART;
    }
    rows
}

/// The axis of candidates: positions are base-2 logarithms, the codec alone is one doubling left of the fewest.
struct Scale {
    alone: f64,
    from: f64,
    to: f64,
    /// The codec alone, then candidates whose labels have room.
    ticks: Vec<f64>,
    /// Doublings a pixel.
    pixel: f64,
    /// Pixels between neighbouring curves.
    step: f64,
    curves: usize,
}

impl Scale {
    fn of(figure: &Rescoring<'_>, names: &[String]) -> Self {
        let stages = || figure.curves.iter().flat_map(|curve| &curve.stages);
        let candidates: BTreeSet<u32> = stages().map(|stage| stage.candidates).filter(|count| *count > 0).collect();
        let place = |count: Option<&u32>| f64::from(*count.unwrap_or(&1)).log2();
        let (alone, last) = (place(candidates.first()) - 1.0, place(candidates.last()));
        let longest = names.iter().map(|name| name.chars().count()).max();
        let left = longest.map_or(BESIDE, |letters| LETTER * letters as f64 + f64::from(LEADER) + 8.0);
        let width = f64::from(SIZE.0 - LEFT - MARGINS[0] - MARGINS[1]);
        let pixel = (last - alone) / (width - left - BESIDE);
        let mut ticks = vec![alone];
        for count in &candidates {
            let tick = f64::from(*count).log2();
            if ticks.last().is_some_and(|before| tick - before >= TICK * pixel) {
                ticks.push(tick);
            }
        }
        let curves = figure.curves.len();
        let gaps = curves.saturating_sub(1).max(1) as f64;
        let barred = stages().any(|stage| stage.interval.is_some());
        let step = if barred { STEP.min(WIDEST / gaps) } else { 0.0 };
        Self { alone, from: alone - left * pixel, to: last + BESIDE * pixel, ticks, pixel, step, curves }
    }

    fn x(&self, stage: &Stage) -> f64 {
        if stage.candidates == 0 { self.alone } else { f64::from(stage.candidates).log2() }
    }

    /// How far the curve at `at` is set aside.
    fn shift(&self, at: usize) -> f64 {
        (at as f64 - self.curves.saturating_sub(1) as f64 / 2.0) * self.step * self.pixel
    }

    fn label(&self, place: f64) -> String {
        if place == self.alone { "alone".to_owned() } else { format!("{:.0}", place.exp2()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_touch() {
        assert_eq!(spread(&[100, 101, 300], (54, 450)), [100, 122, 300]);
        assert_eq!(spread(&[0, 448, 449], (54, 450)), [65, 417, 439], "inside the plot");
        assert!(spread(&[], (54, 450)).is_empty());
        let crowded = spread(&[200; 12], (54, 450));
        assert!(crowded.windows(2).all(|pair| pair[1] - pair[0] >= APART), "{crowded:?}");
        assert!(crowded[0] >= 54 && crowded[11] <= 450, "{crowded:?}");
    }
}
