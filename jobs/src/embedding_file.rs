//! Embeddings on disk: one safetensors file per chunk, tagged `vectors 1`, with one tensor `vectors`, float32, rows × dim,
//! row-major.
//!
//! An embedding is the list of its chunk files in row order, over any number of shards. A chunk's name holds its first
//! row, so that a list with a hole, a repeat or the wrong order is refused instead of shifting every document.

use std::path::Path;

use bitsweep_proto::wire::InputFile;
use bitsweep_vectors::Matrix;
use safetensors::tensor::Dtype;

use crate::error::JobError;
use crate::inputs;
use crate::tensors::{self, Column};

const FORMAT: &str = "vectors 1";

/// The name of the chunk that starts at `first_row` of the whole embedding.
pub fn chunk_name(first_row: u64) -> String {
    format!("chunk/{first_row:09}")
}

/// Writes the vectors of one chunk: `data` is rows × `dim`, row-major. The bytes depend on the vectors alone.
pub fn write(path: &Path, data: &[f32], dim: usize) -> Result<(), JobError> {
    let shape = vec![data.len() / dim, dim];
    tensors::write(
        path,
        FORMAT,
        &[Column { name: "vectors", dtype: Dtype::F32, shape, bytes: bytemuck::cast_slice(data) }],
    )
}

/// Reads the chunks of one embedding, in order, into one matrix of `dim` columns. No chunk gives an empty matrix.
///
/// Errors: `input/damaged` where a file is not such a chunk, has another number of dimensions, holds a value that is
/// not finite, or does not follow its predecessor.
pub fn read(chunks: &[&InputFile], dim: usize) -> Result<Matrix, JobError> {
    let mut data = Vec::new();
    for chunk in chunks {
        let rows = data.len() / dim;
        let expected = chunk_name(rows as u64);
        if chunk.item != expected {
            let message =
                format!("the embedding \"{}\" goes on with \"{}\", expected \"{expected}\"", chunk.name, chunk.item);
            return Err(JobError::damaged(message));
        }
        read_chunk(chunk, dim, &mut data)?;
    }
    matrix(data, dim)
}

/// Reads one chunk, wherever in the embedding it stands.
///
/// Errors: as [`read`], but for the place.
pub(crate) fn read_one(chunk: &InputFile, dim: usize) -> Result<Matrix, JobError> {
    let mut data = Vec::new();
    read_chunk(chunk, dim, &mut data)?;
    matrix(data, dim)
}

fn matrix(data: Vec<f32>, dim: usize) -> Result<Matrix, JobError> {
    Matrix::new(data.len() / dim, dim, data).map_err(|error| JobError::damaged(format!("vectors: {error}")))
}

fn read_chunk(chunk: &InputFile, dim: usize, data: &mut Vec<f32>) -> Result<(), JobError> {
    let what = format!("\"{}\" of \"{}\"", chunk.item, chunk.name);
    let bytes = inputs::read(&chunk.path)?;
    let file = tensors::parse(&bytes, FORMAT, &what)?;
    let tensor = tensors::column(&file, "vectors", (Dtype::F32, 2), &what)?;
    if tensor.shape()[1] != dim {
        return Err(JobError::damaged(format!("{what} has {} dimensions, expected {dim}", tensor.shape()[1])));
    }
    let start = data.len();
    data.extend(tensors::fours(tensor.data(), f32::from_le_bytes));
    match data[start..].iter().position(|value| !value.is_finite()) {
        Some(at) => Err(JobError::damaged(format!("{what} holds a value that is not finite in row {}", at / dim))),
        None => Ok(()),
    }
}
