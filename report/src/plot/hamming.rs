//! Errors of Hamming distances: what theory predicts to the right, what codes show upwards, the diagonal where both are the same.
//!
//! A colour and a marker stand for a rotation. Near pairs are hollow, far pairs filled.

use bitsweep_proto::codec::{Centre, Rotation, Scoring};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::scale::Quality;
use super::svg::{Area, Axis, Chart, Drawn, Legend, SIZE, TEXT, head, marker, mesh, page, polyline, text_style};
use crate::ReportError;
use crate::codes::{Inspections, Line as Codes, Spread};
use crate::style::{Line, Look, Series};

/// Pairs near and far, and how the values of each are named.
const KINDS: [(bool, &str, &str); 2] =
    [(true, "near_error_predicted", "near_error"), (false, "far_error_predicted", "far_error")];

/// The rotations, in the order of the legend.
const ROTATIONS: [Rotation; 5] =
    [Rotation::None, Rotation::Gaussian, Rotation::Orthonormal, Rotation::Pca, Rotation::Itq];

/// The plot's data.
#[derive(Clone, Debug, PartialEq)]
pub struct Hamming {
    /// Two for each codec of each model and dataset, where both kinds of pairs are known.
    pub points: Vec<HammingPoint>,
}

/// The pairs of one kind of one codec, seeds put together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HammingPoint {
    /// What the codes project on.
    pub rotation: Rotation,
    /// Whether the pairs are near ones.
    pub is_near: bool,
    /// Predicted error, as a share of the bits.
    pub predicted: f64,
    /// Observed error, likewise: the root of the mean square over seeds.
    pub observed: f64,
    /// Least and greatest observed error of a seed.
    pub ends: [f64; 2],
}

impl Hamming {
    /// All codes that are known; `None` where none are.
    pub fn of(inspections: &Inspections) -> Option<Self> {
        let lines = inspections.lines();
        let points: Vec<HammingPoint> =
            lines.iter().flat_map(|line| KINDS.map(|kind| point(line, kind))).flatten().collect();
        (!points.is_empty()).then_some(Self { points })
    }

    /// The name of its file, without an ending.
    pub fn file_name(&self) -> String {
        "hamming-error".to_owned()
    }

    /// What it shows, in a line.
    pub fn title(&self) -> String {
        "Errors of Hamming distances: near pairs hollow, far ones filled".to_owned()
    }
}

fn point(line: &Codes<'_>, (is_near, predicted, observed): (bool, &str, &str)) -> Option<HammingPoint> {
    let Spread { least, greatest, .. } = line.spread(observed)?;
    Some(HammingPoint {
        rotation: line.rotation()?,
        is_near,
        predicted: line.error(predicted)?,
        observed: line.error(observed)?,
        ends: [least, greatest],
    })
}

/// Draws it as an SVG document with a white background.
pub fn hamming_svg(figure: &Hamming) -> Result<String, ReportError> {
    page(SIZE, |area| draw(figure, area))
}

fn draw(figure: &Hamming, area: &Area<'_>) -> Drawn {
    let body = head(area, figure.title(), &Legend::new(std::iter::empty(), false))?;
    let greatest = figure.points.iter().flat_map(|point| [point.predicted, point.ends[1]]).fold(0.0, f64::max);
    let scale = Quality::new(greatest);
    let axis = Axis { ends: 0.0..scale.to, ticks: scale.ticks() };
    let mut chart = ChartBuilder::on(&body)
        .margin_left(10)
        .margin_right(24)
        .margin_bottom(10)
        .set_label_area_size(LabelAreaPosition::Left, 78)
        .set_label_area_size(LabelAreaPosition::Bottom, 56)
        .build_cartesian_2d(axis.clone(), axis)?;
    let label = |value: &f64| scale.label(*value);
    mesh(&mut chart, ["predicted error (share of the bits)", "observed error"], [&label, &label])?;
    polyline(&mut chart, vec![(0.0, 0.0), (scale.to, scale.to)], (Line::Dashed(7, 5), BLACK.stroke_width(1)))?;
    for point in &figure.points {
        let color = look(point.rotation, point.is_near).color;
        let bar = point.ends.map(|end| (point.predicted, end)).to_vec();
        chart.draw_series(std::iter::once(PathElement::new(bar, color.mix(0.5).stroke_width(1))))?;
    }
    for point in &figure.points {
        marker(&mut chart, (point.predicted, point.observed), (look(point.rotation, point.is_near), 1.0))?;
    }
    legend(&mut chart, figure, scale.to)
}

/// A line for each rotation, in the corner that theory leaves empty.
fn legend(chart: &mut Chart<'_, '_>, figure: &Hamming, to: f64) -> Drawn {
    let is_there = |rotation: &&Rotation| figure.points.iter().any(|point| point.rotation == **rotation);
    let there: Vec<&Rotation> = ROTATIONS.iter().filter(is_there).collect();
    for (row, rotation) in there.iter().rev().enumerate() {
        let place = (0.74 * to, (0.06 + 0.065 * row as f64) * to);
        marker(chart, place, (look(**rotation, false), 1.0))?;
        let style = text_style(TEXT).pos(Pos::new(HPos::Left, VPos::Center));
        let name = Text::new(rotation.name().to_owned(), (14, 0), style);
        chart.draw_series(std::iter::once(EmptyElement::at(place) + name))?;
    }
    Ok(())
}

/// As in the other plots, but hollow for near pairs.
fn look(rotation: Rotation, is_near: bool) -> Look {
    let series = Series::Binary(Centre::None, rotation, Scoring::Symmetric);
    Look { hollow: is_near, ..series.look() }
}
