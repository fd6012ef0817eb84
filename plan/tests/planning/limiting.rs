//! Gates and budgets.

use std::collections::HashMap;
use std::sync::Arc;

use bitsweep_plan::retry::Ending;
use bitsweep_plan::scheduler::{Effect, Event, Fact, Facts, Hold as Held, JobState, Mark, Spend};
use bitsweep_proto::manifest::{Budget, Gate, Hold, OneOrMany, ReportState, Until};
use bitsweep_proto::plan::PlannedCell;
use bitsweep_proto::{Action, Cell, Codec, Kind, Nonce, Plan, Study, Track};

use crate::fixture::{Shape, cpu, graph, key};
use crate::run::{
    Run, away, committed, fact, finished, finished_of, gpu_hours, print_of, publish, publish_for, sweep, tried,
};

const NO_BUDGET: Budget =
    Budget { gpu_hours: None, usd: None, bytes: None, configurations: None, tier: None, track: None };
const NOTHING: [u32; 0] = [];
const AT_ONCE: Until = Until { tier: None, kinds: None, done: None, report: None };

fn exploratory(inputs: &[u32]) -> Shape {
    Shape { track: Track::Exploratory, tier: 2, ..cpu(inputs) }
}

/// The jobs of `shapes`; every one that nobody of its track reads is a cell of its tier and track.
fn plan(shapes: &[Shape], gates: &[Gate], budgets: &[Budget]) -> Plan {
    let mut plan = graph(shapes);
    for (job, shape) in (0_u32..).zip(shapes) {
        if !shapes.iter().any(|other| other.track == shape.track && other.inputs.contains(&job)) {
            let cell = Cell::retrieval("m", "d", Codec::Binary { bits: 64, seed: job });
            plan.cells.push(PlannedCell { cell, tier: shape.tier, track: shape.track, job });
        }
    }
    (plan.gates, plan.budgets) = (gates.to_vec(), budgets.to_vec());
    plan
}

fn hold_exploratory(until: Until) -> Gate {
    Gate { hold: Hold { track: Some(Track::Exploratory), tier: None }, until }
}

fn holds(run: &Run) -> Vec<(String, usize)> {
    run.state.holds(&sweep(0)).into_iter().map(|hold| (hold.place, hold.jobs)).collect()
}

fn gate_opened(place: &str) -> Effect {
    Effect::GateOpened { sweep: sweep(0), place: place.to_owned() }
}

/// The outcome of a first attempt that took this.
fn paid(artifact: &str, spend: Spend) -> Fact {
    Fact { spend, ..fact(0, artifact, &[]) }
}

/// What is published, leaving out what else is said.
fn published(effects: &[Effect]) -> Vec<u32> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Publish { job, .. } = effect { Some(*job) } else { None })
        .collect()
}

#[test]
fn a_gate_holds_until_the_share_is_done_and_stays_open() {
    let mut shapes: Vec<Shape> = (0..5).map(|_| cpu(&[])).collect();
    shapes.extend([exploratory(&[]), exploratory(&[0])]);
    let until = Until { tier: Some(1), done: Some(0.8), ..AT_ONCE };
    let mut run = Run::empty();
    run.step(Event::Slots { class: bitsweep_proto::Class::Cpu, live: 9 });
    let effects = run.submit(0, plan(&shapes, &[hold_exploratory(until)], &[]), Facts::default());
    assert_eq!(effects, [0, 1, 2, 3, 4].map(|job| publish(job, 0)));
    assert_eq!(holds(&run), [("gates[0]".to_owned(), 2)]);
    let words = run.state.holds(&sweep(0)).remove(0).words;
    assert_eq!(words, "track exploratory waits until 80 % of all jobs of tier 1 are done; 0 of 5 are");
    for job in [0, 1, 2] {
        assert_eq!(run.step(committed(job, fact(0, "x", &[]))), []);
    }
    assert_eq!(run.state.job_state(&key(5)), Some(JobState::Held));
    assert_eq!(run.state.job_state(&key(6)), Some(JobState::Held), "its input is done");
    assert_eq!(run.tally(0).jobs[&(Kind::Measure, 2)].of(JobState::Held), 1);
    assert_eq!(run.state.ready(bitsweep_proto::Class::Cpu), 0);
    run.now = 50;
    let effects = run.step(committed(3, fact(0, "x", &[])));
    assert_eq!(effects, [gate_opened("gates[0]"), publish(6, 0), publish(5, 0)]);
    assert_eq!(holds(&run), []);
    // What it counted is lost: it stays open.
    run.step(Event::Revoked { key: key(3), generation: 0 });
    run.step(committed(6, fact(0, "y", &["x"])));
    assert_eq!(run.state.job_state(&key(5)), Some(JobState::Published));
    assert_eq!(run.state.oldest_ready(), Some(0), "the core job that was published at once");
}

