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
    /// Holds all of `bytes` with a third of a doubling to each side.
    pub(crate) fn new(bytes: impl IntoIterator<Item = u64>) -> Self {
        let (mut least, mut greatest) = (u64::MAX, 1);
        for bytes in bytes {
            least = least.min(bytes.max(1));
            greatest = greatest.max(bytes);
        }
        let (from, to) = ((least.min(greatest) as f64).log2() - MARGIN, (greatest as f64).log2() + MARGIN);
        let (first, last) = (from.ceil() as i32, to.floor() as i32);
        let step = (last - first) / 10 + 1;
        let ticks = (first..=last).filter(|tick| (tick - first) % step == 0).map(f64::from).collect();
        Self { from, to, ticks }
    }
}

/// The axis of quality.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quality {
    /// Lower end, a multiple of `step`.
    pub(crate) from: f64,
    /// Upper end.
    pub(crate) to: f64,
    /// Distance of ticks: 1, 2 or 5 times a power of ten.
    pub(crate) step: f64,
}

impl Quality {
    /// Holds all of `values`. Starts at 0 unless all values lie in the upper half of what would then be shown.
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let (mut least, mut greatest) = (f64::INFINITY, 0.0f64);
        for value in values {
            least = least.min(value);
            greatest = greatest.max(value);
        }
        if greatest <= 0.0 {
            return Self { from: 0.0, to: 1.0, step: 0.2 };
        }
        let from = if least > greatest / 2.0 { least } else { 0.0 };
        let span = (greatest - from).max(greatest / 20.0);
        let step = nice(span / 5.0);
        let from = if from == 0.0 { 0.0 } else { ((from / step - 0.25).floor() * step).max(0.0) };
        Self { from, to: greatest + span * 0.06, step }
    }

    /// Labelled values.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let first = (self.from / self.step).round() as i64;
        let ticks = (first..).map(|tick| tick as f64 * self.step);
        ticks.take_while(|tick| *tick <= self.to).collect()
    }

    /// A tick's label: as many digits as the step has.
    pub(crate) fn label(&self, value: f64) -> String {
        let places = (-self.step.log10().floor()).max(0.0) as usize;
        format!("{value:.places$}")
    }
}

/// The next of 1, 2, 5 times a power of ten that is not less than `step`.
fn nice(step: f64) -> f64 {
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
        assert_eq!(Bytes::new([32]).ticks, [5.0]);
        assert!(Bytes::new([1, 1 << 20]).ticks.len() <= 11);
        assert!(Bytes::new([]).from < Bytes::new([]).to);
    }

    #[test]
    fn quality_starts_at_zero_only_where_that_shows_something() {
        let wide = Quality::new([0.24, 0.65]);
        assert_eq!((wide.from, wide.step), (0.0, 0.2));
        assert_eq!(wide.ticks().iter().map(|tick| wide.label(*tick)).collect::<Vec<_>>(), ["0.0", "0.2", "0.4", "0.6"]);
        let narrow = Quality::new([0.62, 0.645]);
        assert!(narrow.from > 0.5 && narrow.from < 0.62 && narrow.to > 0.645);
        assert_eq!(Quality::new([0.0]), Quality::new([]));
        let one = Quality::new([1.0]);
        assert!(one.from < 1.0 && one.to > 1.0 && one.ticks().len() > 1);
    }
}
