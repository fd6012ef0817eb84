//! What a fair study of codecs needs, and whether this sweep has it: each answer is read off the plan and its outcomes, none is
//! claimed. The codecs compared are those of whole vectors, whether they answer queries or score pairs of sentences;
//! whether all cells have results is asked of every cell.

use std::collections::{BTreeMap, BTreeSet};

use bitsweep_proto::codec::{Centre, Pq, PqScoring, Scoring};
use bitsweep_proto::job::Texts;
use bitsweep_proto::plan::{From, Input, PlannedCell, PlannedJob};
use bitsweep_proto::{Cell, Codec, Digest, Plan, Spec};

use crate::{Outcomes, missed};

/// Projection seeds that a drawn codec should have: fewer tell little of how much they differ.
const SEEDS: usize = 10;
/// Names listed in one answer.
const NAMED: usize = 6;

/// Whether something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Yes,
    Partly,
    No,
}

impl Done {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Partly => "partly",
            Self::No => "no",
        }
    }

    /// Yes where nothing is lacking, no where nothing is there.
    fn of(there: usize, lacking: usize) -> Self {
        match (there, lacking) {
            (0, _) => Self::No,
            (_, 0) => Self::Yes,
            _ => Self::Partly,
        }
    }
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) what: &'static str,
    pub(crate) done: Done,
    pub(crate) detail: String,
}

/// Whether an input is vectors of documents, truncated or whole. Texts with labels are embedded alike on both sides: those that vote
/// are told by their file.
fn is_documents(plan: &Plan, from: From) -> bool {
    let From::Job(job) = from else { return false };
    let PlannedJob { spec, inputs, .. } = &plan.jobs[job as usize];
    let voting = |digest: Digest| plan.lock.classification.values().any(|of| of.documents.sha256 == digest);
    let votes = |input: &Input| matches!(input.from, From::Blob(digest) if voting(digest));
    match spec {
        Spec::Embed(embed) => embed.texts == Texts::Documents || inputs.iter().any(votes),
        Spec::Truncate(_) => inputs.iter().all(|input| is_documents(plan, input.from)),
        _ => false,
    }
}

/// Whether an input is vectors, truncated or whole, of the sentences that a dataset of pairs has for fitting. The lock
/// left those out that stand in a measured pair.
fn is_to_fit_on(plan: &Plan, from: From) -> bool {
    let From::Job(job) = from else { return false };
    let PlannedJob { spec, inputs, .. } = &plan.jobs[job as usize];
    let fits = |digest: Digest| plan.lock.similarity.values().any(|of| of.fit_texts.sha256 == digest);
    match spec {
        Spec::Embed(_) => inputs.iter().any(|input| matches!(input.from, From::Blob(digest) if fits(digest))),
        Spec::Truncate(_) => inputs.iter().all(|input| is_to_fit_on(plan, input.from)),
        _ => false,
    }
}

/// What a job that scores pairs fits its codec on; nothing where the codec learns nothing.
fn fitted_on(job: &PlannedJob) -> impl Iterator<Item = &Input> {
    let is_one = matches!(job.spec, Spec::Similarity(_));
    job.inputs.iter().filter(move |input| is_one && input.name == "fit")
}

/// What the plan holds, in the order of its cells.
struct Sight<'a> {
    plan: &'a Plan,
    outcomes: &'a Outcomes,
    /// Cells that measure a codec of whole vectors, with their codecs; whether each has results.
    cells: Vec<(&'a Cell, Codec, bool)>,
}

/// The list.
pub(crate) fn checks(plan: &Plan, outcomes: &Outcomes) -> Vec<Check> {
    let cells = plan.cells.iter().filter(|planned| planned.cell.is_retrieval()).filter_map(|planned| {
        let done = outcomes.contains_key(&plan.jobs[planned.job as usize].key);
        Some((&planned.cell, planned.cell.codec().ok()?, done))
    });
    let cells = cells.filter(|(cell, ..)| cell.dims().is_none()).collect();
    let sight = Sight { plan, outcomes, cells };
    vec![
        sight.complete(),
        sight.breadth(),
        sight.float32(),
        sight.parity(),
        sight.seeds(),
        sight.pq(),
        sight.opq(),
        sight.starts(),
        sight.cosine(),
        sight.has("int8, the usual way to save memory", |codec| codec == Codec::Int8),
        sight.has("centred binary codes", |codec| codec.as_sign().is_some_and(|sign| sign.centre != Centre::None)),
        sight.has("binary codes with learnt directions (pca, itq)", |codec| {
            codec.as_sign().is_some_and(|sign| sign.rotation.is_learnt())
        }),
        sight.has("asymmetric scoring of binary codes", |codec| {
            codec.as_sign().is_some_and(|sign| sign.scoring == Scoring::Asymmetric)
        }),
        sight.rescoring(),
        sight.training(),
    ]
}

