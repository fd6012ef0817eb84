//! Cosines, eigenvalues and the moments of single dimensions.

use super::{QUANTILES, mean_and_deviation};
use crate::exact::products::{Panels, cross, product};
use crate::exact::{dot, eigen};
use crate::kernels::Kernels;

/// Standard deviations beyond which a dimension's mean is an outlier.
const FAR: f64 = 6.0;

/// Eigenvalues of a covariance, greatest first, none below 0.
pub(super) struct Spectrum(Vec<f64>);

/// The mean cosine of two different rows: from the length of their sum.
pub(super) fn mean_cosine(rows: &[f64], dim: usize) -> Option<f64> {
    let n = (rows.len() / dim) as f64;
    let (mut sum, mut own) = (vec![0.0; dim], 0.0);
    for row in rows.chunks_exact(dim) {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        own += dot(row, row);
    }
    (n >= 2.0).then(|| (dot(&sum, &sum) - own) / (n * (n - 1.0)))
}

/// Quantiles of the cosines of all pairs.
pub(super) fn cosine_quantiles(kernels: Kernels, rows: &[f64], dim: usize) -> Option<[f64; 5]> {
    let n = rows.len() / dim;
    let mut cosines = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    let panels = Panels::new(n, dim, |row, d| rows[row * dim + d]);
    for (block, left) in rows.chunks(256 * dim).enumerate() {
        for (i, row) in product(kernels, left, &panels, n).chunks_exact(n).enumerate() {
            cosines.extend_from_slice(&row[(block * 256 + i + 1).min(n)..]);
        }
    }
    cosines.sort_unstable_by(f64::total_cmp);
    let last = cosines.len().checked_sub(1)?;
    Some(QUANTILES.map(|percent| {
        let (whole, part) = (last * percent / 100, (last * percent % 100) as f64 / 100.0);
        let (low, high) = (cosines[whole], cosines[(whole + 1).min(last)]);
        low + (high - low) * part
    }))
}

/// The spectrum of the covariance of the rows.
pub(super) fn of(kernels: Kernels, rows: &[f64], dim: usize) -> Spectrum {
    let n = rows.len() / dim;
    if n == 0 {
        return Spectrum(Vec::new());
    }
    let mut mean = vec![0.0; dim];
    for row in rows.chunks_exact(dim) {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x);
    }
    mean.iter_mut().for_each(|mean| *mean /= n as f64);
    let centred: Vec<f64> = rows.iter().zip(mean.iter().cycle()).map(|(x, mean)| x - mean).collect();
    let covariance = cross(kernels, &centred, &centred, (dim, dim)).into_iter().map(|sum| sum / n as f64).collect();
    Spectrum(eigen::symmetric(covariance, dim).values.into_iter().map(|value| value.max(0.0)).collect())
}

impl Spectrum {
    /// The sum of the values and of their squares; `None` where there is no variance but rounding noise.
    fn sums(&self) -> Option<(f64, f64)> {
        /// Vectors have length 1: less variance than this is noise.
        const NOISE: f64 = 1e-24;
        let sum = self.0.iter().fold(0.0, |sum, x| sum + x);
        (sum > NOISE).then(|| (sum, self.0.iter().fold(0.0, |sum, x| sum + x * x)))
    }

    pub(super) fn top_share(&self) -> Option<f64> {
        self.sums().map(|(sum, _)| self.0[0] / sum)
    }

    pub(super) fn participation_ratio(&self) -> Option<f64> {
        self.sums().map(|(sum, squares)| sum * sum / squares)
    }

    /// From the distance of √d λ / |λ| to (1, 1, …), scaled to 0 … 1.
    pub(super) fn isoscore(&self) -> Option<f64> {
        let d = self.0.len() as f64;
        let (_, squares) = self.sums().filter(|_| d >= 2.0)?;
        let scale = d.sqrt() / squares.sqrt();
        let distance = self.0.iter().fold(0.0, |sum, x| sum + (x * scale - 1.0) * (x * scale - 1.0));
        let defect = distance / (2.0 * (d - d.sqrt()));
        let directions = d - defect * (d - d.sqrt());
        Some((directions * directions - d) / (d * (d - 1.0)))
    }
}

/// Moments of each dimension over the rows.
pub(super) struct Moments {
    means: Vec<f64>,
    variances: Vec<f64>,
    /// Excess; of dimensions that vary.
    kurtoses: Vec<f64>,
}

/// The moments of every dimension.
pub(super) fn moments(rows: &[f64], dim: usize) -> Moments {
    let mut moments = Moments { means: Vec::new(), variances: Vec::new(), kurtoses: Vec::new() };
    if rows.is_empty() {
        return moments;
    }
    for d in 0..dim {
        let column: Vec<f64> = rows.iter().skip(d).step_by(dim).copied().collect();
        let (mean, deviation) = mean_and_deviation(&column);
        let squares = column.iter().map(|x| (x - mean) * (x - mean));
        let fourth = squares.fold(0.0, |sum, square| sum + square * square) / column.len() as f64;
        let variance = deviation * deviation;
        moments.means.push(mean);
        moments.variances.push(variance);
        if variance > 0.0 {
            moments.kurtoses.push(fourth / (variance * variance) - 3.0);
        }
    }
    moments
}

impl Moments {
    pub(super) fn outlier_means(&self) -> u64 {
        if self.means.is_empty() {
            return 0;
        }
        let (centre, deviation) = mean_and_deviation(&self.means);
        self.means.iter().filter(|mean| (*mean - centre).abs() > FAR * deviation).count() as u64
    }

    pub(super) fn greatest_kurtosis(&self) -> Option<f64> {
        self.kurtoses.iter().copied().max_by(f64::total_cmp)
    }

    pub(super) fn variance_ratio(&self) -> Option<f64> {
        let mut sorted = self.variances.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let (middle, greatest) = (sorted.len() / 2, *sorted.last()?);
        let even = sorted.len().is_multiple_of(2);
        let median = if even { (sorted[middle - 1] + sorted[middle]) / 2.0 } else { sorted[middle] };
        (median > 0.0).then(|| greatest / median)
    }

    pub(super) fn heterogeneity(&self) -> Option<f64> {
        if self.variances.is_empty() {
            return None;
        }
        let (mean, deviation) = mean_and_deviation(&self.variances);
        (mean > 0.0).then(|| deviation / mean)
    }
}
