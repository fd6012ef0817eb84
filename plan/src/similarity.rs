//! The recipe of the similarity family: which jobs one model on one dataset of pairs needs, and each codec on top.
//!
//! Embeddings of both sentences of the pairs, and of the sentences that codecs are fitted on where a codec learns at all, shared by
//! every codec; per codec one job that fits, scores and measures. All scores of pairs are cosines, so a codec that is
//! listed with both scorings of its decoded vectors is one job: its two cells have the same result by construction.

use bitsweep_proto::job::{SimilaritySpec, Texts, TruncateSpec};
use bitsweep_proto::lock::{LockedFile, LockedModel, LockedSimilarity};
use bitsweep_proto::manifest::Model;
use bitsweep_proto::plan::Input;
use bitsweep_proto::{Codec, Measure, Spec};

use crate::graph::Graph;
use crate::recipe::{Embedded, blob, embeddings};
use crate::truncation::{truncated, truncation};

/// What stands in the manifest and in the lock for one model and one dataset of pairs.
#[derive(Clone, Copy)]
pub(crate) struct Pairs<'a> {
    pub(crate) model: &'a Model,
    pub(crate) locked_model: &'a LockedModel,
    pub(crate) locked: &'a LockedSimilarity,
}

/// The jobs of one model on one dataset.
pub(crate) struct Similarity<'a> {
    of: Pairs<'a>,
    measures: &'a [Measure],
    sides: Vec<Input>,
    /// What truncates the vectors; `None`: they are whole.
    truncation: Option<TruncateSpec>,
}

impl<'a> Similarity<'a> {
    /// Plans the embeddings of the pairs. `measures` are sorted.
    pub(crate) fn new(graph: &mut Graph<'_>, of: Pairs<'a>, measures: &'a [Measure]) -> Self {
        let mut sides = of.embeddings(graph, ("a", &of.locked.a, of.locked.counts.pairs));
        sides.extend(of.embeddings(graph, ("b", &of.locked.b, of.locked.counts.pairs)));
        Self { of, measures, sides, truncation: None }
    }

    /// The same for vectors truncated to `dims` dimensions, or whole ones where that is none.
    pub(crate) fn of_length(&self, graph: &mut Graph<'_>, dims: Option<u32>) -> Self {
        let truncation = dims.map(|dims| truncation((self.of.model, self.of.locked_model), dims));
        let sides = match truncation {
            Some(spec) => truncated(graph, spec, &self.sides),
            None => self.sides.clone(),
        };
        Self { of: self.of, measures: self.measures, sides, truncation }
    }

    /// The job of `codec`, with all that it needs. It is that of the default scoring of decoded vectors, whichever is
    /// asked for.
    pub(crate) fn measure(&self, graph: &mut Graph<'_>, codec: Codec) -> u32 {
        let codec = codec.of_pairs();
        let locked = self.of.locked;
        let mut inputs = self.sides.clone();
        let dim = self.truncation.map_or(self.of.locked_model.facts.dim, |spec| spec.dims);
        if codec.least_documents(dim) > 0 {
            let whole = self.of.embeddings(graph, ("fit", &locked.fit_texts, locked.counts.fit));
            inputs.extend(match self.truncation {
                Some(spec) => truncated(graph, spec, &whole),
                None => whole,
            });
        }
        inputs.push(blob("scores", &locked.scores));
        graph.add(Spec::Similarity(SimilaritySpec { codec, dim, measures: self.measures.to_vec() }), inputs)
    }
}

impl Pairs<'_> {
    fn embeddings(self, graph: &mut Graph<'_>, (name, file, rows): (&'static str, &LockedFile, u64)) -> Vec<Input> {
        let prefix = self.model.symmetric_prefix_of(&self.locked_model.facts);
        let of = Embedded { name, texts: Texts::Queries, prefix, rows, file };
        embeddings(graph, (self.model, self.locked_model), &of)
    }
}
