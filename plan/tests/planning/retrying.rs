//! The three accounts.

use bitsweep_plan::retry::{Accounts, Ending, Limits, Ruling};
use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, AttemptStart, Nonce, Verdict};
use bitsweep_proto::outcome::Cost;

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

#[test]
fn history_counts_attempts_that_vanished() {
    // Nine vanish; the fifth left a checkpoint that the sixth found.
    let starts: Vec<_> = (0..9).map(|i| start(&i.to_string(), i, u64::from(i > 4))).collect();
    let accounts = Accounts::of_history(&starts, &[], &Limits::default());
    assert_eq!(accounts.ruling(), Some(&Ruling::Again { after_ms: 16_000 }), "the fifth of the second count");
    let starts: Vec<_> = (0..9).map(|i| start(&i.to_string(), i, 0)).collect();
    assert!(matches!(Accounts::of_history(&starts, &[], &Limits::default()).ruling(), Some(Ruling::Held { .. })));
    let ends = [end("0", Verdict::Committed), end("1", Verdict::Discarded), end("2", Verdict::Preempted)];
    let quiet = Accounts::of_history(&starts[..3], &ends, &Limits::default());
    assert_eq!(quiet.ruling(), Some(&Ruling::Again { after_ms: 0 }));
    assert_eq!(Accounts::of_history(&[], &[], &Limits::default()), Accounts::default());
}
