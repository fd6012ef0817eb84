//! What is known of the documents of one query.

use crate::MeasureError;
use crate::run::no_document_twice;

/// The judgements of one query. A document without one has grade 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgements {
    /// Grades of documents by row, sorted by row.
    grades: Vec<(u32, i32)>,
    /// All grades of at least 1, those of documents that the corpus lacks too, greatest first.
    relevant: Vec<i32>,
    /// How many documents have grade 0, those that the corpus lacks too.
    rejected: usize,
}

impl Judgements {
    /// `grades`: documents of the corpus by row, in any order. `absent`: grades of judged documents that the corpus
    /// lacks; no run can find them, but ideals and recalls count them. A document twice is an error.
    pub fn new(mut grades: Vec<(u32, i32)>, absent: &[i32]) -> Result<Self, MeasureError> {
        grades.sort_unstable();
        no_document_twice("judgements", grades.iter().map(|(document, _)| *document).collect())?;
        let present = grades.iter().map(|(_, grade)| *grade);
        let all = present.chain(absent.iter().copied());
        let rejected = all.clone().filter(|grade| *grade == 0).count();
        let mut relevant: Vec<i32> = all.filter(|grade| *grade >= 1).collect();
        relevant.sort_unstable_by(|a, b| b.cmp(a));
        Ok(Self { grades, relevant, rejected })
    }

    fn grade(&self, document: u32) -> Option<i32> {
        let at = self.grades.binary_search_by_key(&document, |(d, _)| *d).ok()?;
        Some(self.grades[at].1)
    }

    /// The gain of a document: its grade where that is at least 1, else 0.
    pub(crate) fn gain(&self, document: u32) -> f64 {
        f64::from(self.grade(document).unwrap_or(0).max(0))
    }

    /// Whether the document was judged and is not relevant: its grade is 0. Below that it counts as not judged, as in
    /// trec_eval.
    pub(crate) fn is_rejected(&self, document: u32) -> bool {
        self.grade(document) == Some(0)
    }

    /// How many documents were judged and are not relevant.
    pub(crate) fn rejected(&self) -> usize {
        self.rejected
    }

    /// Whether the document's grade is at least 1.
    pub(crate) fn is_relevant(&self, document: u32) -> bool {
        self.gain(document) > 0.0
    }

    /// Grades of all relevant documents, greatest first.
    pub(crate) fn relevant(&self) -> &[i32] {
        &self.relevant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_grades_of_one_and_more_count() {
        let judgements = Judgements::new(vec![(7, 2), (3, -1), (5, 0), (4, 1)], &[3, 0, -2]).unwrap();
        assert_eq!(judgements.relevant(), [3, 2, 1]);
        assert_eq!([3, 4, 5, 6, 7].map(|d| judgements.gain(d)), [0.0, 1.0, 0.0, 0.0, 2.0]);
        assert!(judgements.is_relevant(4) && !judgements.is_relevant(3));
        let twice = Judgements::new(vec![(1, 2), (1, 0)], &[]).unwrap_err();
        assert_eq!(twice, MeasureError::RepeatedDocument { place: "judgements", document: 1 });
    }
}
