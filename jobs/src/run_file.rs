//! Runs on disk: what retrieval found, one ranked list per query.
//!
//! A safetensors file tagged `run 1` with three tensors. `offsets`, int64, queries + 1 values: the list of query `q` lies
//! at `offsets[q]..offsets[q + 1]` of the other two. `documents`, uint32: rows of the corpus. `scores`, float32: best
//! first, equal scores in order of the row; greater is better for every codec (binary codes: minus the Hamming
//! distance). Queries are in the order of the dataset's queries. A list ends with the whole group tied at its depth.
//! That of an approximate search (`Codec::is_approximate`) may be shorter than the depth: what it lacks was not found.

use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use crate::error::JobError;
use crate::inputs;
use crate::tensors::{self, Column};

const FORMAT: &str = "run 1";

/// Ranked lists, one per query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    ends: Vec<usize>,
    documents: Vec<u32>,
    scores: Vec<f32>,
}

impl Run {
    /// Adds the list of the next query: rows of documents and their scores, best first.
    pub fn push(&mut self, documents: &[u32], scores: &[f32]) {
        debug_assert_eq!(documents.len(), scores.len());
        self.documents.extend_from_slice(documents);
        self.scores.extend_from_slice(scores);
        self.ends.push(self.documents.len());
    }

    /// Number of queries.
    pub fn queries(&self) -> usize {
        self.ends.len()
    }

    /// Documents and scores of query `query`, best first.
    pub fn list(&self, query: usize) -> (&[u32], &[f32]) {
        let start = if query == 0 { 0 } else { self.ends[query - 1] };
        let range = start..self.ends[query];
        (&self.documents[range.clone()], &self.scores[range])
    }

    /// The lists in the order of the queries.
    pub fn lists(&self) -> impl Iterator<Item = (&[u32], &[f32])> {
        (0..self.queries()).map(|query| self.list(query))
    }
}

/// Writes a run. The bytes depend on the run alone.
pub fn write(path: &Path, run: &Run) -> Result<(), JobError> {
    let mut offsets: Vec<i64> = vec![0];
    offsets.extend(run.ends.iter().map(|end| *end as i64));
    let column = |name, dtype, rows, bytes| Column { name, dtype, shape: vec![rows], bytes };
    let columns = [
        column("offsets", Dtype::I64, offsets.len(), bytemuck::cast_slice(&offsets)),
        column("documents", Dtype::U32, run.documents.len(), bytemuck::cast_slice(&run.documents)),
        column("scores", Dtype::F32, run.scores.len(), bytemuck::cast_slice(&run.scores)),
    ];
    tensors::write(path, FORMAT, &columns)
}

/// Reads a run. `input/damaged` where offsets do not fit, or a list is not in order of its scores.
pub fn read(path: &Path) -> Result<Run, JobError> {
    let bytes = inputs::read(path)?;
    let file = tensors::parse(&bytes, FORMAT, "the run")?;
    let column = |name, dtype| tensors::column(&file, name, (dtype, 1), "the run");
    let run = Run {
        ends: ends(&column("offsets", Dtype::I64)?)?,
        documents: tensors::fours(column("documents", Dtype::U32)?.data(), u32::from_le_bytes).collect(),
        scores: tensors::fours(column("scores", Dtype::F32)?.data(), f32::from_le_bytes).collect(),
    };
    let last = run.ends.last().copied().unwrap_or_default();
    if last != run.documents.len() || last != run.scores.len() {
        return Err(JobError::damaged("the run's lists do not add up to its documents and scores"));
    }
    let disordered = run.lists().position(|(_, scores)| !scores.is_sorted_by(|a, b| a >= b));
    match disordered {
        Some(query) => Err(JobError::damaged(format!("the run's list {query} is not in order of its scores"))),
        None => Ok(run),
    }
}

/// The offsets without the leading 0.
fn ends(offsets: &TensorView<'_>) -> Result<Vec<usize>, JobError> {
    let values: Option<Vec<usize>> = offsets
        .data()
        .as_chunks::<8>()
        .0
        .iter()
        .map(|bytes| usize::try_from(i64::from_le_bytes(*bytes)).ok())
        .collect();
    match values.as_deref() {
        Some([0, ends @ ..]) if ends.is_sorted() => Ok(ends.to_vec()),
        _ => Err(JobError::damaged("the run's offsets do not start at 0 and grow")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn small() -> Run {
        let mut run = Run::default();
        run.push(&[7, 2, 3], &[1.5, 0.5, 0.5]);
        run.push(&[], &[]);
        run.push(&[0], &[-4.0]);
        run
    }

    #[test]
    fn runs_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        for run in [Run::default(), small()] {
            write(&path, &run).unwrap();
            assert_eq!(read(&path).unwrap(), run);
        }
        let run = small();
        assert_eq!(run.list(0), ([7, 2, 3].as_slice(), [1.5, 0.5, 0.5].as_slice()));
        assert_eq!(run.lists().map(|(documents, _)| documents.len()).collect::<Vec<_>>(), [3, 0, 1]);
    }

    /// The stored format, byte for byte: change it only with its tag.
    #[test]
    fn golden_file_of_version_1() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        write(&path, &small()).unwrap();
        let bytes = fs::read(&path).unwrap();
        let header_bytes = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header = std::str::from_utf8(&bytes[8..8 + header_bytes]).unwrap();
        let expected = concat!(
            r#"{"__metadata__":{"bitsweep":"run 1"},"#,
            r#""offsets":{"dtype":"I64","shape":[4],"data_offsets":[0,32]},"#,
            r#""scores":{"dtype":"F32","shape":[4],"data_offsets":[32,48]},"#,
            r#""documents":{"dtype":"U32","shape":[4],"data_offsets":[48,64]}}"#
        );
        assert_eq!(header.trim_end(), expected);
        let offsets: Vec<u8> = [0i64, 3, 3, 4].iter().flat_map(|n| n.to_le_bytes()).collect();
        assert_eq!(bytes[8 + header_bytes..][..32], offsets);
    }

    #[test]
    fn what_is_not_a_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let case = |offsets: &[i64], documents: &[u32], scores: &[f32], format: &str| {
            let column = |name, dtype, rows, bytes| Column { name, dtype, shape: vec![rows], bytes };
            let columns = [
                column("offsets", Dtype::I64, offsets.len(), bytemuck::cast_slice(offsets)),
                column("documents", Dtype::U32, documents.len(), bytemuck::cast_slice(documents)),
                column("scores", Dtype::F32, scores.len(), bytemuck::cast_slice(scores)),
            ];
            tensors::write(&path, format, &columns).unwrap();
            read(&path).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(case(&[0, 2], &[1, 0], &[1.0, 0.0], "run 1"), Ok(()));
        for (offsets, scores, format, says) in [
            (&[0i64, 1][..], [1.0, 0.0], "run 1", "add up"),
            (&[0, 2, 1], [1.0, 0.0], "run 1", "grow"),
            (&[-1, 2], [1.0, 0.0], "run 1", "start at 0"),
            (&[0, 2], [0.0, 1.0], "run 1", "in order"),
            (&[0, 2], [f32::NAN, 1.0], "run 1", "in order"),
            (&[0, 2], [1.0, 0.0], "run 2", "expected \"run 1\""),
        ] {
            let error = case(offsets, &[1, 0], &scores, format).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        fs::write(&path, b"junk").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("not safetensors"));
    }
}
