//! What a user does: submit, watch, list, cancel, resume, retry.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::store::faults::{Fault, Faulty};
use bitsweep_backends::{Ledger, Store};
use bitsweep_coordinator::picture::Picture;
use bitsweep_coordinator::{DeskError, Role, SweepState, What};
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::{Action, Digest, SweepId};
use object_store::memory::InMemory;

use crate::plans::{chains, flat, gated};
use crate::worker::{Deed, Did, Workers};
use crate::world::{BEAT, World, diligent};

#[tokio::test(start_paused = true)]
async fn a_sweep_is_submitted_and_finishes() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let shop = Arc::new(world.shop(diligent()));
    let _workers = Workers::start(&shop, 3);
    let sweep = coordinator.desk.submit(chains("a", 4, 3)).await.unwrap();
    assert_eq!(coordinator.finishes(sweep).await, (12, 0, 0));
    assert_eq!(coordinator.desk.role(), Role::Leader);
    assert_eq!(world.services.store.known().await.unwrap().outcomes.len(), 12);
    assert_eq!(shop.count(|did| matches!(did, Did::Began(_))), 12, "each job once");
    let status = coordinator.status(sweep).await;
    assert_eq!((status.line.state, status.line.cells_done, status.total.done), (SweepState::Finished, 12, 12));
    let lines = coordinator.desk.sweeps().await.unwrap();
    assert_eq!(lines, [status.line]);
    // A sweep that is submitted twice is one sweep, and it is done.
    assert_eq!(coordinator.desk.submit(chains("a", 4, 3)).await.unwrap(), sweep);
    assert_eq!(coordinator.status(sweep).await.line.state, SweepState::Finished);
    let text = coordinator.desk.metrics();
    for line in ["bitsweep_commits_total{kind=\"noop\"} 12", "bitsweep_leader 1", "bitsweep_workers 3"] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

/// So that `status` of a folder is quick when nobody schedules there any more.
#[tokio::test]
async fn what_is_over_has_an_index_that_outlives_the_coordinator() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new().await;
    let open = async || Store::open(&folder.path().display().to_string()).await.unwrap();
    world.services.store = open().await;
    let mut coordinator = world.coordinator();
    let shop = Arc::new(world.shop(Arc::new(|_, _| Deed::Commit(Duration::ZERO))));
    let _workers = Workers::start(&shop, 2);
    let sweep = coordinator.desk.submit(chains("a", 3, 2)).await.unwrap();
    assert_eq!(coordinator.finishes(sweep).await, (6, 0, 0));
    let store = open().await;
    while !store.index(&sweep).await.is_some_and(|index| index.ended) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    coordinator.stop().await;
    // What is put on record does not matter to a sweep of which all is done, a loss does.
    store.control(sweep, Action::Cancel).await.unwrap();
    let picture = Picture::indexed(&store, &sweep).await.expect("nothing was lost since");
    assert_eq!((picture.cells, picture.cells_done), (6, 6));
    store.revoke(chains("a", 3, 2).jobs[0].key, 0, "lost").await.unwrap();
    assert_eq!(Picture::indexed(&store, &sweep).await, None);
}

/// A survey lists the store, and that may take long: what was submitted after the listing is not gone.
#[tokio::test(start_paused = true)]
async fn a_sweep_that_comes_during_a_survey_is_not_missed() {
    let objects = Faulty::new(Arc::new(InMemory::new()), Vec::new());
    let mut world = World::new().await;
    world.services.store = Store::with_objects(Arc::new(objects.clone()), None).await.unwrap();
    let mut coordinator = world.coordinator();
    // A listing of plans ends late, and jobs last longer than that.
    let late = world.settings.reconcile_every * 3;
    let shop = Arc::new(world.shop(Arc::new(move |_, _| Deed::Commit(late * 2))));
    let _workers = Workers::start(&shop, 3);
    coordinator.desk.submit(flat("first", 0..1)).await.unwrap();
    objects.set(Fault::parse_list(&format!("at=after:list:*:delay-{}:plans", late.as_millis())).unwrap());
    for number in 0..4 {
        tokio::time::sleep(late / 2).await;
        let sweep = coordinator.desk.submit(flat(&format!("later-{number}"), number + 1..number + 2)).await.unwrap();
        let finished = tokio::time::timeout(late * 10, coordinator.finishes(sweep)).await;
        assert_eq!(finished, Ok((1, 0, 0)));
    }
    assert_eq!(shop.count(|did| matches!(did, Did::Began(_))), 5, "each job once");
}

