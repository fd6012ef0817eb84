//! kill -9 at random moments: the table is the same, nothing is committed twice, nothing committed runs again.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bitsweep_models::tiny::{TinyModel, write_tiny_model};
use support::random::Random;
use support::{Bench, MANIFEST};

/// Kills that hit a running sweep, spread over all of its work.
const KILLS: u32 = 20;

/// A sweep of some seconds: a larger network, and many seeds.
fn bench() -> Bench {
    let bench = Bench::new();
    write_tiny_model(&bench.path("tiny"), &TinyModel { dim: 256, layers: 6, ..TinyModel::default() }).unwrap();
    bench.write("sweep.yaml", MANIFEST.replace("seeds: 2", "seeds: 16"));
    bench
}

fn killed_at_random(threads: &str, seed: u64) {
    let args = ["run", "sweep.yaml", "--quiet", "--threads", threads, "--slots", threads];
    let whole = bench();
    let started = Instant::now();
    whole.ok(&args);
    let length = started.elapsed();
    let started = Instant::now();
    whole.ok(&args);
    // What a run takes that finds everything done.
    let idle = started.elapsed();
    // Half of the work on average: on a machine that has become twice as fast, some is left for the last kill.
    let share = u64::try_from(length.saturating_sub(idle).as_micros() / u128::from(KILLS)).unwrap();

    let bench = bench();
    let mut random = Random(seed);
    let mut committed = BTreeMap::new();
    for kill in 0..KILLS {
        let mut run = bench.command(&args).spawn().unwrap();
        // From the middle of start-up on: about half of the kills hit work, some the moments before it.
        let idle = u64::try_from(idle.as_micros()).unwrap();
        let moment = Duration::from_micros(idle / 2 + random.below(idle / 2 + share));
        let deadline = Instant::now() + moment;
        while Instant::now() < deadline {
            assert!(run.try_wait().unwrap().is_none(), "the sweep ended before kill {kill}");
            std::thread::sleep(Duration::from_millis(1));
        }
        run.kill().unwrap();
        run.wait().unwrap();
        // What is committed stays as it is, and is not run again.
        let attempts = bench.attempts();
        for outcome in bench.outcomes() {
            let key = outcome["key"].as_str().unwrap().to_owned();
            let tried = attempts.iter().filter(|attempt| attempt.key == key).count();
            let now = (outcome, tried);
            let before = committed.entry(key).or_insert_with(|| now.clone());
            assert_eq!(*before, now, "a committed job changed or ran again after kill {kill}");
        }
    }
    bench.ok(&args);
    assert_eq!(bench.table(), whole.table());

    let outcomes = bench.outcomes();
    let keys: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), outcomes.len(), "one outcome per key");
    assert_eq!(outcomes.len(), whole.outcomes().len());
    let makers: BTreeMap<&str, &str> = outcomes
        .iter()
        .map(|outcome| (outcome["key"].as_str().unwrap(), outcome["attempt"].as_str().unwrap()))
        .collect();
    let mut vanished = 0;
    let mut commits: BTreeMap<String, u32> = BTreeMap::new();
    let attempts = bench.attempts();
    for attempt in &attempts {
        assert!(makers.contains_key(attempt.key.as_str()));
        match &attempt.verdict {
            None => vanished += 1,
            Some(verdict) if verdict == "committed" => *commits.entry(attempt.key.clone()).or_default() += 1,
            Some(verdict) => panic!("a killed run may only leave attempts without an end, found {verdict}"),
        }
    }
    assert!(commits.values().all(|count| *count == 1), "no job is committed twice");
    for (key, (_, tried)) in &committed {
        assert_eq!(attempts.iter().filter(|attempt| attempt.key == *key).count(), *tried, "{key} ran again");
    }
    let extra = attempts.len() - keys.len();
    assert!(extra <= vanished, "{extra} attempts more than jobs, but only {vanished} were killed");
    println!("{threads} threads: {} attempts for {} jobs, {vanished} killed", attempts.len(), keys.len());
}

#[test]
fn with_one_thread() {
    killed_at_random("1", 1);
}

#[test]
fn with_two_threads() {
    killed_at_random("2", 2);
}
