//! Finding a task's inputs by name.

use std::fs;
use std::path::Path;

use bitsweep_proto::wire::{InputFile, Task};

use crate::error::JobError;

/// The inputs called `name`, in the plan's order.
pub(crate) fn all<'a>(task: &'a Task, name: &str) -> Vec<&'a InputFile> {
    task.inputs.iter().filter(|input| input.name == name).collect()
}

/// The only input called `name`.
pub(crate) fn one<'a>(task: &'a Task, name: &str) -> Result<&'a Path, JobError> {
    match all(task, name).as_slice() {
        [only] => Ok(&only.path),
        found => {
            let message = format!("expected one input \"{name}\", found {}", found.len());
            Err(JobError::failed("input/missing", message))
        }
    }
}

/// The bytes of an input.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, JobError> {
    fs::read(path).map_err(JobError::machine("read", path))
}
