//! Reasons to go, and going in time.

use std::time::{Duration, Instant};

use bitsweep_backends::Notice;
use bitsweep_backends::store::faults::Fault;
use bitsweep_proto::Verdict;
use bitsweep_worker::{Cause, Settings, WorkerEnd, WorkerReport};

use crate::site::{Site, child};

#[tokio::test]
async fn a_session_ends_after_its_time() {
    let site = Site::new().await;
    let work = site.imported(3).await;
    let stop_after = Some(Duration::from_millis(500));
    let mut worker = site.worker_with(Settings { stop_after, ..site.settings(child(&["hangs", "1"])) });
    site.offer(&work).await;
    let report = worker.ended().await.unwrap();
    assert_eq!(report.end, WorkerEnd::Deadline(Cause::StopAfter));
    // What was begun is released, with its checkpoint.
    assert_eq!(report.preempted, 1);
    assert_eq!(site.ends(work.key).await[0].verdict, Verdict::Preempted);
    assert_eq!(site.store.checkpoints(work.key).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_worker_with_nothing_to_do_goes() {
    let site = Site::new().await;
    let work = site.imported(2).await;
    let exit_when_idle = Some(Duration::from_millis(100));
    site.offer(&work).await;
    let mut worker = site.worker_with(Settings { slots: 2, exit_when_idle, ..site.settings(child(&["plays"])) });
    let report = worker.ended().await.unwrap();
    assert_eq!(report, WorkerReport { committed: 1, ..WorkerReport::idle(WorkerEnd::Idle) });
}

#[tokio::test]
async fn no_child_is_started_on_the_way_out() {
    let site = Site::new().await;
    let work = site.imported(3).await;
    let worker = site.worker(child(&["quits", "1"]));
    site.offer(&work).await;
    site.notice(|notice| matches!(notice, Notice::Progress { done: 1, .. }).then_some(())).await;
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { preempted: 1, ..WorkerReport::default() });
    assert_eq!(site.counted("child_starts_total"), 1.0);
}

#[tokio::test]
async fn a_child_that_does_not_greet_does_not_hold_the_worker_up() {
    let site = Site::new().await;
    let worker = site.worker(child(&["shy"]));
    assert_eq!(worker.stop().await.unwrap(), WorkerReport::default());
}

/// The store answers nothing, the ledger answers nothing, and the child does not listen; or there is no child yet.
#[tokio::test]
async fn a_worker_goes_in_time_whatever_hangs() {
    let deaf = goes_in_time(&["deaf", "1"], |notice| matches!(notice, Notice::Progress { done: 1, .. }));
    let not_begun = goes_in_time(&["plays"], |notice| matches!(notice, Notice::Claimed { .. }));
    tokio::join!(deaf, not_begun);
}

async fn goes_in_time(part: &[&str], moment: impl Fn(&Notice) -> bool) {
    let (site, faulty) = Site::faulty().await;
    let work = site.imported(3).await;
    let hangs = || faulty.set(vec![Fault::Slow(Duration::from_secs(3600))]);
    let stop_limit = Duration::from_millis(100);
    let worker = site.worker_with(Settings { stop_limit, ..site.settings(child(part)) });
    if part == ["plays"] {
        hangs();
    }
    site.offer(&work).await;
    site.notice(|notice| moment(notice).then_some(())).await;
    hangs();
    site.ledger.hang();
    let told = Instant::now();
    let report = worker.stop().await.unwrap();
    assert_eq!(report.preempted, 1, "{part:?}");
    assert!(told.elapsed() < stop_limit + Duration::from_secs(6), "{part:?} took {:?}", told.elapsed());
}
