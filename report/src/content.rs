//! Whether two sides of a comparison were asked the same questions. An id says little: `1` to `225` are ids of many
//! sets, and a file may have changed under the same ids. So what counts is the content that the locks name by its hash.
//!
//! Owns: what refuses a pairing, and what only wants a word. Does not own: which cells are paired ([`crate::compare`]).

use bitsweep_proto::lock::LockedFile;
use bitsweep_proto::{Digest, Lock};

use crate::ReportError;

/// What a dataset is made of, as far as a value by query depends on it.
struct Content {
    /// The texts of the queries.
    queries: Digest,
    /// What is right for each: judgements, or labels.
    judgements: Digest,
    /// What is searched: documents, and their labels where they vote.
    searched: Vec<Digest>,
    /// How many that are.
    documents: u64,
    /// Whether a document with the id of the query is dropped.
    drops_itself: bool,
}

/// A dataset by its name, in the lock that knows it.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) dataset: &'a str,
    pub(crate) lock: &'a Lock,
}

impl Named<'_> {
    /// `None` for pairs of sentences, which have no queries, and for a dataset that the lock lacks.
    fn content(self) -> Option<Content> {
        let hash = |file: &LockedFile| file.sha256;
        if let Some(of) = self.lock.datasets.get(self.dataset) {
            return Some(Content {
                queries: hash(&of.queries),
                judgements: hash(&of.qrels),
                searched: vec![hash(&of.corpus)],
                documents: of.counts.documents,
                drops_itself: of.ignore_identical_ids,
            });
        }
        let of = self.lock.classification.get(self.dataset)?;
        Some(Content {
            queries: hash(&of.queries),
            judgements: hash(&of.query_labels),
            searched: vec![hash(&of.documents), hash(&of.document_labels)],
            documents: of.counts.documents,
            drops_itself: false,
        })
    }
}

/// What a reader must know of two sides that were asked the same questions: nothing where they searched the same
/// documents.
///
/// Fails where queries or judgements are not the same content: a difference query by query would then mean nothing.
/// `names` are those of the sides, for the message.
pub(crate) fn warnings(a: Named<'_>, b: Named<'_>, names: [&str; 2]) -> Result<Vec<String>, ReportError> {
    let (Some(of_a), Some(of_b)) = (a.content(), b.content()) else { return Ok(Vec::new()) };
    let of = match a.dataset == b.dataset {
        true => format!("of dataset \"{}\"", a.dataset),
        false => format!("of datasets \"{}\" and \"{}\"", a.dataset, b.dataset),
    };
    let hashes = |a: &Digest, b: &Digest| format!("SHA-256 {}… and {}…", a.short(), b.short());
    let parts = [("queries", of_a.queries, of_b.queries), ("judgements", of_a.judgements, of_b.judgements)];
    let differing = parts.into_iter().filter(|(_, a, b)| a != b);
    let differing: Vec<String> =
        differing.map(|(what, a, b)| format!("the {what} {of} ({})", hashes(&a, &b))).collect();
    if !differing.is_empty() {
        let [a, b] = names.map(str::to_owned);
        return Err(ReportError::OtherQuestions { a, b, what: differing.join(" and ") });
    }
    let mut warnings = Vec::new();
    if let Some((a, b)) = of_a.searched.iter().zip(&of_b.searched).find(|(a, b)| a != b) {
        warnings.push(format!(
            "the documents {of} are not the same on both sides ({} and {}, {}): the difference is that of what was \
             searched as well as of how",
            of_a.documents,
            of_b.documents,
            hashes(a, b)
        ));
    }
    if of_a.drops_itself != of_b.drops_itself {
        let side = if of_a.drops_itself { "first" } else { "second" };
        warnings
            .push(format!("the {side} side alone drops a document with the id of the query (ignore_identical_ids)"));
    }
    Ok(warnings)
}
