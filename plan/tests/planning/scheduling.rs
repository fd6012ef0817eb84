//! The scheduler's rules one by one.

use std::collections::HashMap;

use bitsweep_plan::retry::{Accounts, Ending, Limits};
use bitsweep_plan::scheduler::{Effect, Event, Fact, Facts, Fingerprint, JobState, Settings, State, step};
use bitsweep_proto::attempt::Nonce;
use bitsweep_proto::job::Class;
use bitsweep_proto::outcome::{InputDigest, Item, OUTCOME_VERSION, Produced};
use bitsweep_proto::{Digest, JobKey, Kind, Outcome, Verdict};
use serde_json::json;

use crate::fixture::{Shape, graph, key, planned, small};

fn cpu(inputs: &[u32]) -> Shape {
    Shape { inputs: inputs.to_vec(), tier: 1, gpu: false }
}

fn print_of(text: &str) -> Fingerprint {
    Fingerprint::of([("out", Digest::of(text.as_bytes()))])
}

/// An outcome that holds `artifact` and was made from `read`.
fn fact(generation: u32, artifact: &str, read: &[&str]) -> Fact {
    let read = read.iter().fold(Fingerprint::default(), |sum, text| sum.and(print_of(text)));
    Fact { generation, artifact: print_of(artifact), read }
}

fn committed(job: u32, fact: Fact) -> Event {
    Event::Committed { key: key(job), fact }
}

fn failed() -> Verdict {
    Verdict::Failed { code: "bad".to_owned(), message: "no".to_owned() }
}

fn ended(job: u32, verdict: Verdict) -> Event {
    Event::Ended { key: key(job), verdict, checkpoints_made: 0 }
}

/// A state and a clock that stands still unless told.
struct Run {
    state: State,
    now: u64,
}

impl Run {
    fn new(shapes: &[Shape], facts: Facts) -> (Self, Vec<Effect>) {
        let mut run = Self { state: State::new(&graph(shapes), facts, Settings::default()), now: 0 };
        let effects = run.step(Event::Start);
        (run, effects)
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        step(&mut self.state, event, self.now)
    }

    fn claim(&mut self, job: u32) {
        assert_eq!(self.step(Event::Claimed { key: key(job) }), []);
    }

    fn states(&self, jobs: u32) -> Vec<JobState> {
        (0..jobs).map(|job| self.state.job_state(&key(job)).unwrap()).collect()
    }
}

fn publish(job: u32, generation: u32) -> Effect {
    Effect::Publish { job, key: key(job), generation }
}

fn finished(done: usize, failed: usize, held: usize) -> Effect {
    Effect::Finished { done, failed, held }
}

use JobState::{Blocked, Done, Failed, Held, Leased, Published, Ready, Waiting};

#[test]
fn a_chain_runs_to_its_end() {
    let (mut run, effects) = Run::new(&[cpu(&[]), cpu(&[0]), cpu(&[1, 1])], Facts::default());
    assert_eq!(effects, [publish(0, 0)]);
    run.claim(0);
    assert_eq!(run.states(3), [Leased, Blocked, Blocked]);
    assert_eq!(run.step(committed(0, fact(0, "a", &[]))), [publish(1, 0)]);
    assert_eq!(run.step(committed(0, fact(0, "a", &[]))), [], "twice is once");
    assert_eq!(run.step(committed(1, fact(0, "b", &["a"]))), [publish(2, 0)]);
    assert_eq!(run.step(committed(2, fact(0, "c", &["b", "b"]))), [finished(3, 0, 0)]);
    assert_eq!(run.step(Event::Tick), [], "said once");
    assert_eq!(run.step(Event::Start), []);
    assert_eq!(run.state.next_due(), None);
}

#[test]
fn what_is_done_already_does_not_run() {
    let outcomes = HashMap::from([(key(0), fact(0, "a", &[])), (key(1), fact(0, "b", &["a"]))]);
    let (mut run, effects) = Run::new(&[cpu(&[]), cpu(&[0]), cpu(&[1])], Facts { outcomes, ..Facts::default() });
    assert_eq!(effects, [publish(2, 0)]);
    assert_eq!(run.step(committed(2, fact(0, "c", &["b"]))), [finished(3, 0, 0)]);
    let (_, effects) = Run::new(&[], Facts::default());
    assert_eq!(effects, [finished(0, 0, 0)], "an empty plan is finished");
}

