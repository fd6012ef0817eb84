//! A run and labels to how often the nearest labelled documents have the label of the query, averaged over all queries.
//!
//! Documents and queries are in the order of the dataset. A label that no document has is never voted for: such a query counts 0.
//!
//! `per_query` has one JSON object a line, as that of `measure`; a query is called by its number, from 1:
//! `{"query":"1","measures":{"Accuracy@10":{"value":…,"min":…,"max":…,"trec_eval":null}}}`.

use std::collections::BTreeMap;
use std::fs;

use bitsweep_measures::{Hit, Labels, MeasureError, QueryRun, Value, average, classify};
use bitsweep_proto::Measure;
use bitsweep_proto::job::ClassifySpec;
use bitsweep_proto::wire::{Done, ProducedFile, Task};
use serde_json::json;

use crate::error::{Halt, JobError};
use crate::steps::Steps;
use crate::{inputs, run_file, texts};

/// Queries between two safe points.
const STEP: usize = 32;

pub(crate) fn run(spec: &ClassifySpec, task: &Task, steps: &mut dyn Steps) -> Result<Done, Halt> {
    let classes = Classes::read(task)?;
    let run = run_file::read(inputs::one(task, "run")?)?;
    let total = classes.queries.len() as u64;
    if run.queries() != classes.queries.len() {
        let message = format!("\"run\" has {} lists, the dataset {total} labelled queries", run.queries());
        return Err(JobError::damaged(message).into());
    }
    let mut vote =
        Vote { classes, values: vec![Vec::new(); spec.measures.len()], lines: String::new(), largest_tied: 0 };
    for (row, list) in run.lists().enumerate() {
        if row % STEP == 0 {
            steps.progress(row as u64, total)?;
            if steps.should_stop() {
                return Err(Halt::Stopped);
            }
        }
        let wrong = |error: MeasureError| JobError::damaged(format!("query {}: {error}", row + 1));
        vote.evaluate(&spec.measures, (row, list)).map_err(wrong)?;
    }
    steps.progress(total, total)?;
    let file = task.scratch.join("per_query");
    fs::write(&file, &vote.lines).map_err(JobError::machine("write", &file))?;
    let measures = spec.measures.iter().zip(&vote.values).map(|(measure, values)| average(*measure, values));
    let facts = [
        ("queries", total),
        ("documents", vote.classes.documents.len() as u64),
        ("classes", vote.classes.count),
        ("largest_tied_group", vote.largest_tied as u64),
    ];
    Ok(Done {
        files: vec![("per_query".to_owned(), ProducedFile::Written(file))],
        measures: measures.collect(),
        facts: facts.map(|(fact, value)| (fact.to_owned(), value)).into(),
        ..Done::default()
    })
}

/// The labels, numbered in their order as text.
struct Classes {
    /// Of each document.
    documents: Vec<u32>,
    /// Of each query; `None` for a label that no document has.
    queries: Vec<Option<u32>>,
    /// Different labels of documents.
    count: u64,
    /// Rows of the documents: an order of names that no value depends on.
    rows: Vec<u32>,
}

impl Classes {
    fn read(task: &Task) -> Result<Self, JobError> {
        let documents = texts::labels(inputs::one(task, "document_labels")?)?;
        let queries = texts::labels(inputs::one(task, "query_labels")?)?;
        let rows =
            u32::try_from(documents.len()).map_err(|_| JobError::damaged("more documents than 32 bits can count"))?;
        let mut numbers: BTreeMap<&str, u32> = documents.iter().map(|label| (label.as_str(), 0)).collect();
        numbers.values_mut().zip(0..).for_each(|(number, next)| *number = next);
        Ok(Self {
            documents: documents.iter().map(|label| numbers[label.as_str()]).collect(),
            queries: queries.iter().map(|label| numbers.get(label.as_str()).copied()).collect(),
            count: numbers.len() as u64,
            rows: (0..rows).collect(),
        })
    }
}

/// What came of the vote so far.
struct Vote {
    classes: Classes,
    /// For each measure the values of the queries.
    values: Vec<Vec<Value>>,
    /// The lines of `per_query`.
    lines: String,
    largest_tied: usize,
}

impl Vote {
    /// Evaluates the next query: its row, and what was found.
    fn evaluate(
        &mut self,
        measures: &[Measure],
        (row, (documents, scores)): (usize, (&[u32], &[f32])),
    ) -> Result<(), MeasureError> {
        let hits = documents.iter().zip(scores);
        let hits = hits.map(|(document, score)| Hit { document: *document, score: f64::from(*score) });
        let found = QueryRun::new(hits, &self.classes.rows)?;
        self.largest_tied = self.largest_tied.max(found.largest_group());
        let labels = Labels { documents: &self.classes.documents, query: self.classes.queries[row] };
        let mut line = serde_json::Map::new();
        for (measure, values) in measures.iter().zip(&mut self.values) {
            let value = classify(*measure, &found, labels)?;
            values.push(value);
            let Value { value, min, max, trec_eval } = value;
            line.insert(measure.to_string(), json!({ "value": value, "min": min, "max": max, "trec_eval": trec_eval }));
        }
        self.lines += &format!("{}\n", json!({ "query": (row + 1).to_string(), "measures": line }));
        Ok(())
    }
}
