//! Vectors to their first dimensions: the chunks of one embedding job, one after the other.
//!
//! A chunk in is a chunk out, under the same name: the name holds its first row in the whole embedding, so that whoever reads the
//! shards finds a hole in what is truncated as in what is whole.

use bitsweep_proto::job::TruncateSpec;
use bitsweep_proto::wire::{Done, ProducedFile, Task};
use bitsweep_vectors::{Matrix, truncated};

use crate::error::{Halt, JobError};
use crate::steps::Steps;
use crate::{embedding_file, inputs};

pub(crate) fn run(spec: &TruncateSpec, task: &Task, steps: &mut dyn Steps) -> Result<Done, Halt> {
    let (dim, dims) = (spec.dim as usize, spec.dims as usize);
    let chunks = inputs::all(task, "vectors");
    if chunks.is_empty() {
        return Err(JobError::failed("input/missing", "there are no \"vectors\" to truncate").into());
    }
    let total = chunks.len() as u64;
    let mut done = Done::default();
    let (mut rows, mut zeros) = (0, 0);
    for (chunk, number) in chunks.into_iter().zip(0..) {
        steps.progress(number, total)?;
        if steps.should_stop() {
            return Err(Halt::Stopped);
        }
        let vectors = short(spec, &embedding_file::read_one(chunk, dim)?)?;
        rows += vectors.rows as u64;
        zeros += vectors.data.chunks(dims).filter(|row| row.iter().all(|value| *value == 0.0)).count() as u64;
        let file = task.scratch.join(chunk.item.replace('/', "-"));
        embedding_file::write(&file, &vectors.data, dims)?;
        done.files.push((chunk.item.clone(), ProducedFile::Written(file)));
    }
    steps.progress(total, total)?;
    let facts = [("rows", rows), ("dim", u64::from(spec.dims)), ("zeros", zeros)];
    done.facts.extend(facts.map(|(fact, value)| (fact.to_owned(), value)));
    Ok(done)
}

/// The first dimensions of `vectors`, as the job says.
pub(crate) fn short(spec: &TruncateSpec, vectors: &Matrix) -> Result<Matrix, Halt> {
    Ok(truncated(vectors, spec.dims as usize, spec.normalize)?)
}