#[test]
fn the_window_holds_and_the_order_is_tier_then_level_then_plan() {
    let mut shapes: Vec<Shape> = (0..8).map(|_| cpu(&[])).collect();
    shapes[7].tier = 0;
    shapes.push(Shape { inputs: vec![7], tier: 1, gpu: false });
    shapes.push(Shape { inputs: vec![], tier: 5, gpu: true });
    let (mut run, effects) = Run::new(&shapes, Facts::default());
    assert_eq!(effects, [publish(9, 0), publish(7, 0), publish(0, 0)], "two of each class without slots");
    assert_eq!(run.step(Event::Slots { class: Class::Cpu, live: 1 }), [publish(1, 0), publish(2, 0)]);
    assert_eq!(run.step(committed(7, fact(0, "a", &[]))), [publish(8, 0)], "deeper first");
    assert_eq!(run.step(Event::Slots { class: Class::Cpu, live: 0 }), []);
    assert_eq!(run.step(Event::Claimed { key: key(0) }), [], "the window has shrunk");
    assert_eq!(run.states(4), [Leased, Published, Published, Ready]);
}

#[test]
fn a_failed_job_fails_those_that_need_it_and_nothing_else() {
    let shapes = [cpu(&[]), cpu(&[]), cpu(&[0]), cpu(&[2, 1]), cpu(&[1])];
    let (mut run, _) = Run::new(&shapes, Facts::default());
    run.claim(0);
    assert_eq!(run.step(ended(0, failed())), [publish(0, 0)]);
    run.claim(0);
    let reason = "bad: no (the same error twice)".to_owned();
    let dependants = vec![key(2), key(3)];
    let expected = [
        Effect::JobFailed { key: key(0), reason: reason.clone() },
        Effect::DependantsFailed { key: key(0), dependants },
    ];
    assert_eq!(run.step(ended(0, failed())), expected);
    assert_eq!(run.states(5), [Failed, Published, Failed, Failed, Blocked]);
    assert_eq!(run.state.reasons().collect::<Vec<_>>(), [(key(0), Failed, reason.as_str())]);
    assert_eq!(run.step(committed(1, fact(0, "b", &[]))), [publish(4, 0)]);
    assert_eq!(run.step(committed(4, fact(0, "e", &["b"]))), [finished(2, 3, 0)]);
    // An attempt that was thought lost commits after all: those that failed for it alone come back.
    assert_eq!(run.step(committed(0, fact(0, "a", &[]))), [publish(2, 0)]);
    assert_eq!(run.states(5), [Done, Done, Published, Blocked, Done]);
    assert_eq!(run.step(committed(2, fact(0, "c", &["a"]))), [publish(3, 0)]);
    assert_eq!(run.step(committed(3, fact(0, "d", &["c", "b"]))), [finished(5, 0, 0)]);
}

#[test]
fn what_is_done_outlives_a_failed_input_until_it_is_lost_itself() {
    let (mut run, _) = Run::new(&[cpu(&[]), cpu(&[0]), cpu(&[1])], Facts::default());
    run.step(committed(0, fact(0, "a", &[])));
    run.step(committed(1, fact(0, "b", &["a"])));
    run.step(Event::Revoked { key: key(0), generation: 0 });
    run.claim(0);
    run.step(ended(0, failed()));
    run.claim(0);
    run.step(ended(0, failed()));
    assert_eq!(run.states(3), [Failed, Done, Published]);
    let effects = run.step(Event::Revoked { key: key(1), generation: 0 });
    assert_eq!(effects, [Effect::DependantsFailed { key: key(1), dependants: vec![key(2)] }, finished(0, 3, 0)]);
    assert_eq!(run.step(committed(0, fact(1, "a", &[]))), [publish(1, 1)]);
    assert_eq!(run.states(3), [Done, Published, Blocked]);
}

#[test]
fn services_that_fail_hold_a_job_and_pass_no_verdict() {
    let (mut run, _) = Run::new(&[cpu(&[]), cpu(&[0])], Facts::default());
    let away = || Verdict::Infrastructure { message: "store away".to_owned() };
    for attempt in 0..8 {
        run.claim(0);
        assert_eq!(run.step(ended(0, away())), []);
        assert_eq!(run.states(1), [Waiting]);
        run.now += (1000 << attempt) - 1;
        assert_eq!(run.step(Event::Tick), [], "not yet");
        run.now += 1;
        assert_eq!(run.state.next_due(), Some(run.now));
        assert_eq!(run.step(Event::Tick), [publish(0, 0)]);
    }
    run.claim(0);
    let effects = run.step(ended(0, away()));
    assert!(matches!(&effects[0], Effect::JobHeld { key: held, .. } if *held == key(0)), "{effects:?}");
    assert_eq!(effects[1..], [finished(0, 0, 2)]);
    assert_eq!(run.states(2), [Held, Blocked]);
}

