//! Several sweeps in one state: what they share, whose turn it is, and what happens when interest goes.

use std::collections::HashMap;

use bitsweep_plan::scheduler::{Effect, Event, Facts, JobState};
use bitsweep_proto::job::Class;
use bitsweep_proto::plan::{From, Input};
use bitsweep_proto::{Action, Kind, Nonce, Plan, Track};

use crate::fixture::{Shape, cpu, graph, key};
use crate::run::{Run, away, committed, fact, failed, finished, finished_of, history, publish, publish_for, sweep};

use JobState::{Blocked, Cancelled, Done, Failed, Held, Leased, Published, Ready, Waiting};

/// A plan with these of the jobs of `shapes`; keys and inputs are theirs.
fn part(shapes: &[Shape], jobs: &[u32]) -> Plan {
    let whole = graph(shapes);
    let place = |job: u32| u32::try_from(jobs.iter().position(|other| *other == job).unwrap()).unwrap();
    let mut part = Plan { jobs: Vec::new(), ..whole.clone() };
    for &job in jobs {
        let mut planned = whole.jobs[job as usize].clone();
        for input in &mut planned.inputs {
            if let Input { from: From::Job(other), .. } = input {
                *other = place(*other);
            }
        }
        part.jobs.push(planned);
    }
    part
}

fn slots(live: usize) -> Event {
    Event::Slots { class: Class::Cpu, live }
}

/// Sweep and job of what is published.
fn published(effects: &[Effect]) -> Vec<(u32, u32)> {
    let number = |wanted| (0..10).find(|number| sweep(*number) == wanted).unwrap();
    let one = |effect: &Effect| match effect {
        Effect::Publish { sweep, job, .. } => (number(*sweep), *job),
        other => panic!("unexpected {other:?}"),
    };
    effects.iter().map(one).collect()
}

#[test]
fn a_shared_job_runs_once_and_serves_all() {
    let shapes = [cpu(&[]), cpu(&[0]), cpu(&[0])];
    let mut run = Run::empty();
    assert_eq!(run.submit(0, part(&shapes, &[0, 1]), Facts::default()), [publish(0, 0)]);
    assert_eq!(run.submit(1, part(&shapes, &[0, 2]), Facts::default()), [], "it is published already");
    let effects = run.step(committed(0, fact(0, "a", &[])));
    assert_eq!(published(&effects), [(1, 1), (0, 1)], "the second was not served yet");
    assert_eq!(run.step(committed(1, fact(0, "b", &["a"]))), [finished(2, 0, 0)]);
    assert_eq!(run.step(committed(2, fact(0, "c", &["a"]))), [finished_of(1, (2, 0, 0))]);
    assert_eq!(run.submit(2, graph(&shapes), Facts::default()), [finished_of(2, (3, 0, 0))], "all is there");
    assert_eq!(run.state.sweeps().collect::<Vec<_>>(), [sweep(0), sweep(1), sweep(2)]);
    let counts = run.tally(2).jobs[&(Kind::Measure, 1)];
    assert_eq!((counts.of(Done), counts.all()), (2, 2));
}

#[test]
fn a_shared_failure_fails_both() {
    let shapes = [cpu(&[]), cpu(&[0]), cpu(&[0]), cpu(&[])];
    let mut run = Run::empty();
    run.submit(0, part(&shapes, &[0, 1]), Facts::default());
    run.histories.insert(0, history([failed(), failed()]));
    run.recall(0);
    // A sweep that comes later finds it so.
    assert_eq!(run.submit(1, part(&shapes, &[0, 2]), Facts::default()), [finished_of(1, (0, 2, 0))]);
    assert_eq!(run.state.reasons(&sweep(1)).len(), 1);
    // What one sweep forgives runs for all.
    let forgiven = vec![Nonce("attempt 0".to_owned())];
    assert_eq!(run.control(1, Action::Retry { forgiven }), [publish_for(1, 0, 0)]);
    assert_eq!(run.states(3), [Published, Blocked, Blocked]);
}

#[test]
fn the_sweep_with_fewest_jobs_under_way_is_served() {
    let many: Vec<Shape> = (0..20).map(|_| cpu(&[])).collect();
    let (first, second): (Vec<u32>, Vec<u32>) = ((0..10).collect(), (10..20).collect());
    let mut run = Run::empty();
    assert_eq!(run.submit(0, part(&many, &first), Facts::default()), [publish(0, 0), publish(1, 0)]);
    assert_eq!(run.submit(1, part(&many, &second), Facts::default()), []);
    let effects = run.step(slots(3));
    assert_eq!(published(&effects), [(1, 0), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3)], "as many each, in turn");
    run.now += 60; // Neither soon nor late: the window stays as it is.
    for job in [10, 11, 12] {
        let claimed = Event::Claimed { key: key(job), attempt: Nonce(job.to_string()) };
        let one = run.step(claimed);
        assert_eq!(one.len(), 1);
    }
    let in_flight = |number| {
        let total = run.tally(number).total;
        total.of(Published) + total.of(Leased)
    };
    assert!(in_flight(0).abs_diff(in_flight(1)) <= 1, "{} {}", in_flight(0), in_flight(1));
    let done = run.step(committed(10, fact(0, "x", &[])));
    assert_eq!(done, [], "a job that is done leaves no room in the queue");
    assert_eq!(run.state.ready(Class::Cpu) + run.state.in_queue(Class::Cpu) + run.state.leased(Class::Cpu), 19);
}

