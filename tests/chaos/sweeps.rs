//! The sweeps of a run, and the tables that they have to give.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::time::{Duration, Instant};

use bitsweep_backends::Store;
use bitsweep_backends::store::Known;
use bitsweep_models::tiny::{TinyModel, write_tiny_model};
use bitsweep_proto::plan::From;
use bitsweep_proto::{JobKey, Kind, Plan, SweepId};
use serde_json::{Value, json};

use crate::scifact::Vectors;
use crate::site::Site;
use crate::support::{Bench, repository, text};

/// Documents of the sweep that embeds: two shards, of eight checkpoints and of four.
const DOCUMENTS: usize = 1_536;
/// Tokens of a text that needs more memory than workers allow: its states alone take 5.5 KB a token at 256 dimensions.
const GREEDY_TOKENS: usize = 80_000;

/// What a sweep is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// The real data under embeddings that are there already; many jobs without checkpoints.
    SciFact,
    /// Embeddings of its own, with checkpoints.
    Shards,
    /// An embedding that breaks whatever process computes it.
    Poison,
}

/// A sweep that was submitted.
pub(crate) struct Sweep {
    pub(crate) family: Family,
    pub(crate) manifest: String,
    pub(crate) id: SweepId,
    pub(crate) plan: Plan,
}

impl Sweep {
    /// The jobs that are to be done: a budget leaves out the last cell, so that the coordinator has to keep count of the
    /// sweep to the end.
    pub(crate) fn needed(&self) -> BTreeSet<JobKey> {
        let limit = self.plan.budgets.iter().find_map(|budget| budget.configurations);
        let cells = limit.map_or(self.plan.cells.len(), |limit| usize::try_from(limit).unwrap());
        let jobs = self.plan.cells[..cells].iter().flat_map(|cell| bitsweep_plan::lineage(&self.plan, cell.job));
        jobs.map(|job| self.plan.jobs[job as usize].key).collect()
    }

    /// Whether all that can be done is done.
    pub(crate) async fn is_done(&self, records: &Store) -> bool {
        let known = records.known().await.unwrap();
        self.family == Family::Poison || self.needed().iter().all(|key| known.outcomes.contains_key(key))
    }
}

/// The sweeps of one run.
#[derive(Default)]
pub(crate) struct Sweeps {
    pub(crate) all: Vec<Sweep>,
    /// The vectors that SciFact's embeddings are made of; without them it is left out.
    vectors: Option<Vectors>,
    rounds: usize,
}

impl Sweeps {
    pub(crate) fn new(vectors: Option<Vectors>) -> Self {
        Self { vectors, ..Self::default() }
    }

    /// The sweeps whose tables are held against embedded runs.
    pub(crate) fn sound(&self) -> impl Iterator<Item = &Sweep> {
        self.all.iter().filter(|sweep| sweep.family != Family::Poison)
    }

    pub(crate) fn poison(&self) -> impl Iterator<Item = &Sweep> {
        self.all.iter().filter(|sweep| sweep.family == Family::Poison)
    }

    /// What each job is.
    pub(crate) fn kinds(&self) -> HashMap<JobKey, Kind> {
        self.all.iter().flat_map(|sweep| &sweep.plan.jobs).map(|job| (job.key, job.spec.kind())).collect()
    }

    /// The jobs whose outcomes are to be read by jobs that are not done.
    pub(crate) fn inputs_of_open_jobs(&self, known: &Known) -> BTreeSet<JobKey> {
        let mut found = BTreeSet::new();
        for sweep in self.sound() {
            let (jobs, needed) = (&sweep.plan.jobs, sweep.needed());
            let open = jobs.iter().filter(|job| needed.contains(&job.key) && !known.outcomes.contains_key(&job.key));
            for input in open.flat_map(|job| &job.inputs) {
                if let From::Job(other) = input.from {
                    found.insert(jobs[other as usize].key);
                }
            }
        }
        found
    }

    /// Submits one of each family, with jobs that no round before had.
    pub(crate) async fn submit_round(&mut self, site: &mut Site) {
        let round = self.rounds;
        self.rounds += 1;
        if self.vectors.is_some() {
            if round == 0 {
                crate::scifact::write_data(&site.bench);
            }
            let seeds = 3 * (round + 1);
            let codecs = format!(
                "[float32, int8, {{ binary: {{ bits: [64, 128, 256, 512], seeds: {seeds} }} }}, {{ pq: {{ bytes: [8, 16, 32, 64] }} }}]"
            );
            let sources = (crate::scifact::model(), "file:scifact".to_owned());
            let name = manifest(&site.bench, ("scifact", round), sources, (&codecs, Some(5 + 4 * seeds)));
            self.submit(site, Family::SciFact, name).await;
        }
        if round == 0 {
            write_shards(&site.bench);
            write_long(&site.bench);
        }
        let seed = round as u64 + 1;
        let model = TinyModel { dim: 128, layers: 4, seed, ..TinyModel::default() };
        write_tiny_model(&site.bench.path(&format!("tiny-{round}")), &model).unwrap();
        let codecs = "[float32, int8, { binary: { bits: [64, 128], seeds: 6 } }, { pq: { bytes: 8 } }]";
        let sources = (format!("file:tiny-{round}"), "file:shards".to_owned());
        let name = manifest(&site.bench, ("shards", round), sources, (codecs, Some(14)));
        self.submit(site, Family::Shards, name).await;

        let (max_tokens, positions) = (GREEDY_TOKENS, GREEDY_TOKENS);
        let model = TinyModel { max_tokens, positions, seed, dim: 256, layers: 1, ..TinyModel::default() };
        write_tiny_model(&site.bench.path(&format!("greedy-{round}")), &model).unwrap();
        let sources = (format!("file:greedy-{round}"), "file:long".to_owned());
        let name = manifest(&site.bench, ("poison", round), sources, ("[float32]", None));
        self.submit(site, Family::Poison, name).await;
    }

