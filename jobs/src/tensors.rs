//! Safetensors files with a format tag: the container of embeddings and runs.
//!
//! The tag stands in the header's metadata under `bitsweep`, so that a file of another format or version is refused by
//! name instead of being misread. Values are little-endian, as the container asks.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::error::JobError;

const TAG: &str = "bitsweep";

const _: () = assert!(cfg!(target_endian = "little"), "the files are written as they lie in memory");

/// One tensor to write.
pub(crate) struct Column<'a> {
    pub(crate) name: &'a str,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: &'a [u8],
}

/// Writes `columns` under the tag `format`. The bytes depend on the arguments alone.
pub(crate) fn write(path: &Path, format: &str, columns: &[Column<'_>]) -> Result<(), JobError> {
    let views = columns.iter().map(|column| {
        let view = TensorView::new(column.dtype, column.shape.clone(), column.bytes)
            .expect("the shape was taken from the values");
        (column.name, view)
    });
    let tag = HashMap::from([(TAG.to_owned(), format.to_owned())]);
    let bytes = safetensors::serialize(views, Some(tag)).expect("views of plain numbers can be serialised");
    fs::write(path, bytes).map_err(JobError::machine("write", path))
}

/// Parses a file that [`write`] made with this tag.
pub(crate) fn parse<'a>(bytes: &'a [u8], format: &str, what: &str) -> Result<SafeTensors<'a>, JobError> {
    let damaged =
        |error: safetensors::SafeTensorError| JobError::damaged(format!("{what} is not safetensors: {error}"));
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let found = metadata.metadata().as_ref().and_then(|metadata| metadata.get(TAG));
    if found.map(String::as_str) != Some(format) {
        return Err(JobError::damaged(format!("{what} has the format {found:?}, expected \"{format}\"")));
    }
    SafeTensors::deserialize(bytes).map_err(damaged)
}

/// The tensor `name`, which must have `dtype` and `rank` dimensions.
pub(crate) fn column<'a>(
    file: &SafeTensors<'a>,
    name: &str,
    (dtype, rank): (Dtype, usize),
    what: &str,
) -> Result<TensorView<'a>, JobError> {
    let tensor = file.tensor(name).map_err(|error| JobError::damaged(format!("{what}: {error}")))?;
    if tensor.dtype() == dtype && tensor.shape().len() == rank {
        return Ok(tensor);
    }
    let (found, shape) = (tensor.dtype(), tensor.shape());
    Err(JobError::damaged(format!(
        "{what}: tensor \"{name}\" is {found:?} {shape:?}, expected {dtype:?} of rank {rank}"
    )))
}

/// Numbers of 4 bytes.
pub(crate) fn fours<T>(bytes: &[u8], from: fn([u8; 4]) -> T) -> impl Iterator<Item = T> {
    bytes.as_chunks::<4>().0.iter().map(move |four| from(*four))
}
