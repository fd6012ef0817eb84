//! The recipe of the retrieval family: which jobs one model on one dataset needs, and each codec on top.
//!
//! Embeddings of documents and of queries in fixed row shards, shared by every codec; per codec an index (float32
//! searches the embedding itself), a run and its measures; per second stage a run made from it, and its measures. A measure that compares with float32 adds the float32 run,
//! whether float32 is a cell or not. Truncated vectors are planned like those of a model with fewer dimensions, but for two things: their
//! embeddings are made of the whole ones, which all lengths share, and what is compared with float32 is compared with float32 of
//! the whole vectors.

use bitsweep_proto::job::{
    CHUNK_ROWS, CodesSpec, Compress, Embed, GeometrySpec, MeasureSpec, RescoreSpec, Retrieve, SHARD_ROWS, SpeedSpec,
    Texts,
};
use bitsweep_proto::lock::{LockedDataset, LockedFile, LockedModel};
use bitsweep_proto::manifest::{Dataset, Model, Speed};
use bitsweep_proto::plan::{From, Input};
use bitsweep_proto::rescore::Exact;
use bitsweep_proto::{Codec, Digest, Measure, Rescore, Spec, Task};

use crate::graph::{Graph, artifact};
use crate::truncation::{truncated, truncation};

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
    /// What is measured of retrieval datasets.
    pub(crate) fn of(measures: &[Measure]) -> Self {
        let measures = of_task(measures, Task::Retrieval);
        Self {
            depth: measures.iter().map(Measure::depth).max().unwrap_or(0),
            needs_reference: measures.iter().any(Measure::needs_reference),
            measures,
        }
    }
}

/// The measures of a task as a set: their order in the manifest is the table's business and must not change a key.
pub(crate) fn of_task(measures: &[Measure], task: Task) -> Vec<Measure> {
    let mut sorted: Vec<Measure> = measures.iter().copied().filter(|measure| measure.task() == task).collect();
    sorted.sort();
    sorted.dedup();
    sorted
}

/// The jobs of one pair: the embeddings, planned at once, and what is planned for each codec.
#[derive(Clone)]
pub(crate) struct Retrieval<'a> {
    pair: Pair<'a>,
    aim: &'a Aim,
    /// Dimensions of the vectors.
    dim: u32,
    /// The most candidates that any second stage here ranks again.
    most_candidates: u32,
    documents: Vec<Input>,
    queries: Vec<Input>,
    reference: Option<u32>,
}

impl<'a> Retrieval<'a> {
    /// Of whole vectors, and without second stages: see [`Self::of_length`].
    pub(crate) fn new(graph: &mut Graph<'_>, pair: Pair<'a>, aim: &'a Aim) -> Self {
        let dim = pair.locked_model.facts.dim;
        let [documents, queries] = pair.texts().map(|of| embeddings(graph, (pair.model, pair.locked_model), &of));
        let mut recipe = Self { pair, aim, dim, most_candidates: 0, documents, queries, reference: None };
        if aim.needs_reference {
            recipe.reference = Some(recipe.retrieve(graph, Codec::Float32, aim.depth));
        }
        recipe
    }

    /// The same for vectors truncated to `dims` dimensions, or whole ones where that is none. `most_candidates` are those of the
    /// deepest second stage there.
    pub(crate) fn of_length(&self, graph: &mut Graph<'_>, (dims, most_candidates): (Option<u32>, u32)) -> Self {
        let mut recipe = Self { most_candidates, ..self.clone() };
        if let Some(dims) = dims {
            let spec = truncation((self.pair.model, self.pair.locked_model), dims);
            recipe.dim = dims;
            recipe.documents = truncated(graph, spec, &self.documents);
            recipe.queries = truncated(graph, spec, &self.queries);
        }
        recipe
    }

    /// The measuring job of `codec`, with all that it needs.
    pub(crate) fn measure(&self, graph: &mut Graph<'_>, codec: Codec, rescore: Option<Rescore>) -> u32 {
        let run = match rescore {
            None => self.retrieve(graph, codec, self.aim.depth),
            Some(rescore) => self.rescore(graph, codec, rescore),
        };
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
        graph.add(Spec::Geometry(GeometrySpec { dim: self.dim }), inputs)
    }

    /// The job that looks into the codes of a binary codec.
    pub(crate) fn codes(&self, graph: &mut Graph<'_>, codec: Codec) -> u32 {
        let mut inputs = vec![artifact("index", self.index(graph, codec))];
        inputs.extend(self.documents.iter().chain(&self.queries).cloned());
        graph.add(Spec::Codes(CodesSpec { codec: codec.stored(), dim: self.dim }), inputs)
    }

