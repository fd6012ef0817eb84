//! A job that is timed, and what else its worker does.

use std::fs;
use std::time::{Duration, Instant};

use bitsweep_backends::{Ledger, Notice};
use bitsweep_proto::job::{Spec, SpeedSpec};
use bitsweep_proto::{Codec, JobKey, Work};
use bitsweep_worker::{Settings, WorkerReport};

use crate::site::{Fifo, Running, Site, child, noop, profiles, work};

/// So many heartbeats are time enough for a job to begin, or to be claimed, that must not.
const BEATS: u32 = 20;

fn timed() -> Work {
    let spec = SpeedSpec { codec: Codec::Int8, dim: 8, warm_up: 0, repeats: 1, depth: 1 };
    work(Spec::Speed(spec), Vec::new(), &profiles())
}

/// A worker of two slots on whose first a no-op waits at the fifo, while a timed job is claimed by the second.
async fn one_waits_for_the_other(stop_limit: Duration) -> (Site, Running, Fifo) {
    let site = Site::new().await;
    let fifo = Fifo::named(&site, "noop-0");
    let part = child(&["writes", site.folder.path().to_str().unwrap()]);
    let worker = site.worker_with(Settings { slots: 2, stop_limit, ..site.settings(part) });
    site.offer(&noop(0)).await;
    written(&site, "noop-0 begins\n").await;
    site.offer(&timed()).await;
    claimed_and_kept(&site, timed().key).await;
    (site, worker, fifo)
}

/// Waits until the log ends so.
async fn written(site: &Site, end: &str) {
    while !log(site).ends_with(end) {
        tokio::task::yield_now().await;
    }
}

fn log(site: &Site) -> String {
    fs::read_to_string(site.folder.path().join("log")).unwrap_or_default()
}

/// Waits until it is claimed, and its lease was kept a while.
async fn claimed_and_kept(site: &Site, key: JobKey) {
    let claimed = |notice: &Notice| matches!(notice, Notice::Claimed { key: found, .. } if *found == key).then_some(());
    let kept = |notice: &Notice| matches!(notice, Notice::Progress { key: found, .. } if *found == key).then_some(());
    site.notice(claimed).await;
    for _ in 0..BEATS {
        site.notice(kept).await;
    }
}

/// Waits while the timed job is kept for so long that another would have been claimed.
async fn not_claimed(site: &Site, other: JobKey) {
    let kept = |notice: &Notice| match notice {
        Notice::Claimed { key, .. } if *key == other => panic!("it was claimed, and could not begin"),
        Notice::Progress { key, .. } if *key == timed().key => Some(()),
        _ => None,
    };
    for _ in 0..BEATS {
        site.notice(kept).await;
    }
}

/// Nor is anything claimed, which another worker may begin at once: neither while the job is timed nor while it waits to be.
#[tokio::test]
async fn nothing_is_computed_beside_a_timed_job() {
    let (site, worker, first) = one_waits_for_the_other(Duration::from_secs(60)).await;
    let second = Fifo::named(&site, "speed");
    assert_eq!(log(&site), "noop-0 begins\n");
    first.open().await;
    written(&site, "noop-0 ends\nspeed begins\n").await;
    site.offer(&noop(1)).await;
    not_claimed(&site, noop(1).key).await;
    assert_eq!(log(&site), "noop-0 begins\nnoop-0 ends\nspeed begins\n");
    second.open().await;
    assert!(matches!(site.ending(noop(1).key).await, Notice::Adopted { .. }));
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { committed: 3, ..WorkerReport::default() });
    assert_eq!(log(&site), "noop-0 begins\nnoop-0 ends\nspeed begins\nspeed ends\nnoop-1 begins\nnoop-1 ends\n");
}

/// A slot that waited for its ticket already gives it back.
#[tokio::test]
async fn nothing_is_claimed_while_a_job_waits_to_be_alone() {
    let site = Site::new().await;
    let (first, second) = (Fifo::named(&site, "noop-0"), Fifo::named(&site, "speed"));
    let part = child(&["writes", site.folder.path().to_str().unwrap()]);
    let worker = site.worker_with(Settings { slots: 3, ..site.settings(part) });
    site.offer(&noop(0)).await;
    written(&site, "noop-0 begins\n").await;
    site.offer(&timed()).await;
    claimed_and_kept(&site, timed().key).await;
    site.offer(&noop(1)).await;
    not_claimed(&site, noop(1).key).await;
    first.open().await;
    written(&site, "noop-0 ends\nspeed begins\n").await;
    not_claimed(&site, noop(1).key).await;
    second.open().await;
    assert!(matches!(site.ending(noop(1).key).await, Notice::Adopted { .. }));
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { committed: 3, ..WorkerReport::default() });
    assert!(log(&site).ends_with("speed begins\nspeed ends\nnoop-1 begins\nnoop-1 ends\n"), "{}", log(&site));
}

#[tokio::test]
async fn to_wait_to_be_alone_costs_nothing() {
    let (site, worker, fifo) = one_waits_for_the_other(Duration::from_secs(60)).await;
    let before = Instant::now();
    fifo.open().await;
    assert!(matches!(site.ending(timed().key).await, Notice::Adopted { .. }));
    let most = before.elapsed().as_secs_f64();
    let seconds = site.outcome(timed().key).await.cost.seconds;
    assert!(seconds <= most, "{seconds} s of {most} s");
    worker.stop().await.unwrap();
}

/// It is given up at once and was never made, whatever it waits for.
#[tokio::test]
async fn a_job_that_waits_to_be_alone_ends_at_the_deadline() {
    let (site, worker, _never_opened) = one_waits_for_the_other(Duration::from_millis(20)).await;
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { preempted: 2, ..WorkerReport::default() });
    let attempts = site.store.attempts(timed().key).await.unwrap();
    assert_eq!((attempts.starts.len(), attempts.ends.len()), (0, 0));
    assert_eq!(log(&site), "noop-0 begins\n");
}

/// And the other slots take tickets again.
#[tokio::test]
async fn a_job_that_waits_to_be_alone_ends_once_it_is_unwanted() {
    let (site, worker, fifo) = one_waits_for_the_other(Duration::from_secs(60)).await;
    site.ledger.withdraw(&[timed().key]).await.unwrap();
    site.offer(&noop(1)).await;
    assert!(matches!(site.ending(noop(1).key).await, Notice::Adopted { .. }));
    fifo.open().await;
    assert!(matches!(site.ending(noop(0).key).await, Notice::Adopted { .. }));
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { committed: 2, preempted: 1, ..WorkerReport::default() });
    assert!(!log(&site).contains("speed"));
}
