//! Vectors to an index. The index is trained on the documents alone: no query has any part in it.

use bitsweep_proto::job::Compress;
use bitsweep_proto::wire::{Done, ProducedFile, Task};
use bitsweep_vectors::build;

use crate::embedding_file;
use crate::error::Halt;
use crate::inputs;
use crate::steps::{Steps, with_stop};

pub(crate) fn run(spec: &Compress, task: &Task, steps: &mut dyn Steps) -> Result<Done, Halt> {
    let documents = embedding_file::read(&inputs::all(task, "documents"), spec.dim as usize)?;
    let rows = documents.rows as u64;
    steps.progress(0, rows)?;
    // Building and saving fail where the index weighs anything but what the codec states.
    let index = with_stop(steps, |stop| build(spec.codec, documents, stop))?;
    let file = task.scratch.join("index");
    index.save(&file)?;
    steps.progress(rows, rows)?;
    let mut done = Done::default();
    done.files.push(("index".to_owned(), ProducedFile::Written(file)));
    let footprint = index.footprint();
    for (fact, value) in [
        ("rows", index.rows() as u64),
        ("dim", u64::from(spec.dim)),
        ("bytes_per_vector", footprint.bytes_per_vector),
        ("shared_bytes", footprint.shared_bytes),
    ] {
        done.facts.insert(fact.to_owned(), value);
    }
    Ok(done)
}
