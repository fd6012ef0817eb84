//! The scheduler's rules one by one: one sweep without gates and budgets.

use std::collections::HashMap;

use bitsweep_plan::retry::Ending;
use bitsweep_plan::scheduler::{Effect, Event, Fact, Facts, Fingerprint, JobState, Mark, Spend};
use bitsweep_proto::attempt::Nonce;
use bitsweep_proto::job::Class;
use bitsweep_proto::outcome::{Cost, InputDigest, Item, OUTCOME_VERSION, Produced, Provenance};
use bitsweep_proto::{Action, Digest, JobKey, Kind, Outcome};
use serde_json::json;

use crate::fixture::{Shape, cpu, graph, key, planned, small};
use crate::run::{Run, away, committed, fact, failed, finished, history, publish, sweep};

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
    assert_eq!(run.submit(0, graph(&[]), Facts::default()), [], "it is known");
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
    shapes.push(cpu(&[7]));
    shapes.push(Shape { tier: 5, gpu: true, ..cpu(&[]) });
    let (mut run, effects) = Run::new(&shapes, Facts::default());
    assert_eq!(effects, [publish(9, 0), publish(7, 0), publish(0, 0)], "two of each class without slots");
    assert_eq!(run.step(Event::Slots { class: Class::Cpu, live: 1 }), [publish(1, 0), publish(2, 0)]);
    assert_eq!(run.step(committed(7, fact(0, "a", &[]))), [publish(8, 0)], "deeper first");
    assert_eq!(run.step(Event::Slots { class: Class::Cpu, live: 0 }), []);
    run.claim(0); // The window has shrunk.
    assert_eq!(run.states(4), [Leased, Published, Published, Ready]);
}

#[test]
fn the_window_grows_while_jobs_are_short_and_shrinks_when_they_are_not() {
    let shapes: Vec<Shape> = (0..600).map(|_| cpu(&[])).collect();
    let (mut run, _) = Run::new(&shapes, Facts::default());
    run.step(Event::Slots { class: Class::Cpu, live: 2 });
    assert_eq!(run.state.in_queue(Class::Cpu), 6);
    for job in 0..200 {
        run.claim(job);
        run.step(committed(job, fact(0, "a", &[])));
    }
    let wide = run.state.in_queue(Class::Cpu);
    assert_eq!(wide, 6 + 2 * 64, "as wide as it may be");
    for job in 200..500 {
        run.now += 100;
        run.claim(job);
        run.step(committed(job, fact(0, "a", &[])));
    }
    assert_eq!(run.state.in_queue(Class::Cpu), 6, "as narrow as it was");
}

#[test]
fn a_failed_job_fails_those_that_need_it_and_nothing_else() {
    let shapes = [cpu(&[]), cpu(&[]), cpu(&[0]), cpu(&[2, 1]), cpu(&[1])];
    let (mut run, _) = Run::new(&shapes, Facts::default());
    run.claim(0);
    assert_eq!(run.end(0, failed()), [publish(0, 0)]);
    run.claim(0);
    let reason = "bad: no (the same error twice)".to_owned();
    let dependants = vec![key(2), key(3)];
    let expected = [
        Effect::JobFailed { key: key(0), reason: reason.clone() },
        Effect::DependantsFailed { key: key(0), dependants },
    ];
    assert_eq!(run.end(0, failed()), expected);
    assert_eq!(run.states(5), [Failed, Published, Failed, Failed, Blocked]);
    assert_eq!(run.state.reasons(&sweep(0)), [(key(0), Failed, reason)]);
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
    run.revoke(0, 0);
    run.claim(0);
    run.end(0, failed());
    run.claim(0);
    run.end(0, failed());
    assert_eq!(run.states(3), [Failed, Done, Published]);
    let effects = run.revoke(1, 0);
    assert_eq!(effects, [Effect::DependantsFailed { key: key(1), dependants: vec![key(2)] }, finished(0, 3, 0)]);
    assert_eq!(run.step(committed(0, fact(1, "a", &[]))), [publish(1, 1)]);
    assert_eq!(run.states(3), [Done, Published, Blocked]);
}

