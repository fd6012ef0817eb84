//! Queries and an index to how long searches take.
//!
//! A round has two parts: every query is searched in a call of its own, whose time is its latency; then all queries are
//! searched in one call, whose time gives queries per second. Rounds of a warm-up come first and count nothing. Index and
//! queries lie in memory; reading them is not timed, nor is what asks whether to stop between two queries. Searches run on
//! one thread ([`SEARCH_THREADS`]), and a worker computes nothing beside such a job.
//!
//! | value | unit | of |
//! |---|---|---|
//! | `latency_mean_ms`, `latency_p50_ms`, `latency_p95_ms`, `latency_p99_ms`, `latency_max_ms` | milliseconds | the searches of single queries, all rounds together |
//! | `queries_per_second_median`, `queries_per_second_min`, `queries_per_second_max` | 1 / second | the rounds, all queries in one call |
//! | `queries_per_second_01` … | 1 / second | one round |
//!
//! A quantile p is the nearest rank: the least latency that at least p of all do not exceed. The median of an even number of
//! rounds is the mean of the two in the middle. A time that the clock shows as 0 counts as a nanosecond.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bitsweep_proto::job::{Retrieve, SpeedSpec};
use bitsweep_proto::wire::{Done, Task};
use bitsweep_vectors::{Index, Matrix, SEARCH_THREADS, VectorError, kernel_bits};

use crate::error::{Halt, JobError};
use crate::steps::{Steps, with_stop};
use crate::{embedding_file, inputs, retrieve};

pub(crate) fn run(spec: &SpeedSpec, task: &Task, steps: &mut dyn Steps) -> Result<Done, Halt> {
    let queries = embedding_file::read(&inputs::all(task, "queries"), spec.dim as usize)?;
    if queries.rows == 0 || spec.repeats == 0 {
        return Err(JobError::failed("speed/nothing", "there is no search to take the time of").into());
    }
    let rounds = u64::from(spec.warm_up) + u64::from(spec.repeats);
    steps.progress(0, rounds)?;
    let searched = Retrieve { codec: spec.codec, dim: spec.dim, depth: spec.depth, ignore_identical_ids: false };
    let index = with_stop(steps, |stop| retrieve::index(&searched, task, stop))?;
    let probe = Probe::new(&index, queries, spec.depth as usize);
    let mut times = Times::default();
    for round in 0..rounds {
        let took = with_stop(steps, |stop| probe.round(stop))?;
        if round >= u64::from(spec.warm_up) {
            times.add(took);
        }
        steps.progress(round + 1, rounds)?;
    }
    let facts = [
        ("queries", probe.all.rows as u64),
        ("documents", index.rows() as u64),
        ("dim", u64::from(spec.dim)),
        ("depth", u64::from(spec.depth)),
        ("warm_up", u64::from(spec.warm_up)),
        ("repeats", u64::from(spec.repeats)),
        ("threads", u64::from(SEARCH_THREADS)),
        ("kernel_bits", u64::from(kernel_bits()?)),
    ];
    let facts = facts.map(|(name, count)| (name.to_owned(), count)).into();
    Ok(Done { facts, values: times.values(probe.all.rows), ..Done::default() })
}

/// What is searched, and with what.
struct Probe<'a> {
    index: &'a Index,
    /// Every query by itself.
    each: Vec<Matrix>,
    all: Matrix,
    depth: usize,
}

/// What one round took: each search of one query, and the search of all.
struct Round {
    each: Vec<Duration>,
    all: Duration,
}

impl<'a> Probe<'a> {
    fn new(index: &'a Index, all: Matrix, depth: usize) -> Self {
        let alone = |row: usize| Matrix { rows: 1, dim: all.dim, data: all.row(row).to_vec() };
        let each = (0..all.rows).map(alone).collect();
        Self { index, each, all, depth }
    }

