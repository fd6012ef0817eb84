//! The geometry of embeddings: what may tell how well they binarise.
//!
//! All of it is about the vectors scaled to length 1 (`y`), whose inner products are cosines; a zero vector stays zero. What is
//! looked at: at most 10,000 documents, evenly spaced (`row = i * rows / 10,000`), and at most as many queries. Arithmetic is
//! [exact](crate::binary): the same vectors give the same numbers on every machine.
//!
//! | value | definition | source |
//! |---|---|---|
//! | `mean_cosine` | mean cosine of two different documents, over all pairs | Ethayarajh 2019 |
//! | `cosine_quantiles` | 5, 25, 50, 75, 95 % of the cosines of all pairs of at most 4,096 documents, between two of them linearly | |
//! | `top_eigenvalue_share` | λ₁ / Σλ, with the eigenvalues λ of the covariance | |
//! | `participation_ratio` | (Σλ)² / Σλ² | Gao et al. 2017 |
//! | `isoscore` | IsoScore of λ: 0 where one direction has all variance, 1 where all have the same | Rudman et al. 2022 |
//! | `two_nn` | TwoNN intrinsic dimension: the slope through the origin of −ln(1 − i/n) over ln μ, without the greatest 10 % of μ | Facco et al. 2017 |
//! | `mle` | maximum-likelihood intrinsic dimension of 20 neighbours, points combined by the mean of the inverses | Levina and Bickel 2004; MacKay and Ghahramani 2005 |
//! | `hubness`, `query_hubness` | how often documents are among the 10 nearest of other documents, and of queries: see [`Hubness`] | Radovanović et al. 2010 |
//! | `outlier_means` | dimensions whose mean over the documents is more than 6 standard deviations from the mean of all these means | |
//! | `greatest_kurtosis` | greatest excess kurtosis of a dimension over the documents | |
//! | `variance_ratio` | greatest variance of a dimension by the median one | |
//! | `heterogeneity` | coefficient of variation of the variances of the dimensions (standard deviation by mean): 0 where all are equal | after Xiao 2026 (arXiv 2605.17524), whose own formula is not used |
//!
//! Neighbours are by Euclidean distance, of documents without exact copies of earlier ones (`duplicates` counts those): copies
//! have distance 0, which intrinsic dimensions cannot use. Near copies stay, and pull `mle` down: one in a hundred by about a tenth. What cannot be told (too few documents, no variance) is `None`.

mod dimension;
mod hubness;
mod neighbours;
mod spectrum;

use std::collections::BTreeMap;

pub use hubness::Hubness;

use crate::error::VectorError;
use crate::exact::normalised;
use crate::kernels::Kernels;
use crate::matrix::Matrix;
use neighbours::Points;

/// Documents that are looked at, at most.
const MOST: usize = 10_000;

/// Documents of which all pairs are looked at, at most.
const MOST_PAIRED: usize = 4_096;

/// The quantiles that [`Geometry::cosine_quantiles`] holds, in per cent.
pub const QUANTILES: [usize; 5] = [5, 25, 50, 75, 95];

/// What [`geometry`] finds. The module docs define each value.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    /// Documents looked at.
    pub documents: u64,
    /// Of these, exact copies of earlier ones.
    pub duplicates: u64,
    /// Queries looked at.
    pub queries: u64,
    /// Mean cosine of pairs.
    pub mean_cosine: Option<f64>,
    /// [`QUANTILES`] of the cosines of pairs.
    pub cosine_quantiles: Option<[f64; 5]>,
    /// Share of the variance along its greatest direction.
    pub top_eigenvalue_share: Option<f64>,
    /// Number of directions that share the variance.
    pub participation_ratio: Option<f64>,
    /// IsoScore.
    pub isoscore: Option<f64>,
    /// TwoNN intrinsic dimension.
    pub two_nn: Option<f64>,
    /// Maximum-likelihood intrinsic dimension.
    pub mle: Option<f64>,
    /// Document to document.
    pub hubness: Option<Hubness>,
    /// Query to document.
    pub query_hubness: Option<Hubness>,
    /// Dimensions with a mean far from the others'.
    pub outlier_means: u64,
    /// Greatest excess kurtosis of a dimension.
    pub greatest_kurtosis: Option<f64>,
    /// Greatest by median variance of a dimension.
    pub variance_ratio: Option<f64>,
    /// Coefficient of variation of the dimensions' variances.
    pub heterogeneity: Option<f64>,
}

