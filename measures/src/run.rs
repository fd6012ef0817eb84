//! The ranked documents of one query.

use std::cmp::Ordering;

use crate::MeasureError;

/// A document with its score; a higher score is better. Scores are compared as they are: 0 and −0 are equal,
/// infinities are allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Row of the document.
    pub document: u32,
    /// Score. Widen float32 scores as they are, so that ties stay ties.
    pub score: f64,
}

/// The run of one query: checked, ordered as trec_eval orders it, cut into groups of equal score. The default is the
/// empty run: a query that the run does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryRun {
    /// Rows, best first; inside a group by name, descending.
    documents: Vec<u32>,
    /// End of each group in `documents`.
    ends: Vec<usize>,
}

/// Documents of equal score.
pub(crate) struct Group<'a> {
    /// Documents with a higher score.
    pub(crate) before: usize,
    /// The group's documents in trec_eval's order; never empty.
    pub(crate) documents: &'a [u32],
}

impl Group<'_> {
    /// How many of the first `k` ranks the group fills.
    pub(crate) fn places(&self, k: usize) -> usize {
        k.saturating_sub(self.before).min(self.documents.len())
    }
}

impl QueryRun {
    /// Takes hits in any order. `name_order[document]` is the position of the document's id among all ids sorted as
    /// byte strings. A NaN score, a document twice, or one that `name_order` does not cover is an error.
    pub fn new(hits: impl IntoIterator<Item = Hit>, name_order: &[u32]) -> Result<Self, MeasureError> {
        let mut hits: Vec<Hit> = hits.into_iter().collect();
        for hit in &hits {
            let document = hit.document;
            if hit.score.is_nan() {
                return Err(MeasureError::NotANumber { document });
            }
            if document as usize >= name_order.len() {
                return Err(MeasureError::UnknownDocument { document, documents: name_order.len() });
            }
        }
        let name = |hit: &Hit| name_order[hit.document as usize];
        let by_score = |a: &Hit, b: &Hit| b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal);
        hits.sort_unstable_by(|a, b| by_score(a, b).then_with(|| name(b).cmp(&name(a))));
        let documents: Vec<u32> = hits.iter().map(|hit| hit.document).collect();
        no_document_twice("hits", documents.clone())?;
        let mut ends = Vec::new();
        for group in hits.chunk_by(|a, b| a.score == b.score) {
            ends.push(ends.last().copied().unwrap_or(0) + group.len());
        }
        Ok(Self { documents, ends })
    }

    /// Documents in the order given, none tied with another. No document may stand twice.
    pub(crate) fn strict(documents: Vec<u32>) -> Self {
        Self { ends: (1..=documents.len()).collect(), documents }
    }

    /// Documents in trec_eval's order.
    pub fn documents(&self) -> &[u32] {
        &self.documents
    }

    /// Size of the largest group of tied documents; 0 for the empty run.
    pub fn largest_group(&self) -> usize {
        self.groups().map(|group| group.documents.len()).max().unwrap_or(0)
    }

    /// Whether tied documents reach into the first `k` ranks.
    pub fn is_tied_within(&self, k: usize) -> bool {
        self.groups().any(|group| group.documents.len() > 1 && group.before < k)
    }

    /// Whether some of tied documents are among the first `k` ranks and others are not.
    pub fn is_tied_across(&self, k: usize) -> bool {
        self.groups().any(|group| group.before < k && group.before + group.documents.len() > k)
    }

    /// The groups, best first.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(before, end)| Group { before, documents: &self.documents[before..*end] })
    }
}

/// Fails where a row stands twice in `documents`; `place` says of what they are the documents.
pub(crate) fn no_document_twice(place: &'static str, mut documents: Vec<u32>) -> Result<(), MeasureError> {
    documents.sort_unstable();
    match documents.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(MeasureError::RepeatedDocument { place, document: pair[0] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(document: u32, score: f64) -> Hit {
        Hit { document, score }
    }

    #[test]
    fn ties_are_ordered_by_name_descending() {
        let run = QueryRun::new([hit(0, 1.0), hit(1, 0.0), hit(2, 1.0), hit(3, -0.0)], &[3, 0, 2, 1]).unwrap();
        assert_eq!(run.documents(), [0, 2, 3, 1]);
        assert_eq!(run.groups().map(|g| (g.before, g.documents.len())).collect::<Vec<_>>(), [(0, 2), (2, 2)]);
        assert_eq!(run.largest_group(), 2);
        assert_eq!(QueryRun::new([], &[]).unwrap(), QueryRun::default());
        assert_eq!(QueryRun::default().groups().count(), 0);
    }

    #[test]
    fn infinities_are_scores() {
        let run = QueryRun::new([hit(0, f64::NEG_INFINITY), hit(1, f64::INFINITY), hit(2, 0.0)], &[0, 1, 2]).unwrap();
        assert_eq!(run.documents(), [1, 2, 0]);
    }

    #[test]
    fn bad_hits_are_errors() {
        let of = |hits: &[Hit]| QueryRun::new(hits.iter().copied(), &[0, 1]).unwrap_err();
        assert_eq!(of(&[hit(0, 1.0), hit(1, f64::NAN)]), MeasureError::NotANumber { document: 1 });
        assert_eq!(of(&[hit(2, 1.0)]), MeasureError::UnknownDocument { document: 2, documents: 2 });
        assert_eq!(of(&[hit(1, 1.0), hit(1, 0.5)]), MeasureError::RepeatedDocument { place: "hits", document: 1 });
    }
}
