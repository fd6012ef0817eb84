//! Pairs of sentences to scores, and these to their correlation with the scores of people.
//!
//! The codec is fitted on the `fit` embeddings alone; a codec that learns nothing needs none. Each pair is scored in both
//! directions, see `bitsweep_vectors::pair_scores`.
//!
//! `pairs` has one JSON object a line, in the order of the dataset: `{"pair":"1","score":…,"gold":…}`. A correlation is no mean over
//! pairs: there are no values by pair to average or to compare one by one.

use std::fs;

use bitsweep_measures::{MeasureError, correlate};
use bitsweep_proto::Measure;
use bitsweep_proto::job::SimilaritySpec;
use bitsweep_proto::wire::{Done, ProducedFile, Task};
use bitsweep_vectors::{pair_scores, train};
use serde_json::json;

use crate::error::{Halt, JobError};
use crate::steps::{Steps, with_stop};
use crate::{embedding_file, inputs, texts};

pub(crate) fn run(spec: &SimilaritySpec, task: &Task, steps: &mut dyn Steps) -> Result<Done, Halt> {
    let vectors = |name: &str| embedding_file::read(&inputs::all(task, name), spec.dim as usize);
    let (a, b, fit) = (vectors("a")?, vectors("b")?, vectors("fit")?);
    let gold = texts::scores(inputs::one(task, "scores")?)?;
    let total = gold.len() as u64;
    if (a.rows, b.rows) != (gold.len(), gold.len()) {
        let message = format!("{} first and {} second sentences for {total} scores", a.rows, b.rows);
        return Err(JobError::damaged(message).into());
    }
    steps.progress(0, total)?;
    let trained = with_stop(steps, |stop| train(spec.codec, &fit, stop))?;
    let scores = with_stop(steps, |stop| pair_scores(trained, (&a, &b), stop))?;
    let wrong = |error: MeasureError| JobError::damaged(error.to_string());
    let measured = |measure: &Measure| correlate(*measure, &scores, &gold).map_err(wrong);
    let measures: Result<Vec<_>, JobError> = spec.measures.iter().map(measured).collect();
    let file = task.scratch.join("pairs");
    let lines: String = (1..).zip(scores.iter().zip(&gold)).map(line).collect();
    fs::write(&file, lines).map_err(JobError::machine("write", &file))?;
    steps.progress(total, total)?;
    let facts = [("pairs", total), ("fitted_on", fit.rows as u64), ("different_scores", different(&scores))];
    Ok(Done {
        files: vec![("pairs".to_owned(), ProducedFile::Written(file))],
        measures: measures?,
        facts: facts.map(|(fact, value)| (fact.to_owned(), value)).into(),
        ..Done::default()
    })
}

fn line((pair, (score, gold)): (u64, (&f64, &f64))) -> String {
    format!("{}\n", json!({ "pair": pair.to_string(), "score": score, "gold": gold }))
}

/// How many different scores there are: 1 where the codec tells no pair from another.
fn different(scores: &[f64]) -> u64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    sorted.len() as u64
}
