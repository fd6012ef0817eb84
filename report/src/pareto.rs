//! The Pareto front: the codecs that no other beats in size and quality at once.

/// Whether each of `points` (bytes, value) is on the front: no other has at most its bytes and at least its value, one of the
/// two strictly. Points that are equal in both are on it together. A value that is not a number is on no front.
pub(crate) fn front(points: &[(u64, f64)]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..points.len()).filter(|at| !points[*at].1.is_nan()).collect();
    order.sort_by(|a, b| points[*a].0.cmp(&points[*b].0).then(points[*b].1.total_cmp(&points[*a].1)));
    let mut on_it = vec![false; points.len()];
    let mut last: Option<(u64, f64)> = None;
    for at in order {
        let (bytes, value) = points[at];
        if last.is_none_or(|last| value > last.1 || last == (bytes, value)) {
            on_it[at] = true;
            last = Some((bytes, value));
        }
    }
    on_it
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition as it stands.
    fn by_definition(points: &[(u64, f64)]) -> Vec<bool> {
        let beats = |a: (u64, f64), b: (u64, f64)| a.0 <= b.0 && a.1 >= b.1 && (a.0 < b.0 || a.1 > b.1);
        points.iter().map(|point| !points.iter().any(|other| beats(*other, *point))).collect()
    }

    #[test]
    fn it_is_what_the_definition_says() {
        // A generator of Lehmer: small numbers, so that many are equal.
        let mut state = 1_u64;
        let mut next = |below: u64| {
            state = state * 48_271 % 2_147_483_647;
            state % below
        };
        for _ in 0..2000 {
            let points: Vec<(u64, f64)> = (0..next(12)).map(|_| (8 << next(5), next(6) as f64 / 8.0)).collect();
            assert_eq!(front(&points), by_definition(&points), "{points:?}");
        }
    }

    #[test]
    fn known_fronts() {
        assert!(front(&[]).is_empty());
        assert_eq!(front(&[(8, 0.4), (8, 0.5), (16, 0.5), (32, 0.6)]), [false, true, false, true]);
        assert_eq!(front(&[(8, 0.5), (8, 0.5)]), [true, true]);
        assert_eq!(front(&[(8, f64::NAN), (16, 0.0)]), [false, true]);
    }
}
