//! What an interval of a difference allows to say, in one of four words.

use std::fmt;

/// Differences of less than this are of no practical weight: 0.01 of a measure that goes from 0 to 1.
pub const MARGIN: f64 = 0.01;

/// How one codec stands to another, as the interval of their difference (the first less the second) says. Exactly one holds for
/// each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ruling {
    /// The whole interval lies below −margin.
    ClearlyWorse,
    /// The interval holds −margin with something on both sides, or ends there from below: neither a loss of more than the margin
    /// nor its absence is shown.
    Undecided,
    /// The whole interval lies at or above −margin, but not all of it above +margin: worse by the margin at most.
    Competitive,
    /// The whole interval lies above +margin.
    ClearlyBetter,
}

impl Ruling {
    /// All, worst first.
    pub const ALL: [Self; 4] = [Self::ClearlyWorse, Self::Undecided, Self::Competitive, Self::ClearlyBetter];

    /// What `[low, high]` allows to say. An interval with an end that is not a number is undecided.
    pub fn of([low, high]: [f64; 2], margin: f64) -> Self {
        if high < -margin {
            Self::ClearlyWorse
        } else if low > margin {
            Self::ClearlyBetter
        } else if low >= -margin && !high.is_nan() {
            Self::Competitive
        } else {
            Self::Undecided
        }
    }
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClearlyWorse => "clearly worse",
            Self::Undecided => "undecided",
            Self::Competitive => "competitive",
            Self::ClearlyBetter => "clearly better",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_one_word_each() {
        for (interval, word) in [
            ([-0.09, -0.02], "clearly worse"),
            ([-0.09, -0.010_001], "clearly worse"),
            ([-0.09, -0.01], "undecided"),
            ([-0.09, 0.0], "undecided"),
            ([-0.09, 0.09], "undecided"),
            ([-0.010_001, 0.3], "undecided"),
            ([-0.01, 0.3], "competitive"),
            ([-0.01, -0.01], "competitive"),
            ([-0.009, -0.001], "competitive"),
            ([-0.005, 0.005], "competitive"),
            ([0.0, 0.0], "competitive"),
            ([0.01, 0.3], "competitive"),
            ([0.010_001, 0.3], "clearly better"),
            ([0.2, 0.2], "clearly better"),
            ([f64::NAN, 0.0], "undecided"),
            ([0.0, f64::NAN], "undecided"),
        ] {
            assert_eq!(Ruling::of(interval, MARGIN).to_string(), word, "{interval:?}");
        }
    }

    /// What is clearly worse one way round is clearly better the other.
    #[test]
    fn sides_can_be_changed() {
        let ends: Vec<f64> = (-6..=6).map(|end| f64::from(end) / 200.0).collect();
        for low in &ends {
            for high in ends.iter().filter(|high| *high >= low) {
                let (a, b) = (Ruling::of([*low, *high], MARGIN), Ruling::of([-high, -low], MARGIN));
                assert_eq!(a == Ruling::ClearlyWorse, b == Ruling::ClearlyBetter, "{low} {high}");
            }
        }
    }

    #[test]
    fn no_margin_leaves_the_sign() {
        assert_eq!(Ruling::of([-0.2, -0.1], 0.0), Ruling::ClearlyWorse);
        assert_eq!(Ruling::of([-0.1, 0.1], 0.0), Ruling::Undecided);
        assert_eq!(Ruling::of([0.1, 0.2], 0.0), Ruling::ClearlyBetter);
    }
}
