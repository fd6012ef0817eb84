//! How much a doubling of the code is worth: the slope of each measure over the base-2 logarithm of bits (binary codes) or bytes
//! (product quantisation), family by family.
//!
//! A family is what one line of a plot joins: codecs that differ in their size and their seed alone. A line of least squares is
//! fitted for each seed that has every size of its family; what is told is the mean of their slopes, with the least and the
//! greatest. A slope says nothing of how straight the curve is: the last doubling and the share of the gap to float32 that the
//! largest code leaves open stand beside it.
//!
//! Owns: which cells make a family, the fit. Does not own: how it looks.

use std::collections::BTreeMap;

use bitsweep_proto::cell::{Axis, Cell};
use bitsweep_proto::{Codec, Measure};

use crate::answers::mean;
use crate::style::Series;
use crate::table::{Row, Table};

/// Sizes that a family must have: two give a slope that nothing checks.
pub const FEWEST_SIZES: usize = 3;

/// One measure of one family of codecs on one model and dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Slope {
    /// The model's name.
    pub model: String,
    /// The dataset's name.
    pub dataset: String,
    /// The measure.
    pub measure: Measure,
    /// The family, as the legends of plots have it.
    pub family: String,
    /// Sizes of the codes in `unit`, smallest first; at least [`FEWEST_SIZES`].
    pub sizes: Vec<u32>,
    /// `bits` or `bytes`. A doubling is the same in both.
    pub unit: &'static str,
    /// The slope of each seed that has every size, in the order of the seeds; one for codecs without. Per doubling of the size.
    pub by_seed: Vec<f64>,
    /// Whether the codecs have seeds.
    pub is_seeded: bool,
    /// Seeds left out because they lack a size.
    pub incomplete: usize,
    /// What the step from the last size but one to the last gives per doubling: mean over these seeds.
    pub last: f64,
    /// The value at the largest size: mean over these seeds.
    pub largest: f64,
    /// Of what the smallest size lacks to float32, the share that the largest still lacks: 1 where nothing was gained, below 0
    /// where the largest is better than float32. `None` without float32, or where the smallest lacks nothing.
    pub open: Option<f64>,
}

impl Slope {
    /// The mean of the seeds' slopes.
    pub fn mean(&self) -> f64 {
        mean(&self.by_seed)
    }

    /// The least and the greatest slope of a seed. It is no confidence interval. `None` with fewer than two seeds.
    pub fn range(&self) -> Option<[f64; 2]> {
        let [least, greatest] = [f64::min, f64::max].map(|of| self.by_seed.iter().copied().reduce(of));
        Some([least?, greatest?]).filter(|_| self.by_seed.len() > 1)
    }
}

/// The value of each size.
type Curve = BTreeMap<u32, f64>;

/// The curve of each seed; the key is `None` for codecs without.
type Curves = BTreeMap<Option<u32>, Curve>;

/// Whether a cell is a codec alone on a model and a dataset: no second stage and no other axis beside.
pub(crate) fn is_codec_alone(cell: &Cell) -> bool {
    cell.axes().all(|(axis, _)| matches!(axis, Axis::Model | Axis::Dataset | Axis::Codec | Axis::Seed))
}

/// The slopes of a table: by measure in the table's order, then by model and dataset, then by family. None of a family with
/// fewer than [`FEWEST_SIZES`] sizes, or of whose seeds none has them all.
pub fn slopes(table: &Table) -> Vec<Slope> {
    let mut places: Vec<(&str, &str)> = Vec::new();
    let mut families: BTreeMap<(usize, usize, Series), Curves> = BTreeMap::new();
    let mut float32: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for row in table.rows.iter().filter(|row| is_codec_alone(&row.cell)) {
        let Some(measure) = table.measures.iter().position(|measure| *measure == row.measured.measure) else {
            continue;
        };
        let here = (row.cell.model(), row.cell.dataset());
        let place = places.iter().position(|place| *place == here).unwrap_or(places.len());
        if place == places.len() {
            places.push(here);
        }
        if row.codec == Codec::Float32 {
            float32.insert((measure, place), row.measured.value);
        }
        if let Some(size) = size(row) {
            let curves = families.entry((measure, place, Series::of(row.codec))).or_default();
            curves.entry(row.codec.seed()).or_default().insert(size, row.measured.value);
        }
    }
    let slope = |((measure, place, family), curves): ((usize, usize, Series), Curves)| {
        let (model, dataset) = places[place];
        Some(Slope {
            model: model.to_owned(),
            dataset: dataset.to_owned(),
            measure: table.measures[measure],
            family: family.to_string(),
            unit: if matches!(family, Series::Binary(..)) { "bits" } else { "bytes" },
            ..of(&curves, (table.measures[measure], float32.get(&(measure, place)).copied()))?
        })
    };
    families.into_iter().filter_map(slope).collect()
}

