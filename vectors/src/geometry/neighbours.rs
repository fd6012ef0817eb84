//! The nearest neighbours of points on the unit sphere, by looking at all of them.

use std::collections::HashSet;

use crate::error::VectorError;
use crate::exact::products::{Panels, product};
use crate::kernels::Kernels;

/// Neighbours that are kept of each point.
pub(super) const NEIGHBOURS: usize = 20;

/// How many more are compared by their distance: a cosine near 1 tells distances apart less well.
const MARGIN: usize = 4;

/// Rows whose cosines with all points are made at once.
const BLOCK: usize = 128;

/// Distinct points.
pub(super) struct Points {
    rows: Vec<f64>,
    dim: usize,
    /// Rows that were left out as copies of earlier ones.
    pub(super) duplicates: usize,
}

/// The nearest points of each row, nearest first: point and distance. At most [`NEIGHBOURS`].
pub(super) type Nearest = Vec<Vec<(u32, f64)>>;

impl Points {
    pub(super) fn of(rows: &[f64], dim: usize) -> Self {
        let mut seen = HashSet::new();
        let mut distinct = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(dim) {
            // `+ 0.0` makes -0.0 into 0.0.
            let bits: Vec<u64> = row.iter().map(|x| (x + 0.0).to_bits()).collect();
            if seen.insert(bits) {
                distinct.extend_from_slice(row);
            }
        }
        let duplicates = (rows.len() - distinct.len()) / dim;
        Self { rows: distinct, dim, duplicates }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() / self.dim
    }

    /// The nearest others of each point.
    pub(super) fn nearest(&self, kernels: Kernels, stop: &dyn Fn() -> bool) -> Result<Nearest, VectorError> {
        self.search(kernels, (&self.rows, Some), stop)
    }

    /// The nearest points of each of other rows.
    pub(super) fn nearest_of(
        &self,
        kernels: Kernels,
        rows: &[f64],
        stop: &dyn Fn() -> bool,
    ) -> Result<Nearest, VectorError> {
        self.search(kernels, (rows, |_| None), stop)
    }

    /// `own`: the point that a row is itself.
    fn search(
        &self,
        kernels: Kernels,
        (rows, own): (&[f64], impl Fn(usize) -> Option<usize>),
        stop: &dyn Fn() -> bool,
    ) -> Result<Nearest, VectorError> {
        let (n, dim) = (self.len(), self.dim);
        let panels = Panels::new(n, dim, |row, d| self.rows[row * dim + d]);
        let mut found = Nearest::new();
        for block in rows.chunks(BLOCK * dim) {
            if stop() {
                return Err(VectorError::Stopped);
            }
            let cosines = product(kernels, block, &panels, n);
            for (i, row) in block.chunks_exact(dim).enumerate() {
                let own = own(found.len());
                let cosine = |point: &u32| cosines[i * n + *point as usize];
                let mut points: Vec<u32> = (0..n as u32).filter(|point| Some(*point as usize) != own).collect();
                let kept = points.len().min(NEIGHBOURS + MARGIN);
                if kept < points.len() {
                    points.select_nth_unstable_by(kept, |a, b| cosine(b).total_cmp(&cosine(a)).then(a.cmp(b)));
                    points.truncate(kept);
                }
                let mut near: Vec<(u32, f64)> =
                    points.into_iter().map(|point| (point, self.distance(row, point as usize))).collect();
                near.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
                near.truncate(NEIGHBOURS);
                found.push(near);
            }
        }
        Ok(found)
    }

    fn distance(&self, row: &[f64], point: usize) -> f64 {
        let other = &self.rows[point * self.dim..][..self.dim];
        row.iter().zip(other).fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b)).sqrt()
    }
}
