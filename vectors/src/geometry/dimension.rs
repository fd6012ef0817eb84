//! Intrinsic dimension from the distances of neighbours.

use super::neighbours::{NEIGHBOURS, Nearest};
use crate::exact::ln;

/// TwoNN. `None` below 10 points.
pub(super) fn two_nn(near: &Nearest) -> Option<f64> {
    let mut ratios: Vec<f64> = near.iter().filter_map(|near| Some(near.get(1)?.1 / near[0].1)).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let n = ratios.len();
    let kept = n * 9 / 10;
    if n < 10 {
        return None;
    }
    let (mut products, mut squares) = (0.0, 0.0);
    for (i, ratio) in (1..).zip(&ratios[..kept]) {
        let (x, y) = (ln(*ratio), -ln(1.0 - f64::from(i) / n as f64));
        products += x * y;
        squares += x * x;
    }
    (squares > 0.0).then(|| products / squares)
}

/// Maximum likelihood. `None` where a point has fewer than 20 others.
pub(super) fn mle(near: &Nearest) -> Option<f64> {
    if near.is_empty() || near.iter().any(|near| near.len() < NEIGHBOURS) {
        return None;
    }
    let inverse = |near: &Vec<(u32, f64)>| {
        let farthest = near[NEIGHBOURS - 1].1;
        near.iter().fold(0.0, |sum, (_, distance)| sum + ln(farthest / distance)) / (NEIGHBOURS - 1) as f64
    };
    let mean = near.iter().fold(0.0, |sum, near| sum + inverse(near)) / near.len() as f64;
    (mean > 0.0).then(|| 1.0 / mean)
}
