//! Binary codes against product quantisation of the same bytes: like with like, every variant for itself. Nothing is picked by
//! its result.

use std::collections::BTreeSet;

use bitsweep_measures::statistics::{Effect, bootstraps, differences, effect, holm, randomisations};
use bitsweep_proto::{Codec, Measure, Plan};

use crate::answers::{LineAnswers, PanelAnswers, mean};
use crate::compare::Settings;
use crate::ruling::{MARGIN, Ruling};

/// Bytes that are always looked at, so that what a sweep lacks is told: 64, 128, 256 and 512 bits.
const SIZES: [u64; 4] = [8, 16, 32, 64];

/// One binary codec, its seeds put together, against one codec of the same bytes, by one measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrast {
    /// Bytes of one code, of both.
    pub bytes: u64,
    /// The binary codec.
    pub binary: String,
    /// The other.
    pub against: String,
    /// The measure.
    pub measure: Measure,
    /// Means of both.
    pub means: [f64; 2],
    /// The mean difference, binary less the other.
    pub difference: f64,
    /// Its paired bootstrap interval over queries.
    pub interval: [f64; 2],
    /// The least and the greatest difference of any seed of the one and any of the other; `None` where neither has several.
    pub by_seed: Option<[f64; 2]>,
    /// Two-sided p of the paired randomisation test.
    pub p: f64,
    /// The same by Holm's adjustment. The family: all contrasts of one model, one dataset and one measure.
    pub p_holm: f64,
    /// The mean difference over its standard deviation across queries; `None` where that is 0.
    pub standardised: Option<f64>,
    /// What the interval allows to say, with a margin of [`MARGIN`].
    pub ruling: Ruling,
}

/// What is known of one contrast before it is read: interval, p, and p by Holm.
type Weighed = ([f64; 2], f64, f64);

/// All contrasts of a panel by one measure: one family.
pub(crate) fn contrasts(panel: &PanelAnswers, measure: Measure, settings: Settings) -> Vec<Contrast> {
    let pairs = pairs(panel, measure);
    let columns: Vec<Vec<f64>> =
        pairs.iter().map(|[a, b]| differences(&a.answers[&measure].values, &b.answers[&measure].values)).collect();
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let intervals = bootstraps(&slices, settings.level, settings.sampling);
    let ps = randomisations(&slices, settings.sampling);
    let adjusted = holm(&ps);
    let mut found = Vec::with_capacity(pairs.len());
    for (at, pair) in pairs.iter().enumerate() {
        let weighed = ([intervals[at].low, intervals[at].high], ps[at], adjusted[at]);
        let bytes = pair[0].bytes_per_vector(panel.dim);
        found.push(Contrast { bytes, ..contrast((*pair, measure), &columns[at], weighed) });
    }
    found
}

/// One contrast, but for its bytes.
fn contrast(
    ([binary, against], measure): ([&LineAnswers; 2], Measure),
    differences: &[f64],
    (interval, p, p_holm): Weighed,
) -> Contrast {
    let [a, b] = [binary, against].map(|line| &line.answers[&measure]);
    let Effect { mean: difference, standardised, .. } = effect(differences);
    let other = mean(&b.values);
    Contrast {
        bytes: 0,
        binary: binary.name.clone(),
        against: against.name.clone(),
        measure,
        means: [mean(&a.values), other],
        difference,
        interval,
        by_seed: seeds_apart(&a.seeds, &b.seeds),
        p,
        p_holm,
        standardised: standardised.is_finite().then_some(standardised),
        ruling: Ruling::of(interval, MARGIN),
    }
}

/// Each binary codec with each `pq` and `opq` of its bytes that has this measure too, by bytes and then in the plan's order.
fn pairs(panel: &PanelAnswers, measure: Measure) -> Vec<[&LineAnswers; 2]> {
    let plain: Vec<&LineAnswers> =
        panel.lines.iter().filter(|line| line.is_plain() && line.answers.contains_key(&measure)).collect();
    let bytes = |line: &LineAnswers| line.bytes_per_vector(panel.dim);
    let mut pairs = Vec::new();
    for binary in plain.iter().filter(|line| line.codec.as_sign().is_some()) {
        let same = plain.iter().filter(|line| is_pq(line.codec) && bytes(line) == bytes(binary));
        pairs.extend(same.map(|other| [*binary, *other]));
    }
    pairs.sort_by_key(|[binary, _]| bytes(binary));
    pairs
}

/// The least and the greatest difference of any seed of one side and any of the other; `None` where each has one value.
pub(crate) fn seeds_apart(a: &[f64], b: &[f64]) -> Option<[f64; 2]> {
    let end = |of: &[f64], pick: fn(f64, f64) -> f64| of.iter().copied().reduce(pick);
    let least = end(a, f64::min)? - end(b, f64::max)?;
    let greatest = end(a, f64::max)? - end(b, f64::min)?;
    (a.len() > 1 || b.len() > 1).then_some([least, greatest])
}

pub(crate) fn is_pq(codec: Codec) -> bool {
    matches!(codec, Codec::Pq(_) | Codec::Opq(_))
}

/// What keeps like from being compared with like on one model and dataset, a sentence for each size: codecs that the plan
/// lacks, and codecs without results. Sizes are those of [`SIZES`] and of every binary code of the plan.
pub(crate) fn missing(plan: &Plan, (model, dataset): (&str, &str), panel: Option<&PanelAnswers>) -> Vec<String> {
    let Some(dim) = plan.lock.models.get(model).map(|model| model.facts.dim) else { return Vec::new() };
    let whole = plan.searches().map(|planned| &planned.cell).filter(|cell| cell.dims().is_none());
    let here = whole.filter(|cell| (cell.model(), cell.dataset()) == (model, dataset));
    let planned: Vec<Codec> = here.filter_map(|cell| cell.codec().ok()).collect();
    let bytes = |codec: &Codec| codec.bytes_per_vector(dim);
    let binary = planned.iter().filter(|codec| codec.as_sign().is_some());
    let sizes: BTreeSet<u64> = binary.map(bytes).chain(SIZES).collect();
    let sentence = |size: u64| {
        let of_size: Vec<Codec> = planned.iter().filter(|codec| bytes(codec) == size).copied().collect();
        let mut lacks = Vec::new();
        if !of_size.iter().any(|codec| codec.as_sign().is_some()) {
            lacks.push("no binary codec was planned".to_owned());
        }
        for name in [format!("pq/{size}"), format!("opq/{size}")] {
            if !of_size.iter().any(|codec| codec.name() == name) {
                lacks.push(format!("no {name} was planned"));
            }
        }
        let compared = of_size.iter().filter(|codec| codec.as_sign().is_some() || is_pq(**codec));
        let names: BTreeSet<String> = compared.map(Codec::name).collect();
        let silent = names.into_iter().filter(|name| panel.is_none_or(|panel| panel.line(name).is_none()));
        lacks.extend(silent.map(|name| format!("{name} has no results that can be compared")));
        (!lacks.is_empty()).then(|| format!("{} bits ({size} bytes): {}", 8 * size, lacks.join("; ")))
    };
    sizes.into_iter().filter_map(sentence).collect()
}
