//! One sweep in one process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::Store;
use bitsweep_coordinator::picture::Picture;
use bitsweep_coordinator::{Embedded, End, Observer, Standing, api, facts};
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::{Action, Kind, Plan};
use tokio::sync::watch;

use crate::plans::{chains, flat};
use crate::worker::{Deed, Did, Shop, Workers};
use crate::world::{World, diligent};

#[derive(Default)]
struct Seen {
    last: Standing,
    notes: Vec<String>,
}

impl Observer for Seen {
    fn standing(&mut self, standing: &Standing) {
        self.last = standing.clone();
    }

    fn note(&mut self, message: &str) {
        self.notes.push(message.to_owned());
    }
}

async fn drive(world: &World, plan: &Arc<Plan>, shop: &Arc<Shop>) -> (End, Seen) {
    let (_go_on, stop) = watch::channel(false);
    let (plan, services) = (Arc::clone(plan), world.services.clone());
    services.store.put_plan(&plan).await.unwrap();
    let begin = facts(&services.store, &plan).await.unwrap();
    let lock = Arc::new(services.store.lock().unwrap());
    let embedded =
        Embedded { plan, store: services.store, queue: services.queue, ledger: services.ledger, lock, slots: 2, stop };
    let _workers = Workers::start(shop, 2);
    let mut seen = Seen::default();
    let end = embedded.drive(begin, &mut seen).await.unwrap();
    (end, seen)
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_when_everything_is_done() {
    let world = World::new().await;
    let shop = Arc::new(world.shop(diligent()));
    let (end, seen) = drive(&world, &chains("a", 3, 4), &shop).await;
    assert_eq!(end, End { interrupted: false, failed: Vec::new(), held: Vec::new(), holds: Vec::new() });
    let noop = seen.last.kinds[&Kind::Noop];
    assert_eq!((noop.total, noop.done, noop.running), (12, 12, 0));
    // Again: nothing is left.
    let world = World { ledger: World::new().await.ledger, ..world };
    let (end, _) = drive(&world, &chains("a", 3, 4), &shop).await;
    assert!(!end.interrupted);
    assert_eq!(shop.count(|did| matches!(did, Did::Began(_))), 12);
}

#[tokio::test(start_paused = true)]
async fn the_next_run_gives_failed_jobs_a_new_chance() {
    let failed = || Deed::End(Verdict::Failed { code: "wrong".to_owned(), message: "it is wrong".to_owned() });
    let script = move |number, tried| match (number, tried) {
        (0, 0..3) => failed(),
        _ => Deed::Commit(Duration::from_secs(1)),
    };
    let mut began = 0;
    let world = World::new().await;
    let shop = Arc::new(world.shop(Arc::new(script)));
    // Twice the same error is final; the third error is the first of the second run.
    for (attempts, failures) in [(2, 1), (2, 0)] {
        world.ledger.wipe();
        let (end, seen) = drive(&world, &flat("a", 0..1), &shop).await;
        assert_eq!((end.failed.len(), seen.notes.len()), (failures, failures), "{end:?} {:?}", seen.notes);
        let now = shop.count(|did| matches!(did, Did::Began(_)));
        assert_eq!(now - began, attempts);
        began = now;
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_told_to_stop_says_so() {
    let world = World::new().await;
    let plan = flat("a", 0..1);
    let (stop, stopped) = watch::channel(false);
    let services = world.services.clone();
    let begin = facts(&services.store, &plan).await.unwrap();
    let lock = Arc::new(services.store.lock().unwrap());
    let embedded = Embedded {
        plan,
        lock,
        store: services.store,
        queue: services.queue,
        ledger: services.ledger,
        slots: 1,
        stop: stopped,
    };
    stop.send_replace(true);
    assert!(embedded.drive(begin, &mut Seen::default()).await.unwrap().interrupted);
}

/// So that `status` says the same wherever it reads it, and quickly.
#[tokio::test]
async fn a_run_leaves_an_index_that_says_what_the_store_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new().await;
    world.services.store = Store::open(&folder.path().display().to_string()).await.unwrap();
    let script = |number, _| match number {
        1001 => Deed::End(Verdict::Failed { code: "wrong".to_owned(), message: "it is wrong".to_owned() }),
        _ => Deed::Commit(Duration::ZERO),
    };
    let (plan, shop) = (chains("a", 3, 4), Arc::new(world.shop(Arc::new(script))));
    drive(&world, &plan, &shop).await;
    let store = &world.services.store;
    let indexed = Picture::indexed(store, &plan.id()).await.expect("the run has left one");
    let mut outcomes = BTreeMap::new();
    for job in &plan.jobs {
        outcomes.extend(store.outcome(job.key).await.unwrap().map(|outcome| (job.key, outcome)));
    }
    assert_eq!(outcomes.len(), 9);
    let reasons = indexed.failures.iter().map(|failure| (failure.key, failure.reason.clone())).collect();
    assert_eq!(indexed, Picture::of(&plan, &outcomes, reasons));
    let failed = api::failed(store, &plan).await.unwrap();
    assert_eq!(indexed.failures.iter().map(|failure| failure.key).collect::<Vec<_>>(), [failed[0].key]);
    // A job failed: whatever is put on record may change that.
    store.control(plan.id(), Action::Cancel).await.unwrap();
    assert_eq!(Picture::indexed(store, &plan.id()).await, None);
}
