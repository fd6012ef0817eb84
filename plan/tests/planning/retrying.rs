//! The three accounts.

use std::collections::HashSet;

use bitsweep_plan::retry::{Accounts, Ending, History, Limits, Ruling};
use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, AttemptStart, Nonce, Verdict};
use bitsweep_proto::outcome::{Cost, Rates};

use crate::fixture::key;

fn infrastructure() -> Ending {
    Ending::Infrastructure("store away".to_owned())
}

fn broke() -> Ending {
    Ending::Broke("signal 9".to_owned())
}

fn error(code: &str, message: &str) -> Ending {
    Ending::Error { code: code.to_owned(), message: message.to_owned() }
}

/// Rulings in short: milliseconds to wait, or a letter.
fn rulings(charges: impl IntoIterator<Item = (Ending, u64)>) -> Vec<String> {
    let mut accounts = Accounts::default();
    let charge = |(ending, made)| match accounts.charge(ending, made, &Limits::default()) {
        Ruling::Again { after_ms } => after_ms.to_string(),
        Ruling::Failed { .. } => "failed".to_owned(),
        Ruling::Held { .. } => "held".to_owned(),
    };
    charges.into_iter().map(charge).collect()
}

fn without_progress(endings: impl IntoIterator<Item = Ending>) -> Vec<String> {
    rulings(endings.into_iter().map(|ending| (ending, 0)))
}

#[test]
fn preemption_is_never_charged() {
    assert!(without_progress((0..1000).map(|_| Ending::Preempted)).iter().all(|ruling| ruling == "0"));
}

#[test]
fn infrastructure_is_patient_and_never_fails_a_job() {
    let waits = ["1000", "2000", "4000", "8000", "16000", "32000", "64000", "128000", "held"];
    assert_eq!(without_progress((0..9).map(|_| infrastructure())), waits);
    let patient = Limits { infrastructure: 100, ..Limits::default() };
    let mut accounts = Accounts::default();
    let last = (0..100).map(|_| accounts.charge(infrastructure(), 0, &patient)).last();
    assert_eq!(last, Some(Ruling::Again { after_ms: 300_000 }), "the wait is capped and does not overflow");
}

#[test]
fn a_checkpoint_clears_infrastructure_only() {
    let steps = (0..50).map(|_| (infrastructure(), 1));
    assert!(rulings(steps).iter().all(|ruling| ruling == "1000"));
    assert_eq!(rulings([(error("a", "b"), 1), (error("a", "b"), 1)]), ["0", "failed"]);
}

#[test]
fn the_same_error_twice_is_final_and_so_are_three() {
    assert_eq!(without_progress([error("nan", "row 3"), error("nan", "row 3")]), ["0", "failed"]);
    assert_eq!(
        without_progress([error("nan", "row 3"), error("nan", "row 4"), error("io", "x")]),
        ["0", "0", "failed"]
    );
    let mixed = [error("nan", "1"), infrastructure(), Ending::Preempted, error("nan", "1")];
    assert_eq!(without_progress(mixed), ["0", "1000", "0", "failed"]);
}

#[test]
fn a_job_that_breaks_its_process_pays_from_the_second_time_on() {
    assert_eq!(without_progress([broke(), broke(), broke()]), ["1000", "0", "failed"]);
    assert_eq!(without_progress([error("a", "b"), broke(), broke(), error("c", "d")]), ["0", "1000", "0", "failed"]);
}

#[test]
fn a_ruling_stays_whatever_ends_late() {
    assert_eq!(without_progress([error("a", "b"), error("a", "b"), Ending::Preempted]), ["0", "failed", "failed"]);
    let mut endings: Vec<_> = (0..9).map(|_| infrastructure()).collect();
    endings.extend([Ending::Preempted, error("a", "b"), error("a", "b")]);
    assert_eq!(without_progress(endings.clone())[8..], ["held", "held", "held", "failed"]);
    let progress = (0..9).map(|_| (infrastructure(), 0)).chain([(Ending::Preempted, 1)]);
    assert_eq!(rulings(progress)[8..], ["held", "0"], "a checkpoint says that it works");
}

