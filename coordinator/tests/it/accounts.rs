//! Accounts and budgets: what is counted comes from records, so nothing that dies resets it or counts it twice.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::conformance::samples;
use bitsweep_backends::store::Attempts;
use bitsweep_coordinator::{SweepState, What};
use bitsweep_proto::Action;
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::outcome::Rates;

use crate::plans::{chains, flat, money, with_money};
use crate::worker::{Deed, Did, Workers};
use crate::world::World;

/// One US dollar an hour.
const RATES: Rates = Rates { a100: 0.5, usd_per_hour: 1.0 };

/// One US dollar a second, or 3600 for a job that commits.
const DEAR: Rates = Rates { a100: 0.0, usd_per_hour: 3600.0 };

#[tokio::test(start_paused = true)]
async fn a_vanished_attempt_is_charged_once() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let script = |_, tried| match tried {
        0 => Deed::Vanish,
        _ => Deed::Commit(Duration::from_secs(1)),
    };
    let mut shop = world.shop(Arc::new(script));
    shop.rates = DEAR;
    let shop = Arc::new(shop);
    let workers = Workers::start(&shop, 1);
    let plan = with_money("a", 0..1, 10_000.0);
    let key = plan.jobs[0].key;
    let sweep = coordinator.desk.submit(plan).await.unwrap();
    shop.until(|did| did.contains(&Did::Began(0))).await;
    coordinator.hears(|news| matches!(news.what, What::Submitted)).await;
    drop(workers);
    // Records have the machine's time, in seconds.
    std::thread::sleep(Duration::from_millis(1100));
    // Its lease runs out: its end is put on its behalf, and charged once although this is heard again and again.
    tokio::time::sleep(3 * world.settings.lease).await;
    let attempts = world.services.store.attempts(key).await.unwrap();
    assert_eq!(attempts.ends.len(), 1);
    assert!(
        matches!(&attempts.ends[0].verdict, Verdict::Infrastructure { message } if message == "the worker vanished")
    );
    let usd = attempts.ends[0].cost.usd;
    assert!(usd >= 1.0, "{usd}");
    assert_eq!(coordinator.status(sweep).await.spent.unwrap().usd, usd);
    tokio::time::sleep(3 * world.settings.lease).await;
    assert_eq!(coordinator.status(sweep).await.spent.unwrap().usd, usd);
    // The next coordinator counts the same.
    coordinator.kill().await;
    let mut coordinator = world.coordinator();
    coordinator.hears(|news| news.what == What::Submitted).await;
    assert_eq!(coordinator.status(sweep).await.spent.unwrap().usd, usd);
    let _workers = Workers::start(&shop, 1);
    assert_eq!(coordinator.finishes(sweep).await, (1, 0, 0));
    let status = coordinator.status(sweep).await;
    assert_eq!(status.spent.unwrap().usd, usd + 3600.0);
    assert_eq!(status.budgets[0].spent.unwrap().usd, usd + 3600.0);
}

#[tokio::test(start_paused = true)]
async fn one_that_vanished_before_its_start_was_on_record_is_found_out() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let script = |_, tried| match tried {
        0 => Deed::VanishBefore,
        _ => Deed::Commit(Duration::from_secs(1)),
    };
    let shop = Arc::new(world.shop(Arc::new(script)));
    let plan = flat("a", 0..1);
    let key = plan.jobs[0].key;
    let sweep = coordinator.desk.submit(plan).await.unwrap();
    let workers = Workers::start(&shop, 1);
    shop.until(|did| did.contains(&Did::Began(0))).await;
    drop(workers);
    let _workers = Workers::start(&shop, 1);
    assert_eq!(coordinator.finishes(sweep).await, (1, 0, 0));
    let attempts = world.services.store.attempts(key).await.unwrap();
    assert_eq!((attempts.starts.len(), attempts.ends.len()), (2, 1));
}