    fn round(&self, stop: &dyn Fn() -> bool) -> Result<Round, VectorError> {
        let mut each = Vec::with_capacity(self.each.len());
        for query in &self.each {
            if stop() {
                return Err(VectorError::Stopped);
            }
            each.push(self.took(query, &|| false)?);
        }
        // One call may take long: it is asked inside whether to stop, a glance at a flag for each query or tile of them.
        Ok(Round { each, all: self.took(&self.all, stop)? })
    }

    /// How long one call takes; what it found is put away behind that.
    fn took(&self, queries: &Matrix, stop: &dyn Fn() -> bool) -> Result<Duration, VectorError> {
        let begin = Instant::now();
        let hits = self.index.search(black_box(queries), self.depth, stop)?;
        let took = begin.elapsed();
        drop(black_box(hits));
        Ok(took.max(Duration::from_nanos(1)))
    }
}

/// The rounds that count.
#[derive(Default)]
struct Times {
    each: Vec<Duration>,
    all: Vec<Duration>,
}

impl Times {
    fn add(&mut self, round: Round) {
        self.each.extend(round.each);
        self.all.push(round.all);
    }

    /// All values by name; of one round at least.
    fn values(mut self, queries: usize) -> BTreeMap<String, f64> {
        self.each.sort_unstable();
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let mean = self.each.iter().sum::<Duration>().as_secs_f64() * 1e3 / self.each.len() as f64;
        let mut values = BTreeMap::from([("latency_mean_ms".to_owned(), mean)]);
        for (name, percent) in [("p50", 50), ("p95", 95), ("p99", 99), ("max", 100)] {
            values.insert(format!("latency_{name}_ms"), milliseconds(nearest_rank(&self.each, percent)));
        }
        let mut rates: Vec<f64> = self.all.iter().map(|time| queries as f64 / time.as_secs_f64()).collect();
        for (round, rate) in (1..).zip(&rates) {
            values.insert(format!("queries_per_second_{round:02}"), *rate);
        }
        rates.sort_unstable_by(f64::total_cmp);
        let last = rates.len() - 1;
        let median = f64::midpoint(rates[last / 2], rates[rates.len() / 2]);
        for (name, rate) in [("median", median), ("min", rates[0]), ("max", rates[last])] {
            values.insert(format!("queries_per_second_{name}"), rate);
        }
        values
    }
}

/// The least of `sorted` that at least so many in a hundred do not exceed. There is one at least.
fn nearest_rank(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let hundred: Vec<Duration> = (1..=100).map(ms).collect();
        assert_eq!([50, 95, 99, 100].map(|percent| nearest_rank(&hundred, percent)), [50, 95, 99, 100].map(ms));
        let three = [1, 2, 3].map(ms);
        assert_eq!([0, 33, 34, 50, 67, 99].map(|percent| nearest_rank(&three, percent)), [1, 1, 2, 2, 3, 3].map(ms));
        assert_eq!(nearest_rank(&[ms(7)], 50), ms(7));
    }

    #[test]
    fn values_of_two_rounds_by_hand() {
        let mut times = Times::default();
        times.add(Round { each: vec![ms(4), ms(1)], all: ms(4) });
        times.add(Round { each: vec![ms(2), ms(9)], all: ms(1) });
        let values = times.values(2);
        let expected = [
            ("latency_max_ms", 9.0),
            ("latency_mean_ms", 4.0),
            ("latency_p50_ms", 2.0),
            ("latency_p95_ms", 9.0),
            ("latency_p99_ms", 9.0),
            ("queries_per_second_01", 500.0),
            ("queries_per_second_02", 2000.0),
            ("queries_per_second_max", 2000.0),
            ("queries_per_second_median", 1250.0),
            ("queries_per_second_min", 500.0),
        ];
        assert_eq!(values.len(), expected.len());
        for ((name, value), (wanted, number)) in values.iter().zip(expected) {
            assert_eq!(name, wanted);
            assert!((value - number).abs() < 1e-9 * number, "{name} {value}");
        }
    }
}
