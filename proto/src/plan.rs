//! The plan: a manifest with its lock, expanded, frozen. Nobody evaluates a manifest twice.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::codec::Codec;
use crate::digest::Digest;
use crate::job::Spec;
use crate::key::{Fields, JobKey};
use crate::lock::Lock;
use crate::manifest::{Budget, Expect, Gate};
use crate::measure::Measure;
use crate::profile::Profiles;
use crate::study::Study;
use crate::task::Task;
use crate::track::Track;

/// Version of the stored plan. Version 1 had no tracks, gates and budgets; it is read as one without any.
pub const PLAN_VERSION: u32 = 2;

/// The id of a sweep: the hash of its plan, so submitting twice is one sweep. Shown by its first 12 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SweepId(pub Digest);

impl fmt::Display for SweepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SweepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An immutable plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Format version: [`PLAN_VERSION`].
    pub version: u32,
    /// The sweep's name in the manifest.
    pub name: String,
    /// The manifest's text as it was read, for provenance.
    pub manifest: String,
    /// The sources.
    pub lock: Lock,
    /// The numerics profiles that the keys hold.
    pub profiles: Profiles,
    /// The measures, sorted as in the table.
    pub measures: Vec<Measure>,
    /// Rows of the table, in its order.
    pub cells: Vec<PlannedCell>,
    /// Jobs, each after the jobs it needs.
    pub jobs: Vec<PlannedJob>,
    /// What waits until something else is done, as the manifest says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// Limits, as the manifest says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// What float32 is known to give, as the manifest says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expect>,
}

/// One row of the table and the job that measures it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedCell {
    /// The cell.
    pub cell: Cell,
    /// Order of execution; 1 is first.
    pub tier: u32,
    /// Core or exploratory.
    #[serde(default, skip_serializing_if = "Track::is_core")]
    pub track: Track,
    /// Index of its measuring job in [`Plan::jobs`].
    pub job: u32,
}

/// One node of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedJob {
    /// Hash of its fields, see [`Plan::fields`].
    pub key: JobKey,
    /// Kind and parameters.
    pub spec: Spec,
    /// Inputs in the order of the key.
    pub inputs: Vec<Input>,
    /// The lowest tier among the cells of its track that need it.
    pub tier: u32,
    /// Core if any cell that needs it is.
    #[serde(default, skip_serializing_if = "Track::is_core")]
    pub track: Track,
}

/// One input of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What the job calls it: `documents`, `model`, `qrels` … A name may stand several times (shards); order matters.
    pub name: String,
    /// Name of the item where it is a single blob; empty for a job's whole artifact.
    pub item: String,
    /// Where it comes from.
    pub from: From,
}

/// Where an input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum From {
    /// Imported content.
    Blob(Digest),
    /// The artifact of the job at this index of [`Plan::jobs`].
    Job(u32),
}

/// Codecs that a caution names, at most.
const MOST_NAMED: usize = 8;

impl Plan {
    /// The id: a hash over what the manifest says (not how it is written: comments and layout change no id), and every
    /// cell with its tier and key. The keys cover the locked content and the profiles. Panics where a cell's job is not
    /// in the plan.
    pub fn id(&self) -> SweepId {
        let mut hasher = crate::digest::Hasher::new();
        hasher.update(
            // Not the version of the format: a plan of version 1 is the same sweep in version 2.
            format!("bitsweep plan 1\n{}\n", serde_json::Value::from(self.name.as_str())).as_bytes(),
        );
        let manifest =
            crate::manifest::read(&self.manifest, "").ok().and_then(|said| serde_json::to_string(&said).ok());
        hasher.update(manifest.as_deref().unwrap_or(&self.manifest).as_bytes());
        hasher.update(b"\n");
        for planned in &self.cells {
            let key = self.jobs[planned.job as usize].key;
            hasher.update(format!("{} {} {key}\n", planned.cell, planned.tier).as_bytes());
        }
        SweepId(hasher.finish())
    }

    /// Cells of a search, for retrieval or classification: those that are answered query by query.
    pub fn searches(&self) -> impl Iterator<Item = &PlannedCell> {
        let is_one = |cell: &Cell| cell.is_retrieval() && self.lock.queries(cell.dataset()).is_some();
        self.cells.iter().filter(move |planned| is_one(&planned.cell))
    }

    /// All that the key of the job at `index` covers.
    pub fn fields(&self, index: u32) -> Fields {
        let job = &self.jobs[index as usize];
        let mut fields = job.spec.fields(&self.profiles);
        for input in &job.inputs {
            let content = match input.from {
                From::Blob(digest) => crate::job::InputKey::Blob(digest),
                From::Job(other) => crate::job::InputKey::Job(self.jobs[other as usize].key),
            };
            crate::job::push_input(&mut fields, &input_field(input), content);
        }
        fields
    }
}

