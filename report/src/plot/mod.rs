//! Plots: quality against bytes per vector, one for each model, dataset and measure.
//!
//! The horizontal axis is logarithmic: bytes per vector below, compression over float32 above. Points are means over
//! the seeds of a codec. float32 is a dashed line; codecs of truncated vectors are points of their own. All plots of a measure share one vertical axis from 0. Text is at least 12 pt
//! high. The same table and answers give the same bytes.
//!
//! The first measure ([`Answers::hero`]) has the hero figures: intervals over queries as bars, single seeds as dots, the Pareto
//! front as a staircase, and what is not on it pale. In the plots of the other measures a bar goes from the least to the greatest
//! seed, and a pale bar shows what tied documents leave open (mean over the seeds of the least and the greatest value under some
//! order of ties).
//!
//! Second stages have figures of their own ([`Rescoring`]), and so has the geometry against quality ([`scatter_svg`]).

mod curves;
mod hamming;
mod hero;
mod png;
mod rescoring;
mod scale;
mod scatter;
mod svg;

use bitsweep_proto::Measure;

pub use self::curves::rescoring_svg;
pub use self::hamming::{Hamming, HammingPoint, hamming_svg};
pub use self::png::png;
pub use self::rescoring::{Curve, Rescoring, Stage};
pub use self::scatter::{scatter_name, scatter_svg};
pub use self::svg::svg;

use crate::answers::Answers;
use crate::codes::Inspections;
use crate::geometry::Geometries;
use crate::relation::Relations;
use crate::style::Series;
use crate::summary::{Line, Panel, Spread};
use crate::table::Table;
use crate::{ReportError, pareto, truncated};

/// Every plot of a report: the name of its file without an ending, and the SVG. First those of [`Figure::all`], then second stages,
/// then the geometry, then the errors of Hamming distances. What nothing is known of has none.
pub fn files(
    (table, geometries, codes): (&Table, &Geometries, &Inspections),
    answers: &Answers,
) -> Result<Vec<(String, String)>, ReportError> {
    let mut files = Vec::new();
    for figure in Figure::all(table, answers) {
        files.push((figure.file_name(), svg(&figure)?));
    }
    for figure in Rescoring::all(table, answers) {
        files.push((figure.file_name(), rescoring_svg(&figure)?));
    }
    if let Some(relations) = Relations::of(geometries, table, answers) {
        files.extend(scatter_svg(&relations)?.map(|svg| (scatter_name(&relations), svg)));
    }
    if let Some(figure) = Hamming::of(codes) {
        files.push((figure.file_name(), hamming_svg(&figure)?));
    }
    Ok(files)
}

/// One plot's data.
#[derive(Clone, Debug)]
pub struct Figure<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The dataset's name.
    pub dataset: &'a str,
    /// What is on the vertical axis.
    pub measure: Measure,
    /// The greatest value in any plot of this measure: all of them share an axis.
    pub greatest: f64,
    /// Bytes of one float32 vector.
    pub float32_bytes: u64,
    /// Whether intervals and the Pareto front are drawn.
    pub hero: bool,
    /// The codecs.
    pub points: Vec<Point>,
}

/// One codec in a plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The codec, with the first of its seeds.
    pub codec: bitsweep_proto::Codec,
    /// Dimensions that its vectors are truncated to; `None`: they are whole.
    pub dims: Option<u32>,
    /// Bytes of one code.
    pub bytes_per_vector: u64,
    /// Values over its seeds.
    pub spread: Spread,
    /// The interval of its mean over queries, where its values by query are known.
    pub interval: Option<[f64; 2]>,
    /// The mean of each seed, where they are known and several.
    pub seeds: Vec<f64>,
    /// Whether another codec of the figure has at most its bytes and at least its mean, one of the two strictly.
    pub dominated: bool,
}

