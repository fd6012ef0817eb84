//! How alike the two vectors of a pair are by a codec: the scores that retrieval would give them.
//!
//! A codec need not be symmetric: most score a query as it is against a stored code. So each vector of a pair is stored once and
//! asks once, and the score of the pair is the mean of both: `½ (score(a asks, b stored) + score(b asks, a stored))`, in float64.
//! Each of the two is exactly what [`Index::search`](crate::Index::search) gives: the inner product for float32 (the cosine of
//! vectors of length 1), minus the Hamming distance for symmetric binary codes, and so on.
//!
//! The codec is fitted before, on vectors of others. What is stored beside a vector has no part in its score, so pairs are
//! handled in blocks: memory and time grow with the number of pairs, not with its square.

use crate::error::VectorError;
use crate::index::{Index, Stored};
use crate::matrix::Matrix;
use crate::trained::Trained;

/// Pairs that are stored together.
const BLOCK: usize = 256;

/// The score of each pair: row `i` of `a` with row `i` of `b`.
///
/// No pairs give no scores. Fails where the sides differ in rows or dimensions, where a value is not finite, where a score
/// overflows, with [`VectorError::LeftOut`] where the codec's search does not find a document that is stored, and with
/// [`VectorError::Stopped`] where `stop` is true at a safe point.
pub fn pair_scores(
    mut trained: Trained,
    (a, b): (&Matrix, &Matrix),
    stop: &dyn Fn() -> bool,
) -> Result<Vec<f64>, VectorError> {
    for (what, side) in [("first vectors", a), ("second vectors", b)] {
        let (expected, found) = (trained.dim(), side.dim);
        if found != expected {
            return Err(VectorError::Width { what, unit: "dimensions", expected, found });
        }
    }
    if a.rows != b.rows {
        let (rows, width, len) = (a.rows, b.dim, b.data.len());
        return Err(VectorError::Shape { rows, width, len });
    }
    let mut scores = Vec::with_capacity(a.rows);
    for first in (0..a.rows).step_by(BLOCK) {
        let [a, b] = [a, b].map(|side| part(side, first));
        let (there, emptied) = one_way(trained, (&a, &b), stop).map_err(|error| moved(error, first))?;
        let (back, emptied) = one_way(emptied, (&b, &a), stop).map_err(|error| moved(error, first))?;
        trained = emptied;
        let both = there.into_iter().zip(back);
        // `+ 0.0` makes -0.0 into 0.0.
        scores.extend(both.map(|(there, back)| 0.5 * (f64::from(there) + f64::from(back)) + 0.0));
    }
    Ok(scores)
}

/// The block that begins at row `first`.
fn part(side: &Matrix, first: usize) -> Matrix {
    let rows = BLOCK.min(side.rows - first);
    Matrix { rows, dim: side.dim, data: side.data[first * side.dim..][..rows * side.dim].to_vec() }
}

/// Errors count rows from the first of all pairs.
fn moved(error: VectorError, first: usize) -> VectorError {
    match error {
        VectorError::Overflow { query } => VectorError::Overflow { query: first + query },
        VectorError::LeftOut { codec, row } => VectorError::LeftOut { codec, row: first + row },
        VectorError::NotFinite { row, dimension, value } => {
            VectorError::NotFinite { row: first + row, dimension, value }
        }
        other => other,
    }
}

/// Stores `documents` and has each query score the document of its row.
fn one_way(
    trained: Trained,
    (queries, documents): (&Matrix, &Matrix),
    stop: &dyn Fn() -> bool,
) -> Result<(Vec<f32>, Trained), VectorError> {
    let codec = trained.codec();
    let index = trained.store(documents, stop)?;
    queries.check_finite()?;
    let found = own_scores(&index, queries, stop)?;
    let each = found.into_iter().enumerate();
    let scores: Result<Vec<f32>, VectorError> =
        each.map(|(row, score)| score.ok_or(VectorError::LeftOut { codec, row })).collect();
    Ok((scores?, index.emptied()?))
}

fn own_scores(index: &Index, queries: &Matrix, stop: &dyn Fn() -> bool) -> Result<Vec<Option<f32>>, VectorError> {
    let codec = index.codec;
    if codec.is_approximate() {
        let reason = "its search is approximate and may leave a pair without a score".to_owned();
        return Err(VectorError::Unfit { codec, reason });
    }
    if let Stored::Faiss(index) = &index.stored {
        return index.own_scores(codec, queries, stop);
    }
    let hits = index.search(queries, index.rows(), stop)?;
    let own = |(query, (documents, scores)): (usize, (&[u32], &[f32]))| {
        let at = documents.iter().position(|document| *document as usize == query)?;
        Some(scores[at])
    };
    Ok(hits.iter().enumerate().map(own).collect())
}