/// The size of a codec that comes in several: bits of a binary code, bytes of product quantisation.
fn size(row: &Row) -> Option<u32> {
    match row.codec {
        Codec::Pq(pq) | Codec::Opq(pq) | Codec::Pq4fs(pq) => Some(pq.bytes),
        codec => codec.as_sign().map(|sign| sign.bits),
    }
}

/// The numbers of a family; its names are left to the caller.
fn of(curves: &Curves, (measure, float32): (Measure, Option<f64>)) -> Option<Slope> {
    let mut sizes: Vec<u32> = curves.values().flat_map(Curve::keys).copied().collect();
    sizes.sort_unstable();
    sizes.dedup();
    let whole: Vec<&Curve> = curves.values().filter(|curve| curve.len() == sizes.len()).collect();
    if sizes.len() < FEWEST_SIZES || whole.is_empty() {
        return None;
    }
    let at = |size: u32| mean(&whole.iter().map(|curve| curve[&size]).collect::<Vec<f64>>());
    let [before, last] = [sizes[sizes.len() - 2], sizes[sizes.len() - 1]];
    let (smallest, largest) = (at(sizes[0]), at(last));
    Some(Slope {
        model: String::new(),
        dataset: String::new(),
        measure,
        family: String::new(),
        unit: "",
        by_seed: whole.iter().map(|curve| fitted(curve)).collect(),
        is_seeded: curves.keys().all(Option::is_some),
        incomplete: curves.len() - whole.len(),
        last: (largest - at(before)) / (f64::from(last).log2() - f64::from(before).log2()),
        largest,
        open: float32.filter(|float32| *float32 > smallest).map(|float32| (float32 - largest) / (float32 - smallest)),
        sizes,
    })
}

/// The slope of the line of least squares through a curve of at least two sizes, per doubling.
fn fitted(curve: &Curve) -> f64 {
    let points: Vec<(f64, f64)> = curve.iter().map(|(size, value)| (f64::from(*size).log2(), *value)).collect();
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / count, sum.1 + point.1 / count));
    let (mut both, mut square) = (0.0, 0.0);
    for point in &points {
        both += (point.0 - x) * (point.1 - y);
        square += (point.0 - x) * (point.0 - x);
    }
    both / square
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: x = 6, 7, 8 and y = 0.2, 0.5, 0.6: Σ (x − 7)(y − ȳ) = 0.4 over Σ (x − 7)² = 2.
    #[test]
    fn a_line_of_least_squares() {
        let slope = fitted(&Curve::from([(64, 0.2), (128, 0.5), (256, 0.6)]));
        assert!((slope - 0.2).abs() < 1e-12, "{slope}");
        // Sizes need not double.
        let line = |size: u32| (size, 0.1 + 0.07 * f64::from(size).log2());
        assert!((fitted(&Curve::from([24, 96, 100, 768].map(line))) - 0.07).abs() < 1e-12);
    }

    #[test]
    fn seeds_that_lack_a_size_are_left_out() {
        let whole = |shift: f64| Curve::from([(8, 0.2 + shift), (16, 0.5), (32, 0.6)]);
        let lacking = Curve::from([(8, 0.9), (32, 0.1)]);
        let curves = Curves::from([(Some(0), whole(0.0)), (Some(1), whole(0.1)), (Some(2), lacking.clone())]);
        let found = of(&curves, (Measure::Bpref, Some(0.75))).unwrap();
        assert_eq!((found.sizes.as_slice(), found.incomplete, found.by_seed.len()), (&[8, 16, 32][..], 1, 2));
        assert!((found.by_seed[0] - 0.2).abs() < 1e-12 && (found.by_seed[1] - 0.15).abs() < 1e-12);
        assert!((found.mean() - 0.175).abs() < 1e-12 && found.is_seeded);
        assert!((found.last - 0.1).abs() < 1e-12);
        // 0.25 is the mean of the smallest: 0.5 to close, of which 0.15 are left.
        assert!((found.open.unwrap() - 0.3).abs() < 1e-12);
        assert_eq!(of(&Curves::from([(None, lacking)]), (Measure::Bpref, None)), None, "two sizes");
        let none_whole =
            [(Some(0), Curve::from([(8, 0.1), (16, 0.2)])), (Some(1), Curve::from([(16, 0.2), (32, 0.3)]))];
        assert_eq!(of(&Curves::from(none_whole), (Measure::Bpref, None)), None);
    }

    #[test]
    fn a_gap_that_is_not_there_is_not_shared_out() {
        let curves = Curves::from([(None, Curve::from([(8, 0.5), (16, 0.6), (32, 0.7)]))]);
        let open = |float32| of(&curves, (Measure::Bpref, float32)).unwrap().open;
        assert_eq!([open(None), open(Some(0.5)), open(Some(0.4))], [None; 3]);
        assert!(open(Some(0.6)).unwrap() < 0.0, "better than float32");
    }
}
