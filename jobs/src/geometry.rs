//! Vectors to what their geometry is.

use bitsweep_proto::job::GeometrySpec;
use bitsweep_proto::wire::{Done, Task};
use bitsweep_vectors::geometry::geometry;

use crate::error::Halt;
use crate::steps::{Steps, with_stop};
use crate::{embedding_file, inputs};

pub(crate) fn run(spec: &GeometrySpec, task: &Task, steps: &mut dyn Steps) -> Result<Done, Halt> {
    let dim = spec.dim as usize;
    let documents = embedding_file::read(&inputs::all(task, "documents"), dim)?;
    let queries = embedding_file::read(&inputs::all(task, "queries"), dim)?;
    let total = documents.rows as u64;
    steps.progress(0, total)?;
    let found = with_stop(steps, |stop| geometry(&documents, &queries, stop))?;
    steps.progress(total, total)?;
    let facts = [("documents", found.documents), ("duplicates", found.duplicates), ("queries", found.queries)];
    let facts = facts.map(|(name, count)| (name.to_owned(), count)).into();
    Ok(Done { facts, values: found.values(), ..Done::default() })
}