#[tokio::test(start_paused = true)]
async fn a_second_sweep_shares_jobs() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let shop = Arc::new(world.shop(diligent()));
    let _workers = Workers::start(&shop, 2);
    let first = coordinator.desk.submit(flat("a", 0..10)).await.unwrap();
    let second = coordinator.desk.submit(flat("b", 5..15)).await.unwrap();
    let mut left = vec![first, second];
    while !left.is_empty() {
        let news = coordinator.hears(|news| matches!(news.what, What::Finished { .. })).await;
        left.retain(|sweep| !news.sweeps.contains(sweep));
    }
    assert_eq!(shop.count(|did| matches!(did, Did::Began(_))), 15, "each job once");
    let lines = coordinator.desk.sweeps().await.unwrap();
    assert_eq!(lines.iter().map(|line| line.id).collect::<Vec<_>>(), [second, first], "newest first");
    assert!(lines.iter().all(|line| line.state == SweepState::Finished));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_sweep_stops_within_a_beat_and_can_be_resumed() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let script = |number, tried| match (number, tried) {
        (0, 0) => Deed::Forever,
        _ => Deed::Commit(Duration::from_secs(1)),
    };
    let shop = Arc::new(world.shop(Arc::new(script)));
    let _workers = Workers::start(&shop, 1);
    let sweep = coordinator.desk.submit(flat("a", 0..3)).await.unwrap();
    shop.until(|did| did.contains(&Did::Began(0))).await;
    let before = tokio::time::Instant::now();
    coordinator.desk.control(sweep, Action::Cancel).await.unwrap();
    shop.until(|did| did.contains(&Did::Stopped(0))).await;
    assert!(before.elapsed() <= BEAT + Duration::from_secs(1), "{:?}", before.elapsed());
    assert_eq!(coordinator.status(sweep).await.line.state, SweepState::Cancelled);
    let control = coordinator.desk.control(sweep, Action::Resume).await.unwrap();
    assert_eq!(control.number, 1);
    coordinator.hears(|news| news.what == What::Finished { done: 3, failed: 0, held: 0 }).await;
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_was_cancelled_long_ago_can_be_resumed() {
    let world = World::new().await;
    let coordinator = world.coordinator();
    let sweep = coordinator.desk.submit(flat("a", 0..3)).await.unwrap();
    coordinator.desk.control(sweep, Action::Cancel).await.unwrap();
    // It is dropped from the state meanwhile, and then from the process.
    tokio::time::sleep(3 * world.settings.reconcile_every).await;
    assert_eq!(coordinator.status(sweep).await.line.state, SweepState::Cancelled);
    coordinator.kill().await;
    let mut coordinator = world.coordinator();
    let shop = Arc::new(world.shop(diligent()));
    let _workers = Workers::start(&shop, 1);
    tokio::time::sleep(world.settings.reconcile_every).await;
    assert!(shop.did().is_empty());
    let status = coordinator.status(sweep).await;
    assert_eq!((status.line.state, status.total.cancelled), (SweepState::Cancelled, 3));
    coordinator.desk.control(sweep, Action::Resume).await.unwrap();
    coordinator.hears(|news| news.what == What::Finished { done: 3, failed: 0, held: 0 }).await;
}

#[tokio::test(start_paused = true)]
async fn a_gate_opens() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let script = |number, _| match number {
        1 => Deed::Forever,
        _ => Deed::Commit(Duration::from_secs(1)),
    };
    let shop = Arc::new(world.shop(Arc::new(script)));
    let sweep = coordinator.desk.submit(gated("a", 4, 2)).await.unwrap();
    coordinator.hears(|news| news.what == What::Submitted).await;
    let held = coordinator.status(sweep).await;
    assert_eq!(held.holds.iter().map(|hold| (hold.place.as_str(), hold.jobs)).collect::<Vec<_>>(), [("gates[0]", 2)]);
    let _workers = Workers::start(&shop, 2);
    let news = coordinator.hears(|news| matches!(news.what, What::GateOpened { .. })).await;
    assert_eq!(news.what, What::GateOpened { place: "gates[0]".to_owned() });
    shop.until(|did| did.contains(&Did::Committed(4)) && did.contains(&Did::Committed(5))).await;
    let began = shop.did().iter().position(|did| *did == Did::Began(4)).unwrap();
    let done = shop.did()[..began].iter().filter(|did| matches!(did, Did::Committed(_))).count();
    assert!(done >= 2, "{:?}", shop.did());
}