#[test]
fn exploratory_work_takes_what_core_work_leaves() {
    let exploratory = |inputs: &[u32]| Shape { track: Track::Exploratory, tier: 0, ..cpu(inputs) };
    let shapes = [cpu(&[]), cpu(&[]), cpu(&[0]), exploratory(&[]), exploratory(&[]), exploratory(&[])];
    let mut run = Run::empty();
    let effects = run.submit(0, part(&shapes, &[3, 4, 5]), Facts::default());
    assert_eq!(published(&effects), [(0, 0), (0, 1)]);
    assert_eq!(run.submit(1, part(&shapes, &[0, 1, 2]), Facts::default()), []);
    run.claim(3);
    assert_eq!(run.states(3), [Published, Ready, Blocked], "core goes first, whichever sweep has more under way");
    assert_eq!(
        run.step(committed(4, fact(0, "x", &[]))),
        [publish_for(1, 1, 0)].map(|effect| match effect {
            Effect::Publish { sweep, job, generation, .. } => Effect::Publish { sweep, job, key: key(1), generation },
            other => other,
        })
    );
    assert_eq!(run.step(committed(1, fact(0, "y", &[]))).len(), 1, "no core job is ready: one waits for its input");
    assert_eq!(run.state.job_state(&key(5)), Some(Published));
    run.step(committed(0, fact(0, "a", &[])));
    assert_eq!(run.state.job_state(&key(2)), Some(Published));
}

#[test]
fn a_job_that_is_core_anywhere_is_core() {
    let exploratory = Shape { track: Track::Exploratory, ..cpu(&[]) };
    let mut run = Run::empty();
    run.submit(
        0,
        graph(&[exploratory.clone(), exploratory.clone(), exploratory.clone(), exploratory]),
        Facts::default(),
    );
    let mut core = graph(&[cpu(&[]), cpu(&[]), cpu(&[]), cpu(&[])]);
    core.jobs.drain(..3);
    run.submit(1, core, Facts::default());
    run.step(committed(0, fact(0, "x", &[])));
    assert_eq!(run.states(4), [Done, Published, Ready, Published], "the last before the third");
}

#[test]
fn cancelling_takes_the_interest_of_one_sweep_away() {
    let shapes = [cpu(&[]), cpu(&[]), cpu(&[0]), cpu(&[])];
    let mut run = Run::empty();
    run.submit(0, part(&shapes, &[0, 1, 2]), Facts::default());
    run.submit(1, part(&shapes, &[0, 3]), Facts::default());
    run.claim(1);
    assert_eq!(run.states(4), [Published, Leased, Blocked, Published]);
    let effects = run.control(0, Action::Cancel);
    assert_eq!(effects, [Effect::Withdraw { key: key(1) }, finished(0, 0, 3)]);
    assert_eq!(run.states(4), [Published, Cancelled, Cancelled, Published], "the other wants the first");
    assert_eq!(run.control(0, Action::Cancel), []);
    assert_eq!(run.claim_again(1), [Effect::Withdraw { key: key(1) }], "whoever still works on it is told again");
    assert_eq!(run.step(committed(0, fact(0, "a", &[]))), []);
    assert_eq!(run.states(3), [Done, Cancelled, Cancelled]);
    assert_eq!(run.tally(0).total.of(Cancelled), 2);
    // It was quicker.
    assert_eq!(run.step(committed(1, fact(0, "b", &[]))), []);
    assert_eq!(run.states(3), [Done, Done, Cancelled]);
    assert_eq!(run.control(0, Action::Resume), [publish(2, 0)]);
    assert_eq!(run.control(0, Action::Resume), []);
    assert_eq!(run.step(committed(2, fact(0, "c", &["a"]))), [finished(3, 0, 0)]);
}

