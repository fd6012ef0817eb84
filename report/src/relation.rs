//! Geometry against quality: does what the embeddings look like go with what a binary codec keeps of them?
//!
//! A point is one model on one dataset: what share of float32's value a reference codec keeps (the mean of its seeds), and the
//! values of the geometry. Points are few, and those that share a model or a dataset are no independent draws: with fewer than
//! [`FEWEST`] no coefficient is told at all, and p are of the permutation test, adjusted for every value that was
//! tried. Values that depend on the number of queries are left out (`geometry::OF_QUERIES`): over datasets they would stand for
//! that number.
//!
//! Owns: which points there are, which codec is the reference, what was tried. Does not own: the statistics
//! (`bitsweep_measures::statistics`), the values (`bitsweep_vectors::geometry`), how it looks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use bitsweep_measures::statistics::{Association, association, holm};
use bitsweep_proto::{Codec, Measure, Task};

use crate::answers::{Answers, mean};
use crate::compare::Sampling;
use crate::geometry::{Geometries, OF_QUERIES, VALUES};
use crate::slopes::is_codec_alone;
use crate::table::Table;

/// Points that a coefficient needs: of three points any order has a p of a third at least.
pub const FEWEST: usize = 4;

/// Bits of the reference codec, where there is a choice.
const BITS: u32 = 256;

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Relations {
    /// The measure: that of the hero figures, or the first of retrieval where it is of another task.
    pub measure: Measure,
    /// The reference codec's name; `None` where no place has a binary codec and float32 by this measure.
    pub codec: Option<String>,
    /// The points, in the order of the geometries.
    pub points: Vec<Point>,
    /// Models on datasets that have a geometry, but no value of the reference codec or of float32: they are no points.
    pub left_out: Vec<(String, String)>,
    /// One for each value of the geometry that a point has, in the order in which the report shows them; none for those
    /// that depend on the number of queries.
    pub all: Vec<Relation>,
    /// Values with a coefficient: the family of Holm's adjustment.
    pub tried: usize,
    /// How random orders are drawn where there are too many to look at all.
    pub sampling: Sampling,
}

/// One model on one dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The model's name.
    pub model: String,
    /// The dataset's name.
    pub dataset: String,
    /// Seeds of the reference codec.
    pub seeds: usize,
    /// Their mean value over that of float32.
    pub kept: f64,
    /// The geometry: values by name.
    pub values: BTreeMap<String, f64>,
}

/// One value of the geometry against what is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// The value's name, as in the table of geometries.
    pub name: &'static str,
    /// The same in words.
    pub words: &'static str,
    /// Points that have it: the value and the share kept.
    pub points: Vec<(f64, f64)>,
    /// Spearman's ρ with its p and the p by Holm's adjustment. `None` with fewer than [`FEWEST`] points, and where the value
    /// or the share is the same for all.
    pub found: Option<(Association, f64)>,
}

impl Relations {
    /// The relations of what is finished and not withheld; `None` where no geometry is known, or retrieval is not measured.
    pub fn of(geometries: &Geometries, table: &Table, answers: &Answers) -> Option<Self> {
        let measure = answers.hero_of_task(&table.measures, Task::Retrieval)?;
        let sampling = answers.settings.sampling;
        if geometries.all.is_empty() {
            return None;
        }
        let places = places(table, measure);
        let studied: BTreeSet<(&str, &str)> =
            geometries.all.iter().map(|one| (one.model.as_str(), one.dataset.as_str())).collect();
        let here: Vec<&Codecs<'_>> = places.iter().filter(|codecs| studied.contains(&codecs.place)).collect();
        let codec = reference(&here);
        let (mut points, mut left_out) = (Vec::new(), Vec::new());
        for geometry in &geometries.all {
            let (model, dataset) = (geometry.model.clone(), geometry.dataset.clone());
            let found =
                places.iter().find(|codecs| codecs.place == (geometry.model.as_str(), geometry.dataset.as_str()));
            match found.zip(codec.as_ref()).and_then(|(codecs, codec)| codecs.kept(codec)) {
                Some((kept, seeds)) => {
                    points.push(Point { model, dataset, seeds, kept, values: geometry.values.clone() });
                }
                None => left_out.push((model, dataset)),
            }
        }
        let tried = VALUES.iter().filter(|(name, _)| !OF_QUERIES.contains(name));
        let mut all: Vec<Relation> = tried.filter_map(|names| relation(*names, &points, sampling)).collect();
        let ps: Vec<f64> = all.iter().filter_map(|one| Some(one.found?.0.p)).collect();
        let tried = ps.len();
        for ((_, adjusted), p) in all.iter_mut().filter_map(|one| one.found.as_mut()).zip(holm(&ps)) {
            *adjusted = p;
        }
        Some(Self { measure, codec, points, left_out, all, tried, sampling })
    }

