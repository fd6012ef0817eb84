//! How well codecs keep the scores of pairs of sentences: correlations with the scores of people, with intervals over pairs.
//!
//! Pairs are what is sampled. Seeds come first, as query by query: a codec's correlation on a resample is the mean over its seeds there,
//! so an interval speaks of other pairs of the same kind, not of other seeds; how far seeds differ is told apart. All codecs of one model
//! and dataset see the same resamples, so differences are paired.
//!
//! There are no p: an interval of a difference that leaves 0 out is what is claimed, each for itself.
//!
//! Owns: how the file of a job is read, which cells belong together, which statistics are taken. Does not own: the statistics
//! (`bitsweep_measures::statistics`), reading stores (the caller brings the scores of each job), how it looks.

use std::collections::BTreeMap;
use std::thread;

use bitsweep_measures::MeasureError;
use bitsweep_measures::statistics::{Resampled, correlations};
use bitsweep_proto::cell::Cell;
use bitsweep_proto::{Codec, JobKey, Measure, Plan, Task};
use serde::Deserialize;

use crate::answers::{name, settings};
use crate::compare::{Sampling, Settings};
use crate::contrast::{is_pq, seeds_apart};
use crate::ruling::{MARGIN, Ruling};
use crate::{Outcomes, ReportError, missed};

/// Resamples: the ends of a 95 % interval are then good to about a thirtieth of its width.
pub const ROUNDS: u32 = 2_000;

/// The scores of one cell, pair by pair, as its job wrote them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairScores {
    /// Ids of the pairs, in the order of the dataset.
    pub pairs: Vec<String>,
    /// The codec's score of each.
    pub scores: Vec<f64>,
    /// That of people.
    pub gold: Vec<f64>,
}

/// The scores of pairs by the jobs that computed them.
pub type PairsByJob = BTreeMap<JobKey, PairScores>;

/// One line of the file.
#[derive(Deserialize)]
struct Scored {
    pair: String,
    score: f64,
    gold: f64,
}

impl PairScores {
    /// Reads the `pairs` of a job. Fails where a line is not one.
    pub fn read(text: &str) -> Result<Self, ReportError> {
        let mut read = Self::default();
        for line in text.lines() {
            let Scored { pair, score, gold } = serde_json::from_str(line)?;
            read.pairs.push(pair);
            read.scores.push(score);
            read.gold.push(gold);
        }
        Ok(read)
    }
}

/// All that is known pair by pair of a sweep.
#[derive(Clone, Debug, Default)]
pub struct Similarities {
    /// Confidence and sampling: 95 %, [`ROUNDS`], the manifest's seed.
    pub settings: Settings,
    /// One for each model and dataset with scores of pairs, in the plan's order.
    pub panels: Vec<PanelPairs>,
    /// Cells that have results, but no scores of pairs here.
    pub unread: usize,
}

/// All codecs of one model on one dataset of pairs.
#[derive(Clone, Debug)]
pub struct PanelPairs {
    /// The model's name.
    pub model: String,
    /// The dataset's name.
    pub dataset: String,
    /// Dimensions of the model's whole vectors.
    pub dim: u32,
    /// Pairs.
    pub pairs: usize,
    /// Codecs in the plan's order.
    pub lines: Vec<LinePairs>,
    /// Binary codecs against product quantisation of the same bytes, measure by measure.
    pub contrasts: Vec<PairContrast>,
}

/// One codec with all its seeds.
#[derive(Clone, Debug)]
pub struct LinePairs {
    /// Its name, as that of [`crate::answers::LineAnswers`].
    pub name: String,
    /// The codec, with the first of its seeds.
    pub codec: Codec,
    /// Dimensions that its vectors are truncated to; `None`: they are whole.
    pub dims: Option<u32>,
    /// What it gives by each measure of pairs.
    pub values: BTreeMap<Measure, Correlated>,
}

/// One measure of one codec.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlated {
    /// The correlation: the mean over the seeds.
    pub value: f64,
    /// That of each seed, in the plan's order.
    pub seeds: Vec<f64>,
    /// Its bootstrap interval over pairs.
    pub interval: [f64; 2],
    /// The difference to float32 of whole vectors, and its paired interval. `None` for that itself, and where it has no scores.
    pub loss: Option<[f64; 3]>,
}

