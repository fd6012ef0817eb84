//! Geometry against quality as points: the two values of the geometry with the strongest relations, side by side.
//!
//! Points carry the numbers that the report's list of points has. What is drawn is picked by its result, and whoever shows it
//! says so.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::scale::Span;
use super::svg::{Area, Axis, Chart, Drawn, LEGEND_LINE, Legend, SIZE, TEXT, head, marker, mesh, page, text_style};
use crate::ReportError;
use crate::relation::{Point, Relation, Relations};
use crate::style::{Line, Look, Marker};

/// Values that are drawn.
const SHOWN: usize = 2;
/// Height in pixels.
const HEIGHT: u32 = 400;
/// How a point looks: model and dataset are told by its number.
const POINT: Look = Look { color: RGBColor(0, 114, 178), marker: Marker::Circle, hollow: false, line: Line::None };

/// Draws the strongest relations as an SVG document with a white background; `None` without any.
pub fn scatter_svg(relations: &Relations) -> Result<Option<String>, ReportError> {
    let strongest = relations.strongest(SHOWN);
    if strongest.is_empty() {
        return Ok(None);
    }
    page((SIZE.0, HEIGHT), |area| draw(relations, &strongest, area)).map(Some)
}

/// The name of its file, without an ending.
pub fn scatter_name(relations: &Relations) -> String {
    format!("geometry-{}", relations.measure.to_string().replace('@', "-at-"))
}

fn draw(relations: &Relations, strongest: &[&Relation], area: &Area<'_>) -> Drawn {
    let codec = relations.codec.as_deref().unwrap_or_default();
    let title = format!("share of {} that {codec} keeps", relations.measure);
    let body = head(area, title, &Legend::new(std::iter::empty(), false))?;
    for (half, relation) in body.split_evenly((1, SHOWN)).iter().zip(strongest) {
        draw_one(relations, relation, half)?;
    }
    Ok(())
}

fn draw_one(relations: &Relations, relation: &Relation, half: &Area<'_>) -> Drawn {
    let (x, y) =
        (Span::of(relation.points.iter().map(|point| point.0)), Span::of(relation.points.iter().map(|point| point.1)));
    let mut chart = ChartBuilder::on(half)
        .margin_left(6)
        .margin_right(20)
        .margin_top(LEGEND_LINE)
        .margin_bottom(8)
        .set_label_area_size(LabelAreaPosition::Left, 66)
        .set_label_area_size(LabelAreaPosition::Bottom, 56)
        .build_cartesian_2d(axis(&x), axis(&y))?;
    let labels: [&dyn Fn(&f64) -> String; 2] = [&|value: &f64| x.label(*value), &|value: &f64| y.label(*value)];
    mesh(&mut chart, [relation.name, ""], labels)?;
    if let Some((found, _)) = relation.found {
        let (columns, rows) = chart.plotting_area().get_pixel_range();
        let (left, top) = half.get_base_pixel();
        let text = format!("ρ = {:+.2}, N = {}", found.rho, relation.points.len()).replace('-', "−");
        let style = text_style(TEXT).pos(Pos::new(HPos::Center, VPos::Bottom));
        half.draw(&Text::new(text, ((columns.start + columns.end) / 2 - left, rows.start - 4 - top), style))?;
    }
    let has = |point: &Point| point.values.get(relation.name).is_some_and(|value| value.is_finite());
    let numbers = (1..).zip(&relations.points).filter(|(_, point)| has(point)).map(|(number, _)| number);
    for (number, place) in numbers.zip(&relation.points) {
        draw_point(&mut chart, number, *place)?;
    }
    Ok(())
}

fn draw_point(chart: &mut Chart<'_, '_>, number: usize, place: (f64, f64)) -> Drawn {
    marker(chart, place, (POINT, 1.0))?;
    let style = text_style(TEXT).pos(Pos::new(HPos::Left, VPos::Bottom));
    let name = Text::new(number.to_string(), (5, -4), style);
    chart.draw_series(std::iter::once(EmptyElement::at(place) + name))?;
    Ok(())
}

fn axis(span: &Span) -> Axis {
    Axis { ends: span.from..span.to, ticks: span.ticks() }
}