#[tokio::test(start_paused = true)]
async fn failed_jobs_are_tried_again_when_asked_for() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let failed = || Deed::End(Verdict::Failed { code: "wrong".to_owned(), message: "it is wrong".to_owned() });
    let script = move |number, tried| match (number, tried) {
        (1, 0 | 1) => failed(),
        _ => Deed::Commit(Duration::from_secs(1)),
    };
    let shop = Arc::new(world.shop(Arc::new(script)));
    let _workers = Workers::start(&shop, 1);
    let sweep = coordinator.desk.submit(chains("a", 1, 3)).await.unwrap();
    assert_eq!(coordinator.finishes(sweep).await, (1, 2, 0));
    let status = coordinator.status(sweep).await;
    assert_eq!(status.line.state, SweepState::Failed);
    assert_eq!((status.failures_all, status.failures.len()), (1, 1));
    assert!(status.failures[0].reason.contains("it is wrong"), "{:?}", status.failures);
    let control = coordinator.desk.control(sweep, Action::Retry { forgiven: Vec::new() }).await.unwrap();
    let Action::Retry { forgiven } = control.action else { panic!("{control:?}") };
    assert_eq!(forgiven.len(), 2);
    assert_eq!(coordinator.finishes(sweep).await, (3, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_another_desk_decides_is_seen() {
    let world = World::new().await;
    let mut leader = world.coordinator();
    leader.desk.workers().await.unwrap();
    let shop = Arc::new(world.shop(diligent()));
    let _workers = Workers::start(&shop, 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let standby = world.coordinator();
    tokio::time::sleep(world.settings.leadership).await;
    assert_eq!((leader.desk.role(), standby.desk.role()), (Role::Leader, Role::Standby));
    let sweep = standby.desk.submit(flat("a", 0..2)).await.unwrap();
    assert_eq!(leader.finishes(sweep).await, (2, 0, 0));
    let status = standby.status(sweep).await;
    assert_eq!((status.line.state, status.total.done), (SweepState::Finished, 2));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_said_so() {
    let world = World::new().await;
    let coordinator = world.coordinator();
    let sweep = SweepId(Digest::of(b"none"));
    assert!(matches!(coordinator.desk.status(sweep).await, Err(DeskError::NoSweep { .. })));
    assert!(matches!(coordinator.desk.control(sweep, Action::Cancel).await, Err(DeskError::NoSweep { .. })));
    let sweep = coordinator.desk.submit(flat("a", 0..1)).await.unwrap();
    let budget = Action::Budget { index: 1, budget: crate::plans::money(1.0) };
    assert!(matches!(coordinator.desk.control(sweep, budget).await, Err(DeskError::NotPossible { .. })));
}

#[tokio::test(start_paused = true)]
async fn work_carries_the_trace_of_its_sweep() {
    let world = World::new().await;
    let coordinator = world.coordinator();
    let plan = flat("a", 0..1);
    let key = plan.jobs[0].key;
    let mut running = coordinator;
    let sweep = running.desk.submit(plan).await.unwrap();
    running.hears(|news| news.what == What::Submitted).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (attempt, offer) =
        (bitsweep_backends::conformance::samples::nonce(1), bitsweep_backends::conformance::samples::offer());
    let claim = world.ledger.claim(key, &attempt, &offer, BEAT).await.unwrap();
    let bitsweep_backends::Claim::Granted(work) = claim else { panic!("{claim:?}") };
    let (sweep, key) = (sweep.to_string(), key.to_string());
    assert_eq!(work.traceparent, format!("00-{}-{}-01", &sweep[..32], &key[..16]));
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_for_the_worker_that_fits() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let script = |number, _| Deed::Commit(Duration::from_secs(if number == 0 { 3600 } else { 1 }));
    let shop = Arc::new(world.shop(Arc::new(script)));
    let workers = Workers::start(&shop, 1);
    let sweep = coordinator.desk.submit(flat("a", 0..2)).await.unwrap();
    shop.until(|did| !did.is_empty()).await;
    // They take the ticket of the other job again and again, and can do nothing with it.
    let useless = Workers::of_no_use(&shop, 10..12);
    tokio::time::sleep(Duration::from_secs(3000)).await;
    drop(useless);
    assert_eq!(coordinator.finishes(sweep).await, (2, 0, 0));
    // Where none that fits is alive, that is said.
    drop(workers);
    let _useless = Workers::of_no_use(&shop, 10..12);
    let sweep = coordinator.desk.submit(flat("b", 2..3)).await.unwrap();
    assert_eq!(coordinator.finishes(sweep).await, (0, 0, 1));
    let [failure] = &coordinator.status(sweep).await.failures[..] else { panic!("one job is held") };
    assert!(failure.reason.contains("no worker could run it"), "{}", failure.reason);
}