/// One binary codec, its seeds put together, against one codec of the same bytes, by one measure.
#[derive(Clone, Debug, PartialEq)]
pub struct PairContrast {
    /// Bytes of one code, of both.
    pub bytes: u64,
    /// The binary codec.
    pub binary: String,
    /// The other.
    pub against: String,
    /// The measure.
    pub measure: Measure,
    /// Correlations of both.
    pub values: [f64; 2],
    /// Binary less the other.
    pub difference: f64,
    /// Its paired bootstrap interval over pairs.
    pub interval: [f64; 2],
    /// The least and the greatest difference of any seed of the one and any of the other; `None` where neither has several.
    pub by_seed: Option<[f64; 2]>,
    /// What the interval allows to say, with a margin of [`MARGIN`].
    pub ruling: Ruling,
}

/// A panel with the scores that its numbers come from: those of each line, seed by seed.
struct Work<'a> {
    panel: PanelPairs,
    first: &'a PairScores,
    scores: Vec<Vec<&'a [f64]>>,
}

impl Similarities {
    /// Puts together what is finished and not withheld, and takes the statistics, with as many threads as there are cores: the
    /// numbers do not depend on how many.
    ///
    /// Fails where cells of one model and dataset score different pairs, or the plan is at odds with itself.
    pub fn of(plan: &Plan, outcomes: &Outcomes, pairs: &PairsByJob) -> Result<Self, ReportError> {
        let Settings { level, sampling } = settings(plan);
        let settings = Settings { level, sampling: Sampling { rounds: ROUNDS, ..sampling } };
        let measures: Vec<Measure> =
            plan.measures.iter().filter(|measure| measure.task() == Task::Similarity).copied().collect();
        let (mut work, unread) = gathered(plan, outcomes, pairs)?;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = work.len().div_ceil(threads).max(1);
        let weigh = |work: &mut [Work<'_>]| work.iter_mut().try_for_each(|work| work.weigh(&measures, settings));
        let weigh = &weigh;
        let weighed: Result<Vec<()>, MeasureError> = thread::scope(|scope| {
            let running: Vec<_> = work.chunks_mut(share).map(|share| scope.spawn(move || weigh(share))).collect();
            let ended = running.into_iter().map(|thread| match thread.join() {
                Ok(weighed) => weighed,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            ended.collect()
        });
        weighed?;
        Ok(Self { settings, panels: work.into_iter().map(|work| work.panel).collect(), unread })
    }

    /// What is known of one model on one dataset.
    pub fn panel(&self, model: &str, dataset: &str) -> Option<&PanelPairs> {
        self.panels.iter().find(|panel| (panel.model.as_str(), panel.dataset.as_str()) == (model, dataset))
    }
}

/// The cells with scores, by model and dataset and then by all else but the seed; and how many have results but no scores.
fn gathered<'a>(
    plan: &Plan,
    outcomes: &Outcomes,
    pairs: &'a PairsByJob,
) -> Result<(Vec<Work<'a>>, usize), ReportError> {
    let missed = missed(plan, outcomes);
    let (mut gathered, mut unread): (Vec<Work<'a>>, usize) = (Vec::new(), 0);
    let of_pairs = |cell: &Cell| cell.is_retrieval() && plan.lock.similarity.contains_key(cell.dataset());
    for planned in plan.cells.iter().filter(|planned| of_pairs(&planned.cell)) {
        let (cell, key) = (&planned.cell, plan.jobs[planned.job as usize].key);
        if !outcomes.contains_key(&key) || missed.iter().any(|missed| missed.withholds(cell)) {
            continue;
        }
        let Some(scores) = pairs.get(&key) else {
            unread += 1;
            continue;
        };
        let is_here = |work: &Work<'_>| {
            (work.panel.model.as_str(), work.panel.dataset.as_str()) == (cell.model(), cell.dataset())
        };
        match gathered.iter_mut().find(|work| is_here(work)) {
            Some(work) => work.add(cell, scores)?,
            None => gathered.push(Work::of((plan, cell), scores)?),
        }
    }
    Ok((gathered, unread))
}

impl<'a> Work<'a> {
    fn of((plan, cell): (&Plan, &Cell), first: &'a PairScores) -> Result<Self, ReportError> {
        let (model, dataset) = (cell.model().to_owned(), cell.dataset().to_owned());
        let Some(locked) = plan.lock.models.get(&model) else {
            return Err(ReportError::NoModel { cell: cell.clone(), model });
        };
        let (dim, pairs) = (locked.facts.dim, first.pairs.len());
        let panel = PanelPairs { model, dataset, dim, pairs, lines: Vec::new(), contrasts: Vec::new() };
        let mut work = Self { panel, first, scores: Vec::new() };
        work.add(cell, first)?;
        Ok(work)
    }

    fn add(&mut self, cell: &Cell, scores: &'a PairScores) -> Result<(), ReportError> {
        if (&scores.pairs, &scores.gold) != (&self.first.pairs, &self.first.gold) {
            return Err(ReportError::OtherPairs { cell: cell.clone() });
        }
        let (lines, name) = (&mut self.panel.lines, name(cell));
        let at = lines.iter().position(|line| line.name == name).unwrap_or(lines.len());
        if at == lines.len() {
            let codec = cell.codec().map_err(|source| ReportError::NoCodec { cell: cell.clone(), source })?;
            lines.push(LinePairs { name, codec, dims: cell.dims(), values: BTreeMap::new() });
            self.scores.push(Vec::new());
        }
        self.scores[at].push(&scores.scores);
        Ok(())
    }

    /// Takes the statistics of all codecs.
    fn weigh(&mut self, measures: &[Measure], settings: Settings) -> Result<(), MeasureError> {
        let Settings { level, sampling } = settings;
        for measure in measures {
            let systems: Vec<&[f64]> = self.scores.iter().flatten().copied().collect();
            let mut resampled = correlations(*measure, &self.first.gold, &systems, sampling)?.into_iter();
            let mut lines = Vec::with_capacity(self.scores.len());
            for (line, scores) in self.panel.lines.iter_mut().zip(&self.scores) {
                let seeds: Vec<Resampled> = resampled.by_ref().take(scores.len()).collect();
                let mean = Resampled::mean(&seeds);
                let interval = ends(&mean, level);
                let seeds = seeds.iter().map(|seed| seed.value).collect();
                let correlated = Correlated { value: mean.value, seeds, interval, loss: None };
                line.values.insert(*measure, correlated);
                lines.push(mean);
            }
            self.panel.losses(*measure, &lines, level);
            self.panel.contrast(*measure, &lines, level);
        }
        Ok(())
    }
}

impl PanelPairs {
    /// The line of that name.
    pub fn line(&self, name: &str) -> Option<&LinePairs> {
        self.lines.iter().find(|line| line.name == name)
    }

    /// `resampled` is that of each line.
    fn losses(&mut self, measure: Measure, resampled: &[Resampled], level: f64) {
        let is_float32 = |line: &LinePairs| line.codec == Codec::Float32 && line.is_plain();
        let Some(float32) = self.lines.iter().position(is_float32) else { return };
        for (at, line) in self.lines.iter_mut().enumerate().filter(|(at, _)| *at != float32) {
            let difference = resampled[at].less(&resampled[float32]);
            let [low, high] = ends(&difference, level);
            if let Some(correlated) = line.values.get_mut(&measure) {
                correlated.loss = Some([difference.value, low, high]);
            }
        }
    }

    /// Each binary codec with each `pq` and `opq` of its bytes, by bytes and then in the plan's order.
    fn contrast(&mut self, measure: Measure, resampled: &[Resampled], level: f64) {
        let mut found = Vec::new();
        for (binary, of_binary) in self.lines.iter().zip(resampled).filter(|(line, _)| line.codec.as_sign().is_some()) {
            let bytes = binary.bytes_per_vector(self.dim);
            let is_other = |line: &LinePairs| is_pq(line.codec) && line.bytes_per_vector(self.dim) == bytes;
            for (other, of_other) in self.lines.iter().zip(resampled).filter(|(line, _)| is_other(line)) {
                if !binary.is_plain() || !other.is_plain() {
                    continue;
                }
                let difference = of_binary.less(of_other);
                let interval = ends(&difference, level);
                let seeds = |line: &LinePairs| {
                    line.values.get(&measure).map(|correlated| correlated.seeds.clone()).unwrap_or_default()
                };
                found.push(PairContrast {
                    bytes,
                    binary: binary.name.clone(),
                    against: other.name.clone(),
                    measure,
                    values: [of_binary.value, of_other.value],
                    difference: difference.value,
                    interval,
                    by_seed: seeds_apart(&seeds(binary), &seeds(other)),
                    ruling: Ruling::of(interval, MARGIN),
                });
            }
        }
        found.sort_by_key(|contrast| contrast.bytes);
        self.contrasts.extend(found);
    }
}

impl LinePairs {
    /// Bytes of one stored vector of a model whose whole vectors have `dim` dimensions.
    pub fn bytes_per_vector(&self, dim: u32) -> u64 {
        self.codec.bytes_per_vector(self.dims.unwrap_or(dim))
    }

    /// Whether the codec alone says what it is.
    fn is_plain(&self) -> bool {
        self.name == self.codec.name()
    }
}

fn ends(resampled: &Resampled, level: f64) -> [f64; 2] {
    let interval = resampled.interval(level);
    [interval.low, interval.high]
}
