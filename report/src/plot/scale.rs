//! Ranges and ticks of the two axes.

/// Room beside the outermost codes, in doublings.
const MARGIN: f64 = 0.34;

/// The axis of bytes: positions are base-2 logarithms.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bytes {
    /// Left end.
    pub(crate) from: f64,
    /// Right end.
    pub(crate) to: f64,
    /// Powers of two with a label; at most ten.
    pub(crate) ticks: Vec<f64>,
}

impl Bytes {
    /// Holds all of `bytes` with a third of a doubling to each side, and more where fewer than two ticks would show.
    pub(crate) fn new(bytes: impl IntoIterator<Item = u64>) -> Self {
        let (mut least, mut greatest) = (u64::MAX, 1);
        for bytes in bytes {
            least = least.min(bytes.max(1));
            greatest = greatest.max(bytes);
        }
        let (mut from, mut to) = ((least.min(greatest) as f64).log2() - MARGIN, (greatest as f64).log2() + MARGIN);
        // Every power of two from 1 byte on is a whole number of bytes.
        let ends = |from: f64, to: f64| (from.ceil().max(0.0) as i32, to.floor() as i32);
        while ends(from, to).0 >= ends(from, to).1 {
            (from, to) = (from - MARGIN, to + MARGIN);
        }
        let (first, last) = ends(from, to);
        let step = (last - first) / 10 + 1;
        let ticks = (first..=last).filter(|tick| (tick - first) % step == 0).map(f64::from).collect();
        Self { from, to, ticks }
    }
}

/// The axis of quality, from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quality {
    /// Upper end, a multiple of `step`; 1 at most, since no measure exceeds it.
    pub(crate) to: f64,
    /// Distance of ticks: 1, 2 or 5 times a power of ten.
    pub(crate) step: f64,
}

impl Quality {
    /// Holds all values up to `greatest`, with some room above it where 1 leaves any.
    pub(crate) fn new(greatest: f64) -> Self {
        if greatest <= 0.0 {
            return Self { to: 1.0, step: 0.2 };
        }
        let step = nice(greatest / 8.0);
        Self { to: ((greatest * 1.02 / step).ceil() * step).min(1.0), step }
    }

    /// Labelled values.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let count = (self.to / self.step).round() as u32;
        (0..=count).map(|tick| f64::from(tick) * self.step).collect()
    }

    /// A tick's label: as many digits as the step has.
    pub(crate) fn label(&self, value: f64) -> String {
        let places = (-self.step.log10().floor()).max(0.0) as usize;
        format!("{value:.places$}")
    }
}

/// An axis that need not hold 0: from a tick below all values to one above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    /// Lower end, a multiple of `step`.
    pub(crate) from: f64,
    /// Upper end, likewise.
    pub(crate) to: f64,
    /// Distance of ticks: 1, 2 or 5 times a power of ten.
    step: f64,
}

impl Span {
    /// Holds all values, with some room on both sides; 0 to 1 without any.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let ends = values.into_iter().fold(None, |ends: Option<[f64; 2]>, value| {
            let [least, greatest] = ends.unwrap_or([value, value]);
            Some([least.min(value), greatest.max(value)])
        });
        let [least, greatest] = ends.unwrap_or([0.0, 1.0]);
        let width = if greatest > least { greatest - least } else { least.abs().max(1.0) / 5.0 };
        let step = nice(width / 3.0);
        let from = ((least - width / 12.0) / step).floor() * step;
        Self { from, to: ((greatest + width / 12.0) / step).ceil() * step, step }
    }

    /// Labelled values.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let [first, last] = [self.from, self.to].map(|end| (end / self.step).round() as i64);
        (first..=last).map(|tick| tick as f64 * self.step).collect()
    }

    /// A tick's label: as many digits as the step has.
    pub(crate) fn label(&self, value: f64) -> String {
        let places = (-self.step.log10().floor()).max(0.0) as usize;
        format!("{value:.places$}").replace('-', "−")
    }
}

/// The next of 1, 2, 5 times a power of ten that is not less than `step`.
pub(super) fn nice(step: f64) -> f64 {
    let power = 10f64.powi(step.log10().floor() as i32);
    [1.0, 2.0, 5.0].into_iter().map(|digit| digit * power).find(|nice| *nice >= step * 0.999).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_hold_all_codes() {
        let axis = Bytes::new([1536, 8, 384]);
        assert_eq!(axis.ticks, [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
        assert_eq!(Bytes::new([32]).ticks, [4.0, 5.0, 6.0]);
        assert_eq!(Bytes::new([1536]).ticks, [10.0, 11.0], "no power of two is near");
        assert_eq!(Bytes::new([1]).ticks, [0.0, 1.0]);
        assert!(Bytes::new([1, 1 << 20]).ticks.len() <= 11);
        assert!(Bytes::new([]).from < Bytes::new([]).to);
    }

    #[test]
    fn quality_goes_from_zero_to_a_round_number() {
        let of = |greatest: f64| {
            let axis = Quality::new(greatest);
            (axis.label(axis.to), axis.ticks().len())
        };
        assert_eq!(of(0.65), ("0.7".to_owned(), 8));
        assert_eq!(of(0.7), ("0.8".to_owned(), 9), "a value on the edge gets room");
        assert_eq!(of(0.012), ("0.014".to_owned(), 8));
        for greatest in [0.0, 0.95, 0.99, 1.0] {
            assert_eq!(of(greatest), ("1.0".to_owned(), 6));
        }
    }

    #[test]
    fn a_span_holds_its_values_between_ticks() {
        let labels = |values: &[f64]| {
            let span = Span::of(values.iter().copied());
            assert!(values.iter().all(|value| span.from < *value && *value < span.to), "{span:?}");
            span.ticks().into_iter().map(|tick| span.label(tick)).collect::<Vec<_>>()
        };
        assert_eq!(labels(&[0.81, 0.93]), ["0.80", "0.85", "0.90", "0.95"]);
        assert_eq!(labels(&[-3.0, 12.0]), ["−5", "0", "5", "10", "15"]);
        assert_eq!(labels(&[7.0]).len(), 3, "one value has room too");
        assert_eq!(labels(&[]).len(), 5);
    }
}
