//! No-op jobs through RabbitMQ, Redis and a store in a folder, with one coordinator and two workers; then Celery on the same
//! services. Prints one table.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bitsweep_coordinator::SweepState;
use bitsweep_proto::{Plan, SweepId};

use crate::gauge::Usage;
use crate::monitor::{Monitor, Times};
use crate::site::{Process, Site};
use crate::support::Bench;
use crate::{celery, embedded, noops, setting};

const SIZES: [u32; 3] = [1_000, 10_000, 100_000];
/// Jobs of the run whose latencies are looked at, in chains of [`CHAIN`].
const LOADED: u32 = 5_000;
const CHAIN: u32 = 5;
/// Jobs of the one chain.
const HOPS: u32 = 300;
const CELERY_TASKS: u32 = 20_000;

/// `BITSWEEP_JOBS` says how many jobs the largest sweep has, `BITSWEEP_SLOTS` how many slots a worker has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: scripts/scale runs it"]
async fn scale() {
    let (most, slots) = (setting("BITSWEEP_JOBS", 100_000), setting("BITSWEEP_SLOTS", 4));
    let mut site = Site::start(Bench::on_disk()).await;
    let mut lines = Vec::new();

    let mut fleet = Fleet::start(&mut site, slots, &[]).await;
    let _warm = fleet.run(&site, ("warm", 200, 1)).await;
    let mut largest = None;
    for jobs in SIZES.into_iter().filter(|jobs| *jobs <= most) {
        let done = fleet.run(&site, (&format!("flat-{jobs}"), jobs, 1)).await;
        lines.push(done.line("durable", jobs));
        largest = Some(done.sweep);
    }
    let (chain, loaded) = latencies(&mut fleet, &site, "durable").await;
    lines.extend([chain, loaded]);
    println!("{}", fleet.memory(&site));
    let largest = largest.expect("there is a size");
    lines.push(status_line(&site, largest).await);
    lines.push(format!(
        "status of its store, while a coordinator leads: {}",
        store_status(&site.bench, "store", largest)
    ));
    fleet.end();
    lines.push(format!("status of its store, without a coordinator: {}", store_status(&site.bench, "store", largest)));
    lines.extend(embedded::run(&site.bench, most, 2 * slots).await);

    let mut fleet = Fleet::start(&mut site, slots, &[("BITSWEEP_FSYNC", "0")]).await;
    let jobs = most.min(10_000);
    let done = fleet.run(&site, ("loose", jobs, 1)).await;
    lines.push(done.line("no fsync", jobs));
    let (chain, loaded) = latencies(&mut fleet, &site, "no fsync").await;
    lines.extend([chain, loaded]);
    fleet.end();

    if let Some(celery) = celery::run(&site, CELERY_TASKS.min(most)) {
        let celery::Celery { version, tasks_per_second, hop_p50_ms, hop_p99_ms } = celery;
        lines.push(format!(
            "Celery {version}: {tasks_per_second:.0} tasks/s; hop p50 {hop_p50_ms:.2} ms, p99 {hop_p99_ms:.2} ms"
        ));
    }
    println!("\n2 workers of {slots} slots\n{}", lines.join("\n"));
}

/// A coordinator and two workers.
struct Fleet {
    coordinator: Process,
    workers: Vec<Process>,
}

/// A sweep that is done.
struct Done {
    sweep: SweepId,
    seconds: f64,
    /// Seconds of processors: coordinator, workers, their children, RabbitMQ, Redis.
    cpu: [f64; 5],
    slowest_status: Duration,
}

impl Done {
    fn line(&self, how: &str, jobs: u32) -> String {
        let [coordinator, workers, children, rabbit, redis] = self.cpu.map(|seconds| seconds / f64::from(jobs) * 1e6);
        format!(
            "{how}, {jobs} jobs: {:.0} jobs/s ({:.1} s); CPU µs a job: coordinator {coordinator:.0}, workers {workers:.0}, \
             children {children:.0}, RabbitMQ {rabbit:.0}, Redis {redis:.0}; slowest status meanwhile {:.1} ms",
            f64::from(jobs) / self.seconds,
            self.seconds,
            self.slowest_status.as_secs_f64() * 1e3,
        )
    }
}

impl Fleet {
    async fn start(site: &mut Site, slots: u32, environment: &[(&str, &str)]) -> Self {
        let coordinator = site.coordinator(environment).await;
        let workers = vec![site.worker(slots, environment), site.worker(slots, environment)];
        site.slots(2 * slots).await;
        Self { coordinator, workers }
    }

    fn cpu(&self, site: &Site) -> [f64; 5] {
        let (rabbit, redis) = site.services();
        let of = |part: fn((Usage, Usage)) -> Usage| -> f64 {
            self.workers.iter().map(|worker| part(worker.usage()).cpu_seconds).sum()
        };
        let (workers, children) = (of(|(own, _)| own), of(|(_, children)| children));
        [self.coordinator.usage().0.cpu_seconds, workers, children, rabbit.cpu_seconds, redis.cpu_seconds]
    }

    /// Runs a sweep of no-ops to its end. The time is that from the first commit to the last, by the clock of Redis, and
    /// what led to the first counts once: the time to plan, read and submit a sweep is no part of it.
    async fn run(&mut self, site: &Site, (name, chains, length): (&str, u32, u32)) -> Done {
        let plan = noops::chains(name, chains, length);
        let sweep = site.store.put_plan(&plan).await.unwrap();
        self.run_plan(site, (sweep, &plan)).await
    }