#[test]
fn a_gate_holds_what_only_its_own_cells_need() {
    // 0 serves both tracks, 1 only the exploratory one.
    let shapes = [cpu(&[]), exploratory(&[]), cpu(&[0]), exploratory(&[0, 1])];
    let mut run = Run::empty();
    let effects = run.submit(0, plan(&shapes, &[hold_exploratory(AT_ONCE)], &[]), Facts::default());
    assert_eq!(effects, [publish(0, 0)]);
    run.step(committed(0, fact(0, "a", &[])));
    let effects = run.step(committed(2, fact(0, "c", &["a"])));
    assert_eq!(effects, [gate_opened("gates[0]"), publish(1, 0)], "all that it does not hold is done");
}

#[test]
fn a_job_that_cells_of_two_tiers_need_is_not_held_for_one() {
    let second = |inputs: &[u32]| Shape { tier: 2, ..cpu(inputs) };
    let shapes = [cpu(&[]), cpu(&[0]), second(&[0])];
    let gate = Gate { hold: Hold { tier: Some(1), track: None }, until: Until { tier: Some(2), ..AT_ONCE } };
    let mut run = Run::empty();
    assert_eq!(run.submit(0, plan(&shapes, &[gate], &[]), Facts::default()), [publish(0, 0)]);
    assert_eq!(run.step(committed(0, fact(0, "a", &[]))), [publish(2, 0)]);
    assert_eq!(run.step(committed(2, fact(0, "c", &["a"]))), [gate_opened("gates[0]"), publish(1, 0)]);
}

#[test]
fn a_gate_counts_kinds_and_waits_for_a_report() {
    let shapes = [cpu(&[]), cpu(&[0]), cpu(&[0]), exploratory(&[])];
    let kinds = Some(OneOrMany(vec![Kind::Measure]));
    let until = Until { kinds, done: Some(0.5), report: Some(ReportState::Exists), ..AT_ONCE };
    let mut run = Run::empty();
    run.submit(0, plan(&shapes, &[hold_exploratory(until)], &[]), Facts::default());
    run.step(committed(0, fact(0, "a", &[])));
    assert_eq!(run.step(committed(1, fact(0, "b", &["a"]))), []);
    assert_eq!(run.step(committed(2, fact(0, "c", &["a"]))), [finished(3, 0, 1)]);
    let words = run.state.holds(&sweep(0)).remove(0).words;
    assert!(words.ends_with("; 2 of 2 are; no report is written yet"), "{words}");
    assert_eq!(run.control(0, Action::Reported), [gate_opened("gates[0]"), publish(3, 0)]);
    assert_eq!(run.step(committed(3, fact(0, "d", &[]))), [finished(4, 0, 0)]);
    // A new state that hears of both at once opens it at once.
    let outcomes = HashMap::from([(key(0), fact(0, "a", &[])), (key(1), fact(0, "b", &["a"]))]);
    let mut run = Run::empty();
    let until = Until { report: Some(ReportState::Exists), ..AT_ONCE };
    let effects = run.step(Event::Submitted {
        sweep: sweep(0),
        plan: Arc::new(plan(&shapes, &[hold_exploratory(until)], &[])),
        facts: Facts { outcomes, ..Facts::default() },
        controls: vec![Action::Reported],
    });
    assert_eq!(effects, [gate_opened("gates[0]"), publish(2, 0), publish(3, 0)]);
}