impl Point {
    /// `int8`, or of truncated vectors `int8, first 128 dimensions`.
    pub fn name(&self) -> String {
        self.dims.map_or_else(|| self.codec.name(), |dims| truncated::label(self.codec, dims))
    }

    /// The codecs that it is drawn with.
    pub(crate) fn series(&self) -> Series {
        if self.dims.is_some() { Series::of_truncated(self.codec) } else { Series::of(self.codec) }
    }
}

impl<'a> Figure<'a> {
    /// All plots of a table: the hero measure first (without one nDCG@10), then the other measures in the table's order; inside a
    /// measure the panels in the table's order. A panel without values of a measure has no plot of it.
    pub fn all(table: &'a Table, answers: &Answers) -> Vec<Self> {
        let panels = Panel::all(table);
        let first = answers.hero.unwrap_or(Measure::Ndcg { k: 10 });
        let mut order: Vec<usize> = (0..table.measures.len()).collect();
        order.sort_by_key(|at| table.measures[*at] != first);
        order.into_iter().flat_map(|at| Self::of_measure((&panels, answers), table.measures[at], at)).collect()
    }

    /// The plots of the measure at `at`, with what they share.
    fn of_measure((panels, answers): (&[Panel<'a>], &Answers), measure: Measure, at: usize) -> Vec<Self> {
        let mut figures: Vec<Self> = panels.iter().map(|panel| Self::of((panel, answers), measure, at)).collect();
        figures.retain(|figure| !figure.points.is_empty());
        let hero = figures.iter().any(|figure| figure.hero);
        let greatest = |point: &Point| {
            let interval = point.interval.map_or(0.0, |[_, high]| high);
            point.spread.greatest.max(if hero { interval } else { point.spread.tie_max })
        };
        let greatest = figures.iter().flat_map(|figure| &figure.points).map(greatest).fold(0.0, f64::max);
        figures.into_iter().map(|figure| Self { greatest, ..figure }).collect()
    }

    fn of((panel, answers): (&Panel<'a>, &Answers), measure: Measure, at: usize) -> Self {
        let of_panel = answers.panel(panel.model, panel.dataset);
        let point = |line: &Line| {
            let spread = line.spreads[at]?;
            let answer = of_panel.and_then(|panel| panel.line(&line.name)?.answers.get(&measure));
            let seeds = answer.map(|answer| answer.seeds.clone()).filter(|seeds| seeds.len() > 1).unwrap_or_default();
            Some(Point {
                codec: line.codec,
                dims: line.dims,
                bytes_per_vector: line.footprint.bytes_per_vector,
                spread,
                interval: answer.map(|answer| answer.interval),
                seeds,
                dominated: false,
            })
        };
        let truncated = panel.truncated.iter().filter(|line| line.rescore.is_none());
        let mut points: Vec<Point> = panel.lines.iter().chain(truncated).filter_map(point).collect();
        let places: Vec<(u64, f64)> = points.iter().map(|point| (point.bytes_per_vector, point.spread.mean)).collect();
        for (point, on_front) in points.iter_mut().zip(pareto::front(&places)) {
            point.dominated = !on_front;
        }
        let (model, dataset, float32_bytes) = (panel.model, panel.dataset, panel.float32_bytes());
        Self { model, dataset, measure, greatest: 0.0, float32_bytes, hero: answers.hero == Some(measure), points }
    }

    /// The points on the Pareto front, smallest first.
    pub fn front(&self) -> Vec<&Point> {
        let mut front: Vec<&Point> = self.points.iter().filter(|point| !point.dominated).collect();
        front.sort_by_key(|point| point.bytes_per_vector);
        front
    }

    /// The name of its file, without an ending.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}", self.model, self.dataset, self.measure.to_string().replace('@', "-at-"))
    }

    /// What the plot shows, in a line: its title and the text for those who cannot see it.
    pub fn title(&self) -> String {
        format!("{} on {}: {} by bytes per vector", self.model, self.dataset, self.measure)
    }
}
