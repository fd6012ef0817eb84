//! What a search found.

/// Per query the documents found, best first: by score descending, then by document row ascending.
///
/// A list ends with the whole group of documents that tie with the last one wanted, so it may be longer than the depth
/// that was asked for. It is shorter only where there are fewer documents, or where an approximate search looked at fewer.
/// Scores are float32; larger is better.
#[derive(Clone, Debug, PartialEq)]
pub struct Hits {
    /// `offsets[query]..offsets[query + 1]` is the query's range in the other two; one more than there are queries.
    pub offsets: Vec<usize>,
    /// Rows of documents.
    pub documents: Vec<u32>,
    /// Their scores.
    pub scores: Vec<f32>,
}

impl Default for Hits {
    fn default() -> Self {
        Self { offsets: vec![0], documents: Vec::new(), scores: Vec::new() }
    }
}

impl Hits {
    /// Number of queries.
    pub fn queries(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Documents and scores of `query`.
    pub fn get(&self, query: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[query]..self.offsets[query + 1];
        (&self.documents[range.clone()], &self.scores[range])
    }

    /// Documents and scores of each query in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u32], &[f32])> {
        (0..self.queries()).map(|query| self.get(query))
    }

    /// Ends the current query's list: what was pushed since the last call belongs to it.
    pub(crate) fn end_query(&mut self) {
        self.offsets.push(self.documents.len());
    }
}
