//! The commit of one job beside the run of the next.

use std::time::Duration;

use bitsweep_backends::Notice;
use bitsweep_backends::store::faults::{Fault, Faulty, Harm, Operation, Point, When};
use bitsweep_proto::JobKey;
use bitsweep_worker::{Settings, WorkerEnd, WorkerReport};

use crate::site::{Fifo, Site, child, noop};

/// The first outcome takes that long to put, or all of them.
fn slow(faulty: &Faulty, nth: Option<u64>, delay: Duration) {
    let (operation, prefix) = (Some(Operation::Create), "outcomes/".to_owned());
    let harm = Harm::Delay(delay);
    faulty.set(vec![Fault::At(Point { when: When::Before, operation, nth, harm, prefix })]);
}

async fn adopted(site: &Site) -> JobKey {
    site.notice(|notice| if let Notice::Adopted { key, .. } = notice { Some(*key) } else { None }).await
}

async fn claimed(site: &Site) {
    site.notice(|notice| matches!(notice, Notice::Claimed { .. }).then_some(())).await;
}

/// And a worker that is told to stop ends only when what is done is committed.
#[tokio::test]
async fn the_next_job_does_not_wait_for_a_commit() {
    let (site, faulty) = Site::faulty().await;
    slow(&faulty, Some(1), Duration::from_secs(3));
    let worker = site.worker(child(&["plays"]));
    for number in 0..2 {
        site.offer(&noop(number)).await;
    }
    assert_eq!(adopted(&site).await, noop(1).key);
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { committed: 2, ..WorkerReport::default() });
    assert!(site.store.outcome(noop(0).key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_commit_that_hangs_is_given_up_with_the_worker() {
    let (site, faulty) = Site::faulty().await;
    slow(&faulty, None, Duration::from_secs(3600));
    let stop_limit = Duration::from_millis(100);
    let worker = site.worker_with(Settings { stop_limit, ..site.settings(child(&["plays"])) });
    for number in 0..3 {
        site.offer(&noop(number)).await;
        claimed(&site).await;
    }
    let report = worker.stop().await.unwrap();
    // The last was claimed just now: perhaps nothing was made of it yet.
    assert_eq!((report.committed, report.preempted.max(3)), (0, 3));
    for number in 0..2 {
        let attempts = site.store.attempts(noop(number).key).await.unwrap();
        assert_eq!((attempts.starts.len(), attempts.ends.len()), (1, 1));
    }
}

/// Each holds a lease and what its job made.
#[tokio::test]
async fn there_are_not_any_number_of_commits() {
    let (site, faulty) = Site::faulty().await;
    slow(&faulty, None, Duration::from_secs(2));
    let worker = site.worker(child(&["plays"]));
    for number in 0..9 {
        site.offer(&noop(number)).await;
    }
    let mut claims = 0;
    let first = |notice: &Notice| match notice {
        Notice::Claimed { .. } => Some(false),
        Notice::Adopted { .. } => Some(true),
        _ => None,
    };
    while !site.notice(first).await {
        claims += 1;
    }
    assert_eq!(claims, 8);
    for _ in 1..9 {
        adopted(&site).await;
    }
    assert_eq!(worker.stop().await.unwrap().committed, 9);
}

#[tokio::test]
async fn a_worker_that_commits_is_not_idle() {
    let (site, faulty) = Site::faulty().await;
    slow(&faulty, None, Duration::from_secs(1));
    let exit_when_idle = Some(Duration::from_millis(50));
    site.offer(&noop(0)).await;
    let mut worker = site.worker_with(Settings { exit_when_idle, ..site.settings(child(&["plays"])) });
    let report = worker.ended().await.unwrap();
    assert_eq!(report, WorkerReport { committed: 1, ..WorkerReport::idle(WorkerEnd::Idle) });
}

/// What a slot costs is charged once: what the commit takes belongs to nobody.
#[tokio::test]
async fn a_commit_costs_no_slot() {
    let (site, faulty) = Site::faulty().await;
    let fifo = Fifo::new(&site);
    slow(&faulty, None, Duration::from_secs(2));
    let worker = site.worker(child(&["waits", fifo.path(), "0"]));
    site.offer(&noop(0)).await;
    claimed(&site).await;
    fifo.open().await;
    adopted(&site).await;
    worker.stop().await.unwrap();
    assert!(site.outcome(noop(0).key).await.cost.seconds < 2.0);
}
