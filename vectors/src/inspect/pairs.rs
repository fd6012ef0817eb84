//! Which pairs of a query and a document are looked at: near ones, and others.

use crate::error::VectorError;
use crate::exact::products::{Panels, product};
use crate::kernels::Kernels;
use crate::matrix::Matrix;

/// Near documents of each query, and as many others.
pub(super) const EACH: usize = 10;

/// Documents whose inner products with all queries are made at once.
const BLOCK: usize = 512;

/// Rows of documents for each query, in the order of the queries.
pub(super) struct Pairs {
    /// The best by inner product of float32 vectors, best first, ties by row.
    pub(super) near: Vec<Vec<u32>>,
    /// Drawn from the rest.
    pub(super) far: Vec<Vec<u32>>,
}

impl Pairs {
    /// `asked`: the rows that the queries have among all, by which the far documents are drawn: see [`far`]. All vectors are
    /// finite.
    pub(super) fn of(
        kernels: Kernels,
        documents: &Matrix,
        (queries, asked): (&Matrix, &[usize]),
        stop: &dyn Fn() -> bool,
    ) -> Result<Self, VectorError> {
        let near = nearest(kernels, documents, queries, stop)?;
        let far = asked.iter().zip(&near).map(|(query, near)| far(*query, near, documents.rows)).collect();
        Ok(Self { near, far })
    }
}

/// At most [`EACH`] documents for each query. An inner product is made of float64 products, added up in order.
fn nearest(
    kernels: Kernels,
    documents: &Matrix,
    queries: &Matrix,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Vec<u32>>, VectorError> {
    let (dim, count) = (documents.dim, queries.rows);
    let mut best: Vec<Vec<(f64, u32)>> = vec![Vec::with_capacity(EACH + 1); count];
    if count == 0 {
        return Ok(Vec::new());
    }
    let panels = Panels::new(count, dim, |row, d| f64::from(queries.row(row)[d]));
    let mut document = 0;
    for block in documents.data.chunks(BLOCK * dim) {
        if stop() {
            return Err(VectorError::Stopped);
        }
        let block: Vec<f64> = block.iter().map(|x| f64::from(*x)).collect();
        for products in product(kernels, &block, &panels, count).chunks_exact(count) {
            for (best, product) in best.iter_mut().zip(products) {
                offer(best, *product, document);
            }
            document += 1;
        }
    }
    Ok(best.into_iter().map(|best| best.into_iter().map(|(_, document)| document).collect()).collect())
}

/// Puts a document in its place among the best, behind those of the same product: documents are offered by row.
fn offer(best: &mut Vec<(f64, u32)>, product: f64, document: u32) {
    let place = best.partition_point(|(other, _)| *other >= product);
    if place < EACH {
        best.insert(place, (product, document));
        best.truncate(EACH);
    }
}

/// [`EACH`] documents that are not near, all different; all of them where there are not so many. The `i`-th number of a query is
/// [`mixed`] of `query * 2^32 + i`, and its document that number modulo the documents; numbers that lead to a document
/// taken before, or to a near one, are passed over.
fn far(query: usize, near: &[u32], documents: usize) -> Vec<u32> {
    let wanted = EACH.min(documents - near.len());
    let mut drawn: Vec<u32> = Vec::with_capacity(wanted);
    let mut number = (query as u64) << 32;
    while drawn.len() < wanted {
        // A remainder of a u32 is one.
        let document = (mixed(number) % documents as u64) as u32;
        if !near.contains(&document) && !drawn.contains(&document) {
            drawn.push(document);
        }
        number += 1;
    }
    drawn
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, salt: usize) -> Matrix {
        let value = |at: usize| ((at * 7919 + at / 5 * salt) % 17) as f32 - 8.0;
        Matrix::new(rows, 5, (0..5 * rows).map(value).collect()).unwrap()
    }

    #[test]
    fn the_near_are_those_of_a_full_sort() {
        let (documents, queries) = (matrix(1200, 31), matrix(7, 13));
        for kernels in Kernels::available() {
            let found = nearest(kernels, &documents, &queries, &|| false).unwrap();
            for (query, found) in found.iter().enumerate() {
                let score = |row: &u32| -> f32 {
                    let terms = documents.row(*row as usize).iter().zip(queries.row(query));
                    terms.fold(0.0, |sum, (a, b)| sum + a * b)
                };
                let mut order: Vec<u32> = (0..1200).collect();
                order.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.cmp(b)));
                assert_eq!(found, &order[..EACH], "{kernels:?} {query}");
            }
        }
    }

    #[test]
    fn the_far_are_others_and_all_different() {
        for documents in [0, 3, 10, 11, 20, 25, 5000] {
            let near: Vec<u32> = (0..documents.min(EACH) as u32).collect();
            for query in 0..20 {
                let mut found = far(query, &near, documents);
                assert_eq!(found, far(query, &near, documents));
                assert_eq!(found.len(), EACH.min(documents - near.len()));
                found.sort_unstable();
                found.dedup();
                assert_eq!(found.len(), EACH.min(documents - near.len()));
                assert!(found.iter().all(|row| !near.contains(row) && (*row as usize) < documents));
            }
        }
        assert_ne!(far(0, &[], 5000), far(1, &[], 5000));
    }

    #[test]
    fn few_documents_are_all_near_and_no_queries_have_none() {
        let of = |documents: usize, queries: usize| {
            let asked: Vec<usize> = (0..queries).collect();
            let (documents, queries) = (matrix(documents, 31), matrix(queries, 13));
            Pairs::of(Kernels::available()[0], &documents, (&queries, &asked), &|| false).unwrap()
        };
        let few = of(4, 2);
        assert_eq!(few.near.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4]);
        assert!(few.far.iter().all(Vec::is_empty));
        let none = of(40, 0);
        assert!(none.near.is_empty() && none.far.is_empty());
        assert!(of(0, 2).near.iter().all(Vec::is_empty));
    }
}
