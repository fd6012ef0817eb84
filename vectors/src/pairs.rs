//! How alike the two vectors of a pair are by a codec: the cosine of what the codec keeps of them.
//!
//! A codec need not be symmetric: most score a query as it is against a stored code. So each vector of a pair is stored once and
//! asks once, and the score of the pair is the mean of both: `½ (cosine(a asks, b stored) + cosine(b asks, a stored))`, in float64.
//! Each of the two is what [`Index::search`](crate::Index::search) gives, divided by the lengths of what is multiplied there:
//!
//! | codec | length of the query | length of what is stored |
//! |---|---|---|
//! | float32, those that are decoded | its own | that of the decoded vector |
//! | rabitq, which estimates the inner product with the vector itself | its own | that of the vector |
//! | asymmetric binary codes | that of its projections | √bits |
//! | symmetric binary codes: minus the Hamming distance, which knows no lengths | 1 | 1 |
//!
//! A ranking for one query does not ask how long the query is; pairs have each their own. And a decoded vector is shorter than the
//! vector was, the more so the less its code says of it: at 8 bytes by a third, and not alike for all. Without division pairs
//! would be ordered by that too, and codecs that know no lengths would look better than they are.
//!
//! The codec is fitted before, on vectors of others. What is stored beside a vector has no part in its score, so pairs are
//! handled in blocks: memory and time grow with the number of pairs, not with its square.

use bitsweep_proto::Codec;

use crate::error::VectorError;
use crate::faiss_index::length;
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
        // `+ 0.0` makes -0.0 into 0.0.
        scores.extend(there.into_iter().zip(back).map(|(there, back)| 0.5 * (there + back) + 0.0));
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

/// Stores `documents` and has each query score the document of its row. A cosine with a vector of length 0 is 0.
fn one_way(
    trained: Trained,
    (queries, documents): (&Matrix, &Matrix),
    stop: &dyn Fn() -> bool,
) -> Result<(Vec<f64>, Trained), VectorError> {
    let codec = trained.codec();
    let index = trained.store(documents, stop)?;
    queries.check_finite()?;
    let found = own_scores(&index, queries, stop)?;
    let each = found.into_iter().enumerate();
    let scores: Result<Vec<f32>, VectorError> =
        each.map(|(row, score)| score.ok_or(VectorError::LeftOut { codec, row })).collect();
    let mut scores: Vec<f64> = scores?.into_iter().map(f64::from).collect();
    if let Some([asked, stored]) = lengths(&index, (queries, documents), stop)? {
        for (score, length) in scores.iter_mut().zip(asked.iter().zip(&stored).map(|(asked, stored)| asked * stored)) {
            *score = if length == 0.0 { 0.0 } else { *score / length };
        }
    }
    Ok((scores, index.emptied()?))
}

/// The lengths of what is multiplied, of queries and of what is stored; `None` where nothing is.
fn lengths(
    index: &Index,
    (queries, documents): (&Matrix, &Matrix),
    stop: &dyn Fn() -> bool,
) -> Result<Option<[Vec<f64>; 2]>, VectorError> {
    let of_rows = |rows: &Matrix| (0..rows.rows).map(|row| length(rows.row(row))).collect::<Vec<f64>>();
    Ok(match &index.stored {
        Stored::Binary(signs, codes) => {
            let of_codes = || vec![((8 * codes.bytes) as f64).sqrt(); codes.rows];
            signs.lengths(queries, stop)?.map(|asked| [asked, of_codes()])
        }
        Stored::Int2(quarters, codes) => Some([of_rows(queries), quarters.lengths(codes)]),
        Stored::Faiss(_) if index.codec == Codec::Rabitq => Some([of_rows(queries), of_rows(documents)]),
        Stored::Faiss(faiss) => Some([of_rows(queries), faiss.lengths()?]),
    })
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
