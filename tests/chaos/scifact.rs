//! SciFact with embeddings that are there already: the reference vectors of the test data, put on record as the job that
//! embeds would have. To compute them anew takes a quarter of an hour on two cores.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bitsweep_backends::Store;
use bitsweep_jobs::embedding_file;
use bitsweep_proto::job::{Embed, Texts};
use bitsweep_proto::outcome::{Cost, InputDigest, Item, OUTCOME_VERSION, Outcome, Produced, Provenance};
use bitsweep_proto::plan::From;
use bitsweep_proto::{Nonce, Plan, Spec};
use safetensors::SafeTensors;

use crate::support::{Bench, test_data, test_model};

/// The vectors of all documents and of the judged queries, in the order of the files.
pub(crate) struct Vectors {
    documents: Vec<f32>,
    queries: Vec<f32>,
    dim: usize,
}

/// The source of the model.
pub(crate) fn model() -> String {
    let model = test_model("all-MiniLM-L6-v2").expect("it was looked for before");
    format!("file:{}", model.canonicalize().unwrap().display())
}

pub(crate) fn write_data(bench: &Bench) {
    let data = test_data("scifact").expect("it was looked for before");
    for file in ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"] {
        bench.write(&format!("scifact/{file}"), fs::read(data.join(file)).unwrap());
    }
}

impl Vectors {
    /// Reads them; `None` after saying that data is missing.
    pub(crate) fn read() -> Option<Self> {
        let data = test_data("scifact")?;
        test_model("all-MiniLM-L6-v2")?;
        let file = fs::read(test_data("embeddings/scifact.all-MiniLM-L6-v2.safetensors")?).unwrap();
        let file = SafeTensors::deserialize(&file).unwrap();
        let (documents, all) = (file.tensor("docs").unwrap(), file.tensor("queries").unwrap());
        let (dim, all) = (documents.shape()[1], floats(all.data()));
        let queries = judged(&data).into_iter().flat_map(|row| all[row * dim..(row + 1) * dim].to_vec()).collect();
        Some(Self { documents: floats(documents.data()), queries, dim })
    }

    /// Puts the outcomes of the embeddings of `plan`, where they are not there yet.
    pub(crate) async fn put_outcomes(&self, store: &Store, plan: &Plan) {
        let folder = tempfile::tempdir().unwrap();
        let generations = store.known().await.unwrap().outcomes;
        for (index, job) in (0..).zip(&plan.jobs).filter(|(_, job)| !generations.contains_key(&job.key)) {
            let Spec::Embed(spec) = &job.spec else { continue };
            let inputs = job.inputs.iter().map(|input| match input.from {
                From::Blob(blob) => InputDigest { name: input.name.clone(), item: input.item.clone(), blob },
                From::Job(_) => unreachable!("an embedding needs no other job"),
            });
            let produced = self.produced(store, spec, folder.path()).await;
            let outcome = Outcome {
                version: OUTCOME_VERSION,
                key: job.key,
                generation: 0,
                attempt: Nonce(format!("{index:032x}")),
                kind: job.spec.kind(),
                fields: plan.fields(index),
                inputs: inputs.collect(),
                produced,
                provenance: Provenance { host: "imported".to_owned(), ..Provenance::default() },
                cost: Cost::default(),
            };
            store.put_outcome(&outcome).await.unwrap();
        }
    }

    async fn produced(&self, store: &Store, spec: &Embed, folder: &Path) -> Produced {
        let all = match spec.texts {
            Texts::Documents => &self.documents,
            Texts::Queries => &self.queries,
        };
        let mut produced = Produced::default();
        for first in (0..spec.rows).step_by(usize::try_from(spec.chunk_rows).unwrap()) {
            let row = |row: u64| usize::try_from(spec.first_row + row).unwrap() * self.dim;
            let (begin, end) = (row(first), row((first + spec.chunk_rows).min(spec.rows)));
            let file = folder.join("chunk");
            embedding_file::write(&file, &all[begin..end], self.dim).unwrap();
            let (blob, bytes) = store.put_blob_file(&file).await.unwrap();
            let name = embedding_file::chunk_name(spec.first_row + first);
            produced.artifact.push(Item { name, blob, bytes });
        }
        produced.facts.insert("rows".to_owned(), spec.rows);
        produced.facts.insert("dim".to_owned(), u64::from(spec.dim));
        produced
    }
}

/// The rows of the queries that are judged.
fn judged(data: &Path) -> Vec<usize> {
    let judgements = fs::read_to_string(data.join("qrels/test.tsv")).unwrap();
    let judged: BTreeSet<&str> = judgements.lines().skip(1).filter_map(|line| line.split('\t').next()).collect();
    let queries = fs::read_to_string(data.join("queries.jsonl")).unwrap();
    let is_judged = |line: &str| {
        let query: serde_json::Value = serde_json::from_str(line).unwrap();
        let id = &query["_id"];
        judged.contains(id.as_str().map_or_else(|| id.to_string(), str::to_owned).as_str())
    };
    queries.lines().enumerate().filter(|(_, line)| is_judged(line)).map(|(row, _)| row).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}
