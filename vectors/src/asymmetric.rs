//! Exhaustive search over codes with queries that stay as they are: a table for each byte of a code says what each of its 256
//! values adds to the score of a query.
//!
//! For binary codes the score is the sum over bits of the query's number for that bit, added where the bit is 1 and
//! subtracted where it is 0. The 256 sums of each byte are made once for a query (`0 ± n[0] ± … ± n[7]`, in this order).
//! A score adds up the bytes' sums in order, in float64, and is rounded to float32 at the end. So equal codes tie exactly, on
//! every machine; scores that differ by less than float32 tells apart tie too.

use crate::error::VectorError;
use crate::hits::Hits;
use crate::matrix::Codes;

/// Values of one byte.
pub(crate) const VALUES: usize = 256;

/// The best `depth` documents of each query, and all that tie with the last of them; order: score descending, then row
/// ascending. `numbers` holds `8 * codes.bytes` for each query. Fails with [`VectorError::Stopped`] where `stop` is true between
/// two queries.
pub(crate) fn search(
    codes: &Codes,
    numbers: &[f64],
    depth: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Hits, VectorError> {
    let width = 8 * codes.bytes;
    let fill = |query: usize, sums: &mut [f64]| signed_sums(&numbers[query * width..][..width], sums);
    search_by(codes, (numbers.len() / width, depth), &fill, stop)
}

/// The same for any codes and a number of queries: `fill` makes the sums of a query, for each byte those of its 256 values.
pub(crate) fn search_by(
    codes: &Codes,
    (queries, depth): (usize, usize),
    fill: &dyn Fn(usize, &mut [f64]),
    stop: &dyn Fn() -> bool,
) -> Result<Hits, VectorError> {
    let mut hits = Hits::default();
    let mut sums = vec![0.0; codes.bytes * VALUES];
    for query in 0..queries {
        if stop() {
            return Err(VectorError::Stopped);
        }
        fill(query, &mut sums);
        let score = |code: &[u8]| {
            let parts = code.iter().zip(sums.chunks_exact(VALUES)).map(|(byte, sums)| sums[usize::from(*byte)]);
            // `+ 0.0` makes -0.0 into 0.0, so that equal scores have equal bits.
            parts.fold(0.0, |sum: f64, part| sum + part) as f32 + 0.0
        };
        let scores: Vec<f32> = codes.data.chunks_exact(codes.bytes).map(score).collect();
        select(&scores, depth, &mut hits);
    }
    Ok(hits)
}

/// The sums of each byte's values, added where a bit is 1 and subtracted where it is 0.
fn signed_sums(query: &[f64], sums: &mut [f64]) {
    for (numbers, sums) in query.chunks_exact(8).zip(sums.chunks_exact_mut(VALUES)) {
        for (value, sum) in sums.iter_mut().enumerate() {
            let signed = |(bit, number): (usize, &f64)| if value >> bit & 1 == 1 { *number } else { -*number };
            *sum = numbers.iter().enumerate().map(signed).fold(0.0, |sum, number| sum + number);
        }
    }
}

/// Adds one query's list.
fn select(scores: &[f32], depth: usize, hits: &mut Hits) {
    let wanted = depth.min(scores.len());
    if wanted > 0 {
        let mut sorted = scores.to_vec();
        let (_, cut, _) = sorted.select_nth_unstable_by(wanted - 1, |a, b| b.total_cmp(a));
        let cut = *cut;
        let mut found: Vec<(f32, u32)> = scores.iter().copied().zip(0..).filter(|(score, _)| *score >= cut).collect();
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        hits.scores.extend(found.iter().map(|(score, _)| score));
        hits.documents.extend(found.iter().map(|(_, document)| document));
    }
    hits.end_query();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_sums_of_signed_numbers_and_ties_are_kept() {
        let codes = Codes::new(4, 2, vec![0b1, 0, 0, 0, 0b1, 0, 0b11, 0b1000_0000]).unwrap();
        let mut query = vec![0.0; 16];
        (query[0], query[1], query[15]) = (2.0, -0.5, 0.25);
        let hits = search(&codes, &query, 1, &|| false).unwrap();
        assert_eq!(hits.get(0), (&[0, 2][..], &[2.25, 2.25][..]));
        let hits = search(&codes, &query, 4, &|| false).unwrap();
        assert_eq!(hits.get(0), (&[0, 2, 3, 1][..], &[2.25, 2.25, 1.75, -1.75][..]));
        assert_eq!(search(&codes, &query, 0, &|| false).unwrap().get(0).0, &[] as &[u32]);
        assert!(matches!(search(&codes, &query, 1, &|| true), Err(VectorError::Stopped)));
    }
}
