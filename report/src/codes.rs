//! What binary codes are like: one row per cell and value. `bitsweep_vectors::inspect` defines the values.
//!
//! Owns also what is said of a codec over its seeds, and when a gap between theory and codes is worth a word: the flags.

use std::collections::BTreeMap;

use bitsweep_proto::codec::{Centre, Rotation, Sign};
use bitsweep_proto::{Codec, Plan, Study};

use crate::table::{Column, Field, Kind, Tidy, column};
use crate::{Outcomes, truncated};

/// Centring is said to explain a gap where its predicted signal is greater by more than this share.
pub(crate) const CENTRING: f64 = 0.10;

/// The rotation is said to matter where the observed error is off the predicted one by more than this share.
pub(crate) const ERROR: f64 = 0.15;

/// What is known of the binary codes of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspections {
    /// One for each cell that looked into codes, in the plan's order. Scorings share their codes: their cells have equal values.
    pub all: Vec<Inspection>,
}

/// The codes of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// The cell's name.
    pub cell: String,
    /// The model's name.
    pub model: String,
    /// The dataset's name.
    pub dataset: String,
    /// The codec with its seed.
    pub codec: Codec,
    /// Dimensions that the vectors are truncated to; `None`: they are whole.
    pub dims: Option<u32>,
    /// Documents with a code.
    pub documents: u64,
    /// Values by name. What cannot be told is not there.
    pub values: BTreeMap<String, f64>,
}

const COLUMNS: [Column; 9] = [
    column("cell", Kind::Text),
    column("model", Kind::Text),
    column("dataset", Kind::Text),
    column("codec", Kind::Text),
    Column { name: "seed", kind: Kind::Whole, optional: true },
    column("name", Kind::Text),
    column("value", Kind::Number),
    column("documents", Kind::Whole),
    Column { name: "dims", kind: Kind::Whole, optional: true },
];

impl Inspections {
    /// The codes of what is finished.
    pub fn of(plan: &Plan, outcomes: &Outcomes) -> Self {
        let studied = plan.cells.iter().filter(|planned| planned.cell.study() == Some(Study::Codes));
        let all = studied.filter_map(|planned| {
            let produced = &outcomes.get(&plan.jobs[planned.job as usize].key)?.produced;
            Some(Inspection {
                cell: planned.cell.to_string(),
                model: planned.cell.model().to_owned(),
                dataset: planned.cell.dataset().to_owned(),
                codec: planned.cell.codec().ok()?,
                dims: planned.cell.dims(),
                documents: produced.facts.get("documents").copied().unwrap_or_default(),
                values: produced.values.clone(),
            })
        });
        Self { all: all.collect() }
    }

    /// Codecs with their seeds put together, in the plan's order; scorings, which share codes, are one.
    pub(crate) fn lines(&self) -> Vec<Line<'_>> {
        let mut lines: Vec<Line<'_>> = Vec::new();
        for one in &self.all {
            let stored = one.codec.stored();
            let same = |line: &&mut Line<'_>| {
                (line.model, line.dataset, line.dims) == (&*one.model, &*one.dataset, one.dims)
                    && line.codec.name() == stored.name()
            };
            match lines.iter_mut().find(same) {
                // Another scoring of codes that are there already.
                Some(line) if line.seeds.iter().any(|other| other.codec.seed() == one.codec.seed()) => {}
                Some(line) => line.seeds.push(one),
                None => lines.push(Line {
                    model: &one.model,
                    dataset: &one.dataset,
                    dims: one.dims,
                    codec: stored,
                    seeds: vec![one],
                }),
            }
        }
        lines
    }
}

impl Tidy for Inspections {
    const NAME: &'static str = "codes";
    const COLUMNS: &'static [Column] = &COLUMNS;

    fn fields(&self) -> impl Iterator<Item = Vec<Field>> {
        self.all.iter().flat_map(|one| {
            one.values.iter().map(|(name, value)| {
                let text = |text: &str| Field::Text(text.to_owned());
                vec![
                    text(&one.cell),
                    text(&one.model),
                    text(&one.dataset),
                    Field::Text(one.codec.name()),
                    Field::Whole(one.codec.seed().map(u64::from)),
                    text(name),
                    Field::Number(Some(*value)),
                    Field::Whole(Some(one.documents)),
                    Field::Whole(one.dims.map(u64::from)),
                ]
            })
        })
    }
}