/// Documents that Faiss asks for to learn the 256 centroids of a sub-quantiser: 39 for each.
const PQ_DOCUMENTS: u64 = POINTS_PER_CENTROID * 256;

/// Documents that Faiss asks for to learn a centroid.
const POINTS_PER_CENTROID: u64 = 39;

/// Names as a caution lists them.
fn listed(names: impl IntoIterator<Item = String>) -> String {
    let mut names: Vec<String> = names.into_iter().collect();
    let more = names.len().saturating_sub(MOST_NAMED);
    names.truncate(MOST_NAMED);
    names.extend((more > 0).then(|| format!("{more} more codecs")));
    names.join(", ")
}

impl Plan {
    /// What a reader of the results must know: odd things of the datasets, and where the sweep compares what is not quite
    /// alike. One sentence each.
    pub fn cautions(&self) -> Vec<String> {
        let mut cautions = Vec::new();
        for (name, dataset) in &self.lock.datasets {
            cautions.extend(dataset.warnings.iter().map(|warning| format!("dataset {name}: {warning}")));
            if dataset.ignore_identical_ids {
                cautions
                    .push(format!("dataset {name}: a document with the id of the query is dropped from its results"));
            }
            cautions.extend(self.small_corpus(name, dataset.counts.documents));
            cautions.extend(self.short_lists(name, dataset.counts.documents));
            cautions.extend(self.short_searches(name, dataset.counts.documents));
        }
        for (name, dataset) in &self.lock.similarity {
            cautions.extend(dataset.warnings.iter().map(|warning| format!("dataset {name}: {warning}")));
            let fit = dataset.counts.fit;
            if fit < PQ_DOCUMENTS && self.codecs(Some(name)).any(|(codec, _)| is_pq(codec)) {
                cautions.push(format!(
                    "dataset {name}: pq learns 256 centroids per sub-space from only {fit} sentences (Faiss asks for \
                     {PQ_DOCUMENTS})"
                ));
            }
        }
        for (name, dataset) in &self.lock.classification {
            cautions.extend(dataset.warnings.iter().map(|warning| format!("dataset {name}: {warning}")));
            let documents = dataset.counts.documents;
            cautions.extend(self.small_corpus(name, documents));
            cautions.extend(self.short_lists(name, documents));
            let wider = |measure: &&Measure| matches!(measure, Measure::Accuracy { k } if u64::from(*k) > documents);
            let wider: Vec<String> = self.measures.iter().filter(wider).map(Measure::to_string).collect();
            if !wider.is_empty() {
                cautions.push(format!(
                    "dataset {name}: {} asks for more neighbours than the {documents} labelled texts: all of them vote",
                    wider.join(", ")
                ));
            }
        }
        cautions.extend(self.lengths_differ());
        cautions.extend(self.truncated());
        cautions
    }

    /// Models whose vectors are truncated: that this makes sense of them is said, and not seen in any file.
    fn truncated(&self) -> Option<String> {
        let cells = self.cells.iter().map(|planned| &planned.cell).filter(|cell| cell.dims().is_some());
        let models: BTreeSet<&str> = cells.map(Cell::model).collect();
        (!models.is_empty()).then(|| {
            format!(
                "that the first dimensions of a vector of {} are a vector too is what the manifest says (mrl: true); nothing here \
                 checks it",
                models.into_iter().collect::<Vec<_>>().join(", ")
            )
        })
    }

    /// The codecs that some cell of a dataset, or of any, uses, with the dimensions they are used at.
    fn codecs<'p>(&'p self, dataset: Option<&'p str>) -> impl Iterator<Item = (Codec, u32)> + 'p {
        let cells = self.cells.iter().filter(move |planned| dataset.is_none_or(|name| planned.cell.dataset() == name));
        cells.filter_map(|planned| {
            let model = self.lock.models.get(planned.cell.model())?;
            Some((planned.cell.codec().ok()?, planned.cell.dims().unwrap_or(model.facts.dim)))
        })
    }

    fn small_corpus(&self, name: &str, documents: u64) -> Vec<String> {
        let mut cautions = Vec::new();
        if documents < PQ_DOCUMENTS && self.codecs(Some(name)).any(|(codec, _)| is_pq(codec)) {
            cautions.push(format!(
                "dataset {name}: pq learns 256 centroids per sub-space from the very documents that it indexes, and these \
                 are only {documents} (Faiss asks for {PQ_DOCUMENTS}): with documents it has not seen it is worse, most so \
                 at few bytes"
            ));
        }
        let heavy = |(codec, dim): &(Codec, u32)| {
            let footprint = codec.footprint(*dim, documents);
            footprint.shared_bytes > footprint.bytes_per_vector * documents
        };
        let codecs = self.codecs(Some(name)).filter(heavy).map(|(codec, _)| codec.stored().name());
        let heavy: BTreeSet<String> = codecs.collect();
        if !heavy.is_empty() {
            cautions.push(format!(
                "dataset {name}: at {documents} documents the shared bytes of {} weigh more than all codes together; bytes \
                 per vector stand for large corpora",
                listed(heavy)
            ));
        }
        cautions
    }

