//! Small sweeps for a long time, while workers come and go: what grows?
//!
//! Three workers of two slots run sweeps of a tiny model. Some sweeps are cancelled and resumed, workers are killed and told
//! to go at seeded random moments, and those sweeps that are done are forgotten and collected by the coordinator. What a
//! collection leaves because it is young is made old here: two days are longer than a measurement.

use std::collections::VecDeque;
use std::fs::{File, FileTimes};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bitsweep_backends::queue::Tuning;
use bitsweep_backends::{Queue, RabbitQueue};
use bitsweep_coordinator::SweepState;
use bitsweep_proto::{Class, SweepId};

use crate::gauge::Usage;
use crate::setting;
use crate::site::{Process, Site};
use crate::support::random::Random;
use crate::support::{Bench, MANIFEST, files, repository, text};

const WORKERS: usize = 3;
/// Sweeps that are under way at a time, and that are kept when they are done.
const UNDER_WAY: usize = 3;
const KEPT: usize = 10;
/// What is older may be collected.
const SETTLED: Duration = Duration::from_secs(60);
/// For so long Redis keeps a job that is done (`prelude.lua`).
const KEYS_KEPT: Duration = Duration::from_secs(900);

/// What is looked at, and what may come to it besides a tenth.
const COLUMNS: [(&str, f64); 12] = [
    ("coordinator_mib", 8.0),
    ("coordinator_files", 8.0),
    // The threads for files come and go, up to 64.
    ("coordinator_threads", 64.0),
    ("workers_mib", 64.0),
    ("workers_files", 64.0),
    ("workers_threads", 32.0),
    ("rabbitmq_mib", 48.0),
    ("rabbitmq_files", 16.0),
    ("redis_mib", 16.0),
    ("queued", 16.0),
    ("store_mib", 16.0),
    ("store_objects", 1500.0),
];

struct Soak {
    site: Site,
    queue: RabbitQueue,
    coordinator: Process,
    workers: Vec<Option<Process>>,
    /// Under way, oldest first.
    under_way: VecDeque<SweepId>,
    done: VecDeque<SweepId>,
    sweeps: u32,
    random: Random,
    /// When so many sweeps were done.
    progress: Vec<(Instant, u32)>,
}