    /// How many models and datasets the points share out among them.
    pub fn sources(&self) -> [usize; 2] {
        let models: BTreeSet<&str> = self.points.iter().map(|point| point.model.as_str()).collect();
        let datasets: BTreeSet<&str> = self.points.iter().map(|point| point.dataset.as_str()).collect();
        [models.len(), datasets.len()]
    }

    /// The relations whose ρ is farthest from 0, farthest first; of equal ones the first. They are picked by their result.
    pub fn strongest(&self, count: usize) -> Vec<&Relation> {
        let mut strongest: Vec<(&Relation, f64)> =
            self.all.iter().filter_map(|one| Some((one, one.found?.0.rho.abs()))).collect();
        strongest.sort_by(|a, b| b.1.total_cmp(&a.1));
        strongest.into_iter().map(|(one, _)| one).take(count).collect()
    }
}

/// What is known of one model on one dataset by one measure.
struct Codecs<'a> {
    place: (&'a str, &'a str),
    float32: Option<f64>,
    /// Binary codecs by name, with the value of each seed.
    binary: BTreeMap<String, (Codec, Vec<f64>)>,
}

impl Codecs<'_> {
    /// The share of float32's value that the codec of that name keeps, and of how many seeds that is the mean. `None` where
    /// either is not known, or float32 has nothing to keep.
    fn kept(&self, name: &str) -> Option<(f64, usize)> {
        let float32 = self.float32.filter(|value| *value > 0.0)?;
        let (_, seeds) = self.binary.get(name)?;
        Some((mean(seeds) / float32, seeds.len()))
    }
}

fn places(table: &Table, measure: Measure) -> Vec<Codecs<'_>> {
    let mut places: Vec<Codecs<'_>> = Vec::new();
    for row in table.rows.iter().filter(|row| row.measured.measure == measure && is_codec_alone(&row.cell)) {
        let place = (row.cell.model(), row.cell.dataset());
        let at = places.iter().position(|codecs| codecs.place == place).unwrap_or(places.len());
        if at == places.len() {
            places.push(Codecs { place, float32: None, binary: BTreeMap::new() });
        }
        if row.codec == Codec::Float32 {
            places[at].float32 = Some(row.measured.value);
        } else if row.codec.as_sign().is_some() {
            let of_codec = places[at].binary.entry(row.codec.name()).or_insert_with(|| (row.codec, Vec::new()));
            of_codec.1.push(row.measured.value);
        }
    }
    places
}

