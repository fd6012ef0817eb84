//! A small retrieval set by formula, and a supervisor that is a `Vec`.

use std::fs;
use std::path::{Path, PathBuf};

use bitsweep_jobs::{Ended, JobError, Runner, Steps, embedding_file};
use bitsweep_proto::job::Spec;
use bitsweep_proto::wire::{Done, InputFile, ProducedFile, Task};
use tempfile::TempDir;

pub(crate) const DIM: usize = 16;
pub(crate) const DOCUMENTS: usize = 300;
pub(crate) const QUERIES: usize = 7;

/// Keeps what it is told. Says stop once it was asked `stop_after` times.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) progress: Vec<(u64, u64)>,
    pub(crate) checkpoints: Vec<(String, Vec<u8>)>,
    pub(crate) notes: Vec<String>,
    pub(crate) stop_after: Option<usize>,
    pub(crate) asked: usize,
}

impl Steps for Recorder {
    fn progress(&mut self, done: u64, total: u64) -> Result<(), JobError> {
        self.progress.push((done, total));
        Ok(())
    }
    fn checkpoint(&mut self, name: &str, file: &Path) -> Result<(), JobError> {
        self.checkpoints.push((name.to_owned(), fs::read(file).unwrap()));
        Ok(())
    }
    fn note(&mut self, line: &str) -> Result<(), JobError> {
        self.notes.push(line.to_owned());
        Ok(())
    }
    fn should_stop(&mut self) -> bool {
        self.asked += 1;
        self.stop_after.is_some_and(|after| self.asked > after)
    }
}

/// A folder with the set's files. Values are multiples of 1/16: exact everywhere.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    runner: Runner,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let lines = |lines: Vec<String>| lines.concat();
        fs::write(at("document_ids"), lines((0..DOCUMENTS).map(|i| format!("\"{}\"\n", document_id(i))).collect()))
            .unwrap();
        let queries = (0..QUERIES).map(|i| format!("{{\"_id\":\"{}\",\"text\":\"t\"}}\n", query_id(i))).collect();
        fs::write(at("query_texts"), lines(queries)).unwrap();
        let mut qrels = Vec::new();
        for query in 0..QUERIES {
            for document in (0..DOCUMENTS).filter(|document| (document + query) % 41 == 0) {
                qrels.push(format!("\"{}\"\t\"{}\"\t{}\n", query_id(query), document_id(document), 1 + document % 2));
            }
        }
        fs::write(at("qrels"), lines(qrels)).unwrap();
        // Two chunks of documents, one of queries.
        let split = 200;
        embedding_file::write(&at("documents-0"), &vectors(0..split, 37), DIM).unwrap();
        embedding_file::write(&at("documents-1"), &vectors(split..DOCUMENTS, 37), DIM).unwrap();
        embedding_file::write(&at("queries-0"), &vectors(0..QUERIES, 53), DIM).unwrap();
        Self { folder, runner: Runner::new(1).unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn input(&self, name: &str, item: &str, file: &str) -> InputFile {
        InputFile { name: name.to_owned(), item: item.to_owned(), path: self.path(file) }
    }

    pub(crate) fn documents(&self) -> Vec<InputFile> {
        vec![
            self.input("documents", "chunk/000000000", "documents-0"),
            self.input("documents", "chunk/000000200", "documents-1"),
        ]
    }

    /// All inputs of a retrieval but the index.
    pub(crate) fn searchers(&self) -> Vec<InputFile> {
        vec![
            self.input("queries", "chunk/000000000", "queries-0"),
            self.input("document_ids", "", "document_ids"),
            self.input("query_texts", "", "query_texts"),
        ]
    }

    /// Runs a job whose files go to the folder `scratch`.
    pub(crate) fn run(&mut self, spec: Spec, inputs: Vec<InputFile>, steps: &mut Recorder) -> Result<Ended, JobError> {
        self.run_from(spec, (inputs, Vec::new()), steps)
    }

    /// The same from checkpoints.
    pub(crate) fn run_from(
        &mut self,
        spec: Spec,
        (inputs, checkpoints): (Vec<InputFile>, Vec<InputFile>),
        steps: &mut Recorder,
    ) -> Result<Ended, JobError> {
        let scratch = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        self.runner.run(&Task { spec, inputs, checkpoints, scratch }, steps)
    }

    /// Runs a job to its end.
    pub(crate) fn done(&mut self, spec: Spec, inputs: Vec<InputFile>) -> Done {
        match self.run(spec, inputs, &mut Recorder::default()).unwrap() {
            Ended::Done(done) => done,
            Ended::Stopped => panic!("nobody said stop"),
        }
    }

    /// Runs a job that fails; its code and message.
    pub(crate) fn failure(&mut self, spec: Spec, inputs: Vec<InputFile>) -> (&'static str, String) {
        match self.run(spec, inputs, &mut Recorder::default()) {
            Err(JobError::Failed { code, message }) => (code, message),
            other => panic!("expected a failure, got {other:?}"),
        }
    }
}

/// Ids whose order as text is not the order of rows.
pub(crate) fn document_id(row: usize) -> String {
    format!("d{}", (row * 7) % DOCUMENTS)
}

/// Ids of queries; the second is the id of a document.
pub(crate) fn query_id(row: usize) -> String {
    if row == 1 { document_id(5) } else { format!("q{row}") }
}

/// Vectors by formula.
pub(crate) fn vectors(rows: std::ops::Range<usize>, salt: usize) -> Vec<f32> {
    let value =
        |row: usize, column: usize| ((row * row * salt + column * 29 + row * column * 11) % 61) as f32 / 16.0 - 1.875;
    rows.flat_map(|row| (0..DIM).map(move |column| value(row, column))).collect()
}

/// The written file called `name`.
pub(crate) fn written(done: &Done, name: &str) -> PathBuf {
    let found = done.files.iter().find(|(file, _)| file == name);
    match found {
        Some((_, ProducedFile::Written(path))) => path.clone(),
        other => panic!("expected the file {name}, found {other:?}"),
    }
}