#[test]
fn an_end_that_is_heard_twice_is_charged_once() {
    let (mut run, _) = Run::new(&[cpu(&[])], Facts::default());
    run.claim(0);
    assert_eq!(run.step(ended(0, failed())), [publish(0, 0)]);
    assert_eq!(run.step(ended(0, failed())), []);
    assert_eq!(run.states(1), [Published]);
}

#[test]
fn lost_tickets_and_lost_claims_heal() {
    let (mut run, _) = Run::new(&[cpu(&[])], Facts::default());
    run.now = 29_999;
    assert_eq!(run.step(Event::Tick), []);
    run.now = 30_000;
    let check = || Effect::CheckStore { key: key(0) };
    assert_eq!(run.step(Event::Tick), [check(), publish(0, 0)]);
    run.claim(0);
    run.now += 299_999;
    run.claim(0);
    run.now += 299_999;
    assert_eq!(run.step(Event::Tick), [], "it gave a sign of life");
    run.now += 1;
    assert_eq!(run.step(Event::Tick), [check(), publish(0, 0)]);
    assert_eq!(run.step(ended(0, Verdict::Committed)), [check()], "where its outcome is, the store knows");
}

#[test]
fn refusals_and_failed_publishing_wait_and_end_held() {
    let (mut run, _) = Run::new(&[cpu(&[])], Facts::default());
    for turn in 0..9 {
        let event = match turn % 2 {
            0 => Event::Refused { key: key(0), reason: "other profile".to_owned() },
            _ => Event::PublishFailed { key: key(0), message: "queue away".to_owned() },
        };
        run.step(event);
        run.now = run.state.next_due().unwrap_or(run.now);
        run.step(Event::Tick);
    }
    assert_eq!(run.states(1), [Held]);
    let reason = run.state.reasons().next().unwrap().2.to_owned();
    assert!(reason.ends_with("no worker can run it: other profile"), "{reason}");
}

#[test]
fn a_lost_outcome_is_made_again_and_equal_content_ends_there() {
    let shapes = [cpu(&[]), cpu(&[0]), cpu(&[0])];
    let (mut run, _) = Run::new(&shapes, Facts::default());
    run.step(committed(0, fact(0, "a", &[])));
    run.step(committed(1, fact(0, "b", &["a"])));
    run.claim(2);
    assert_eq!(run.step(Event::Revoked { key: key(0), generation: 0 }), [publish(0, 1)]);
    assert_eq!(run.states(3), [Published, Done, Blocked]);
    assert_eq!(run.step(Event::Revoked { key: key(0), generation: 0 }), [], "heard already");
    assert_eq!(run.step(committed(0, fact(0, "a", &[]))), [], "the revoked one");
    assert_eq!(run.step(committed(0, fact(1, "a", &[]))), [publish(2, 0)]);
    assert_eq!(run.step(committed(2, fact(0, "c", &["a"]))), [finished(3, 0, 0)]);
}

#[test]
fn other_content_reaches_all_that_was_made_from_the_old() {
    let shapes = [cpu(&[]), cpu(&[0]), cpu(&[1]), cpu(&[0])];
    let (mut run, _) = Run::new(&shapes, Facts::default());
    run.step(committed(0, fact(0, "a", &[])));
    run.step(committed(1, fact(0, "b", &["a"])));
    run.step(committed(2, fact(0, "c", &["b"])));
    run.claim(3);
    run.step(Event::Revoked { key: key(0), generation: 0 });
    let reason = "its inputs were made again and are not the same".to_owned();
    let revoke = |job| Effect::Revoke { key: key(job), generation: 0, reason: reason.clone() };
    assert_eq!(run.step(committed(0, fact(1, "A", &[]))), [revoke(1), publish(1, 1), publish(3, 0)]);
    // The attempt of 3 that had read the old content commits.
    assert_eq!(run.step(committed(3, fact(0, "d", &["a"]))), [revoke(3), publish(3, 1)]);
    assert_eq!(run.step(committed(3, fact(1, "d", &["A"]))), []);
    // 1 comes out as before, so 2 stays.
    assert_eq!(run.step(committed(1, fact(1, "b", &["A"]))), [finished(4, 0, 0)]);
}

