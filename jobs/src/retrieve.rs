//! Queries and an index to a run.
//!
//! Where documents with the id of the query are ignored, one rank more is searched, the query's own document dropped,
//! and the list cut again behind the group tied at the asked depth: the same list as if the corpus did not hold it. (A walk
//! through a graph keeps as many documents with it as without it.)

use bitsweep_proto::Codec;
use bitsweep_proto::job::Retrieve;
use bitsweep_proto::wire::{Done, ProducedFile, Task};
use bitsweep_vectors::{Hits, Index, build};

use crate::error::{Halt, JobError};
use crate::inputs;
use crate::run_file::{self, Run};
use crate::steps::{Steps, with_stop};
use crate::{embedding_file, texts};

pub(crate) fn run(spec: &Retrieve, task: &Task, steps: &mut dyn Steps) -> Result<Done, Halt> {
    let queries = embedding_file::read(&inputs::all(task, "queries"), spec.dim as usize)?;
    let total = queries.rows as u64;
    steps.progress(0, total)?;
    let index = with_stop(steps, |stop| index(spec, task, stop))?;
    let own = if spec.ignore_identical_ids { Some(OwnIds::read(task)?) } else { None };
    let depth = spec.depth as usize;
    let searched = if own.is_some() { depth + 1 } else { depth };
    let hits = with_stop(steps, |stop| index.search(&queries, searched, stop))?;
    let run = match own {
        Some(own) => own.drop_from(&hits, depth)?,
        None => as_run(&hits),
    };
    let file = task.scratch.join("run");
    run_file::write(&file, &run)?;
    steps.progress(total, total)?;
    let mut done = Done::default();
    done.files.push(("run".to_owned(), ProducedFile::Written(file)));
    let deepest = run.lists().map(|(documents, _)| documents.len()).max().unwrap_or_default();
    for (fact, value) in [("queries", total), ("documents", index.rows() as u64), ("deepest", deepest as u64)] {
        done.facts.insert(fact.to_owned(), value);
    }
    Ok(done)
}

/// The index that is searched: the one given, or for float32 the documents themselves.
pub(crate) fn index(spec: &Retrieve, task: &Task, stop: &dyn Fn() -> bool) -> Result<Index, Halt> {
    let dim = spec.dim as usize;
    Ok(if spec.codec == Codec::Float32 {
        build(spec.codec, embedding_file::read(&inputs::all(task, "documents"), dim)?, stop)?
    } else {
        Index::load(spec.codec, dim, inputs::one(task, "index")?)?
    })
}

fn as_run(hits: &Hits) -> Run {
    let mut run = Run::default();
    for (documents, scores) in hits.iter() {
        run.push(documents, scores);
    }
    run
}

/// Ids of queries and documents, to tell when they are the same.
struct OwnIds {
    queries: Vec<String>,
    documents: Vec<String>,
}

impl OwnIds {
    fn read(task: &Task) -> Result<Self, JobError> {
        let queries = texts::row_ids(inputs::one(task, "query_texts")?)?;
        Ok(Self { queries, documents: texts::ids(inputs::one(task, "document_ids")?)? })
    }

    /// The lists without each query's own document, closed behind the group tied at `depth`.
    fn drop_from(&self, hits: &Hits, depth: usize) -> Result<Run, JobError> {
        let mut run = Run::default();
        let mut lists = hits.iter();
        for query in &self.queries {
            let short = || JobError::damaged(format!("{} query ids, fewer query vectors", self.queries.len()));
            let (documents, scores) = lists.next().ok_or_else(short)?;
            let mut kept: (Vec<u32>, Vec<f32>) = (Vec::new(), Vec::new());
            for (document, score) in documents.iter().zip(scores) {
                let id = self.documents.get(*document as usize);
                let id = id.ok_or_else(|| JobError::damaged(format!("document {document} has no id")))?;
                if id == query {
                    continue;
                }
                if kept.0.len() >= depth && kept.1[depth - 1] != *score {
                    break;
                }
                kept.0.push(*document);
                kept.1.push(*score);
            }
            run.push(&kept.0, &kept.1);
        }
        match lists.next() {
            None => Ok(run),
            Some(_) => Err(JobError::damaged(format!("{} query ids, more query vectors", self.queries.len()))),
        }
    }
}