/// One value over the seeds of a codec.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The mean.
    pub(crate) mean: f64,
    /// Least value of a seed.
    pub(crate) least: f64,
    /// Greatest value of a seed.
    pub(crate) greatest: f64,
}

/// The codes of one codec of one model on one dataset, with all seeds.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) model: &'a str,
    pub(crate) dataset: &'a str,
    pub(crate) dims: Option<u32>,
    /// The codec by which documents are stored, with the first of its seeds.
    pub(crate) codec: Codec,
    /// One for each seed.
    pub(crate) seeds: Vec<&'a Inspection>,
}

impl Line<'_> {
    /// What it is called among those of its model and dataset.
    pub(crate) fn name(&self) -> String {
        self.dims.map_or_else(|| self.codec.name(), |dims| truncated::label(self.codec, dims))
    }

    /// Its projection.
    pub(crate) fn rotation(&self) -> Option<Rotation> {
        self.sign().map(|sign| sign.rotation)
    }

    fn sign(&self) -> Option<Sign> {
        self.codec.as_sign()
    }

    /// A value over the seeds that have it; `None` where none has.
    pub(crate) fn spread(&self, name: &str) -> Option<Spread> {
        let values: Vec<f64> = self.seeds.iter().filter_map(|one| one.values.get(name)).copied().collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let least = values.iter().copied().reduce(f64::min)?;
        let greatest = values.iter().copied().reduce(f64::max)?;
        Some(Spread { mean, least, greatest })
    }

    /// The mean of a value over the seeds.
    pub(crate) fn mean(&self, name: &str) -> Option<f64> {
        self.spread(name).map(|spread| spread.mean)
    }

    /// An error over the seeds: the root of the mean of its squares.
    pub(crate) fn error(&self, name: &str) -> Option<f64> {
        let squares: Vec<f64> =
            self.seeds.iter().filter_map(|one| one.values.get(name)).map(|error| error * error).collect();
        (!squares.is_empty()).then(|| (squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
    }

    /// Observed by predicted error over the seeds, of all pairs.
    pub(crate) fn error_ratio(&self) -> Option<f64> {
        let predicted = self.error("error_predicted").filter(|predicted| *predicted > 0.0)?;
        Some(self.error("error")? / predicted)
    }

    /// What near and far pairs differ by, in the observed scatter of each kind: the mean of the seeds.
    pub(crate) fn signal_observed(&self) -> Option<f64> {
        self.mean("signal_observed")
    }

    /// The gaps between theory and codes that have a likely reason, in words.
    pub(crate) fn flags(&self) -> Vec<String> {
        self.centring().into_iter().chain(self.off()).collect()
    }

    /// Where the codec does not centre, and theory says that centring would tell near from far better.
    fn centring(&self) -> Option<String> {
        let sign = self.sign().filter(|sign| sign.centre == Centre::None)?;
        let (as_is, centred) = (self.mean("signal_as_is")?, self.mean("signal_centred")?);
        let gains = centred > 0.0 && centred > (1.0 + CENTRING) * as_is;
        let wins = if as_is > 0.0 { format!("{:.1}-fold", centred / as_is) } else { "from nothing".to_owned() };
        let learnt = if sign.rotation == Rotation::Gaussian { "" } else { " (for Gaussian rows)" };
        gains.then(|| format!("centring would explain: predicted signal {wins}{learnt}"))
    }

    /// Where errors are not those that theory predicts.
    fn off(&self) -> Option<String> {
        let (sign, ratio) = (self.sign()?, self.error_ratio()?);
        if (ratio - 1.0).abs() <= ERROR {
            return None;
        }
        let each = self.spread("error_ratio")?;
        let agree = each.least > 1.0 || each.greatest < 1.0;
        let sure = match (self.seeds.len(), agree) {
            // Nothing is drawn, so nothing is chance of the draw.
            _ if sign.seed.is_none() => "",
            (1, _) => "; one seed, may be chance",
            (_, true) => "; all seeds agree",
            (_, false) => "; seeds disagree, may be chance",
        };
        let reason = match (sign.rotation, sign.centre) {
            (Rotation::Gaussian, Centre::Median) => "medians are not means, or the draw",
            (Rotation::Gaussian, _) => "the theory is of these very rows, so the draw",
            _ => "rotation matters",
        };
        Some(format!("{reason}: error {ratio:.2} of the predicted{sure}"))
    }
}