#[test]
fn a_gate_of_one_sweep_does_not_hold_what_another_wants() {
    let shapes = [exploratory(&[]), exploratory(&[]), cpu(&[])];
    let mut run = Run::empty();
    run.submit(0, plan(&shapes, &[hold_exploratory(AT_ONCE)], &[]), Facts::default());
    assert_eq!(run.states(3), [JobState::Held, JobState::Held, JobState::Published]);
    assert_eq!(run.submit(1, graph(&shapes[..1]), Facts::default()), [publish_for(1, 0, 0)]);
    let counts = run.tally(0).total;
    assert_eq!((counts.of(JobState::Published), counts.of(JobState::Held)), (2, 1));
    // It is not finished while another sweep runs a job of it.
    assert_eq!(run.step(committed(0, fact(0, "a", &[]))), [finished_of(1, (1, 0, 0))]);
    let effects = run.step(committed(2, fact(0, "b", &[])));
    assert_eq!(effects, [gate_opened("gates[0]"), publish(1, 0)]);
}

#[test]
fn a_sweep_is_not_finished_while_another_may_run_what_it_holds() {
    let shapes: Vec<Shape> = (0..3).map(|_| exploratory(&[])).collect();
    let until = Until { report: Some(ReportState::Exists), ..AT_ONCE };
    let held = plan(&shapes[..1], &[hold_exploratory(until)], &[]);
    // The window is full of other jobs.
    let mut run = Run::empty();
    let mut others = graph(&shapes);
    others.jobs.rotate_left(1);
    assert_eq!(run.submit(1, others, Facts::default()).len(), 2);
    assert_eq!(run.submit(0, held, Facts::default()), [], "it will run for the other");
    assert_eq!(run.state.ready(bitsweep_proto::Class::Cpu), 1);
    assert_eq!(run.control(1, Action::Cancel).len(), 4, "two withdrawn, both finished");
    assert_eq!(run.state.job_state(&key(0)), Some(JobState::Held));
    assert_eq!(run.state.ready(bitsweep_proto::Class::Cpu), 0);
}

#[test]
fn configurations_are_the_first_cells_in_the_order_of_tiers() {
    // 5 and 6 are of the first tier, and so the first two cells; 0 serves 3 and 5.
    let second = |inputs: &[u32]| Shape { tier: 2, ..cpu(inputs) };
    let shapes = [cpu(&[]), second(&[]), second(&[]), second(&[0]), second(&[1]), cpu(&[0]), cpu(&[]), second(&[2])];
    let budget = Budget { configurations: Some(3), ..NO_BUDGET };
    let mut run = Run::empty();
    run.step(Event::Slots { class: bitsweep_proto::Class::Cpu, live: 9 });
    let effects = run.submit(0, plan(&shapes, &[], &[budget]), Facts::default());
    let place = "budgets[0]".to_owned();
    let words = "3 configurations".to_owned();
    let reached = Effect::BudgetReached { sweep: sweep(0), place: place.clone(), words: words.clone() };
    assert_eq!(effects, [publish(0, 0), publish(6, 0), reached]);
    assert_eq!(run.state.holds(&sweep(0)), [Held { place: place.clone(), words, jobs: 4 }]);
    run.step(committed(0, fact(0, "a", &[])));
    run.step(committed(6, fact(0, "b", &[])));
    run.step(committed(5, fact(0, "c", &["a"])));
    assert_eq!(run.step(committed(3, fact(0, "d", &["a"]))), [finished(4, 0, 4)]);
    let more = Action::Budget { index: 0, budget: Budget { configurations: Some(4), ..NO_BUDGET } };
    let effects = run.control(0, more);
    assert_eq!(published(&effects), [1]);
    assert_eq!(holds(&run), [(place, 2)]);
    // Another budget in the same place of the order.
    let none = Action::Budget { index: 1, budget: Budget { configurations: Some(0), ..NO_BUDGET } };
    assert_eq!(run.control(0, none), [], "what is under way goes on");
    assert_eq!(holds(&run), [("budgets[0]".to_owned(), 2), ("budgets[1]".to_owned(), 1)]);
}