    /// Submits to whichever coordinator takes it. The embeddings of SciFact are there before any worker can claim them.
    async fn submit(&mut self, site: &mut Site, family: Family, manifest: String) {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            site.revive(Duration::from_secs(1));
            for to in site.addresses() {
                let output = site.command(&["submit", &manifest, "--to", &to, "--json"]).output().unwrap();
                if !output.status.success() {
                    let said = text(&output.stderr);
                    assert!(Instant::now() < until, "{manifest} cannot be submitted: {said}\n{}", site.logs());
                    continue;
                }
                let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
                let id = SweepId(answer["sweep"].as_str().unwrap().parse().unwrap());
                let plan = site.records.plan(&id).await.unwrap();
                if let (Family::SciFact, Some(vectors)) = (family, &self.vectors) {
                    vectors.put_outcomes(&site.s3.open("sweeps").await, &plan).await;
                    let embedded = Store::open(site.bench.path("embedded").to_str().unwrap()).await.unwrap();
                    vectors.put_outcomes(&embedded, &plan).await;
                }
                self.all.push(Sweep { family, manifest, id, plan });
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    pub(crate) async fn are_done(&self, records: &Store) -> bool {
        for sweep in &self.all {
            if !sweep.is_done(records).await {
                return false;
            }
        }
        true
    }

    pub(crate) async fn wait_until_done(&self, site: &mut Site, patience: Duration) {
        let until = Instant::now() + patience;
        while !self.are_done(&site.records).await {
            if Instant::now() > until {
                for sweep in &self.all {
                    println!("{}: {:#}", sweep.manifest, status(site, sweep));
                }
                panic!("a sweep is stuck\n{}", site.logs());
            }
            site.revive(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// The tables are those of embedded runs.
    pub(crate) fn check_tables(&self, site: &Site) {
        for Sweep { manifest, .. } in self.sound() {
            let store = site.s3.place("sweeps");
            let output = site.command(&["export", manifest, "--format", "csv", "--store", &store]).output().unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
            // The last cell is held by a budget: exit code 75.
            let run = site.bench.run(&["run", manifest, "--quiet", "--store", "embedded", "--threads", "1"]);
            assert_eq!(run.status.code(), Some(75), "{}", text(&run.stderr));
            let embedded = site.bench.ok(&["export", manifest, "--format", "csv", "--store", "embedded"]);
            assert!(embedded.lines().count() > 10, "{embedded}");
            assert_eq!(text(&output.stdout), embedded, "{manifest}");
        }
    }
}

/// What a coordinator that schedules says of a sweep; null where none does.
pub(crate) fn status(site: &Site, sweep: &Sweep) -> Value {
    let id = sweep.id.to_string();
    let ask = |to: &String| {
        let output = site.command(&["status", &id, "--to", to, "--json"]).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).ok().filter(|status| !status["spent"].is_null())
    };
    site.addresses().iter().find_map(ask).unwrap_or_default()
}

/// Writes a manifest whose budgets leave out all but so many cells; gives its name.
fn manifest(
    bench: &Bench,
    (family, round): (&str, usize),
    (model, dataset): (String, String),
    (codecs, cells): (&str, Option<usize>),
) -> String {
    let name = format!("{family}-{round}");
    let measures = "[nDCG@10, Recall@10, MRR@10, MRR, Overlap@10]";
    let cells = cells.map_or(String::new(), |cells| format!(", {{ configurations: {cells} }}"));
    let budgets = format!("[{{ usd: 1000 }}{cells}]");
    let text = format!(
        "sweep: {name}\nmodels: {{ m: {{ source: \"{model}\" }} }}\ndatasets: {{ d: {{ source: \"{dataset}\" }} }}\ncodecs: {codecs}\nmeasures: {measures}\nbudgets: {budgets}\n"
    );
    bench.write(&format!("{name}.yaml"), text);
    format!("{name}.yaml")
}

/// The shipped collection many times over, no two documents alike.
fn write_shards(bench: &Bench) {
    let pocket = repository().join("examples/data/pocket");
    let corpus = fs::read_to_string(pocket.join("corpus.jsonl")).unwrap();
    let documents: Vec<Value> = corpus.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let copy = |at: usize| {
        let (document, round) = (&documents[at % documents.len()], at / documents.len());
        let (id, title, text) = (&document["_id"], &document["title"], &document["text"]);
        match round {
            0 => document.clone(),
            _ => json!({
                "_id": format!("{}-{round}", id.as_str().unwrap()), "title": title,
                "text": format!("{round} {round} {}", text.as_str().unwrap()),
            }),
        }
    };
    bench.write("shards/corpus.jsonl", (0..DOCUMENTS).map(|at| format!("{}\n", copy(at))).collect::<String>());
    for file in ["queries.jsonl", "qrels/test.tsv"] {
        bench.write(&format!("shards/{file}"), fs::read(pocket.join(file)).unwrap());
    }
}

/// Documents that are longer than memory allows.
fn write_long(bench: &Bench) {
    let document = |at: usize| {
        let words = (0..GREEDY_TOKENS).map(|word| ["the", "cell", "gene", "bird", "tree"][(word * word + at) % 5]);
        json!({ "_id": format!("d{at}"), "title": "", "text": words.collect::<Vec<_>>().join(" ") })
    };
    bench.write("long/corpus.jsonl", (0..8).map(|at| format!("{}\n", document(at))).collect::<String>());
    bench.write("long/queries.jsonl", "{\"_id\": \"q\", \"text\": \"which bird\"}\n");
    bench.write("long/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq\td1\t1\n");
}
