//! What Prometheus reads.
//!
//! Owns: names, labels and units. By convention: `bitsweep_` first, base units (seconds, bytes), `_total` for what only
//! grows. What is charged to sweeps is a gauge: it is added up from the records of the store, not counted by this process,
//! so a restart changes nothing and a sweep that is done and dropped no longer counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bitsweep_backends::Service;
use bitsweep_proto::Kind;
use bitsweep_proto::job::Class;
use prometheus::core::{Collector, GenericCounter};
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::view::{Role, Spent, StateCounts};

/// Bounds of the latencies: from a step of the loop (microseconds) to a slow store (seconds).
const SECONDS: [f64; 12] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// All metrics of one coordinator, in a registry of its own.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    jobs: IntGaugeVec,
    /// Labels that were ever shown.
    seen: Mutex<BTreeSet<(Kind, u32)>>,
    oldest_ready: Gauge,
    demand: IntGaugeVec,
    slots: IntGaugeVec,
    workers: IntGauge,
    sweeps: IntGauge,
    /// Leases that ran out.
    pub(crate) expiries: IntCounter,
    commits: IntCounterVec,
    committed_bytes: IntCounter,
    /// Outcomes that came after another attempt's.
    pub(crate) discarded: IntCounter,
    /// Attempts that this coordinator put an end to on record, for they vanished.
    pub(crate) vanished: IntCounter,
    gpu_seconds: Gauge,
    usd: Gauge,
    artifact_bytes: Gauge,
    leader: IntGauge,
    /// How often the ledger was rebuilt.
    pub(crate) rebuilds: IntCounter,
    step: Histogram,
    effects: HistogramVec,
    unreachable: IntGaugeVec,
    failures: IntCounterVec,
}

