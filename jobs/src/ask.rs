//! A query that a person types, outside of any job: encoded and searched by the very code that the jobs run.
//!
//! Prefix, length, pooling and normalisation are those of the embedding job. Its vector is that of a text in a call of its
//! own: within a chunk of other queries it differs by rounding (`bitsweep_models`).

use std::path::{Path, PathBuf};

use bitsweep_proto::job::{Embed, Retrieve, Spec, TruncateSpec};
use bitsweep_proto::wire::{InputFile, Task};
use bitsweep_vectors::{Index, Matrix};

use crate::embed::{self, LoadedEncoder};
use crate::error::{Halt, JobError};
use crate::retrieve;
use crate::steps::Steps;
use crate::texts::Row;
use crate::truncate;

/// The encoder of an embedding job of queries.
pub struct QueryEncoder {
    spec: Embed,
    task: Task,
    kept: Option<LoadedEncoder>,
}

/// The vector of one query.
pub struct QueryVector(Matrix);

impl QueryEncoder {
    /// Loads the model. `inputs` are those of the job; only those called `model` are looked at.
    pub fn load(spec: &Embed, inputs: Vec<InputFile>) -> Result<Self, JobError> {
        let task = task(Spec::Embed(spec.clone()), inputs);
        let mut loaded = Self { spec: spec.clone(), task, kept: None };
        embed::encoder(&loaded.spec, &loaded.task, &mut Alone, &mut loaded.kept)?;
        Ok(loaded)
    }

    /// The vector of `text`, which is taken as it is but for the job's prefix. Any text has one, also an empty one.
    pub fn encode(&mut self, text: &str) -> Result<QueryVector, JobError> {
        let encoder = embed::encoder(&self.spec, &self.task, &mut Alone, &mut self.kept)?;
        let row = Row { id: "query".to_owned(), title: String::new(), text: text.to_owned() };
        let vector = embed::embed_chunk(&self.spec, encoder, &[row], &mut Alone).map_err(never_stopped)?;
        let matrix = Matrix::new(1, encoder.dim(), vector).map_err(|error| never_stopped(error.into()))?;
        Ok(QueryVector(matrix))
    }
}

impl QueryVector {
    /// The vector as a search of truncated documents takes it.
    pub fn truncated(&self, spec: &TruncateSpec) -> Result<Self, JobError> {
        truncate::short(spec, &self.0).map(Self).map_err(never_stopped)
    }
}

/// The index of a retrieval job.
pub struct Searcher {
    index: Index,
}

impl Searcher {
    /// Loads the index: `inputs` are those of the job called `index`, or `documents` for float32.
    pub fn load(spec: &Retrieve, inputs: Vec<InputFile>) -> Result<Self, JobError> {
        let task = task(Spec::Retrieve(spec.clone()), inputs);
        let index = retrieve::index(spec, &task, &|| false).map_err(never_stopped)?;
        Ok(Self { index })
    }

    /// Documents in the index.
    pub fn documents(&self) -> usize {
        self.index.rows()
    }

    /// The best `depth` documents with their scores, and all that tie with the last of them: best first, equal scores in
    /// the order of the rows.
    pub fn search(&self, query: &QueryVector, depth: usize) -> Result<Vec<(u32, f32)>, JobError> {
        let hits = self.index.search(&query.0, depth, &|| false).map_err(|error| never_stopped(error.into()))?;
        let (documents, scores) = hits.get(0);
        Ok(documents.iter().copied().zip(scores.iter().copied()).collect())
    }
}

fn task(spec: Spec, inputs: Vec<InputFile>) -> Task {
    Task { spec, inputs, checkpoints: Vec::new(), scratch: PathBuf::new() }
}

fn never_stopped(halt: Halt) -> JobError {
    match halt {
        Halt::Error(error) => error,
        Halt::Stopped => JobError::failed("ask/stopped", "it stopped, and nobody said so"),
    }
}

/// Nobody listens and nobody stops it.
struct Alone;

impl Steps for Alone {
    fn progress(&mut self, _: u64, _: u64) -> Result<(), JobError> {
        Ok(())
    }

    fn checkpoint(&mut self, _: &str, _: &Path) -> Result<(), JobError> {
        Ok(())
    }

    fn note(&mut self, _: &str) -> Result<(), JobError> {
        Ok(())
    }

    fn should_stop(&mut self) -> bool {
        false
    }
}
