//! Hubness: whether few documents are neighbours of many.

use super::mean_and_deviation;
use super::neighbours::Nearest;

/// Neighbours that count.
const NEAR: usize = 10;

/// A document is a hub where it occurs at least `HUB · NEAR` = 20 times. Among documents each occurs 10 times on
/// average, so that is twice the mean. Among the neighbours of queries the mean is 10 · queries / documents, and the
/// threshold stays 20: how many hubs queries have depends on how many queries there are.
const HUB: usize = 2;

/// How unevenly documents occur among the 10 nearest neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hubness {
    /// Skewness of the occurrences (of the population): 0 where there are no hubs.
    pub skewness: f64,
    /// Gini index of the occurrences: 0 where all documents occur equally often, 1 where one has all.
    pub gini: f64,
    /// Share of the occurrences that would have to change hands to make them equal.
    pub robin_hood: f64,
    /// Share of documents that never occur.
    pub antihubs: f64,
    /// Share of the occurrences that fall on documents which occur at least 20 times: twice as often as there are
    /// neighbours.
    pub hubs: f64,
}

impl Hubness {
    /// `None` where nothing has 10 neighbours, and where all documents occur equally often by necessity.
    pub(super) fn of(near: &Nearest, points: usize) -> Option<Self> {
        if near.is_empty() || near.iter().any(|near| near.len() < NEAR) || points <= NEAR {
            return None;
        }
        let mut counts = vec![0usize; points];
        for (point, _) in near.iter().flat_map(|near| &near[..NEAR]) {
            counts[*point as usize] += 1;
        }
        counts.sort_unstable();
        let total: usize = counts.iter().sum();
        let (n, sum) = (points as f64, total as f64);
        let values: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
        let (mean, deviation) = mean_and_deviation(&values);
        let third = values.iter().fold(0.0, |sum, x| sum + (x - mean) * (x - mean) * (x - mean)) / n;
        let weighted = values.iter().zip(1..).fold(0.0, |sum, (x, i)| sum + (2.0 * f64::from(i) - n - 1.0) * x);
        let apart = values.iter().fold(0.0, |sum, x| sum + (x - mean).abs());
        let hubs: usize = counts.iter().filter(|count| **count >= HUB * NEAR).sum();
        Some(Self {
            skewness: if deviation > 0.0 { third / (deviation * deviation * deviation) } else { 0.0 },
            gini: weighted / (n * sum),
            robin_hood: apart / 2.0 / sum,
            antihubs: counts.iter().filter(|count| **count == 0).count() as f64 / n,
            hubs: hubs as f64 / sum,
        })
    }
}
