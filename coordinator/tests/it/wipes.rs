//! A ledger that is emptied or rolled back while work is under way.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_coordinator::What;

use crate::plans::{chains, flat};
use crate::worker::{Deed, Did, Workers};
use crate::world::{LEASE, World, diligent};

fn committed(did: &[Did]) -> usize {
    did.iter().filter(|did| matches!(did, Did::Committed(_))).count()
}

#[tokio::test(start_paused = true)]
async fn an_emptied_ledger_is_rebuilt_and_nothing_runs_twice() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    // One job runs through it all: its attempt comes back by its heartbeats.
    let script = |number, _| Deed::Commit(Duration::from_secs(if number == 0 { 600 } else { 7 }));
    let shop = Arc::new(world.shop(Arc::new(script)));
    let _workers = Workers::start(&shop, 3);
    let sweep = coordinator.desk.submit(flat("a", 0..40)).await.unwrap();
    for done in [5, 15, 25] {
        shop.until(|did| committed(did) >= done).await;
        world.ledger.wipe();
    }
    assert_eq!(coordinator.finishes(sweep).await, (40, 0, 0));
    assert_eq!((committed(&shop.did()), shop.did().len()), (40, 80), "{:?}", shop.did());
    assert!(coordinator.desk.metrics().contains("bitsweep_ledger_rebuilds_total 3"));
}

#[tokio::test(start_paused = true)]
async fn a_ledger_rolled_back_changes_nothing() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let shop = Arc::new(world.shop(diligent()));
    let _workers = Workers::start(&shop, 3);
    let sweep = coordinator.desk.submit(chains("a", 5, 8)).await.unwrap();
    shop.until(|did| committed(did) >= 8).await;
    let older = world.ledger.wipe();
    shop.until(|did| committed(did) >= 24).await;
    world.ledger.roll_back(older);
    assert_eq!(coordinator.finishes(sweep).await, (40, 0, 0));
    assert_eq!(committed(&shop.did()), 40);
    // What an attempt of before the roll back holds there is a lease that has to run out.
    assert_eq!(shop.count(|did| matches!(did, Did::Began(_))), 40, "{:?}", shop.did());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_while_the_ledger_is_emptied_is_found_out() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let script = |_, tried| match tried {
        0 => Deed::Vanish,
        _ => Deed::Commit(Duration::from_secs(1)),
    };
    let shop = Arc::new(world.shop(Arc::new(script)));
    let workers = Workers::start(&shop, 1);
    let plan = flat("a", 0..1);
    let key = plan.jobs[0].key;
    let sweep = coordinator.desk.submit(plan).await.unwrap();
    shop.until(|did| did.contains(&Did::Began(0))).await;
    drop(workers);
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Nothing but its start is left of the attempt: no lease can run out.
    world.ledger.wipe();
    let _workers = Workers::start(&shop, 1);
    let began = tokio::time::Instant::now();
    assert_eq!(coordinator.finishes(sweep).await, (1, 0, 0));
    assert!(began.elapsed() < 6 * LEASE, "{:?}", began.elapsed());
    let attempts = world.services.store.attempts(key).await.unwrap();
    assert_eq!((attempts.starts.len(), attempts.ends.len()), (2, 1), "the other has its outcome");
}

#[tokio::test(start_paused = true)]
async fn jobs_of_a_cancelled_sweep_stop_even_if_the_ledger_forgot() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let shop = Arc::new(world.shop(Arc::new(|_, _| Deed::Forever)));
    let _workers = Workers::start(&shop, 1);
    let sweep = coordinator.desk.submit(flat("a", 0..1)).await.unwrap();
    shop.until(|did| did.contains(&Did::Began(0))).await;
    coordinator.desk.control(sweep, bitsweep_proto::Action::Cancel).await.unwrap();
    coordinator.hears(|news| news.what == What::Cancelled).await;
    world.ledger.wipe();
    shop.until(|did| did.contains(&Did::Stopped(0))).await;
}