/// The binary codec that most places have beside float32; of several the frozen instrument, then the one nearest to [`BITS`],
/// then the first by name. Its results do not enter.
fn reference(places: &[&Codecs<'_>]) -> Option<String> {
    let mut counts: BTreeMap<&str, (Codec, usize)> = BTreeMap::new();
    for codecs in places {
        for (name, (codec, _)) in codecs.binary.iter().filter(|(name, _)| codecs.kept(name).is_some()) {
            counts.entry(name).or_insert((*codec, 0)).1 += 1;
        }
    }
    let preference = |(_, (codec, count)): &(&str, (Codec, usize))| {
        let bits = codec.as_sign().map_or(0, |sign| sign.bits);
        // A ratio either way, in thousandths: whole numbers can be ordered.
        let far = 1000 * u64::from(bits.max(BITS)) / u64::from(bits.clamp(1, BITS));
        (Reverse(*count), !matches!(codec, Codec::Binary { .. }), far)
    };
    counts.into_iter().min_by_key(preference).map(|(name, _)| name.to_owned())
}

/// One value against what is kept; `None` where no point has it. The adjusted p is left to the caller.
fn relation((name, words): (&'static str, &'static str), points: &[Point], sampling: Sampling) -> Option<Relation> {
    let points: Vec<(f64, f64)> =
        points.iter().filter_map(|point| Some((*point.values.get(name)?, point.kept))).filter(is_finite).collect();
    let (values, kept): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let varies = |values: &[f64]| values.iter().any(|value| *value != values[0]);
    let tells = points.len() >= FEWEST && varies(&values) && varies(&kept);
    // Values are finite and as many on both sides: nothing is left to fail.
    let found = tells.then(|| association(&values, &kept, sampling).ok()).flatten();
    (!points.is_empty()).then_some(Relation { name, words, points, found: found.map(|found| (found, 1.0)) })
}

fn is_finite((value, kept): &(f64, f64)) -> bool {
    value.is_finite() && kept.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: usize, kept: f64, values: [(&str, f64); 2]) -> Point {
        let values = values.map(|(name, value)| (name.to_owned(), value)).into();
        Point { model: format!("m{at}"), dataset: "d".to_owned(), seeds: 1, kept, values }
    }

    #[test]
    fn three_points_show_nothing_and_four_have_a_coefficient() {
        let points: Vec<Point> =
            (0..4).map(|at| point(at, 0.5 + 0.1 * at as f64, [("mle", 10.0 - at as f64), ("isoscore", 0.2)])).collect();
        let mle = |points: &[Point]| relation(("mle", "…"), points, Sampling::default()).unwrap();
        assert_eq!(mle(&points[..3]).found, None);
        let (found, _) = mle(&points).found.unwrap();
        assert_eq!((found.rho, found.p, found.exact), (-1.0, 2.0 / 24.0, true));
        let constant = relation(("isoscore", "…"), &points, Sampling::default()).unwrap();
        assert_eq!((constant.points.len(), constant.found), (4, None));
        assert_eq!(relation(("two_nn", "…"), &points, Sampling::default()), None);
    }

    /// By how many have it, then the instrument, then the bits; never by the value.
    #[test]
    fn the_reference_is_not_chosen_by_its_result() {
        let codecs = |names: &[&str]| {
            let codec = |name: &&str| {
                let codec = Codec::parse(name, Some(0)).or_else(|_| Codec::parse(name, None)).unwrap();
                ((*name).to_owned(), (codec, vec![0.1]))
            };
            Codecs { place: ("m", "d"), float32: Some(0.5), binary: names.iter().map(codec).collect() }
        };
        let chosen = |places: &[&Codecs<'_>]| reference(places);
        let all = codecs(&["binary/64", "binary/512", "binary/256", "binary/256/mean+itq"]);
        assert_eq!(chosen(&[&all]).as_deref(), Some("binary/256"));
        let [few, other] = [codecs(&["binary/64", "binary/256"]), codecs(&["binary/64"])];
        assert_eq!(chosen(&[&few, &other]).as_deref(), Some("binary/64"), "both have it");
        let learnt = codecs(&["binary/256/mean+itq", "binary/64"]);
        assert_eq!(chosen(&[&learnt]).as_deref(), Some("binary/64"), "the instrument");
        let lacking = Codecs { float32: None, ..codecs(&["binary/256"]) };
        assert_eq!(chosen(&[&lacking]), None);
        assert_eq!(chosen(&[]), None);
    }
}
