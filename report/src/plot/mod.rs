//! Plots: quality against bytes per vector, one for each model, dataset and measure.
//!
//! The horizontal axis is logarithmic: bytes per vector below, compression over float32 above. Points are means over
//! the seeds of a codec, with a bar from the least to the greatest seed; a pale bar shows what tied documents leave
//! open (mean over the seeds of the least and the greatest value under some order of ties). float32 is a dashed line.
//! All plots of a measure share one vertical axis from 0. Text is at least 12 pt high. The same table gives the same bytes.

mod png;
mod scale;
mod svg;

use bitsweep_proto::Measure;

pub use self::png::png;
pub use self::svg::svg;

use crate::summary::{Panel, Spread};
use crate::table::Table;

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
    /// The codecs.
    pub points: Vec<Point>,
}

/// One codec in a plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The codec, with the first of its seeds.
    pub codec: bitsweep_proto::Codec,
    /// Bytes of one code.
    pub bytes_per_vector: u64,
    /// Values over its seeds.
    pub spread: Spread,
}

impl<'a> Figure<'a> {
    /// All plots of a table: nDCG@10 first, then the other measures in the table's order; inside a measure the panels
    /// in the table's order. A panel without values of a measure has no plot of it.
    pub fn all(table: &'a Table) -> Vec<Self> {
        let panels = Panel::all(table);
        let mut order: Vec<usize> = (0..table.measures.len()).collect();
        order.sort_by_key(|at| table.measures[*at] != Measure::Ndcg { k: 10 });
        order.into_iter().flat_map(|at| Self::of_measure(&panels, table.measures[at], at)).collect()
    }

    /// The plots of the measure at `at`, with what they share.
    fn of_measure(panels: &[Panel<'a>], measure: Measure, at: usize) -> Vec<Self> {
        let mut figures: Vec<Self> = panels.iter().map(|panel| Self::of(panel, measure, at)).collect();
        figures.retain(|figure| !figure.points.is_empty());
        let spreads = figures.iter().flat_map(|figure| &figure.points).map(|point| point.spread);
        let greatest = spreads.map(|spread| spread.greatest.max(spread.tie_max)).fold(0.0, f64::max);
        figures.into_iter().map(|figure| Self { greatest, ..figure }).collect()
    }

    fn of(panel: &Panel<'a>, measure: Measure, at: usize) -> Self {
        let points = panel.lines.iter().filter_map(|line| {
            let bytes_per_vector = line.footprint.bytes_per_vector;
            line.spreads[at].map(|spread| Point { codec: line.codec, bytes_per_vector, spread })
        });
        let (model, dataset, float32_bytes) = (panel.model, panel.dataset, panel.float32_bytes());
        Self { model, dataset, measure, greatest: 0.0, float32_bytes, points: points.collect() }
    }

    /// What the plot shows, in a line: its title and the text for those who cannot see it.
    pub fn title(&self) -> String {
        format!("{} on {}: {} by bytes per vector", self.model, self.dataset, self.measure)
    }
}