impl Geometry {
    /// The values that can be told, by name: as in the fields, `cosine_p05` … for quantiles, `hubness_gini` … for hubness.
    pub fn values(&self) -> BTreeMap<String, f64> {
        let single = [
            ("mean_cosine", self.mean_cosine),
            ("top_eigenvalue_share", self.top_eigenvalue_share),
            ("participation_ratio", self.participation_ratio),
            ("isoscore", self.isoscore),
            ("two_nn", self.two_nn),
            ("mle", self.mle),
            ("outlier_means", Some(self.outlier_means as f64)),
            ("greatest_kurtosis", self.greatest_kurtosis),
            ("variance_ratio", self.variance_ratio),
            ("heterogeneity", self.heterogeneity),
        ];
        let mut values: BTreeMap<String, f64> =
            single.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        for (percent, cosine) in QUANTILES.into_iter().zip(self.cosine_quantiles.into_iter().flatten()) {
            values.insert(format!("cosine_p{percent:02}"), cosine);
        }
        for (name, hubness) in [("hubness", self.hubness), ("query_hubness", self.query_hubness)] {
            let Some(Hubness { skewness, gini, robin_hood, antihubs, hubs }) = hubness else { continue };
            let parts = [
                ("skewness", skewness),
                ("gini", gini),
                ("robin_hood", robin_hood),
                ("antihubs", antihubs),
                ("hubs", hubs),
            ];
            values.extend(parts.map(|(part, value)| (format!("{name}_{part}"), value)));
        }
        values
    }
}

/// The geometry of `documents` and of `queries` among them.
///
/// Fails where a value is NaN or infinite, where the two differ in dimensions, and with [`VectorError::Stopped`] where `stop` is
/// true at a safe point. No documents have no geometry: every value is `None`.
pub fn geometry(documents: &Matrix, queries: &Matrix, stop: &dyn Fn() -> bool) -> Result<Geometry, VectorError> {
    geometry_with(Kernels::chosen()?, documents, queries, stop)
}

fn geometry_with(
    kernels: Kernels,
    documents: &Matrix,
    queries: &Matrix,
    stop: &dyn Fn() -> bool,
) -> Result<Geometry, VectorError> {
    if queries.dim != documents.dim {
        let (expected, found) = (documents.dim, queries.dim);
        return Err(VectorError::Width { what: "queries", unit: "dimensions", expected, found });
    }
    documents.check_finite()?;
    queries.check_finite()?;
    let dim = documents.dim;
    let all = sample(documents, MOST);
    let asked = sample(queries, MOST);
    let points = Points::of(&all, dim);
    let check = || if stop() { Err(VectorError::Stopped) } else { Ok(()) };
    check()?;
    let spectrum = spectrum::of(kernels, &all, dim);
    check()?;
    let moments = spectrum::moments(&all, dim);
    let near = points.nearest(kernels, stop)?;
    let near_queries = points.nearest_of(kernels, &asked, stop)?;
    Ok(Geometry {
        documents: (all.len() / dim) as u64,
        duplicates: points.duplicates as u64,
        queries: (asked.len() / dim) as u64,
        mean_cosine: spectrum::mean_cosine(&all, dim),
        cosine_quantiles: spectrum::cosine_quantiles(kernels, &sample(documents, MOST_PAIRED), dim),
        top_eigenvalue_share: spectrum.top_share(),
        participation_ratio: spectrum.participation_ratio(),
        isoscore: spectrum.isoscore(),
        two_nn: dimension::two_nn(&near),
        mle: dimension::mle(&near),
        hubness: Hubness::of(&near, points.len()),
        query_hubness: Hubness::of(&near_queries, points.len()),
        outlier_means: moments.outlier_means(),
        greatest_kurtosis: moments.greatest_kurtosis(),
        variance_ratio: moments.variance_ratio(),
        heterogeneity: moments.heterogeneity(),
    })
}

/// At most `most` rows, evenly spaced, scaled to length 1.
fn sample(matrix: &Matrix, most: usize) -> Vec<f64> {
    let count = matrix.rows.min(most);
    let rows: Vec<f32> = (0..count).flat_map(|i| matrix.row(i * matrix.rows / count)).copied().collect();
    normalised(&rows, matrix.dim)
}

/// The mean and the standard deviation (of the population).
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().fold(0.0, |sum, x| sum + x) / n;
    let variance = values.iter().fold(0.0, |sum, x| sum + (x - mean) * (x - mean)) / n;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests;
