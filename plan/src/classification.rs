//! The recipe of the classification family: which jobs one model on one dataset of labelled texts needs, and each codec on top.
//!
//! A search like that of retrieval: the texts that vote are its documents, the measured ones its queries, both embedded in the same
//! way and shared by every codec; per codec an index (float32 searches the embedding itself), a run, and the vote of what it found.

use bitsweep_proto::job::{ClassifySpec, Compress, Retrieve, Texts};
use bitsweep_proto::lock::{LockedClassification, LockedFile, LockedModel};
use bitsweep_proto::manifest::Model;
use bitsweep_proto::plan::Input;
use bitsweep_proto::{Codec, Measure, Spec};

use crate::graph::{Graph, artifact};
use crate::recipe::{Embedded, blob, embeddings};
use crate::truncation::{truncated, truncation};

/// What stands in the manifest and in the lock for one model and one dataset of labelled texts.
#[derive(Clone, Copy)]
pub(crate) struct Labelled<'a> {
    pub(crate) model: &'a Model,
    pub(crate) locked_model: &'a LockedModel,
    pub(crate) locked: &'a LockedClassification,
}

/// The jobs of one model on one dataset.
#[derive(Clone)]
pub(crate) struct Classification<'a> {
    of: Labelled<'a>,
    measures: &'a [Measure],
    /// Dimensions of the vectors.
    dim: u32,
    documents: Vec<Input>,
    queries: Vec<Input>,
}

impl<'a> Classification<'a> {
    /// Plans the embeddings of both splits. `measures` are sorted.
    pub(crate) fn new(graph: &mut Graph<'_>, of: Labelled<'a>, measures: &'a [Measure]) -> Self {
        let (locked, counts) = (of.locked, of.locked.counts);
        let documents = of.embeddings(graph, ("documents", &locked.documents, counts.documents));
        let queries = of.embeddings(graph, ("queries", &locked.queries, counts.queries));
        Self { of, measures, dim: of.locked_model.facts.dim, documents, queries }
    }

    /// The same for vectors truncated to `dims` dimensions, or whole ones where that is none.
    pub(crate) fn of_length(&self, graph: &mut Graph<'_>, dims: Option<u32>) -> Self {
        let mut recipe = self.clone();
        if let Some(dims) = dims {
            let spec = truncation((self.of.model, self.of.locked_model), dims);
            recipe.dim = dims;
            recipe.documents = truncated(graph, spec, &self.documents);
            recipe.queries = truncated(graph, spec, &self.queries);
        }
        recipe
    }

    /// The job of `codec`, with all that it needs.
    pub(crate) fn measure(&self, graph: &mut Graph<'_>, codec: Codec) -> u32 {
        let dim = self.dim;
        let mut inputs = self.queries.clone();
        if codec == Codec::Float32 {
            inputs.extend_from_slice(&self.documents);
        } else {
            let compress = Spec::Compress(Compress { codec: codec.stored(), dim });
            inputs.push(artifact("index", graph.add(compress, self.documents.clone())));
        }
        let depth = self.measures.iter().map(Measure::depth).max().unwrap_or(0);
        let run = graph.add(Spec::Retrieve(Retrieve { codec, dim, depth, ignore_identical_ids: false }), inputs);
        let inputs = vec![
            artifact("run", run),
            blob("document_labels", &self.of.locked.document_labels),
            blob("query_labels", &self.of.locked.query_labels),
        ];
        graph.add(Spec::Classify(ClassifySpec { measures: self.measures.to_vec() }), inputs)
    }
}

impl Labelled<'_> {
    fn embeddings(self, graph: &mut Graph<'_>, (name, file, rows): (&'static str, &LockedFile, u64)) -> Vec<Input> {
        let prefix = self.model.symmetric_prefix_of(&self.locked_model.facts);
        let of = Embedded { name, texts: Texts::Queries, prefix, rows, file };
        embeddings(graph, (self.model, self.locked_model), &of)
    }
}