    /// Searches that return fewer documents than the measures look at, and lists with few documents to learn from.
    fn short_lists(&self, name: &str, documents: u64) -> Vec<String> {
        let is_labelled = self.lock.classification.contains_key(name);
        let task = if is_labelled { Task::Classification } else { Task::Retrieval };
        let of_task = self.measures.iter().filter(|measure| measure.task() == task);
        let depth = of_task.map(Measure::depth).max().unwrap_or_default();
        let looked_at = u64::from(depth).min(documents);
        let codecs: BTreeSet<Codec> = self.codecs(Some(name)).map(|(codec, _)| codec).collect();
        let is_short = |codec: &&Codec| codec.most_found().is_some_and(|most| u64::from(most) < looked_at);
        let mut cautions = Vec::new();
        let short: Vec<String> = codecs.iter().filter(is_short).map(Codec::name).collect();
        if !short.is_empty() {
            cautions.push(format!(
                "dataset {name}: measures look at {looked_at} documents, but a search of {} returns at most ef_search of them; \
                 the others count as not found",
                listed(short)
            ));
        }
        let is_thin = |codec: &&Codec| match codec {
            Codec::Ivfpq(ivfpq) => documents < POINTS_PER_CENTROID * u64::from(ivfpq.nlist),
            _ => false,
        };
        let thin: BTreeSet<String> = codecs.iter().filter(is_thin).map(|codec| codec.stored().name()).collect();
        if !thin.is_empty() {
            cautions.push(format!(
                "dataset {name}: the centroids of the lists of {} are learnt from only {documents} documents (Faiss asks for \
                 {POINTS_PER_CENTROID} a list): most lists hold few documents, so searches are worse and cheaper than in a \
                 large corpus",
                listed(thin)
            ));
        }
        cautions
    }

    /// Timed searches that return fewer documents than they are asked for: what they take is compared with what searches take
    /// that return more.
    fn short_searches(&self, name: &str, documents: u64) -> Option<String> {
        let is_timed = |cell: &Cell| cell.dataset() == name && cell.study() == Some(Study::Speed);
        let mut short = BTreeSet::new();
        let mut most_asked_for = 0;
        for planned in self.cells.iter().filter(|planned| is_timed(&planned.cell)) {
            let Some(Spec::Speed(spec)) = self.jobs.get(planned.job as usize).map(|job| &job.spec) else { continue };
            let asked_for = u64::from(spec.depth).min(documents);
            if spec.codec.most_found().is_some_and(|most| u64::from(most) < asked_for) {
                short.insert(spec.codec);
                most_asked_for = most_asked_for.max(asked_for);
            }
        }
        (!short.is_empty()).then(|| {
            format!(
                "dataset {name}: a timed search of {} returns at most ef_search of the {most_asked_for} documents asked for, so it \
                 does less than the others",
                listed(short.iter().map(Codec::name))
            )
        })
    }

    /// Inner product and angle order documents differently where vectors differ in length.
    fn lengths_differ(&self) -> Vec<String> {
        let free = |job: &PlannedJob| matches!(&job.spec, Spec::Embed(embed) if !embed.normalize);
        if !self.jobs.iter().any(free) {
            return Vec::new();
        }
        let mut cautions = Vec::new();
        if self.codecs(None).any(|(codec, _)| codec.is_angular()) {
            let sentence = "some vectors are not scaled to length 1: binary codes and cosines compare angles, the other codecs \
                            inner products, so their difference is not the loss of compression alone";
            cautions.push(sentence.to_owned());
        }
        if self.codecs(None).any(|(codec, _)| codec.is_approximate()) {
            let sentence = "some vectors are not scaled to length 1: graphs and inverted lists are made for distances, and \
                            miss more by inner product where lengths differ";
            cautions.push(sentence.to_owned());
        }
        cautions
    }
}

fn is_pq(codec: Codec) -> bool {
    matches!(codec, Codec::Pq(_) | Codec::Opq(_) | Codec::Ivfpq(_))
}

/// How an input is called in a job's fields: `name`, or `name/item` for a single blob with a name of its own.
pub fn input_field(input: &Input) -> String {
    if input.item.is_empty() { input.name.clone() } else { format!("{}/{}", input.name, input.item) }
}
