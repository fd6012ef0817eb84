//! What binary codes are like: their bits, documents that share a code, and Hamming distances beside those that theory predicts.
//!
//! Arithmetic is [exact](crate::binary): the same vectors and codes give the same numbers on every machine.
//!
//! **Bits** are those of all documents' codes. A bit is dead where it has one value in all of them. Of the others one is near-dead
//! where its rarer value is in fewer than 1 % of the documents, and doubled where an earlier one is equal to it in every
//! document, or opposite in every document. Entropy is `−p log₂ p − (1 − p) log₂(1 − p)` of the share `p` of the documents that
//! have the bit.
//!
//! **Pairs** are those of at most 256 queries, evenly spaced (`row = i * rows / 256`), each with the 10 documents of the greatest
//! inner products of float32 vectors (near pairs, ties by row), and with 10 others drawn by a fixed hash (far pairs, see `pairs.rs`). Queries
//! are coded as documents are, also where the codec scores them as they are. A document is not left out for having the id of the
//! query. Pairs with a vector of length 0, or shorter than 1e-9 where it is scaled to length 1 less the mean (that is rounding),
//! have no angle and are left out.
//!
//! **Theory** ([`Distances`]): for hyperplanes with independent normal coordinates the share of the bits that differ has
//! mean θ/π and variance `p(1 − p)/b`, over draws. It is taken for the vectors as they are (which is of their directions: codes know
//! no lengths), and for the vectors scaled to length 1, less the mean of the documents so scaled: of at most 65,536, evenly spaced,
//! as codecs learn it. The former applies to codecs with
//! thresholds at 0; the latter to those that centre, for medians as an approximation. The theory is about the rotation
//! `gaussian`. Orthonormal rows err less; for the other rotations it is a measure to compare with, not a prediction.
//!
//! **Signal** is what near and far pairs differ by, in errors: (mean share of far pairs − mean share of near pairs) by the root mean
//! square error over all pairs. Predicted it is told with and without centring, whatever the codec does. Observed the error is the
//! scatter within each kind of pair: of `n` pairs `n (error² − bias²)`, at least 0, of both kinds together by all pairs, and the root
//! of that. A bias that all pairs of a kind share is no noise. Where pairs do not scatter (1e-6 of the bits) there is none.
//!
//! | value | definition |
//! |---|---|
//! | `bits`, `dead_bits`, `near_dead_bits`, `doubled_bits` | counts |
//! | `mean_minority_share`, `mean_entropy` | means over the bits |
//! | `greatest_correlation` | greatest absolute correlation of two bits that are not dead; of codes up to 512 bits |
//! | `distinct_codes`, `shared_code_documents`, `largest_code_group` | different codes; documents whose code another has too; documents of the most frequent code |
//! | `near_as_is`, `near_centred`, `far_as_is`, `far_centred` | mean predicted share of the bits that differ |
//! | `near_predicted`, `far_predicted` | the one of these that applies to the codec |
//! | `near_observed`, `far_observed` | mean observed share |
//! | `near_bias`, `far_bias` | observed less predicted |
//! | `near_error`, `far_error`, `error` | root mean square of observed less predicted, pair by pair; `error` of all pairs |
//! | `near_error_predicted`, `far_error_predicted`, `error_predicted` | root mean of `p(1 − p)/b` |
//! | `near_error_ratio`, `far_error_ratio`, `error_ratio` | observed by predicted error |
//! | `signal_as_is`, `signal_centred`, `signal_observed` | signal, predicted and observed |
//!
//! What cannot be told (no documents, no queries, no others than the near documents) is not there.

mod bits;
mod pairs;
#[cfg(test)]
mod tests;
mod theory;

use std::collections::BTreeMap;

use bitsweep_proto::codec::Centre;

pub use bits::{Bits, Groups};
pub use theory::{Distances, Prediction};

