//! McNemar's exact test for outcomes that are 0 or 1 (Q. McNemar, 1947): of the queries on which two systems differ, each
//! would be a coin's choice if they were the same.

/// Queries on which two systems differ, and what that is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct McNemar {
    /// Queries that only the first has right.
    pub only_first: u64,
    /// Queries that only the second has right.
    pub only_second: u64,
    /// Two-sided exact p; 1 where they never differ.
    pub p: f64,
}

/// Compares pairs of outcomes.
pub fn mcnemar(pairs: impl IntoIterator<Item = (bool, bool)>) -> McNemar {
    let (mut only_first, mut only_second) = (0, 0);
    for pair in pairs {
        match pair {
            (true, false) => only_first += 1,
            (false, true) => only_second += 1,
            _ => {}
        }
    }
    McNemar { only_first, only_second, p: two_sided(only_first, only_second) }
}

/// Twice the chance that of a + b coins at most min(a, b) fall on the rarer side, at most 1.
fn two_sided(a: u64, b: u64) -> f64 {
    let (n, least) = (a + b, a.min(b));
    let ln_factorial = |n: u64| libm::lgamma(n as f64 + 1.0);
    let ln_all = n as f64 * std::f64::consts::LN_2;
    let chance = |k: u64| libm::exp(ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k) - ln_all);
    // From the smallest up.
    let tail: f64 = (0..=least).map(chance).sum();
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17, `binomtest(min(a, b), a + b, 0.5).pvalue`.
    #[test]
    fn agrees_with_scipy() {
        let known = [
            ((0, 0), 1.0),
            ((5, 5), 1.0),
            ((0, 5), 0.0625),
            ((2, 10), 0.038_574_218_75),
            ((10, 25), 0.016_673_847_800_12),
        ];
        for ((a, b), expected) in known {
            for p in [two_sided(a, b), two_sided(b, a)] {
                assert!((p - expected).abs() < 1e-10, "{a} {b}: {p}");
            }
        }
        let many = two_sided(50_400, 49_600);
        assert!((many - 0.011_514_925_490_2).abs() < 1e-9, "{many}");
    }

    #[test]
    fn only_what_differs_counts() {
        let pairs = [(true, true), (true, false), (false, false), (true, false), (false, true)];
        assert_eq!(mcnemar(pairs), McNemar { only_first: 2, only_second: 1, p: 1.0 });
    }
}