/// `a, b, c and 4 more`.
fn list(names: impl IntoIterator<Item = String>) -> String {
    let names: BTreeSet<String> = names.into_iter().collect();
    let more = names.len().saturating_sub(NAMED);
    let mut named: Vec<String> = names.into_iter().take(NAMED).collect();
    named.extend((more > 0).then(|| format!("{more} more")));
    named.join(", ")
}

impl Sight<'_> {
    fn is_of_pairs(&self, cell: &Cell) -> bool {
        self.plan.lock.similarity.contains_key(cell.dataset())
    }

    /// Model and dataset of every cell that `wanted` chooses.
    fn places(&self, wanted: impl Fn(&Codec) -> bool) -> BTreeSet<(&str, &str)> {
        let cells = self.cells.iter().filter(|(_, codec, _)| wanted(codec));
        cells.map(|(cell, _, _)| (cell.model(), cell.dataset())).collect()
    }

    fn complete(&self) -> Check {
        let cells = &self.plan.cells;
        let is_done = |planned: &&PlannedCell| self.outcomes.contains_key(&self.plan.jobs[planned.job as usize].key);
        let lacking: Vec<String> =
            cells.iter().filter(|planned| !is_done(planned)).map(|planned| planned.cell.to_string()).collect();
        let (there, lacking_count) = (cells.len() - lacking.len(), lacking.len());
        let detail = match lacking_count {
            0 => format!("all {there} cells of the plan"),
            _ => format!("{there} of {} cells; not: {}", cells.len(), list(lacking)),
        };
        Check { what: "every planned cell has results", done: Done::of(there, lacking_count), detail }
    }

    fn breadth(&self) -> Check {
        let places = self.places(|_| true);
        let models: BTreeSet<&str> = places.iter().map(|(model, _)| *model).collect();
        let datasets: BTreeSet<&str> = places.iter().map(|(_, dataset)| *dataset).collect();
        let detail = format!(
            "models: {}; datasets: {}; what holds for one model on one dataset need not hold for others",
            models.len(),
            datasets.len()
        );
        let done = match (models.len() > 1, datasets.len() > 1) {
            (true, true) => Done::Yes,
            (false, false) => Done::No,
            _ => Done::Partly,
        };
        Check { what: "several models and several datasets", done, detail }
    }

    fn float32(&self) -> Check {
        let compressed = self.places(|codec| *codec != Codec::Float32);
        let exact = self.cells.iter().filter(|(_, codec, done)| *codec == Codec::Float32 && *done);
        let exact: BTreeSet<(&str, &str)> = exact.map(|(cell, ..)| (cell.model(), cell.dataset())).collect();
        let lacking = compressed.difference(&exact).map(|(model, dataset)| format!("{model} on {dataset}"));
        let lacking: Vec<String> = lacking.collect();
        let detail = match lacking.len() {
            0 => format!("for every pair of model and dataset ({})", exact.len()),
            _ => format!("not for {}", list(lacking.iter().cloned())),
        };
        Check { what: "float32 as the baseline", done: Done::of(exact.len(), lacking.len()), detail }
    }

    fn parity(&self) -> Check {
        let expect = &self.plan.expect;
        let missed = missed(self.plan, self.outcomes);
        let said: BTreeSet<(&str, &str)> =
            expect.iter().map(|expect| (expect.model.as_str(), expect.dataset.as_str())).collect();
        let silent = self.places(|_| true).into_iter().filter(|place| !said.contains(place));
        let silent: Vec<String> = silent.map(|(model, dataset)| format!("{model} on {dataset}")).collect();
        let kept = expect.len() - missed.len();
        let mut parts = Vec::new();
        if expect.is_empty() {
            parts.push(
                "the manifest expects nothing of float32, so nothing shows that the models run as published".to_owned(),
            );
        } else {
            parts.push(format!("{kept} of {} expectations kept", expect.len()));
            if !missed.is_empty() {
                parts.push("compressed results of the others are withheld".to_owned());
            }
            if !silent.is_empty() {
                parts.push(format!("nothing is expected of {}", list(silent.iter().cloned())));
            }
        }
        let done = Done::of(kept, missed.len() + silent.len());
        Check { what: "float32 gives what is published (expect:)", done, detail: parts.join("; ") }
    }

    /// Whether every codec that `counts` has at least [`SEEDS`] seeds on each model and dataset, one without seeds counting as one:
    /// how many have, how many have not, and what to say of it.
    fn seeded(&self, counts: impl Fn(&Codec) -> bool) -> (usize, usize, String) {
        let mut seeds: BTreeMap<(&str, &str, String), BTreeSet<Option<u32>>> = BTreeMap::new();
        for (cell, codec, _) in self.cells.iter().filter(|(_, codec, _)| counts(codec)) {
            seeds.entry((cell.model(), cell.dataset(), codec.name())).or_default().insert(codec.seed());
        }
        let few = seeds.iter().filter(|(_, seeds)| seeds.len() < SEEDS);
        let few: Vec<String> = few.map(|((.., codec), seeds)| format!("{codec} ({})", seeds.len())).collect();
        let there = seeds.len() - few.len();
        let detail = match (seeds.len(), few.len()) {
            (0, _) => "this sweep has no such codec".to_owned(),
            (_, 0) => format!("at least {} of each", seeds.values().map(BTreeSet::len).min().unwrap_or(0)),
            _ => format!("fewer: {}", list(few.iter().cloned())),
        };
        (there, few.len(), detail)
    }

    fn seeds(&self) -> Check {
        let (there, few, detail) = self.seeded(|codec| codec.as_sign().is_some_and(|sign| sign.rotation.is_drawn()));
        Check { what: "at least 10 projection seeds", done: Done::of(there, few), detail }
    }

    /// Whether each codec has the one beside it that `of` names for it and its bytes, on the same model and dataset.
    fn beside(&self, what: &'static str, of: impl Fn(&Cell, &Codec, u64) -> Option<String>) -> Check {
        let names: BTreeSet<(&str, &str, String)> =
            self.cells.iter().map(|(cell, codec, _)| (cell.model(), cell.dataset(), codec.name())).collect();
        let mut wanted: BTreeSet<(&str, &str, String)> = BTreeSet::new();
        for (cell, codec, _) in &self.cells {
            let Some(model) = self.plan.lock.models.get(cell.model()) else { continue };
            let name = of(cell, codec, codec.bytes_per_vector(model.facts.dim));
            wanted.extend(name.map(|name| (cell.model(), cell.dataset(), name)));
        }
        let lacking = wanted.iter().filter(|wanted| !names.contains(wanted));
        let lacking: Vec<String> =
            lacking.map(|(model, dataset, name)| format!("{name} ({model} on {dataset})")).collect();
        let detail = match (wanted.len(), lacking.len()) {
            (0, _) => "there is nothing to set it beside".to_owned(),
            (_, 0) => "at every size, on every model and dataset".to_owned(),
            _ => format!("lacking: {}", list(lacking.iter().cloned())),
        };
        Check { what, done: Done::of(wanted.len() - lacking.len(), lacking.len()), detail }
    }

    fn pq(&self) -> Check {
        self.beside("pq of the same bytes beside each binary code", |_, codec, bytes| {
            codec.as_sign().map(|_| format!("pq/{bytes}"))
        })
    }

    fn opq(&self) -> Check {
        self.beside("opq beside each pq", |_, codec, _| match codec {
            Codec::Pq(pq) => Some(format!("opq/{pq}")),
            _ => None,
        })
    }

    fn starts(&self) -> Check {
        let (there, few, mut detail) =
            self.seeded(|codec| matches!(codec, Codec::Pq(_) | Codec::Opq(_) | Codec::Pq4fs(_)));
        let fixed = |codec: &Codec| matches!(codec, Codec::Rabitq | Codec::Hnsw(_) | Codec::Ivfpq(_));
        let fixed = self.cells.iter().filter(|(_, codec, _)| fixed(codec)).map(|(_, codec, _)| codec.name());
        let fixed: BTreeSet<String> = fixed.collect();
        if !fixed.is_empty() {
            let names = list(fixed.iter().cloned());
            let before = if there + few > 0 { format!("{detail}; ") } else { String::new() };
            detail = format!("{before}{names}: always from Faiss's fixed seed, the spread is not measured");
        }
        if self.cells.iter().any(|(_, codec, _)| matches!(codec, Codec::Opq(_))) {
            detail.push_str("; the rotation that opq begins with is fixed, its centroids are not");
        }
        Check {
            what: "at least 10 starts of codebooks, rotations and graphs that Faiss draws",
            done: Done::of(there, few + fixed.len()),
            detail,
        }
    }

    fn cosine(&self) -> Check {
        // Pairs are scored by the cosine whatever the codec's scoring: there is nothing to run beside it.
        let is_scored =
            |cell: &Cell, codec: &Codec| matches!(codec, Codec::Pq(_) | Codec::Opq(_)) && !self.is_of_pairs(cell);
        let mut check = self.beside("pq and opq scored by the cosine too", |cell, codec, _| {
            let codec = is_scored(cell, codec).then_some(codec)?;
            let cosine = |pq: &Pq| Pq { scoring: PqScoring::Cosine, ..*pq };
            match codec {
                Codec::Pq(pq) => Some(Codec::Pq(cosine(pq)).name()),
                Codec::Opq(pq) => Some(Codec::Opq(cosine(pq)).name()),
                _ => None,
            }
        });
        if check.done != Done::Yes && self.cells.iter().any(|(cell, codec, _)| is_scored(cell, codec)) {
            check.detail.push_str(
                "; decoded vectors are shorter than the vectors were, so by the inner product alone pq and opq mostly find \
                 less at few bytes, and comparisons flatter binary codes",
            );
        }
        check
    }

    fn has(&self, what: &'static str, wanted: impl Fn(Codec) -> bool) -> Check {
        let all = self.places(|_| true);
        let there = self.places(|codec| wanted(*codec));
        let lacking = all.difference(&there).map(|(model, dataset)| format!("{model} on {dataset}"));
        let lacking: Vec<String> = lacking.collect();
        let names = self.cells.iter().filter(|(_, codec, _)| wanted(*codec)).map(|(_, codec, _)| codec.name());
        let mut detail = list(names);
        if there.is_empty() {
            "not run".clone_into(&mut detail);
        } else if !lacking.is_empty() {
            detail = format!("{detail}; not for {}", list(lacking.iter().cloned()));
        }
        Check { what, done: Done::of(there.len(), lacking.len()), detail }
    }

    fn rescoring(&self) -> Check {
        // By its name: an axis of cells that not every version has.
        let rescored = self.cells.iter().filter(|(cell, ..)| cell.axes().any(|(axis, _)| axis.name() == "rescore"));
        let count = rescored.count();
        let detail = match count {
            0 => "not run: what is compared is what codes alone find".to_owned(),
            _ => format!("{count} cells"),
        };
        Check { what: "rescoring of the first ranks with longer vectors", done: Done::of(count, 0), detail }
    }

    /// Every compressing job reads vectors of documents only, and every codec of pairs is fitted on sentences for that.
    fn training(&self) -> Check {
        let jobs = &self.plan.jobs;
        let compress: Vec<_> = jobs.iter().filter(|job| matches!(job.spec, Spec::Compress(_))).collect();
        let is_clean = |job: &&&PlannedJob| job.inputs.iter().all(|input| is_documents(self.plan, input.from));
        let clean = compress.iter().filter(is_clean).count();
        let fit: Vec<_> = jobs.iter().filter(|job| fitted_on(job).next().is_some()).collect();
        let is_apart = |job: &&&PlannedJob| fitted_on(job).all(|input| is_to_fit_on(self.plan, input.from));
        let apart = fit.iter().filter(is_apart).count();
        let same = self.plan.lock.datasets.iter().filter(|(_, dataset)| dataset.ignore_identical_ids);
        let same: Vec<String> = same.map(|(name, _)| name.clone()).collect();
        let mut parts = Vec::new();
        if !compress.is_empty() || fit.is_empty() {
            parts.push(format!(
                "{clean} of {} compressing jobs read vectors of documents and nothing else; the documents that a codec \
                 learns from are those that it indexes",
                compress.len()
            ));
        }
        if !fit.is_empty() {
            parts.push(format!(
                "{apart} of {} jobs that fit a codec for pairs do so on sentences of the split `fit`, none of which \
                 stands in a measured pair",
                fit.len()
            ));
        }
        if !same.is_empty() {
            parts.push(format!(
                "in {} a query may itself be a document, and is then learnt from",
                list(same.iter().cloned())
            ));
        }
        let lacking = compress.len() - clean + fit.len() - apart + same.len();
        let nothing = compress.is_empty() && fit.is_empty() && lacking == 0;
        let done = if nothing { Done::Yes } else { Done::of(clean + apart, lacking) };
        Check { what: "nothing is learnt from queries", done, detail: parts.join("; ") }
    }
}