use crate::binary::sign::{self, Signs};
use crate::error::VectorError;
use crate::exact::{dot, normalised};
use crate::hamming;
use crate::index::{Index, Stored};
use crate::kernels::Kernels;
use crate::matrix::{Codes, Matrix};
use pairs::Pairs;
use theory::{Pair, ratio, share, signal};

/// Queries whose pairs are looked at, at most.
const MOST_QUERIES: usize = 256;

/// A vector of length 1 nearer to the mean than this is the mean but for rounding: what is left of it has no direction.
const LEAST_LENGTH: f64 = 1e-9;

/// What [`inspect`] finds. The module docs define each value.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// Documents with a code.
    pub documents: u64,
    /// Queries looked at.
    pub queries: u64,
    /// The bits; `None` without documents.
    pub bits: Option<Bits>,
    /// Documents of one code.
    pub groups: Groups,
    /// Near pairs; `None` where there are none.
    pub near: Option<Distances>,
    /// Far pairs; `None` where there are none.
    pub far: Option<Distances>,
    /// Both; `None` where there are none.
    pub all: Option<Distances>,
}

impl Inspection {
    /// The values that can be told, by name.
    pub fn values(&self) -> BTreeMap<String, f64> {
        let mut values: Vec<(String, Option<f64>)> = Vec::new();
        let mut put = |name: &str, value: Option<f64>| values.push((name.to_owned(), value));
        if let Some(bits) = self.bits {
            put("bits", Some(bits.bits as f64));
            put("dead_bits", Some(bits.dead as f64));
            put("near_dead_bits", Some(bits.near_dead as f64));
            put("doubled_bits", Some(bits.doubled as f64));
            put("mean_minority_share", Some(bits.mean_minority_share));
            put("mean_entropy", Some(bits.mean_entropy));
            put("greatest_correlation", bits.greatest_correlation);
            put("distinct_codes", Some(self.groups.distinct as f64));
            put("shared_code_documents", Some(self.groups.shared as f64));
            put("largest_code_group", Some(self.groups.largest as f64));
        }
        for (kind, distances) in [("near", self.near), ("far", self.far)] {
            let Some(distances) = distances else { continue };
            put(&format!("{kind}_as_is"), Some(distances.as_is.share));
            put(&format!("{kind}_centred"), Some(distances.centred.share));
            put(&format!("{kind}_predicted"), Some(distances.predicted().share));
            put(&format!("{kind}_observed"), Some(distances.observed));
            put(&format!("{kind}_bias"), Some(distances.bias()));
        }
        for (kind, distances) in [("near_", self.near), ("far_", self.far), ("", self.all)] {
            let Some(distances) = distances else { continue };
            put(&format!("{kind}error"), Some(distances.error));
            put(&format!("{kind}error_predicted"), Some(distances.predicted().error));
            put(&format!("{kind}error_ratio"), distances.error_ratio());
        }
        if let (Some(near), Some(far), Some(all)) = (self.near, self.far, self.all) {
            put("signal_as_is", ratio(far.as_is.share - near.as_is.share, all.as_is.error));
            put("signal_centred", ratio(far.centred.share - near.centred.share, all.centred.error));
            put("signal_observed", signal(&near, &far));
        }
        values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// What the codes of `index` are like, which holds `documents`, and how far the codes of `queries` lie from them.
///
/// Fails where the index is not one of binary codes, where it holds another number of documents, where dimensions differ, where a
/// value is NaN or infinite, and with [`VectorError::Stopped`] where `stop` is true at a safe point. Without documents or queries
/// there are no pairs.
pub fn inspect(
    index: &Index,
    (documents, queries): (&Matrix, &Matrix),
    stop: &dyn Fn() -> bool,
) -> Result<Inspection, VectorError> {
    inspect_with(Kernels::chosen()?, index, (documents, queries), stop)
}

fn inspect_with(
    kernels: Kernels,
    index: &Index,
    (documents, queries): (&Matrix, &Matrix),
    stop: &dyn Fn() -> bool,
) -> Result<Inspection, VectorError> {
    let (signs, codes) = checked(index, (documents, queries))?;
    let count = queries.rows.min(MOST_QUERIES);
    let asked: Vec<usize> = (0..count).map(|i| i * queries.rows / count).collect();
    let data = asked.iter().flat_map(|row| queries.row(*row)).copied().collect();
    let queries = Matrix::new(count, queries.dim, data)?;
    let bits = Bits::of(codes, stop)?;
    let (mut near, mut far) = (Vec::new(), Vec::new());
    if codes.rows > 0 {
        let mean = sign::mean(kernels, documents, stop)?;
        let pairs = Pairs::of(kernels, documents, (&queries, &asked), stop)?;
        let sides = Sides { documents, codes, queries: &queries, asked: signs.encode(&queries, stop)?, mean };
        near = sides.pairs(&pairs.near);
        far = sides.pairs(&pairs.far);
    }
    let is_centred = index.codec.as_sign().is_some_and(|sign| sign.centre != Centre::None);
    let of = |pairs: &[Pair]| Distances::of(pairs, 8 * codes.bytes, is_centred);
    let all = [near.as_slice(), far.as_slice()].concat();
    Ok(Inspection {
        documents: codes.rows as u64,
        queries: count as u64,
        bits,
        groups: Groups::of(codes),
        near: of(&near),
        far: of(&far),
        all: of(&all),
    })
}

/// The codes, where index, documents and queries belong together.
fn checked<'i>(
    index: &'i Index,
    (documents, queries): (&Matrix, &Matrix),
) -> Result<(&'i Signs, &'i Codes), VectorError> {
    let Stored::Binary(signs, codes) = &index.stored else {
        let reason = "only binary codes have bits to look at".to_owned();
        return Err(VectorError::Unfit { codec: index.codec, reason });
    };
    for (what, side) in [("documents", documents), ("queries", queries)] {
        if side.dim != index.dim {
            let (expected, found) = (index.dim, side.dim);
            return Err(VectorError::Width { what, unit: "dimensions", expected, found });
        }
        side.check_finite()?;
    }
    if documents.rows != codes.rows {
        let (rows, width, len) = (codes.rows, documents.dim, documents.data.len());
        return Err(VectorError::Shape { rows, width, len });
    }
    Ok((signs, codes))
}

/// Vectors and codes of both sides of pairs.
struct Sides<'a> {
    documents: &'a Matrix,
    codes: &'a Codes,
    queries: &'a Matrix,
    /// Codes of the queries.
    asked: Codes,
    /// The mean of the normalised documents.
    mean: Vec<f64>,
}