/// It left no start, and its outcome says all the same who it was and what it took.
#[tokio::test(start_paused = true)]
async fn a_short_attempt_that_vanished_behind_its_commit_is_charged_by_its_outcome() {
    let world = World::new().await;
    let coordinator = world.coordinator();
    let mut shop = world.shop(Arc::new(|_, _| Deed::CommitAndVanish));
    shop.rates = DEAR;
    let shop = Arc::new(shop);
    let plan = with_money("a", 0..2, 10_000.0);
    let keys = [0, 1].map(|job: usize| plan.jobs[job].key);
    let sweep = coordinator.desk.submit(plan).await.unwrap();
    let workers = Workers::start(&shop, 1);
    shop.until(|did| did.iter().any(|did| matches!(did, Did::Vanished(_)))).await;
    drop(workers);
    tokio::time::sleep(3 * world.settings.lease).await;
    for key in keys {
        assert_eq!(world.services.store.attempts(key).await.unwrap(), Attempts::default());
    }
    assert_eq!(coordinator.status(sweep).await.spent.unwrap().usd, 3600.0);
    // It told nobody, so the coordinator does.
    let results = world.services.ledger.results("", 10).await.unwrap();
    assert_eq!(results.len(), 1, "{results:?}");
    coordinator.kill().await;
    let mut coordinator = world.coordinator();
    coordinator.hears(|news| news.what == What::Submitted).await;
    assert_eq!(coordinator.status(sweep).await.spent.unwrap().usd, 3600.0);
}