/// `BITSWEEP_MINUTES` says for how long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: scripts/soak runs it"]
async fn soak() {
    let length = Duration::from_secs_f64(60.0 * setting("BITSWEEP_MINUTES", 30.0));
    let mut soak = Soak::start().await;
    let (began, pause) = (Instant::now(), (length / 60).min(Duration::from_secs(10)));
    let (mut sample_at, mut churn_at, mut collect_at) = (began + pause, began, began + SETTLED);
    let (mut rows, mut csv) = (Vec::new(), String::new());
    csv += &format!("seconds,sweeps,redis_keys,{}\n", COLUMNS.map(|(name, _)| name).join(","));
    while began.elapsed() < length {
        soak.fill().await;
        if Instant::now() >= churn_at {
            soak.churn();
            churn_at = Instant::now() + Duration::from_millis(1_000 + soak.random.below(5_000));
        }
        if Instant::now() >= collect_at {
            soak.collect();
            collect_at = Instant::now() + SETTLED / 2;
        }
        if Instant::now() >= sample_at {
            let (keys, row) = soak.sample().await;
            let (seconds, sweeps) = (began.elapsed().as_secs_f64(), soak.progress.len());
            let shown = row.map(|value| format!("{value:.1}")).join(",");
            csv += &format!("{seconds:.1},{sweeps},{keys},{shown}\n");
            std::fs::write(repository().join("target/soak.csv"), &csv).unwrap();
            soak.keys_are_bounded(keys);
            rows.push(row);
            sample_at += pause;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("{} sweeps; all samples are in target/soak.csv\n", soak.progress.len());
    compare(&rows);
}

impl Soak {
    async fn start() -> Self {
        let mut site = Site::start(Bench::tiny_on_disk()).await;
        let coordinator = site.coordinator(&[("BITSWEEP_LEASE", "5s")]).await;
        let queue = RabbitQueue::open(&site.rabbit.address(), site.store.id(), Tuning::default()).await.unwrap();
        let workers = (0..WORKERS).map(|_| None).collect();
        let (under_way, done) = (VecDeque::new(), VecDeque::new());
        let (random, progress) = (Random(1), Vec::new());
        Self { site, queue, coordinator, workers, under_way, done, sweeps: 0, random, progress }
    }

    /// Submits as many as may be under way, and notes what is done.
    async fn fill(&mut self) {
        while self.under_way.len() < UNDER_WAY {
            let sweep = self.submit();
            if self.random.below(5) == 0 {
                self.says(&["cancel", &sweep.to_string()]);
                self.says(&["resume", &sweep.to_string()]);
            }
            self.under_way.push_back(sweep);
        }
        let first = self.under_way[0];
        match self.site.status(first).await.0.line.state {
            SweepState::Running | SweepState::Waiting | SweepState::Held => {}
            SweepState::Finished => {
                self.under_way.pop_front();
                self.done.push_back(first);
                self.progress.push((Instant::now(), self.sweeps));
            }
            state => panic!("sweep {first} is {state:?}"),
        }
        let last = self.progress.last().map_or(Instant::now(), |(at, _)| *at);
        assert!(last.elapsed() < Duration::from_secs(180), "sweep {first} is stuck");
    }

    fn submit(&mut self) -> SweepId {
        self.sweeps += 1;
        let (name, seeds) = (format!("soak-{}", self.sweeps), 2 * self.sweeps);
        let manifest = MANIFEST
            .replace("sweep: bench", &format!("sweep: {name}"))
            .replace("seeds: 2", &format!("seeds: [{seeds}, {}]", seeds + 1));
        self.site.bench.write("soak.yaml", manifest);
        let said = self.says(&["submit", "soak.yaml", "--json"]);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        SweepId(said["sweep"].as_str().unwrap().parse().unwrap())
    }

    /// What a command for the coordinator says.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.site.bench.command(arguments).args(["--to", &self.site.api]).output().unwrap();
        assert!(output.status.success(), "bitsweep {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// One worker goes, or comes.
    fn churn(&mut self) {
        let place = self.random.below(WORKERS as u64) as usize;
        let how = self.random.below(3);
        match self.workers[place].take() {
            None => {
                let settings = [("BITSWEEP_LEASE", "5s"), ("BITSWEEP_BEAT", "500ms")];
                self.workers[place] = Some(self.site.worker(2, &settings));
            }
            // It is killed where it is dropped.
            Some(worker) if how == 0 => drop(worker),
            Some(worker) if how == 1 => worker.end(),
            worker => self.workers[place] = worker,
        }
    }

    /// Forgets what is done, but for the last, and has the coordinator collect.
    fn collect(&mut self) {
        age(&self.site.bench.path("store"));
        let mut arguments = vec!["gc".to_owned()];
        while self.done.len() > KEPT {
            let sweep = self.done.pop_front().expect("there are more");
            arguments.extend(["--forget".to_owned(), sweep.to_string()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.says(&arguments);
    }

    /// The keys of Redis, and all columns.
    async fn sample(&self) -> (u64, [f64; COLUMNS.len()]) {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let coordinator = self.coordinator.usage().0;
        let workers = self.workers.iter().flatten().map(|worker| Usage::of_tree(worker.pid()));
        let workers = workers.fold(Usage::default(), Usage::and);
        let (rabbit, redis) = self.site.services();
        let mut server = self.site.redis().await;
        let keys = redis::cmd("DBSIZE").query_async(&mut server).await.unwrap();
        // Notices and results are streams that fill up to about 100,000 entries each, and then stay so.
        let mut streams = 0;
        for stream in ["notices", "results"] {
            let key = format!("{{bitsweep:{}}}:{stream}", self.site.store.id());
            let bytes: Option<u64> = redis::cmd("MEMORY").arg(&["USAGE", &key]).query_async(&mut server).await.unwrap();
            streams += bytes.unwrap_or(0);
        }
        let queued = self.queue.waiting(Class::Gpu).await.unwrap() + self.queue.waiting(Class::Cpu).await.unwrap();
        let found = files(&self.site.bench.path("store"));
        let bytes: u64 = found.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
        let row = [
            mib(coordinator.rss_bytes),
            coordinator.files as f64,
            coordinator.threads as f64,
            mib(workers.rss_bytes),
            workers.files as f64,
            workers.threads as f64,
            mib(rabbit.rss_bytes),
            rabbit.files as f64,
            mib(redis.rss_bytes.saturating_sub(streams)),
            queued as f64,
            mib(bytes),
            found.len() as f64,
        ];
        (keys, row)
    }

    /// Redis holds what was done lately, and little else.
    fn keys_are_bounded(&self, keys: u64) {
        const JOBS_OF_A_SWEEP: u64 = 24;
        let lately = self.progress.iter().filter(|(at, _)| at.elapsed() < KEYS_KEPT).count() + UNDER_WAY;
        let most = lately as u64 * JOBS_OF_A_SWEEP + 500;
        assert!(keys <= most, "{keys} keys in Redis, expected are at most {most}");
    }
}

/// Makes what has settled older than what a collection spares.
fn age(store: &Path) {
    let now = SystemTime::now();
    for file in files(store) {
        let modified = file.metadata().and_then(|meta| meta.modified());
        let is_settled = modified.is_ok_and(|at| now.duration_since(at).unwrap_or_default() > SETTLED);
        // What is gone meanwhile is gone.
        if let Some(file) = is_settled.then(|| File::open(file).ok()).flatten() {
            let old = FileTimes::new().set_modified(now - bitsweep_backends::store::SHARED_MIN_AGE * 2);
            let _ = file.set_times(old);
        }
    }
}

/// The medians of the second quarter and of the last; of the store, which grows until it is collected, the least. All that
/// grew by more than it may is named.
fn compare(rows: &[[f64; COLUMNS.len()]]) {
    let quarter = rows.len() / 4;
    assert!(quarter > 0, "too few samples");
    let median = |rows: &[[f64; COLUMNS.len()]], column: usize| {
        let mut values: Vec<f64> = rows.iter().map(|row| row[column]).collect();
        values.sort_by(f64::total_cmp);
        values[if COLUMNS[column].0.starts_with("store") { 0 } else { values.len() / 2 }]
    };
    let mut grown = Vec::new();
    println!("{:22} {:>12} {:>12}", "of a quarter", "the second", "the last");
    for (column, (name, slack)) in COLUMNS.into_iter().enumerate() {
        let (before, after) =
            (median(&rows[quarter..2 * quarter], column), median(&rows[rows.len() - quarter..], column));
        println!("{name:22} {before:12.1} {after:12.1}");
        if after > before * 1.1 + slack {
            grown.push(name);
        }
    }
    assert!(grown.is_empty(), "these grow: {grown:?}");
}