impl Sides<'_> {
    /// The pairs of each query with these documents that have an angle.
    fn pairs(&self, lists: &[Vec<u32>]) -> Vec<Pair> {
        let dim = self.documents.dim;
        let mut found = Vec::new();
        for (query, list) in lists.iter().enumerate() {
            let asks = normalised(self.queries.row(query), dim);
            let asks_centred = self.about_mean(&asks);
            for document in list {
                let row = *document as usize;
                let stored = normalised(self.documents.row(row), dim);
                let both = asks_centred.as_ref().zip(self.about_mean(&stored));
                let centred = both.and_then(|(asks, stored)| share(asks, &stored));
                let Some((as_is, centred)) = share(&asks, &stored).zip(centred) else { continue };
                let differ = hamming::distance(self.asked.row(query), self.codes.row(row));
                let observed = f64::from(differ) / (8 * self.codes.bytes) as f64;
                found.push(Pair { as_is, centred, observed });
            }
        }
        found
    }

    /// The vector less the mean; `None` where that is shorter than [`LEAST_LENGTH`].
    fn about_mean(&self, vector: &[f64]) -> Option<Vec<f64>> {
        let about: Vec<f64> = vector.iter().zip(&self.mean).map(|(x, mean)| x - mean).collect();
        (dot(&about, &about).sqrt() >= LEAST_LENGTH).then_some(about)
    }
}
