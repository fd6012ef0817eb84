//! What a plan amounts to: jobs by kind, what is reused, bytes expected, and the matrix.

use std::collections::HashMap;

use bitsweep_proto::job::{Compress, Embed, RescoreSpec, Retrieve, TruncateSpec};
use bitsweep_proto::plan::{From, PlannedJob};
use bitsweep_proto::{Axis, JobKey, Kind, Plan, Spec};
use serde::{Deserialize, Serialize};

/// Bytes of one hit of a run: document number and score.
const HIT_BYTES: u64 = 8;

/// A plan in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Jobs by kind, in the order of the pipeline.
    pub kinds: Vec<KindCount>,
    /// Cells by model, dataset and codec family, in table order.
    pub matrix: Vec<CellCount>,
}

/// The jobs of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindCount {
    /// The kind.
    pub kind: Kind,
    /// Jobs in the plan.
    pub total: u64,
    /// Jobs whose outcome is there already: their keys are equal, so nothing of them runs.
    pub done: u64,
    /// Jobs to run.
    pub to_run: u64,
    /// Bytes that the jobs to run are expected to store: vectors, codes with their tables, hits. Files are a little
    /// larger than their content, runs also by the documents tied at the cut. Measures count nothing.
    pub bytes: u64,
}

/// The cells of one codec family on one model and dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellCount {
    /// Model name.
    pub model: String,
    /// Dataset name.
    pub dataset: String,
    /// `float32`, `int8`, `pq`, `binary` …, or a study: `geometry`, `codes` …
    pub family: String,
    /// Cells in the plan.
    pub cells: u64,
    /// Cells whose measures are there already.
    pub done: u64,
}

/// Counts the jobs and cells of `plan`; `done` says whether the outcome of a key is in the store.
pub fn summary(plan: &Plan, done: &dyn Fn(&JobKey) -> bool) -> Summary {
    let job_done: Vec<bool> = plan.jobs.iter().map(|job| done(&job.key)).collect();
    let rows = Rows::of(plan);
    let mut kinds = Kind::ALL.map(|kind| KindCount { kind, total: 0, done: 0, to_run: 0, bytes: 0 });
    for (index, job) in plan.jobs.iter().enumerate() {
        let kind = job.spec.kind();
        let count = kinds.iter_mut().find(|count| count.kind == kind).expect("Kind::ALL holds every kind");
        count.total += 1;
        if job_done[index] {
            count.done += 1;
        } else {
            count.to_run += 1;
            count.bytes += rows.expected_bytes(index, job);
        }
    }
    let kinds = kinds
        .into_iter()
        .filter(|count| {
            count.total > 0 || matches!(count.kind, Kind::Embed | Kind::Compress | Kind::Retrieve | Kind::Measure)
        })
        .collect();
    Summary { kinds, matrix: matrix(plan, &job_done) }
}

fn matrix(plan: &Plan, job_done: &[bool]) -> Vec<CellCount> {
    let mut counts: Vec<CellCount> = Vec::new();
    let mut places: HashMap<(&str, &str, &str), usize> = HashMap::new();
    for planned in &plan.cells {
        let (model, dataset) = (planned.cell.model(), planned.cell.dataset());
        let codec = planned.cell.get(Axis::Study).or_else(|| planned.cell.get(Axis::Codec)).unwrap_or_default();
        let family = codec.split('/').next().unwrap_or_default();
        let place = *places.entry((model, dataset, family)).or_insert_with(|| {
            let [model, dataset, family] = [model, dataset, family].map(str::to_owned);
            counts.push(CellCount { model, dataset, family, cells: 0, done: 0 });
            counts.len() - 1
        });
        counts[place].cells += 1;
        counts[place].done += u64::from(job_done[planned.job as usize]);
    }
    counts
}

/// How many documents and queries each job handles: the sum over the embedding shards it reads, directly or through an
/// index.
struct Rows(Vec<JobRows>);

#[derive(Clone, Copy, Default)]
struct JobRows {
    documents: u64,
    queries: u64,
    /// Rows of a truncating job, whatever they are.
    vectors: u64,
}

impl Rows {
    fn of(plan: &Plan) -> Self {
        let mut rows: Vec<JobRows> = Vec::with_capacity(plan.jobs.len());
        for job in &plan.jobs {
            let mut own = JobRows::default();
            for input in &job.inputs {
                let From::Job(other) = input.from else { continue };
                let other_rows = rows[other as usize];
                match (input.name.as_str(), &plan.jobs[other as usize].spec) {
                    ("documents", Spec::Embed(embed)) => own.documents += embed.rows,
                    ("queries", Spec::Embed(embed)) => own.queries += embed.rows,
                    ("vectors", Spec::Embed(embed)) => own.vectors += embed.rows,
                    ("documents", Spec::Truncate(_)) => own.documents += other_rows.vectors,
                    ("queries", Spec::Truncate(_)) => own.queries += other_rows.vectors,
                    ("index", _) => own.documents += other_rows.documents,
                    _ => {}
                }
            }
            rows.push(own);
        }
        Self(rows)
    }

    fn expected_bytes(&self, index: usize, job: &PlannedJob) -> u64 {
        let JobRows { documents, queries, vectors } = self.0[index];
        match &job.spec {
            Spec::Embed(Embed { rows, dim, .. }) => rows * 4 * u64::from(*dim),
            Spec::Truncate(TruncateSpec { dims, .. }) => vectors * 4 * u64::from(*dims),
            Spec::Compress(Compress { codec, dim }) => {
                let each = codec.footprint(*dim, documents).bytes_per_vector;
                documents * each + codec.stored_shared_bytes(*dim, documents)
            }
            Spec::Retrieve(Retrieve { depth, .. }) | Spec::Rescore(RescoreSpec { depth, .. }) => {
                queries * documents.min(u64::from(*depth)) * HIT_BYTES
            }
            Spec::Measure(_)
            | Spec::Geometry(_)
            | Spec::Codes(_)
            | Spec::Similarity(_)
            | Spec::Classify(_)
            | Spec::Speed(_)
            | Spec::Noop(_) => 0,
        }
    }
}