#[test]
fn reasons_say_what_happened() {
    let mut accounts = Accounts::default();
    accounts.charge(error("nan", "row 3 is not a number"), 0, &Limits::default());
    let Ruling::Failed { reason } = accounts.charge(error("nan", "row 3 is not a number"), 0, &Limits::default())
    else {
        panic!("not failed")
    };
    assert_eq!(reason, "nan: row 3 is not a number (the same error twice)");
}

fn start(nonce: &str, at: u64, found: u64) -> AttemptStart {
    AttemptStart {
        version: ATTEMPT_VERSION,
        attempt: Nonce(nonce.to_owned()),
        key: key(0),
        generation: 0,
        host: String::new(),
        process: 1,
        started_at: at,
        checkpoints_found: found,
        device: String::new(),
        rates: Rates::default(),
    }
}

fn end(nonce: &str, verdict: Verdict) -> AttemptEnd {
    AttemptEnd {
        version: ATTEMPT_VERSION,
        attempt: Nonce(nonce.to_owned()),
        key: key(0),
        ended_at: 0,
        checkpoints_made: 0,
        verdict,
        cost: Cost::default(),
    }
}

fn accounts(starts: &[AttemptStart], ends: &[AttemptEnd]) -> Accounts {
    Accounts::of_history(&History::of(starts, ends), &HashSet::new(), &Limits::default())
}

fn vanished() -> Verdict {
    Verdict::Infrastructure { message: "the worker vanished".to_owned() }
}

#[test]
fn history_counts_attempts_that_ended_in_the_order_of_their_starts() {
    // Nine vanish; the fifth left a checkpoint.
    let starts: Vec<_> = (0..9).map(|i| start(&i.to_string(), i, 0)).collect();
    let mut ends: Vec<_> = (0..9).rev().map(|i| end(&i.to_string(), vanished())).collect();
    assert!(matches!(accounts(&starts, &ends).ruling(), Some(Ruling::Held { .. })));
    ends[4].checkpoints_made = 1;
    assert_eq!(accounts(&starts, &ends).ruling(), Some(&Ruling::Again { after_ms: 16_000 }), "the fifth since then");
    assert_eq!(accounts(&starts, &[]), Accounts::default(), "open attempts are not charged");
    let ends = [end("0", Verdict::Committed), end("1", Verdict::Discarded), end("2", Verdict::Preempted)];
    assert_eq!(accounts(&starts[..3], &ends).ruling(), Some(&Ruling::Again { after_ms: 0 }));
    assert_eq!(accounts(&[], &ends), Accounts::default(), "an end without a start");
}

#[test]
fn history_counts_the_newest_generation_and_forgives() {
    let mut starts: Vec<_> = (0..3).map(|i| start(&i.to_string(), i, 0)).collect();
    let failed = || Verdict::Failed { code: "bad".to_owned(), message: "no".to_owned() };
    let ends: Vec<_> = (0..3).map(|i| end(&i.to_string(), failed())).collect();
    let told = History::of(&starts, &ends);
    let forgive = |nonces: &[&str]| {
        let forgiven = nonces.iter().map(|nonce| Nonce((*nonce).to_owned())).collect();
        Accounts::of_history(&told, &forgiven, &Limits::default()).ruling().cloned()
    };
    assert!(matches!(forgive(&["0"]), Some(Ruling::Failed { .. })));
    assert_eq!(forgive(&["0", "2"]), Some(Ruling::Again { after_ms: 0 }));
    assert_eq!(forgive(&["0", "1", "2"]), None);
    starts[2].generation = 1;
    assert_eq!(accounts(&starts, &ends).ruling(), Some(&Ruling::Again { after_ms: 0 }), "a new generation begins anew");
}

#[test]
fn history_says_what_attempts_took() {
    let mut over = end("0", vanished());
    over.cost = Cost { gpu_hours: 0.5, usd: 2.0, seconds: 9.0, ..Cost::default() };
    let told = History::of(&[start("1", 7, 0), start("0", 5, 0)], &[over]);
    let took: Vec<_> =
        told.attempts.iter().map(|tried| (tried.started_at, tried.spend.gpu_hours, tried.spend.usd)).collect();
    assert_eq!(took, [(5, 0.5, 2.0), (7, 0.0, 0.0)]);
    assert_eq!(told.ending(&Nonce("0".to_owned())), Some(&Ending::of(vanished())));
    assert_eq!(told.ending(&Nonce("1".to_owned())), None);
}