#[test]
fn services_that_fail_hold_a_job_and_pass_no_verdict() {
    let (mut run, _) = Run::new(&[cpu(&[]), cpu(&[0])], Facts::default());
    for attempt in 0..8 {
        run.claim(0);
        assert_eq!(run.end(0, away()), []);
        assert_eq!(run.states(1), [Waiting]);
        run.now += (1000 << attempt) - 1;
        assert_eq!(run.step(Event::Tick), [], "not yet");
        run.now += 1;
        assert_eq!(run.state.next_due(), Some(run.now));
        assert_eq!(run.step(Event::Tick), [publish(0, 0)]);
    }
    run.claim(0);
    let effects = run.end(0, away());
    assert!(matches!(&effects[0], Effect::JobHeld { key: held, .. } if *held == key(0)), "{effects:?}");
    assert_eq!(effects[1..], [finished(0, 0, 2)]);
    assert_eq!(run.states(2), [Held, Blocked]);
}

#[test]
fn an_end_that_is_heard_twice_or_late_is_charged_once() {
    let (mut run, _) = Run::new(&[cpu(&[])], Facts::default());
    run.claim(0);
    let open = run.histories[&0].clone();
    assert_eq!(run.end(0, failed()), [publish(0, 0)]);
    assert_eq!(run.recall(0), []);
    assert_eq!(run.states(1), [Published]);
    // The same attempt gives a sign of life that was sent before it ended, and an older reading comes late.
    assert_eq!(run.claim_again(0), []);
    assert_eq!(run.step(Event::History { key: key(0), history: open }), []);
    assert_eq!(run.states(1), [Published]);
    run.claim(0);
    assert_eq!(run.recall(0), [], "the end of the first says nothing about the second");
    assert_eq!(run.states(1), [Leased]);
}

#[test]
fn an_end_whose_claim_was_lost_counts_too() {
    let (mut run, _) = Run::new(&[cpu(&[])], Facts::default());
    run.histories.insert(0, history([away()]));
    assert_eq!(run.recall(0), []);
    assert_eq!(run.states(1), [Waiting], "the ticket is gone");
    run.histories.insert(0, history([away(), failed(), failed()]));
    assert!(matches!(run.recall(0)[0], Effect::JobFailed { .. }));
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
    assert_eq!(run.claim_again(0), []);
    run.now += 299_999;
    assert_eq!(run.step(Event::Tick), [], "it gave a sign of life");
    run.now += 1;
    assert_eq!(run.step(Event::Tick), [check(), Effect::CheckHistory { key: key(0) }]);
    assert_eq!(run.states(1), [Waiting], "the answers come first");
    assert_eq!(run.recall(0), [], "it is open: nobody knows");
    run.now += 1_000;
    assert_eq!(run.step(Event::Tick), [publish(0, 0)]);
    run.claim(0);
    assert_eq!(run.end(0, Ending::Settled), [check()], "where its outcome is, the store knows");
    run.now += 1_000;
    assert_eq!(run.step(Event::Tick), [publish(0, 0)], "it does not");
}

#[test]
fn a_lost_ledger_is_told_again_what_was_published() {
    let (mut run, _) = Run::new(&[cpu(&[]), cpu(&[]), cpu(&[]), cpu(&[0])], Facts::default());
    run.claim(1);
    assert_eq!(run.states(4), [Published, Leased, Published, Blocked]);
    run.now = 5;
    assert_eq!(run.step(Event::LedgerLost), [publish(0, 0), publish(2, 0)]);
    assert_eq!(run.states(4), [Published, Leased, Published, Blocked]);
    assert_eq!(run.state.attempt_of(&key(1)), Some(&Nonce("attempt 0".to_owned())));
    assert_eq!(run.state.attempt_of(&key(0)), None);
}

#[test]
fn what_no_worker_can_run_is_held_until_there_are_more() {
    let (mut run, _) = Run::new(&[cpu(&[])], Facts::default());
    for _ in 0..9 {
        assert_eq!(run.states(1), [Published]);
        run.step(Event::Refused { key: key(0), reason: "other profile".to_owned() });
        run.now = run.state.next_due().unwrap_or(run.now);
        run.step(Event::Tick);
    }
    assert_eq!(run.states(1), [Held]);
    let reason = run.state.reasons(&sweep(0)).remove(0).2;
    assert_eq!(reason, "9 times in a row no worker could run it, last: other profile");
    assert_eq!(run.step(Event::Slots { class: Class::Gpu, live: 1 }), []);
    assert_eq!(run.step(Event::Slots { class: Class::Cpu, live: 1 }), [publish(0, 0)]);
}

#[test]
fn what_cannot_be_published_is_tried_as_long_as_it_takes() {
    let (mut run, _) = Run::new(&[cpu(&[])], Facts::default());
    for _ in 0..100 {
        run.step(Event::PublishFailed { key: key(0), message: "queue away".to_owned() });
        assert_eq!(run.states(1), [Waiting]);
        run.now = run.state.next_due().unwrap();
        assert_eq!(run.step(Event::Tick), [publish(0, 0)]);
    }
    assert!(run.now < 100 * 300_000, "the pause is capped");
}

