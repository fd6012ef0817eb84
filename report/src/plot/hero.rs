//! Drawing the hero figures: intervals as bars with ends, single seeds as dots, the Pareto front as a staircase, what is not on
//! it pale.
//!
//! Codecs of the same bytes are set side by side, a few pixels apart, so that their bars can be told apart; each series has one
//! such shift for all its points.

use std::collections::BTreeMap;

use plotters::prelude::*;

use super::svg::{Chart, Drawn, marker, of, polyline};
use super::{Figure, Point};
use crate::style::{Line, Series};

/// Most pixels between two series.
const STEP: f64 = 10.0;
/// Most pixels between the first and the last series: a doubling is wider in all but the widest ranges, and the room beside the
/// outermost codes holds half of it.
const WIDEST: f64 = 30.0;
/// How opaque that is which another codec beats.
const PALE: f64 = 0.4;

/// How the staircase is drawn.
pub(super) fn front_style() -> ShapeStyle {
    BLACK.mix(0.5).stroke_width(3)
}

/// Places of the points: x with the shift of the series.
struct Places {
    shifts: BTreeMap<Series, f64>,
}

impl Places {
    fn of(chart: &Chart<'_, '_>, figure: &Figure<'_>, (from, to): (f64, f64)) -> Self {
        let mut sizes: BTreeMap<u64, Vec<Series>> = BTreeMap::new();
        for point in &figure.points {
            sizes.entry(point.bytes_per_vector).or_default().push(point.series());
        }
        let mut crowded: Vec<Series> = sizes.into_values().filter(|series| series.len() > 1).flatten().collect();
        crowded.sort();
        crowded.dedup();
        let (columns, _) = chart.plotting_area().get_pixel_range();
        let doublings_a_pixel = (to - from) / f64::from((columns.end - columns.start).max(1));
        let gaps = crowded.len().saturating_sub(1).max(1) as f64;
        let step = STEP.min(WIDEST / gaps) * doublings_a_pixel;
        let middle = crowded.len().saturating_sub(1) as f64 / 2.0;
        let shift = |(at, series): (usize, Series)| (series, (at as f64 - middle) * step);
        Self { shifts: crowded.into_iter().enumerate().map(shift).collect() }
    }

    fn x(&self, point: &Point) -> f64 {
        let shift = self.shifts.get(&point.series()).copied().unwrap_or_default();
        (point.bytes_per_vector as f64).log2() + shift
    }

    fn mean(&self, point: &Point) -> (f64, f64) {
        (self.x(point), point.spread.mean)
    }
}

/// Draws what is inside the axes, which end at `ends`.
pub(super) fn draw(chart: &mut Chart<'_, '_>, figure: &Figure<'_>, series: &[Series], ends: (f64, f64)) -> Drawn {
    let places = Places::of(chart, figure, ends);
    staircase(chart, figure, (&places, ends))?;
    for series in series {
        let look = series.look();
        let lines: Vec<Vec<(f64, f64)>> = if *series == Series::Float32 {
            of(figure, *series).map(|point| vec![(ends.0, point.spread.mean), (ends.1, point.spread.mean)]).collect()
        } else {
            vec![of(figure, *series).map(|point| places.mean(point)).collect()]
        };
        for line in lines {
            polyline(chart, line, (look.line, look.color.mix(0.6).stroke_width(1)))?;
        }
    }
    // Pale ones first: what is on the front lies above them.
    for dominated in [true, false] {
        for series in series {
            for point in of(figure, *series).filter(|point| point.dominated == dominated) {
                draw_point(chart, point, &places)?;
            }
        }
    }
    Ok(())
}

/// The front: the best that so many bytes give, or fewer.
fn staircase(chart: &mut Chart<'_, '_>, figure: &Figure<'_>, (places, ends): (&Places, (f64, f64))) -> Drawn {
    let mut stairs: Vec<(f64, f64)> = Vec::new();
    for point in figure.front() {
        let (x, y) = places.mean(point);
        stairs.extend(stairs.last().map(|(_, below)| (x, *below)));
        stairs.push((x, y));
    }
    stairs.extend(stairs.last().map(|(_, y)| (ends.1, *y)));
    polyline(chart, stairs, (Line::Solid, front_style()))
}

fn draw_point(chart: &mut Chart<'_, '_>, point: &Point, places: &Places) -> Drawn {
    let look = point.series().look();
    let strength = if point.dominated { PALE } else { 1.0 };
    let style = look.color.mix(strength).stroke_width(2);
    let x = places.x(point);
    if let Some([low, high]) = point.interval {
        chart.draw_series(std::iter::once(PathElement::new(vec![(x, low), (x, high)], style)))?;
        for end in [low, high] {
            let cap = PathElement::new(vec![(-5, 0), (5, 0)], style);
            chart.draw_series(std::iter::once(EmptyElement::at((x, end)) + cap))?;
        }
    }
    marker(chart, (x, point.spread.mean), (look, strength))?;
    let dot = |seed: &f64| Circle::new((x, *seed), 2, BLACK.mix(strength).filled());
    chart.draw_series(point.seeds.iter().map(dot))?;
    Ok(())
}
