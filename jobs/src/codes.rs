//! Binary codes to what their bits are like, and to how their Hamming distances compare with those that theory predicts.

use bitsweep_proto::job::CodesSpec;
use bitsweep_proto::wire::{Done, Task};
use bitsweep_vectors::{Index, inspect};

use crate::error::Halt;
use crate::steps::{Steps, with_stop};
use crate::{embedding_file, inputs};

pub(crate) fn run(spec: &CodesSpec, task: &Task, steps: &mut dyn Steps) -> Result<Done, Halt> {
    let dim = spec.dim as usize;
    let documents = embedding_file::read(&inputs::all(task, "documents"), dim)?;
    let queries = embedding_file::read(&inputs::all(task, "queries"), dim)?;
    let total = documents.rows as u64;
    steps.progress(0, total)?;
    let index = Index::load(spec.codec, dim, inputs::one(task, "index")?)?;
    let found = with_stop(steps, |stop| inspect(&index, (&documents, &queries), stop))?;
    steps.progress(total, total)?;
    let pairs = |of: Option<bitsweep_vectors::inspect::Distances>| of.map_or(0, |of| of.pairs);
    let facts = [
        ("documents", found.documents),
        ("queries", found.queries),
        ("near_pairs", pairs(found.near)),
        ("far_pairs", pairs(found.far)),
    ];
    let facts = facts.map(|(name, count)| (name.to_owned(), count)).into();
    Ok(Done { facts, values: found.values(), ..Done::default() })
}