/// It does not count as one, and is not run without it.
#[test]
fn what_else_is_studied_goes_with_its_configuration() {
    let shapes = [cpu(&[]), cpu(&[0]), cpu(&[]), cpu(&[2]), cpu(&[2]), cpu(&[0])];
    let budget = Budget { configurations: Some(1), ..NO_BUDGET };
    let mut plan = plan(&shapes, &[], &[budget]);
    for (study, of) in [(2, 1), (3, 0)] {
        plan.cells[study].cell = plan.cells[of].cell.clone().studied(Study::Speed);
    }
    let mut run = Run::empty();
    run.submit(0, plan, Facts::default());
    assert_eq!(holds(&run), [("budgets[0]".to_owned(), 3)]);
}

#[test]
fn a_gate_does_not_wait_for_what_a_budget_leaves_out() {
    let shapes = [cpu(&[]), cpu(&[]), exploratory(&[])];
    let budget = Budget { configurations: Some(1), tier: Some(1), ..NO_BUDGET };
    let mut run = Run::empty();
    let until = Until { tier: Some(1), ..AT_ONCE };
    run.submit(0, plan(&shapes, &[hold_exploratory(until)], &[budget]), Facts::default());
    let effects = run.step(committed(0, fact(0, "a", &[])));
    assert_eq!(effects, [gate_opened("gates[0]"), publish(2, 0)]);
}

#[test]
fn gpu_hours_are_reserved_when_published_and_charged_from_the_records() {
    let shapes: Vec<Shape> = (0..8).map(|_| cpu(&[])).collect();
    let budget = Budget { gpu_hours: Some(2.5), ..NO_BUDGET };
    let mut run = Run::empty();
    assert_eq!(run.submit(0, plan(&shapes, &[], &[budget]), Facts::default()).len(), 2, "nothing is known yet");
    run.claim(0);
    assert_eq!(run.step(committed(1, paid("x", gpu_hours(1.0)))), [publish(3, 0)], "one spent, one set aside for 3");
    assert_eq!(run.state.spent(&sweep(0)), gpu_hours(1.0));
    // 0 and 2 went out before anything was known. Preempted at 0.5 hours, 0 is charged those.
    let effects = run.end_after(0, Ending::Preempted, gpu_hours(0.5));
    assert_eq!(run.state.spent(&sweep(0)), gpu_hours(1.5));
    assert_eq!(published(&effects), NOTHING);
    let effects = run.step(committed(2, paid("x", gpu_hours(0.25))));
    // 1.75 spent, 1 set aside: the mean is 0.625 now, and the next would go beyond.
    let words = "2.5 GPU-hours: 1.75 GPU-hours spent, 1 GPU-hours set aside for jobs under way, the next compress job \
                 takes about 0.625 GPU-hours";
    let place = "budgets[0]".to_owned();
    assert_eq!(effects, [Effect::BudgetReached { sweep: sweep(0), place, words: words.to_owned() }]);
    assert_eq!(run.states(5)[0], JobState::Held);
    assert_eq!(holds(&run), [("budgets[0]".to_owned(), 5)]);
    // It took less than was set aside: 1.85 spent, the mean is 0.45.
    let effects = run.step(committed(3, paid("x", gpu_hours(0.1))));
    assert_eq!(effects, [publish(0, 0)]);
    assert_eq!(
        run.control(0, Action::Budget { index: 0, budget: Budget { gpu_hours: Some(9.0), ..NO_BUDGET } }),
        [publish(4, 0)]
    );
}

#[test]
fn a_budget_covers_its_tier_and_track_only() {
    let shapes = [cpu(&[]), cpu(&[]), exploratory(&[]), exploratory(&[]), exploratory(&[])];
    let budget = Budget { usd: Some(1.0), track: Some(Track::Exploratory), ..NO_BUDGET };
    let mut run = Run::empty();
    run.submit(0, plan(&shapes, &[], &[budget]), Facts::default());
    let usd = |usd| Spend { usd, ..Spend::default() };
    assert_eq!(published(&run.step(committed(0, paid("x", usd(0.4))))), [2], "that was core");
    assert_eq!(published(&run.step(committed(1, paid("y", usd(0.6))))), [3], "0.4 set aside and a mean of 0.5");
    assert_eq!(published(&run.step(committed(2, paid("z", usd(0.6))))), NOTHING, "0.6, 0.5 and more than 0.5");
    assert_eq!(run.states(5)[4], JobState::Held);
    assert_eq!(run.step(committed(3, paid("z", usd(0.0)))), [publish(4, 0)], "0.6, and a mean of 0.4");
    assert_eq!(run.state.spent(&sweep(0)), usd(1.6));
}