impl Metrics {
    /// All at zero.
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let made = Makes(&registry);
        Self {
            jobs: made.gauges(
                "jobs",
                "Jobs that sweeps in the scheduler want; one that is shared counts for each.",
                &["state", "kind", "tier"],
            ),
            seen: Mutex::default(),
            oldest_ready: made.keep(Gauge::new(
                "bitsweep_oldest_ready_seconds",
                "Age of the job that has been ready for longest; 0 where none is.",
            )),
            demand: made.gauges(
                "demand",
                "Jobs that are ready, in the queue or leased: scale workers on it.",
                &["class"],
            ),
            slots: made.gauges("slots", "Live slots of workers that are not leaving.", &["class"]),
            workers: made.keep(IntGauge::new("bitsweep_workers", "Workers that live.")),
            sweeps: made.keep(IntGauge::new("bitsweep_sweeps", "Sweeps in the scheduler.")),
            expiries: made.counter("lease_expiries_total", "Leases that ran out."),
            commits: made.counters(
                "commits_total",
                "Outcomes that became known while this coordinator led.",
                &["kind"],
            ),
            committed_bytes: made.counter("committed_bytes_total", "Bytes of the artifacts of these outcomes."),
            discarded: made.counter("discarded_commits_total", "Outcomes that came after another attempt's."),
            vanished: made.counter("vanished_attempts_total", "Attempts put to an end on record, for they vanished."),
            gpu_seconds: made.keep(Gauge::new(
                "bitsweep_charged_gpu_seconds",
                "A100-equivalent seconds that the sweeps in the scheduler were charged, from the records of the store.",
            )),
            usd: made.keep(Gauge::new("bitsweep_charged_usd", "US dollars that they were charged.")),
            artifact_bytes: made
                .keep(Gauge::new("bitsweep_charged_bytes", "Bytes of artifacts that they were charged.")),
            leader: made.keep(IntGauge::new("bitsweep_leader", "1 where this coordinator schedules.")),
            rebuilds: made.counter("ledger_rebuilds_total", "How often the ledger was rebuilt."),
            step: made.keep(Histogram::with_opts(
                HistogramOpts::new("bitsweep_loop_seconds", "Time to take in what was heard at once.")
                    .buckets(SECONDS.to_vec()),
            )),
            effects: made.keep(HistogramVec::new(
                HistogramOpts::new(
                    "bitsweep_effect_seconds",
                    "Time until an effect was done, waits for services included.",
                )
                .buckets(SECONDS.to_vec()),
                &["effect"],
            )),
            unreachable: made.gauges(
                "service_unreachable",
                "1 where a service did not answer the last time.",
                &["service"],
            ),
            failures: made.counters("service_failures_total", "Calls that a service did not answer.", &["service"]),
            registry: registry.clone(),
        }
    }

    /// Everything, as Prometheus reads it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        match TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            Ok(()) => text,
            Err(error) => format!("# {error}\n"),
        }
    }

    /// An outcome became known.
    pub(crate) fn committed(&self, kind: Kind, bytes: u64) {
        self.commits.with_label_values(&[kind.name()]).inc();
        self.committed_bytes.inc_by(bytes);
    }

    /// A service answered, or did not.
    pub(crate) fn service(&self, service: Service, answers: bool) {
        let name = service.to_string();
        self.unreachable.with_label_values(&[&name]).set(i64::from(!answers));
        if !answers {
            self.failures.with_label_values(&[&name]).inc();
        }
    }

    /// Who schedules.
    pub(crate) fn role(&self, role: Role) {
        self.leader.set(i64::from(role == Role::Leader));
    }

    /// What was heard at once was taken in.
    pub(crate) fn stepped(&self, took: Duration) {
        self.step.observe(took.as_secs_f64());
    }

    /// An effect is done.
    pub(crate) fn done(&self, effect: &str, took: Duration) {
        self.effects.with_label_values(&[effect]).observe(took.as_secs_f64());
    }

    /// What the state shows.
    pub(crate) fn show(&self, shown: &Shown) {
        // What was there and is not now has to go to 0; to remove it would leave holes for whoever reads meanwhile.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(shown.jobs.keys());
        for (kind, tier) in seen.iter() {
            let counts = shown.jobs.get(&(*kind, *tier)).copied().unwrap_or_default();
            let tier = tier.to_string();
            for (state, count) in counts.named() {
                self.jobs.with_label_values(&[state, kind.name(), &tier]).set(signed(count));
            }
        }
        self.oldest_ready.set(shown.oldest_ready.as_secs_f64());
        self.sweeps.set(signed(shown.sweeps));
        for (class, count) in &shown.demand {
            self.demand.with_label_values(&[class_name(*class)]).set(signed(*count));
        }
        for (class, count) in &shown.slots {
            self.slots.with_label_values(&[class_name(*class)]).set(signed(*count));
        }
        self.workers.set(signed(shown.workers));
        let Spent { gpu_hours, usd, bytes } = shown.spent;
        self.gpu_seconds.set(gpu_hours * 3600.0);
        self.usd.set(usd);
        self.artifact_bytes.set(bytes as f64);
    }
}

/// What is read off the state now and then.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) jobs: BTreeMap<(Kind, u32), StateCounts>,
    pub(crate) oldest_ready: Duration,
    pub(crate) demand: BTreeMap<Class, u64>,
    pub(crate) slots: BTreeMap<Class, u64>,
    pub(crate) workers: u64,
    pub(crate) sweeps: u64,
    pub(crate) spent: Spent,
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Gpu => "gpu",
        Class::Cpu => "cpu",
    }
}

/// Makes metrics and registers them.
struct Makes<'r>(&'r Registry);

impl Makes<'_> {
    /// Names are written in this file and differ, so nothing here can fail.
    fn keep<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let made = made.expect("the name is valid");
        self.0.register(Box::new(made.clone())).expect("the name is new");
        made
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.keep(GenericCounter::new(format!("bitsweep_{name}"), help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.keep(IntCounterVec::new(Opts::new(format!("bitsweep_{name}"), help), labels))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.keep(IntGaugeVec::new(Opts::new(format!("bitsweep_{name}"), help), labels))
    }
}