#[test]
fn a_lost_outcome_is_made_again_and_equal_content_ends_there() {
    let shapes = [cpu(&[]), cpu(&[0]), cpu(&[0])];
    let (mut run, _) = Run::new(&shapes, Facts::default());
    run.step(committed(0, fact(0, "a", &[])));
    run.step(committed(1, fact(0, "b", &["a"])));
    run.claim(2);
    assert_eq!(run.revoke(0, 0), [publish(0, 1)]);
    assert_eq!(run.states(3), [Published, Done, Blocked]);
    assert_eq!(run.revoke(0, 0), [], "heard already");
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
    run.revoke(0, 0);
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
        run.revoke(0, generation);
    }
    assert_eq!(run.states(1), [Held]);
    assert_eq!(run.control(0, Action::Retry { forgiven: Vec::new() }), [publish(0, 16)], "as often again");
}

#[test]
fn history_survives_a_restart_and_reopening_forgets_it() {
    let told = |history| Facts { histories: HashMap::from([(key(0), history)]), ..Facts::default() };
    let (mut run, effects) = Run::new(&[cpu(&[]), cpu(&[0])], told(history([failed()])));
    assert_eq!(effects, [publish(0, 0)]);
    run.histories.insert(0, history([failed()]));
    run.claim(0);
    assert!(matches!(run.end(0, failed())[0], Effect::JobFailed { .. }), "the second time, counted over restarts");

    let (_, effects) = Run::new(&[cpu(&[]), cpu(&[0])], told(history([failed(), failed()])));
    assert!(matches!(effects[0], Effect::JobFailed { .. }));
    assert_eq!(effects[2], finished(0, 2, 0));
    let (run, effects) = Run::new(&[cpu(&[]), cpu(&[0])], told(history((0..9).map(|_| away()))));
    assert!(matches!(effects[0], Effect::JobHeld { .. }));
    assert_eq!(run.states(2), [Held, Blocked]);
    assert_eq!(Run::new(&[cpu(&[]), cpu(&[0])], Facts::default()).1, [publish(0, 0)]);
}

#[test]
fn what_is_forgiven_is_tried_again_and_only_that() {
    let shapes = [cpu(&[]), cpu(&[]), cpu(&[0, 1]), cpu(&[])];
    let (mut run, _) = Run::new(&shapes, Facts::default());
    for (job, ending) in [(0, failed()), (1, failed()), (3, away())] {
        run.histories.insert(job, history((0..9).map(|_| ending.clone())));
        run.recall(job);
    }
    assert_eq!(run.states(4), [Failed, Failed, Failed, Held]);
    let forgive = |attempts: &[usize]| Action::Retry {
        forgiven: attempts.iter().map(|attempt| Nonce(format!("attempt {attempt}"))).collect(),
    };
    assert_eq!(run.control(0, forgive(&[0, 1, 2])), [publish(3, 0)], "six are left of its nine");
    assert_eq!(run.states(4), [Failed, Failed, Failed, Published]);
    let all: Vec<usize> = (0..9).collect();
    assert_eq!(run.control(0, forgive(&all)), [publish(0, 0)]);
    assert_eq!(run.states(4), [Published, Ready, Blocked, Published], "two without slots");
    run.claim(0);
    assert_eq!(run.end(0, failed()), [], "a new account");
    assert_eq!(run.states(1), [Ready]);
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
        provenance: Provenance { committed_at: 77, ..Provenance::default() },
        cost: Cost { gpu_hours: 0.5, usd: 1.5, ..Cost::default() },
    };
    let fact = Fact::of(&outcome);
    assert_eq!(fact.spend, Spend { gpu_hours: 0.5, usd: 1.5, bytes: 2 });
    assert_eq!((fact.committed_at, fact.attempt), (77, Mark::of(&Nonce("n".to_owned()))));
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
        Event::Claimed { key: stranger, attempt: Nonce("x".to_owned()) },
        Event::History { key: stranger, history: history([failed()]) },
        Event::Revoked { key: stranger, generation: 0 },
        committed(99, fact(0, "x", &[])),
        Event::Controlled { sweep: sweep(7), action: Action::Cancel },
        Event::Forget { sweep: sweep(7) },
    ] {
        assert_eq!(run.step(event), []);
    }
    assert_eq!(run.state.job_state(&stranger), None);
    assert_eq!(run.state.tally(&sweep(7)), None);
}