#[test]
fn bytes_are_those_of_outcomes_that_are_there() {
    let shapes = [cpu(&[]), cpu(&[]), cpu(&[])];
    let budget = Budget { bytes: Some(100), ..NO_BUDGET };
    let mut run = Run::empty();
    run.submit(0, plan(&shapes, &[], &[budget]), Facts::default());
    let bytes = |bytes| Spend { bytes, gpu_hours: 1.0, ..Spend::default() };
    let effects = run.step(committed(0, paid("x", bytes(60))));
    assert_eq!(published(&effects), NOTHING, "60 more would be 120");
    run.step(committed(1, paid("y", bytes(30))));
    assert_eq!(run.state.spent(&sweep(0)).bytes, 90);
    run.step(Event::Revoked { key: key(0), generation: 0 });
    assert_eq!(run.state.spent(&sweep(0)), Spend { bytes: 30, gpu_hours: 2.0, usd: 0.0 }, "hours stay spent");
    assert_eq!(run.states(1), [JobState::Published]);
}

#[test]
fn what_costs_nothing_of_it_is_never_held_for_it() {
    let shapes = [cpu(&[]), cpu(&[]), cpu(&[0]), cpu(&[1])];
    let budget = Budget { gpu_hours: Some(1.0), ..NO_BUDGET };
    let outcomes = HashMap::from([(key(0), paid("a", gpu_hours(2.0))), (key(2), paid("c", gpu_hours(0.0)))]);
    let mut run = Run::empty();
    run.submit(0, plan(&shapes, &[], &[budget]), Facts { outcomes, ..Facts::default() });
    assert_eq!(run.states(2), [JobState::Done, JobState::Held], "the budget is used up");
    assert_eq!(published(&run.step(committed(1, paid("b", gpu_hours(0.0))))), [3], "measuring takes none");
}

#[test]
fn what_was_made_before_the_sweep_costs_it_nothing() {
    let budget = Budget { gpu_hours: Some(1.0), ..NO_BUDGET };
    let shapes = [cpu(&[]), cpu(&[])];
    let old = Fact { committed_at: 99, ..paid("a", gpu_hours(50.0)) };
    let mut attempts = vec![tried(98, Some(away())), tried(100, Some(away()))];
    for attempt in &mut attempts {
        attempt.spend = gpu_hours(0.25);
    }
    let facts = Facts {
        outcomes: HashMap::from([(key(0), old)]),
        histories: HashMap::from([(key(1), bitsweep_plan::retry::History { attempts })]),
        since: 100,
        ..Facts::default()
    };
    let mut run = Run::empty();
    assert_eq!(run.submit(0, plan(&shapes, &[], &[budget]), facts), [publish(1, 0)]);
    assert_eq!(run.state.spent(&sweep(0)), gpu_hours(0.25));
}

#[test]
fn an_attempt_is_charged_once_whether_its_outcome_or_its_end_is_heard() {
    let (mut run, _) = Run::new(&[cpu(&[])], Facts::default());
    run.claim(0);
    let name = Nonce("attempt 0".to_owned());
    let outcome = Fact { attempt: Mark::of(&name), ..paid("a", gpu_hours(2.0)) };
    run.step(committed(0, outcome));
    assert_eq!(run.state.spent(&sweep(0)), gpu_hours(2.0));
    run.end_after(0, Ending::Settled, gpu_hours(2.0));
    assert_eq!(run.state.spent(&sweep(0)), gpu_hours(2.0));
    run.step(Event::Revoked { key: key(0), generation: 0 });
    assert_eq!(run.state.spent(&sweep(0)), gpu_hours(2.0));
    // Another sweep that wants it hears the same.
    run.submit(1, graph(&[cpu(&[])]), Facts::default());
    assert_eq!(run.state.spent(&sweep(1)), gpu_hours(2.0));
    let again = Fact { generation: 1, artifact: print_of("a"), ..paid("a", gpu_hours(1.0)) };
    run.step(committed(0, again));
    assert_eq!(run.state.spent(&sweep(0)), gpu_hours(3.0));
}
