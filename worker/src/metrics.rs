//! What a worker counts and times, for Prometheus.

use std::time::Duration;

use bitsweep_proto::Kind;
use bitsweep_proto::attempt::Verdict;
use prometheus::core::Collector;
use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    exponential_buckets,
};

/// A worker's metrics. Clones share them.
#[derive(Clone, Debug)]
pub struct WorkerMetrics {
    attempts: IntCounterVec,
    stage_seconds: HistogramVec,
    checkpoint_seconds: Histogram,
    input_bytes: IntCounter,
    output_bytes: IntCounter,
    busy_slots: IntGauge,
    child_starts: IntCounter,
    heartbeat_failures: IntCounter,
    dead_letters: IntCounter,
}

/// A part of an attempt that is timed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// Inputs and checkpoints come to this machine.
    Fetch,
    /// The child is at work.
    Run,
    /// What it made goes to the store.
    Commit,
}

impl WorkerMetrics {
    /// Metrics that `registry` gathers.
    pub fn new(registry: &Registry) -> Result<Self, Error> {
        // From a millisecond to some nine hours.
        let buckets = exponential_buckets(0.001, 4.0, 13)?;
        let counter = |name: &str, help: &str| add(registry, IntCounter::new(format!("bitsweep_worker_{name}"), help)?);
        let attempts = Opts::new("bitsweep_worker_attempts_total", "Attempts that ended, by kind and verdict.");
        let stage_seconds = HistogramOpts::new(
            "bitsweep_worker_stage_seconds",
            "Seconds of an attempt by stage: fetch (inputs), run (the job), commit (outputs and outcome).",
        );
        let checkpoint_seconds =
            HistogramOpts::new("bitsweep_worker_checkpoint_seconds", "Seconds to keep one checkpoint.");
        Ok(Self {
            attempts: add(registry, IntCounterVec::new(attempts, &["kind", "verdict"])?)?,
            stage_seconds: add(registry, HistogramVec::new(stage_seconds.buckets(buckets.clone()), &["stage"])?)?,
            checkpoint_seconds: add(registry, Histogram::with_opts(checkpoint_seconds.buckets(buckets))?)?,
            input_bytes: counter("input_bytes_total", "Bytes of inputs and checkpoints given to jobs, cached or not.")?,
            output_bytes: counter("output_bytes_total", "Bytes of outputs and checkpoints put into the store.")?,
            busy_slots: add(registry, IntGauge::new("bitsweep_worker_busy_slots", "Slots at work.")?)?,
            child_starts: counter("child_starts_total", "Child processes started.")?,
            heartbeat_failures: counter("heartbeat_failures_total", "Heartbeats that did not reach the ledger.")?,
            dead_letters: counter("dead_lettered_tickets_total", "Messages of the queue that were no tickets.")?,
        })
    }

    pub(crate) fn ended(&self, kind: Kind, verdict: &Verdict) {
        self.attempts.with_label_values(&[kind.name(), verdict_name(verdict)]).inc();
    }

    pub(crate) fn stage(&self, stage: Stage, took: Duration) {
        let name = match stage {
            Stage::Fetch => "fetch",
            Stage::Run => "run",
            Stage::Commit => "commit",
        };
        self.stage_seconds.with_label_values(&[name]).observe(took.as_secs_f64());
    }

    pub(crate) fn checkpoint(&self, bytes: u64, took: Duration) {
        self.checkpoint_seconds.observe(took.as_secs_f64());
        self.output_bytes.inc_by(bytes);
    }

    pub(crate) fn input(&self, bytes: u64) {
        self.input_bytes.inc_by(bytes);
    }

    pub(crate) fn output(&self, bytes: u64) {
        self.output_bytes.inc_by(bytes);
    }

    pub(crate) fn busy(&self, slots: u32) {
        self.busy_slots.set(slots.into());
    }

    pub(crate) fn child_started(&self) {
        self.child_starts.inc();
    }

    /// As many as the queue has counted by now.
    pub(crate) fn dead_letters(&self, by_now: u64) {
        self.dead_letters.inc_by(by_now.saturating_sub(self.dead_letters.get()));
    }

    pub(crate) fn heartbeat_failed(&self) {
        self.heartbeat_failures.inc();
    }
}

impl Default for WorkerMetrics {
    /// Metrics that nobody gathers.
    fn default() -> Self {
        Self::new(&Registry::new()).expect("the names are good, and new in a new registry")
    }
}

fn add<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// A verdict's name as it is counted.
pub(crate) fn verdict_name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Committed => "committed",
        Verdict::Discarded => "discarded",
        Verdict::Preempted => "preempted",
        Verdict::Infrastructure { .. } => "infrastructure",
        Verdict::Broke { .. } => "broke",
        Verdict::Failed { .. } => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_convention() {
        let registry = Registry::new();
        let metrics = WorkerMetrics::new(&registry).unwrap();
        metrics.ended(Kind::Noop, &Verdict::Committed);
        metrics.stage(Stage::Fetch, Duration::from_millis(3));
        for family in registry.gather() {
            let name = family.name();
            assert!(name.starts_with("bitsweep_worker_"), "{name}");
            let counter = family.get_field_type() == prometheus::proto::MetricType::COUNTER;
            assert_eq!(counter, name.ends_with("_total"), "{name}");
        }
        assert!(WorkerMetrics::new(&registry).is_err(), "the names are taken");
    }
}
