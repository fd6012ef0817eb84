//! The recipe of the retrieval family: which jobs one model on one dataset needs, and each codec on top.
//!
//! Embeddings of documents and of queries in fixed row shards, shared by every codec; per codec an index (float32
//! searches the embedding itself), a run and its measures. A measure that compares with float32 adds the float32 run,
//! whether float32 is a cell or not.

use bitsweep_proto::job::{CHUNK_ROWS, Compress, Embed, GeometrySpec, MeasureSpec, Retrieve, SHARD_ROWS, Texts};
use bitsweep_proto::lock::{LockedDataset, LockedFile, LockedModel};
use bitsweep_proto::manifest::{Dataset, Model};
use bitsweep_proto::plan::{From, Input};
use bitsweep_proto::{Codec, Digest, Measure, Spec};

use crate::graph::{Graph, artifact};

/// What stands in the manifest and in the lock for one model and one dataset.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) model: &'a Model,
    pub(crate) locked_model: &'a LockedModel,
    pub(crate) dataset: &'a Dataset,
    pub(crate) locked_dataset: &'a LockedDataset,
}

/// What every cell measures, and how deep its run must go for that.
pub(crate) struct Aim {
    measures: Vec<Measure>,
    depth: u32,
    needs_reference: bool,
}

impl Aim {
    /// The measures as a set: their order in the manifest is the table's business and must not change a key.
    pub(crate) fn of(measures: &[Measure]) -> Self {
        let mut sorted = measures.to_vec();
        sorted.sort();
        sorted.dedup();
        Self {
            depth: measures.iter().map(Measure::depth).max().unwrap_or(0),
            needs_reference: measures.iter().any(Measure::needs_reference),
            measures: sorted,
        }
    }
}

/// The jobs of one pair: the embeddings, planned at once, and what is planned for each codec.
pub(crate) struct Retrieval<'a> {
    pair: Pair<'a>,
    aim: &'a Aim,
    documents: Vec<Input>,
    queries: Vec<Input>,
    reference: Option<u32>,
}

impl<'a> Retrieval<'a> {
    pub(crate) fn new(graph: &mut Graph<'_>, pair: Pair<'a>, aim: &'a Aim) -> Self {
        let documents = embeddings(graph, pair, Texts::Documents);
        let queries = embeddings(graph, pair, Texts::Queries);
        let mut recipe = Self { pair, aim, documents, queries, reference: None };
        if aim.needs_reference {
            recipe.reference = Some(recipe.retrieve(graph, Codec::Float32));
        }
        recipe
    }

    /// The measuring job of `codec`, with all that it needs.
    pub(crate) fn measure(&self, graph: &mut Graph<'_>, codec: Codec) -> u32 {
        let run = self.retrieve(graph, codec);
        let mut inputs = vec![
            artifact("run", run),
            self.document_ids(),
            self.query_texts(),
            blob("qrels", &self.pair.locked_dataset.qrels),
        ];
        inputs.extend(self.reference.map(|reference| artifact("reference", reference)));
        graph.add(Spec::Measure(MeasureSpec { measures: self.aim.measures.clone() }), inputs)
    }

    /// The job that measures the geometry of the embeddings.
    pub(crate) fn geometry(&self, graph: &mut Graph<'_>) -> u32 {
        let inputs = self.documents.iter().chain(&self.queries).cloned().collect();
        graph.add(Spec::Geometry(GeometrySpec { dim: self.pair.locked_model.facts.dim }), inputs)
    }

    fn retrieve(&self, graph: &mut Graph<'_>, codec: Codec) -> u32 {
        let dim = self.pair.locked_model.facts.dim;
        let mut inputs = self.queries.clone();
        if codec == Codec::Float32 {
            inputs.extend_from_slice(&self.documents);
        } else {
            let index = graph.add(Spec::Compress(Compress { codec: codec.stored(), dim }), self.documents.clone());
            inputs.push(artifact("index", index));
        }
        let wanted = self.pair.dataset.ignore_identical_ids;
        let ignore_identical_ids = wanted.unwrap_or(self.pair.locked_dataset.ignore_identical_ids);
        if ignore_identical_ids {
            inputs.extend([self.document_ids(), self.query_texts()]);
        }
        graph.add(Spec::Retrieve(Retrieve { codec, dim, depth: self.aim.depth, ignore_identical_ids }), inputs)
    }

    fn document_ids(&self) -> Input {
        blob("document_ids", &self.pair.locked_dataset.document_ids)
    }

    fn query_texts(&self) -> Input {
        blob("query_texts", &self.pair.locked_dataset.queries)
    }
}

/// One embedding job for each shard of rows, as inputs for the jobs that read them all.
fn embeddings(graph: &mut Graph<'_>, pair: Pair<'_>, texts: Texts) -> Vec<Input> {
    let counts = &pair.locked_dataset.counts;
    let (name, rows, file) = match texts {
        Texts::Documents => ("documents", counts.documents, &pair.locked_dataset.corpus),
        Texts::Queries => ("queries", counts.queries, &pair.locked_dataset.queries),
    };
    let mut inputs = model_files(pair.locked_model);
    inputs.push(blob("texts", file));
    let shard = |first_row: u64| {
        let spec = embed(pair, texts, first_row, SHARD_ROWS.min(rows - first_row));
        artifact(name, graph.add(Spec::Embed(spec), inputs.clone()))
    };
    (0..rows).step_by(usize::try_from(SHARD_ROWS).expect("a shard fits in memory")).map(shard).collect()
}

/// The settings in force: the manifest's where it has them, else the model's own.
fn embed(pair: Pair<'_>, texts: Texts, first_row: u64, rows: u64) -> Embed {
    let facts = pair.model.effective(&pair.locked_model.facts);
    Embed {
        texts,
        architecture: facts.architecture,
        dim: facts.dim,
        prefix: match texts {
            Texts::Documents => facts.document_prefix,
            Texts::Queries => facts.query_prefix,
        },
        max_tokens: facts.max_tokens,
        pooling: facts.pooling,
        normalize: facts.normalize,
        first_row,
        rows,
        chunk_rows: CHUNK_ROWS,
    }
}

/// The files of a model by name, so that the order in which a source lists them changes no key.
fn model_files(model: &LockedModel) -> Vec<Input> {
    let mut files: Vec<(&str, Digest)> = model.files.iter().map(|file| (file.name.as_str(), file.sha256)).collect();
    files.sort();
    let input = |(item, digest): (&str, Digest)| Input {
        name: "model".to_owned(),
        item: item.to_owned(),
        from: From::Blob(digest),
    };
    files.into_iter().map(input).collect()
}

/// An input that is one imported blob without a name of its own.
fn blob(name: &str, file: &LockedFile) -> Input {
    Input { name: name.to_owned(), item: String::new(), from: From::Blob(file.sha256) }
}
