//! Documents and judgements of a dataset as the measures take them: by row.

use std::collections::BTreeMap;
use std::path::Path;

use bitsweep_measures::{Hit, MeasureError, QueryRun};

use crate::error::JobError;
use crate::run_file::Run;
use crate::texts;

/// The documents' ids in order.
pub struct Documents {
    /// Ids by row.
    ids: Vec<String>,
    /// Rows in order of their ids as byte strings.
    by_name: Vec<u32>,
    /// The inverse: the position of each row in `by_name`.
    name_order: Vec<u32>,
}

impl Documents {
    /// Reads the ids of a dataset's documents.
    pub fn read(path: &Path) -> Result<Self, JobError> {
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
    pub fn row(&self, id: &str) -> Option<u32> {
        let at = self.by_name.binary_search_by_key(&id.as_bytes(), |row| self.ids[*row as usize].as_bytes());
        at.ok().map(|at| self.by_name[at])
    }

    /// The ids by row.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// The position of each row's id among all ids sorted as byte strings.
    pub fn name_order(&self) -> &[u32] {
        &self.name_order
    }

    /// The list of query `row` as the measures take it; the empty one for a query without a row.
    pub fn ranked(&self, run: &Run, row: Option<usize>) -> Result<QueryRun, MeasureError> {
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
pub struct Grades {
    /// Of documents in the corpus, by row.
    pub known: Vec<(u32, i32)>,
    /// Of documents that it lacks.
    pub absent: Vec<i32>,
}

/// One judged query.
pub struct Query {
    /// Its id.
    pub id: String,
    /// Its row in the runs; `None` for a query that the dataset lacks.
    pub row: Option<usize>,
    /// What is known of its documents.
    pub grades: Grades,
}

/// All judgements by query.
pub struct Judged(BTreeMap<String, Grades>);

impl Judged {
    /// Reads the judgements of a dataset with these documents.
    pub fn read(path: &Path, documents: &Documents) -> Result<Self, JobError> {
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

    /// How many there are, for a job to state.
    pub(crate) fn facts(&self) -> BTreeMap<String, u64> {
        let sum = |of: fn(&Grades) -> usize| self.0.values().map(of).sum::<usize>() as u64;
        let facts = [
            ("judged_queries", self.0.len() as u64),
            ("judgements", sum(|grades| grades.known.len() + grades.absent.len())),
            ("judgements_of_absent_documents", sum(|grades| grades.absent.len())),
        ];
        facts.into_iter().map(|(fact, value)| (fact.to_owned(), value)).collect()
    }

    /// The judged queries: those of the dataset in its order, then the others by id.
    pub fn in_order(mut self, dataset: Vec<String>) -> Vec<Query> {
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
