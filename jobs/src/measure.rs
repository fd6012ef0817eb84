//! A run and judgements to measures, per query and averaged over all judged queries.
//!
//! Queries are evaluated in the order of the dataset's queries, those that it does not hold after them by id: they are
//! judged, so they count, and no run has them, so they count 0. Judged documents that the corpus lacks cannot be
//! found but count in ideals and recalls.
//!
//! `per_query` has one JSON object a line, in that order:
//! `{"query":"q1","measures":{"nDCG@10":{"value":…,"min":…,"max":…,"trec_eval":…}}}`, with `null` for a measure that
//! trec_eval lacks.

use std::fs;

use bitsweep_measures::{Judgements, MeasureError, Value, average, evaluate};
use bitsweep_proto::Measure;
use bitsweep_proto::job::MeasureSpec;
use bitsweep_proto::wire::{Done, ProducedFile, Task};
use serde_json::json;

use crate::error::{Halt, JobError};
use crate::judged::{Documents, Judged, Query};
use crate::run_file::{self, Run};
use crate::steps::Steps;
use crate::{inputs, texts};

pub(crate) fn run(spec: &MeasureSpec, task: &Task, steps: &mut dyn Steps) -> Result<Done, Halt> {
    let query_ids = texts::row_ids(inputs::one(task, "query_texts")?)?;
    let needs_reference = spec.measures.iter().any(Measure::needs_reference);
    let mut study = Study {
        documents: Documents::read(inputs::one(task, "document_ids")?)?,
        run: read_run(task, "run", query_ids.len())?,
        reference: if needs_reference { Some(read_run(task, "reference", query_ids.len())?) } else { None },
        values: vec![Vec::new(); spec.measures.len()],
        lines: String::new(),
        largest_tied_group: 0,
    };
    let judged = Judged::read(inputs::one(task, "qrels")?, &study.documents)?;
    let mut facts = judged.facts();
    let queries = judged.in_order(query_ids);
    let total = queries.len() as u64;
    for (at, query) in (0..).zip(&queries) {
        if at % 256 == 0 {
            steps.progress(at, total)?;
            if steps.should_stop() {
                return Err(Halt::Stopped);
            }
        }
        let wrong = |error: MeasureError| JobError::damaged(format!("query \"{}\": {error}", query.id));
        study.evaluate(&spec.measures, query).map_err(wrong)?;
    }
    steps.progress(total, total)?;
    let file = task.scratch.join("per_query");
    fs::write(&file, study.lines).map_err(JobError::machine("write", &file))?;
    facts.insert("largest_tied_group".to_owned(), study.largest_tied_group as u64);
    let measures = spec.measures.iter().zip(&study.values).map(|(measure, values)| average(*measure, values));
    let files = vec![("per_query".to_owned(), ProducedFile::Written(file))];
    Ok(Done { files, measures: measures.collect(), facts, ..Done::default() })
}

/// What is looked at, and what came of it so far.
struct Study {
    documents: Documents,
    run: Run,
    /// The float32 run, where a measure compares with it.
    reference: Option<Run>,
    /// For each measure the values of the queries.
    values: Vec<Vec<Value>>,
    /// The lines of `per_query`.
    lines: String,
    largest_tied_group: usize,
}

impl Study {
    /// Evaluates the next query.
    fn evaluate(&mut self, measures: &[Measure], query: &Query) -> Result<(), MeasureError> {
        let found = self.documents.ranked(&self.run, query.row)?;
        let reference = self.reference.as_ref().map(|run| self.documents.ranked(run, query.row)).transpose()?;
        let judgements = Judgements::new(query.grades.known.clone(), &query.grades.absent)?;
        self.largest_tied_group = self.largest_tied_group.max(found.largest_group());
        let mut line = serde_json::Map::new();
        for (measure, values) in measures.iter().zip(&mut self.values) {
            let value = evaluate(*measure, &found, &judgements, reference.as_ref())?;
            values.push(value);
            let Value { value, min, max, trec_eval } = value;
            line.insert(measure.to_string(), json!({ "value": value, "min": min, "max": max, "trec_eval": trec_eval }));
        }
        self.lines += &format!("{}\n", json!({ "query": query.id, "measures": line }));
        Ok(())
    }
}

fn read_run(task: &Task, name: &str, queries: usize) -> Result<Run, JobError> {
    let run = run_file::read(inputs::one(task, name)?)?;
    if run.queries() == queries {
        return Ok(run);
    }
    Err(JobError::damaged(format!("\"{name}\" has {} lists, the dataset {queries} queries", run.queries())))
}