#[test]
fn a_killed_scheduler_finds_stale_outcomes_when_it_starts() {
    let outcomes = HashMap::from([(key(0), fact(1, "A", &[])), (key(1), fact(0, "b", &["a"]))]);
    let generations = HashMap::from([(key(2), 3)]);
    let facts = Facts { outcomes, generations, ..Facts::default() };
    let (mut run, effects) = Run::new(&[cpu(&[]), cpu(&[0]), cpu(&[1])], facts);
    assert!(matches!(&effects[0], Effect::Revoke { key: stale, generation: 0, .. } if *stale == key(1)), "{effects:?}");
    assert_eq!(effects[1..], [publish(1, 1)]);
    assert_eq!(run.step(committed(1, fact(1, "B", &["A"]))), [publish(2, 3)]);
}

#[test]
fn an_outcome_that_is_lost_again_and_again_is_held() {
    let (mut run, _) = Run::new(&[cpu(&[])], Facts::default());
    for generation in 0..16 {
        run.step(committed(0, fact(generation, "a", &[])));
        run.step(Event::Revoked { key: key(0), generation });
    }
    assert_eq!(run.states(1), [Held]);
}

#[test]
fn history_survives_a_restart_and_reopening_forgets_it() {
    let mut accounts = Accounts::default();
    let error = || Ending::Error { code: "bad".to_owned(), message: "no".to_owned() };
    accounts.charge(error(), 0, &Limits::default());
    let once = Facts { accounts: HashMap::from([(key(0), accounts.clone())]), ..Facts::default() };
    let (mut run, effects) = Run::new(&[cpu(&[]), cpu(&[0])], once);
    assert_eq!(effects, [publish(0, 0)]);
    run.claim(0);
    assert!(
        matches!(run.step(ended(0, failed()))[0], Effect::JobFailed { .. }),
        "the second time, counted over restarts"
    );

    accounts.charge(error(), 0, &Limits::default());
    let twice = Facts { accounts: HashMap::from([(key(0), accounts)]), ..Facts::default() };
    let (_, effects) = Run::new(&[cpu(&[]), cpu(&[0])], twice);
    assert!(matches!(effects[0], Effect::JobFailed { .. }));
    assert_eq!(effects[2], finished(0, 2, 0));
    assert_eq!(Run::new(&[cpu(&[]), cpu(&[0])], Facts::default()).1, [publish(0, 0)]);
}

#[test]
fn facts_come_from_outcomes() {
    let plan = planned(small(json!([{ "binary": { "bits": 64 } }])));
    let measure = plan.cells[0].job;
    let item = |name: &str, text: &str| Item { name: name.to_owned(), blob: Digest::of(text.as_bytes()), bytes: 1 };
    let read = |name: &str, item: &str, text: &str| InputDigest {
        name: name.to_owned(),
        item: item.to_owned(),
        blob: Digest::of(text.as_bytes()),
    };
    let outcome = Outcome {
        version: OUTCOME_VERSION,
        key: plan.jobs[measure as usize].key,
        generation: 4,
        attempt: Nonce("n".to_owned()),
        kind: Kind::Measure,
        fields: plan.fields(measure),
        inputs: vec![
            read("run", "run", "hits"),
            read("document_ids", "", "ids"),
            read("query_texts", "", "queries"),
            read("qrels", "", "qrels"),
            read("reference", "run", "hits"),
        ],
        produced: Produced { artifact: vec![item("per_query", "x"), item("more", "y")], ..Produced::default() },
        provenance: Default::default(),
        cost: Default::default(),
    };
    let fact = Fact::of(&outcome);
    let run = Fingerprint::of([("run", Digest::of(b"hits"))]);
    assert_eq!(fact.generation, 4);
    assert_eq!(fact.read, run.and(run), "what jobs made, as often as it was read; not what was imported");
    assert_eq!(fact.artifact, Fingerprint::of([("more", Digest::of(b"y")), ("per_query", Digest::of(b"x"))]));
    assert_ne!(run.and(run), run);
}

#[test]
fn keys_of_other_plans_are_ignored() {
    let (mut run, _) = Run::new(&[cpu(&[])], Facts::default());
    let stranger: JobKey = key(99);
    for event in [
        Event::Claimed { key: stranger },
        Event::Expired { key: stranger, checkpoints_made: 0 },
        Event::Revoked { key: stranger, generation: 0 },
        committed(99, fact(0, "x", &[])),
    ] {
        assert_eq!(run.step(event), []);
    }
}