    /// The run of `codec` with its best documents ranked again. Where the run that is measured does not go deep enough, all
    /// second stages share one that does.
    fn rescore(&self, graph: &mut Graph<'_>, codec: Codec, Rescore { with, candidates }: Rescore) -> u32 {
        let depth = self.aim.depth;
        let run = self.retrieve(graph, codec, if candidates <= depth { depth } else { self.most_candidates });
        let mut inputs = vec![artifact("run", run)];
        inputs.extend_from_slice(&self.queries);
        match with {
            Exact::Float32 => inputs.extend_from_slice(&self.documents),
            Exact::Int8 => inputs.push(artifact("index", self.index(graph, with.codec()))),
        }
        graph.add(Spec::Rescore(RescoreSpec { with, candidates, dim: self.dim, depth }), inputs)
    }

    fn index(&self, graph: &mut Graph<'_>, codec: Codec) -> u32 {
        graph.add(Spec::Compress(Compress { codec: codec.stored(), dim: self.dim }), self.documents.clone())
    }

    /// The job that measures how long searches of `codec` take. It drops no document with the id of the query: that is no part
    /// of a search.
    pub(crate) fn speed(&self, graph: &mut Graph<'_>, codec: Codec, speed: &Speed) -> u32 {
        let Speed { warm_up, repeats, depth } = *speed;
        let inputs = self.searched(graph, codec);
        graph.add(Spec::Speed(SpeedSpec { codec, dim: self.dim, warm_up, repeats, depth }), inputs)
    }

    /// The queries, and what they search.
    fn searched(&self, graph: &mut Graph<'_>, codec: Codec) -> Vec<Input> {
        let mut inputs = self.queries.clone();
        if codec == Codec::Float32 {
            inputs.extend_from_slice(&self.documents);
        } else {
            inputs.push(artifact("index", self.index(graph, codec)));
        }
        inputs
    }

    fn retrieve(&self, graph: &mut Graph<'_>, codec: Codec, depth: u32) -> u32 {
        let dim = self.dim;
        let mut inputs = self.searched(graph, codec);
        let wanted = self.pair.dataset.ignore_identical_ids;
        let ignore_identical_ids = wanted.unwrap_or(self.pair.locked_dataset.ignore_identical_ids);
        if ignore_identical_ids {
            inputs.extend([self.document_ids(), self.query_texts()]);
        }
        graph.add(Spec::Retrieve(Retrieve { codec, dim, depth, ignore_identical_ids }), inputs)
    }

    fn document_ids(&self) -> Input {
        blob("document_ids", &self.pair.locked_dataset.document_ids)
    }

    fn query_texts(&self) -> Input {
        blob("query_texts", &self.pair.locked_dataset.queries)
    }
}

impl<'a> Pair<'a> {
    /// The documents and the queries.
    fn texts(&self) -> [Embedded<'a>; 2] {
        let facts = self.model.effective(&self.locked_model.facts);
        let LockedDataset { corpus, queries, counts, .. } = self.locked_dataset;
        [
            Embedded {
                name: "documents",
                texts: Texts::Documents,
                prefix: facts.document_prefix,
                rows: counts.documents,
                file: corpus,
            },
            Embedded {
                name: "queries",
                texts: Texts::Queries,
                prefix: facts.query_prefix,
                rows: counts.queries,
                file: queries,
            },
        ]
    }
}

/// Texts that are embedded.
pub(crate) struct Embedded<'a> {
    /// What the jobs that read the vectors call them.
    pub(crate) name: &'static str,
    pub(crate) texts: Texts,
    pub(crate) prefix: String,
    pub(crate) rows: u64,
    pub(crate) file: &'a LockedFile,
}

/// One embedding job for each shard of rows, as inputs for the jobs that read them all.
pub(crate) fn embeddings(graph: &mut Graph<'_>, model: (&Model, &LockedModel), of: &Embedded<'_>) -> Vec<Input> {
    let mut inputs = model_files(model.1);
    inputs.push(blob("texts", of.file));
    let shard = |first_row: u64| {
        let spec = embed(model, of, first_row);
        artifact(of.name, graph.add(Spec::Embed(spec), inputs.clone()))
    };
    (0..of.rows).step_by(usize::try_from(SHARD_ROWS).expect("a shard fits in memory")).map(shard).collect()
}

/// The settings in force: the manifest's where it has them, else the model's own.
fn embed((model, locked): (&Model, &LockedModel), of: &Embedded<'_>, first_row: u64) -> Embed {
    let facts = model.effective(&locked.facts);
    Embed {
        texts: of.texts,
        architecture: facts.architecture,
        dim: facts.dim,
        prefix: of.prefix.clone(),
        max_tokens: facts.max_tokens,
        pooling: facts.pooling,
        normalize: facts.normalize,
        precision: model.precision,
        first_row,
        rows: SHARD_ROWS.min(of.rows - first_row),
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
pub(crate) fn blob(name: &str, file: &LockedFile) -> Input {
    Input { name: name.to_owned(), item: String::new(), from: From::Blob(file.sha256) }
}
