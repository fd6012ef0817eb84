//! Queries that float32 answers and codecs lose, and those that the order of ties decides.
//!
//! float32 answers a query where its value is above 0. A codec loses it where its own value, averaged over seeds and over the
//! orders of tied documents, is less than half of float32's; it gains one that float32 does not answer, where its value is
//! above 0.

use bitsweep_proto::{Codec, Measure};

use crate::answers::{LineAnswers, PanelAnswers};
use crate::per_query::Widest;

/// Queries shown of each model and dataset.
const SHOWN: usize = 8;

/// A query that some codecs lose.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lost<'a> {
    /// Its id.
    pub(crate) query: &'a str,
    /// What float32 gives.
    pub(crate) float32: f64,
    /// Codecs that lose it.
    pub(crate) losers: usize,
    /// Compressed codecs looked at.
    pub(crate) codecs: usize,
    /// The smallest codec that does not lose it; of equally small ones the first.
    pub(crate) kept_by: Option<&'a str>,
}

/// What a codec does to the queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Toll {
    /// Queries that float32 answers.
    pub(crate) answered: usize,
    /// Those that it loses.
    pub(crate) lost: usize,
    /// Those that it answers and float32 does not.
    pub(crate) gained: usize,
}

fn is_lost(value: f64, float32: f64) -> bool {
    float32 > 0.0 && value < float32 / 2.0
}

/// What `line` loses and gains against float32 by `measure`; `None` where either has no values.
pub(crate) fn toll(panel: &PanelAnswers, line: &LineAnswers, measure: Measure) -> Option<Toll> {
    let float32 = &panel.float32()?.answers.get(&measure)?.values;
    let values = &line.answers.get(&measure)?.values;
    let mut toll = Toll::default();
    for (value, float32) in values.iter().zip(float32) {
        toll.answered += usize::from(*float32 > 0.0);
        toll.lost += usize::from(is_lost(*value, *float32));
        toll.gained += usize::from(*float32 <= 0.0 && *value > 0.0);
    }
    Some(toll)
}

/// The queries that most codecs lose, most first, then in the dataset's order; at most [`SHOWN`].
pub(crate) fn lost(panel: &PanelAnswers, measure: Measure) -> Vec<Lost<'_>> {
    let Some(float32) = panel.float32().and_then(|line| line.answers.get(&measure)) else { return Vec::new() };
    let compressed = panel.plain().filter(|line| line.codec != Codec::Float32);
    let mut codecs: Vec<(&LineAnswers, &[f64])> =
        compressed.filter_map(|line| Some((line, line.answers.get(&measure)?.values.as_slice()))).collect();
    codecs.sort_by_key(|(line, _)| line.bytes_per_vector(panel.dim));
    let mut lost: Vec<Lost<'_>> = Vec::new();
    for (at, query) in panel.queries.iter().enumerate() {
        let float32 = float32.values[at];
        let loses = |values: &[f64]| is_lost(values[at], float32);
        let losers = codecs.iter().filter(|(_, values)| loses(values)).count();
        if losers > 0 {
            let kept_by = codecs.iter().find(|(_, values)| !loses(values)).map(|(line, _)| line.name.as_str());
            lost.push(Lost { query, float32, losers, codecs: codecs.len(), kept_by });
        }
    }
    lost.sort_by_key(|lost| std::cmp::Reverse(lost.losers));
    lost.truncate(SHOWN);
    lost
}

/// The codec and the query of which the order of tied documents leaves most open, of all codecs and seeds; of several
/// the first.
pub(crate) fn open(panel: &PanelAnswers, measure: Measure) -> Option<(&LineAnswers, Widest)> {
    let found = panel.plain().filter_map(|line| Some((line, line.answers.get(&measure)?.widest?)));
    found.reduce(|a, b| if b.1.width() > a.1.width() { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_half_is_lost() {
        for (value, float32, lost) in [
            (0.0, 1.0, true),
            (0.49, 1.0, true),
            (0.5, 1.0, false),
            (0.2, 0.5, true),
            (0.0, 0.0, false),
            (1.0, 0.0, false),
        ] {
            assert_eq!(is_lost(value, float32), lost, "{value} of {float32}");
        }
    }
}