    async fn run_plan(&mut self, site: &Site, (sweep, plan): (SweepId, &Plan)) -> Done {
        let mut redis = site.redis().await;
        let results = format!("{{bitsweep:{}}}:results", site.store.id());
        let before = self.cpu(site);
        let last = newest(&mut redis, &results).await.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
        site.resume(sweep).await;
        let mut slowest_status = Duration::ZERO;
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let (status, took) = site.status(sweep).await;
            slowest_status = slowest_status.max(took);
            match status.line.state {
                SweepState::Finished => break,
                SweepState::Running | SweepState::Waiting => {}
                other => panic!("the sweep is {other:?}"),
            }
        }
        let after = self.cpu(site);
        let first: Vec<(String, Vec<String>)> =
            redis::cmd("XRANGE").arg(&[&results, &last, "+", "COUNT", "1"]).query_async(&mut redis).await.unwrap();
        let (from, to) = (millis(&first[0].0), millis(&newest(&mut redis, &results).await.unwrap()));
        let seconds = (to - from).max(1) as f64 / 1e3;
        let cpu = std::array::from_fn(|place| after[place] - before[place]);
        println!("{}: {} jobs in {seconds:.2} s", plan.name, plan.jobs.len());
        Done { sweep, seconds, cpu, slowest_status }
    }

    /// Most memory of each process so far.
    fn memory(&self, site: &Site) -> String {
        let mib = |usage: Usage| usage.peak_bytes >> 20;
        let (rabbit, redis) = site.services();
        let workers: Vec<String> = self
            .workers
            .iter()
            .map(|worker| {
                let (own, children) = worker.usage();
                format!("{} (children {})", mib(own), mib(children))
            })
            .collect();
        format!(
            "peak memory, MiB: coordinator {}, workers {}, RabbitMQ {}, Redis {}",
            mib(self.coordinator.usage().0),
            workers.join(" and "),
            mib(rabbit),
            mib(redis)
        )
    }

    fn end(self) {
        self.workers.into_iter().for_each(Process::end);
        self.coordinator.end();
    }
}

async fn newest(redis: &mut redis::aio::MultiplexedConnection, stream: &str) -> Option<String> {
    let last: Vec<(String, Vec<String>)> =
        redis::cmd("XREVRANGE").arg(&[stream, "+", "-", "COUNT", "1"]).query_async(redis).await.unwrap();
    last.into_iter().next().map(|(id, _)| id)
}

/// The milliseconds since 1970 in the name of an entry.
fn millis(id: &str) -> u64 {
    id.split_once('-').unwrap().0.parse().unwrap()
}

/// Of one chain on idle workers, and of many chains on busy ones.
async fn latencies(fleet: &mut Fleet, site: &Site, how: &str) -> (String, String) {
    let mut lines = Vec::new();
    for (what, chains, length) in [("one chain", 1, HOPS), ("many chains", LOADED / CHAIN, CHAIN)] {
        let plan = noops::chains(&format!("{how}, {what}"), chains, length);
        let sweep = site.store.put_plan(&plan).await.unwrap();
        let monitor = Monitor::start(&site.redis);
        fleet.run_plan(site, (sweep, &plan)).await;
        lines.push(format!("{how}, {what}: {}", hops(&plan, length, &monitor.end())));
    }
    let loaded = lines.pop().expect("there are two");
    (lines.pop().expect("there are two"), loaded)
}

/// What happens between the commit of a job and that of the job that waits for it alone.
fn hops(plan: &Plan, length: u32, times: &HashMap<String, Times>) -> String {
    let mut spans: [Vec<f64>; 5] = Default::default();
    for index in (1..plan.jobs.len()).filter(|index| !index.is_multiple_of(length as usize)) {
        let of = |index: usize| times.get(&plan.jobs[index].key.to_string()).copied().unwrap_or_default();
        let (before, job) = (of(index - 1), of(index));
        let all = (before.adopted, job.offered, job.claimed, job.adopted);
        let (Some(ready), Some(offered), Some(claimed), Some(adopted)) = all else { continue };
        let parts = [adopted - ready, claimed - ready, offered - ready, claimed - offered, adopted - claimed];
        spans.iter_mut().zip(parts).for_each(|(span, part)| span.push(part * 1e3));
    }
    let shown = spans.map(|mut span| {
        span.sort_by(f64::total_cmp);
        let at = |share: f64| span.get((span.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
        format!("{:.2}/{:.2}", at(0.5), at(0.99))
    });
    let [hop, started, offered, claimed, committed] = shown;
    format!(
        "ms p50/p99: dependent hop {hop}, ready → started {started} (ready → offered {offered}, offered → started {claimed}), \
         started → committed {committed}"
    )
}

async fn status_line(site: &Site, sweep: SweepId) -> String {
    let mut best = Duration::MAX;
    let mut command = Duration::MAX;
    for _ in 0..5 {
        best = best.min(site.status(sweep).await.1);
        let began = Instant::now();
        site.bench.ok(&["status", &sweep.to_string(), "--to", &site.api]);
        command = command.min(began.elapsed());
    }
    format!(
        "status at the coordinator: answer {:.1} ms, command {:.1} ms",
        best.as_secs_f64() * 1e3,
        command.as_secs_f64() * 1e3
    )
}

/// The least time that `bitsweep status` takes of a store.
pub(crate) fn store_status(bench: &Bench, store: &str, sweep: SweepId) -> String {
    let took = (0..3).map(|_| {
        let began = Instant::now();
        bench.ok(&["status", &sweep.to_string(), "--store", store]);
        began.elapsed()
    });
    format!("{:.1} ms", took.min().expect("some").as_secs_f64() * 1e3)
}