#[test]
fn a_cancelled_sweep_stays_cancelled_when_it_is_submitted_to_a_new_state() {
    let mut run = Run::empty();
    let plan = std::sync::Arc::new(graph(&[cpu(&[]), cpu(&[0])]));
    let submitted = |controls| Event::Submitted {
        sweep: sweep(0),
        plan: plan.clone(),
        facts: Facts { outcomes: HashMap::from([(key(0), fact(0, "a", &[]))]), ..Facts::default() },
        controls,
    };
    assert_eq!(run.step(submitted(vec![Action::Cancel])), [finished(1, 0, 1)]);
    assert_eq!(run.states(2), [Done, Cancelled]);
    assert_eq!(run.step(submitted(vec![Action::Resume])), [], "it is known; controls come by themselves");
    assert_eq!(run.states(2), [Done, Cancelled]);
    let mut run = Run::empty();
    assert_eq!(run.step(submitted(vec![Action::Cancel, Action::Resume])), [publish(1, 0)]);
}

#[test]
fn failed_and_held_jobs_survive_a_cancel() {
    let (mut run, _) = Run::new(&[cpu(&[]), cpu(&[0]), cpu(&[])], Facts::default());
    run.histories.insert(0, history([failed(), failed()]));
    run.recall(0);
    run.histories.insert(2, history((0..9).map(|_| away())));
    run.recall(2);
    run.control(0, Action::Cancel);
    assert_eq!(run.states(3), [Failed, Failed, Cancelled]);
    assert_eq!(run.control(0, Action::Resume).len(), 2, "held again, and finished");
    assert_eq!(run.states(3), [Failed, Failed, Held]);
}

#[test]
fn a_forgotten_sweep_leaves_nothing_behind() {
    let shapes = [cpu(&[]), cpu(&[0]), cpu(&[0]), cpu(&[])];
    let mut run = Run::empty();
    run.submit(0, part(&shapes, &[0, 1, 3]), Facts::default());
    run.submit(1, part(&shapes, &[0, 2]), Facts::default());
    run.claim(3);
    assert_eq!(run.step(Event::Forget { sweep: sweep(0) }), [Effect::Withdraw { key: key(3) }]);
    assert_eq!(run.state.sweeps().collect::<Vec<_>>(), [sweep(1)]);
    assert_eq!(run.state.job_state(&key(3)), None);
    assert_eq!(run.state.tally(&sweep(0)), None);
    // Edges of what stays lead nowhere else.
    assert_eq!(run.step(committed(0, fact(0, "a", &[]))).len(), 1);
    assert_eq!(
        run.submit(0, part(&shapes, &[0, 1, 3]), Facts::default()),
        [publish(1, 0)].map(|effect| match effect {
            Effect::Publish { sweep, job, generation, .. } => Effect::Publish { sweep, job, key: key(1), generation },
            other => other,
        })
    );
    assert_eq!(run.states(4), [Done, Published, Published, Ready]);
    run.step(Event::Forget { sweep: sweep(0) });
    run.step(Event::Forget { sweep: sweep(1) });
    assert_eq!(run.state.in_queue(Class::Cpu), 0);
    assert_eq!((run.state.next_due(), run.state.oldest_ready()), (None, None));
}

#[test]
fn a_full_reconcile_takes_in_what_was_missed_and_changes_nothing_else() {
    let shapes = [cpu(&[]), cpu(&[0]), cpu(&[]), cpu(&[]), cpu(&[])];
    let (mut run, _) = Run::new(&shapes, Facts::default());
    run.step(slots(2));
    run.claim(2);
    run.claim(3);
    assert_eq!(run.end(3, away()), []);
    let before = run.states(5);
    assert_eq!(before, [Published, Blocked, Leased, Waiting, Published]);
    let nothing = |run: &mut Run| run.submit(0, graph(&shapes), Facts::default());
    assert_eq!(nothing(&mut run), []);
    assert_eq!(run.states(5), before);
    let facts = Facts {
        outcomes: HashMap::from([(key(0), fact(0, "a", &[])), (key(1), fact(0, "b", &["a"]))]),
        generations: HashMap::from([(key(2), 1)]),
        histories: HashMap::from([(key(4), history([failed(), failed()]))]),
        since: 0,
    };
    let effects = run.submit(0, graph(&shapes), facts);
    assert!(
        matches!(effects[..], [Effect::JobFailed { .. }, Effect::Publish { job: 2, generation: 1, .. }]),
        "{effects:?}"
    );
    assert_eq!(run.states(5), [Done, Done, Published, Waiting, Failed]);
}

#[test]
fn the_oldest_ready_job_is_told() {
    let (mut run, _) = Run::new(&[cpu(&[]), cpu(&[]), cpu(&[]), cpu(&[0])], Facts::default());
    run.now = 1_000;
    assert_eq!(run.state.oldest_ready(), Some(0));
    run.step(committed(0, fact(0, "a", &[])));
    run.step(committed(1, fact(0, "b", &[])));
    assert_eq!(run.state.oldest_ready(), Some(0), "the third still waits");
    run.step(committed(2, fact(0, "c", &[])));
    assert_eq!(run.state.oldest_ready(), Some(1_000));
    run.step(committed(3, fact(0, "d", &["a"])));
    assert_eq!(run.state.oldest_ready(), None);
}