#[tokio::test(start_paused = true)]
async fn one_that_vanished_while_it_made_a_later_generation_counts_for_that() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let script = |_, tried| match tried {
        1 => Deed::VanishBefore,
        _ => Deed::Commit(Duration::from_secs(1)),
    };
    let shop = Arc::new(world.shop(Arc::new(script)));
    let plan = chains("a", 1, 2);
    let key = plan.jobs[0].key;
    let workers = Workers::start(&shop, 1);
    let sweep = coordinator.desk.submit(plan).await.unwrap();
    shop.until(|did| did.contains(&Did::Committed(0))).await;
    world.services.store.revoke(key, 0, "lost").await.unwrap();
    world.services.ledger.revoked(key, 0).await.unwrap();
    shop.until(|did| did.contains(&Did::Vanished(0))).await;
    drop(workers);
    let _workers = Workers::start(&shop, 1);
    assert_eq!(coordinator.finishes(sweep).await, (2, 0, 0));
    let attempts = world.services.store.attempts(key).await.unwrap();
    let vanished: Vec<_> = attempts.starts.iter().filter(|start| start.host == "unknown").collect();
    assert_eq!((vanished.len(), vanished[0].generation), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn one_that_did_nothing_has_not_vanished() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let patient = 6 * world.settings.lease;
    let script = move |_, tried| match tried {
        0 | 1 => Deed::Release,
        _ => Deed::Commit(patient),
    };
    let shop = Arc::new(world.shop(Arc::new(script)));
    let plan = flat("a", 0..2);
    let [released, done] = [0, 1].map(|job: usize| plan.jobs[job].key);
    let sweep = coordinator.desk.submit(plan).await.unwrap();
    // Whoever claims the second job finds it done.
    world.services.store.put_outcome(&samples::outcome(done, 0, 7, samples::digest(1))).await.unwrap();
    let _workers = Workers::start(&shop, 2);
    assert_eq!(coordinator.finishes(sweep).await, (2, 0, 0));
    tokio::time::sleep(patient).await;
    let attempts = world.services.store.attempts(released).await.unwrap();
    assert_eq!((attempts.starts.len(), attempts.ends.len()), (1, 0), "{attempts:?}");
    assert_eq!(world.services.store.attempts(done).await.unwrap(), Attempts::default());
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_outcome_took_stays_charged() {
    let world = World::new().await;
    let coordinator = world.coordinator();
    let script = |number, _| match number {
        0 => Deed::Commit(Duration::from_secs(1)),
        _ => Deed::Forever,
    };
    let mut shop = world.shop(Arc::new(script));
    shop.rates = DEAR;
    let shop = Arc::new(shop);
    let plan = with_money("a", 0..2, 100_000.0);
    let key = plan.jobs[0].key;
    let _workers = Workers::start(&shop, 2);
    let sweep = coordinator.desk.submit(plan).await.unwrap();
    shop.until(|did| did.contains(&Did::Committed(0))).await;
    world.services.store.revoke(key, 0, "lost").await.unwrap();
    world.services.ledger.revoked(key, 0).await.unwrap();
    while coordinator.status(sweep).await.spent.unwrap().usd < 7200.0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(coordinator.status(sweep).await.spent.unwrap().usd, 7200.0);
    coordinator.kill().await;
    let mut coordinator = world.coordinator();
    coordinator.hears(|news| news.what == What::Submitted).await;
    assert_eq!(coordinator.status(sweep).await.spent.unwrap().usd, 7200.0);
}

#[tokio::test(start_paused = true)]
async fn a_budget_holds_and_can_be_raised() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let mut shop = world.shop(Arc::new(|_, _| Deed::Commit(Duration::from_secs(1))));
    shop.rates = RATES;
    let shop = Arc::new(shop);
    let _workers = Workers::start(&shop, 1);
    // Each job costs a dollar.
    let sweep = coordinator.desk.submit(with_money("a", 0..10, 4.0)).await.unwrap();
    coordinator.hears(|news| matches!(news.what, What::BudgetReached { .. })).await;
    let (done, failed, held) = coordinator.finishes(sweep).await;
    assert_eq!((done + held, failed), (10, 0));
    assert!((4..=8).contains(&done), "jobs whose cost nobody knew yet may be under way: {done}");
    let status = coordinator.status(sweep).await;
    assert_eq!(status.line.state, SweepState::Held);
    assert_eq!(status.holds.len(), 1);
    assert_eq!((status.holds[0].place.as_str(), status.holds[0].jobs), ("budgets[0]", held));
    // A restart changes nothing.
    coordinator.kill().await;
    let mut coordinator = world.coordinator();
    assert_eq!(coordinator.finishes(sweep).await, (done, 0, held));
    assert_eq!(shop.count(|did| matches!(did, Did::Began(_))) as u64, done);
    let raised = Action::Budget { index: 0, budget: money(100.0) };
    coordinator.desk.control(sweep, raised).await.unwrap();
    assert_eq!(coordinator.finishes(sweep).await, (10, 0, 0));
    assert_eq!(coordinator.status(sweep).await.budgets[0].limit, money(100.0));
}

#[tokio::test(start_paused = true)]
async fn a_poison_job_fails_after_as_many_attempts_whoever_dies_between() {
    let broke = |_, tried: usize| Deed::End(Verdict::Broke { message: format!("signal {tried}") });
    let mut counts = Vec::new();
    for restarts in [false, true] {
        let world = World::new().await;
        let mut coordinator = world.coordinator();
        let shop = Arc::new(world.shop(Arc::new(broke)));
        let _workers = Workers::start(&shop, 1);
        let sweep = coordinator.desk.submit(flat("a", 0..1)).await.unwrap();
        let mut attempts = 0;
        loop {
            tokio::select! {
                (_, failed, _) = coordinator.finishes(sweep) => {
                    assert_eq!(failed, 1);
                    break;
                }
                () = shop.until(|did| did.len() > attempts), if restarts => {}
            }
            attempts = shop.did().len();
            coordinator.kill().await;
            coordinator = world.coordinator();
        }
        let status = coordinator.status(sweep).await;
        assert_eq!(status.line.state, SweepState::Failed);
        counts.push(shop.did().len());
    }
    assert_eq!(counts[0], counts[1]);
    assert!((2..10).contains(&counts[0]), "{counts:?}");
}
