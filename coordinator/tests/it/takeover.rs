//! Coordinators that come and go.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_coordinator::Role;

use crate::plans::chains;
use crate::worker::{Did, Workers};
use crate::world::{World, diligent};

fn committed(did: &[Did]) -> usize {
    did.iter().filter(|did| matches!(did, Did::Committed(_))).count()
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_may_be_killed_at_any_moment() {
    for seed in 0..20_u64 {
        let world = World::new().await;
        let shop = Arc::new(world.shop(diligent()));
        let _workers = Workers::start(&shop, 2);
        let coordinator = world.coordinator();
        let sweep = coordinator.desk.submit(chains("a", 4, 4)).await.unwrap();
        let mut next = coordinator;
        for kill in 0..6_u64 {
            // Moments spread over milliseconds (in the middle of a start) and seconds.
            let wait = (seed * 7919 + kill * 104_729) % 977;
            let wait = if kill % 2 == 0 { Duration::from_millis(wait) } else { Duration::from_millis(wait * 40) };
            tokio::time::sleep(wait).await;
            next.kill().await;
            next = world.coordinator();
        }
        tokio::time::timeout(Duration::from_secs(3600), shop.until(|did| committed(did) == 16)).await.unwrap();
        let began = shop.count(|did| matches!(did, Did::Began(_)));
        assert_eq!(began, 16, "seed {seed}: each job once: {:?}", shop.did());
        tokio::time::sleep(2 * world.settings.reconcile_every).await;
        assert_eq!(next.status(sweep).await.total.done, 16, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_standby_takes_over() {
    let world = World::new().await;
    let shop = Arc::new(world.shop(diligent()));
    let _workers = Workers::start(&shop, 2);
    let first = world.coordinator();
    let sweep = first.desk.submit(chains("a", 6, 5)).await.unwrap();
    shop.until(|did| committed(did) >= 3).await;
    let mut second = world.coordinator();
    shop.until(|did| committed(did) >= 6).await;
    assert_eq!((first.desk.role(), second.desk.role()), (Role::Leader, Role::Standby));
    let lines = second.desk.sweeps().await.unwrap();
    assert_eq!(lines[0].cells, 30, "a standby answers from the store");
    first.kill().await;
    assert_eq!(second.finishes(sweep).await, (30, 0, 0));
    assert_eq!(second.desk.role(), Role::Leader);
    assert_eq!(shop.count(|did| matches!(did, Did::Began(_))), 30, "each job once");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_stopped_hands_over_at_once() {
    let world = World::new().await;
    let first = world.coordinator();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = world.coordinator();
    tokio::time::sleep(world.settings.leadership / 2).await;
    first.stop().await;
    let before = tokio::time::Instant::now();
    while second.desk.role() != Role::Leader {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(before.elapsed() <= world.settings.leadership / 2, "{:?}", before.elapsed());
}
