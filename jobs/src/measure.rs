//! A run and judgements to measures, per query and averaged over all judged queries.
//!
//! Queries are evaluated in the order of the dataset's queries, those that it does not hold after them by id: they are
//! judged, so they count, and no run has them, so they count 0. Judged documents that the corpus lacks cannot be
//! found but count in ideals and recalls.
//!
//! `per_query` has one JSON object a line, in that order:
//! `{"query":"q1","measures":{"nDCG@10":{"value":…,"min":…,"max":…,"trec_eval":…}}}`, with `null` for a measure that
//! trec_eval lacks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bitsweep_measures::{Hit, Judgements, MeasureError, QueryRun, Value, average, evaluate};
use bitsweep_proto::Measure;
use bitsweep_proto::job::MeasureSpec;
use bitsweep_proto::wire::{Done, ProducedFile, Task};
use serde_json::json;

use crate::error::{Halt, JobError};
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

/// The documents' ids in order.
struct Documents {
    /// Ids by row.
    ids: Vec<String>,
    /// Rows in order of their ids as byte strings.
    by_name: Vec<u32>,
    /// The inverse: the position of each row in `by_name`.
    name_order: Vec<u32>,
}

impl Documents {
    fn read(path: &Path) -> Result<Self, JobError> {
        let ids = texts::ids(path)?;
        let rows = u32::try_from(ids.len()).map_err(|_| JobError::damaged("more documents than 32 bits can count"))?;
        let mut by_name: Vec<u32> = (0..rows).collect();
        by_name.sort_unstable_by_key(|row| ids[*row as usize].as_bytes());
        let mut name_order = vec![0; ids.len()];
        for (position, row) in (0..).zip(&by_name) {
            name_order[*row as usize] = position;
        }
        Ok(Self { ids, by_name, name_order })
    }

    /// The row of the document called `id`.
    fn row(&self, id: &str) -> Option<u32> {
        let at = self.by_name.binary_search_by_key(&id.as_bytes(), |row| self.ids[*row as usize].as_bytes());
        at.ok().map(|at| self.by_name[at])
    }

    /// The list of query `row` as the measures take it; the empty one for a query without a row.
    fn ranked(&self, run: &Run, row: Option<usize>) -> Result<QueryRun, MeasureError> {
        let Some(row) = row else { return Ok(QueryRun::default()) };
        let (documents, scores) = run.list(row);
        let hits = documents.iter().zip(scores);
        QueryRun::new(
            hits.map(|(document, score)| Hit { document: *document, score: f64::from(*score) }),
            &self.name_order,
        )
    }
}

/// The grades of one query.
#[derive(Default)]
struct Grades {
    /// Of documents in the corpus, by row.
    known: Vec<(u32, i32)>,
    /// Of documents that it lacks.
    absent: Vec<i32>,
}

/// One judged query.
struct Query {
    id: String,
    /// Its row in the runs; `None` for a query that the dataset lacks.
    row: Option<usize>,
    grades: Grades,
}

/// All judgements by query.
struct Judged(BTreeMap<String, Grades>);

impl Judged {
    fn read(path: &Path, documents: &Documents) -> Result<Self, JobError> {
        let mut queries: BTreeMap<String, Grades> = BTreeMap::new();
        for judgement in texts::judgements(path)? {
            let grades = queries.entry(judgement.query).or_default();
            match documents.row(&judgement.document) {
                Some(row) => grades.known.push((row, judgement.score)),
                None => grades.absent.push(judgement.score),
            }
        }
        Ok(Self(queries))
    }

    fn facts(&self) -> BTreeMap<String, u64> {
        let sum = |of: fn(&Grades) -> usize| self.0.values().map(of).sum::<usize>() as u64;
        let facts = [
            ("judged_queries", self.0.len() as u64),
            ("judgements", sum(|grades| grades.known.len() + grades.absent.len())),
            ("judgements_of_absent_documents", sum(|grades| grades.absent.len())),
        ];
        facts.into_iter().map(|(fact, value)| (fact.to_owned(), value)).collect()
    }

    /// The judged queries: those of the dataset in its order, then the others by id.
    fn in_order(mut self, dataset: Vec<String>) -> Vec<Query> {
        let mut queries = Vec::with_capacity(self.0.len());
        for (row, id) in dataset.into_iter().enumerate() {
            if let Some(grades) = self.0.remove(&id) {
                queries.push(Query { id, row: Some(row), grades });
            }
        }
        queries.extend(self.0.into_iter().map(|(id, grades)| Query { id, row: None, grades }));
        queries
    }
}
