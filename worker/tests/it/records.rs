//! What is on record of an attempt, whatever became of it.

use bitsweep_backends::Notice;
use bitsweep_backends::store::Attempts;
use bitsweep_backends::store::faults::{Fault, Harm, Operation, Point, When};
use bitsweep_proto::{JobKey, Verdict};
use bitsweep_worker::WorkerReport;

use crate::site::{Fifo, Site, child, noop};

/// Polls until the start of an attempt is on record.
async fn started(site: &Site, key: JobKey) -> Attempts {
    loop {
        let attempts = site.store.attempts(key).await.unwrap();
        if !attempts.starts.is_empty() {
            return attempts;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_short_attempt_that_commits_leaves_its_outcome_alone() {
    let site = Site::new().await;
    let work = noop(0);
    site.attempt(&work, child(&["plays"])).await;
    assert_eq!(site.store.attempts(work.key).await.unwrap(), Attempts::default());
    assert!(site.store.tried().await.unwrap().is_empty());
    let outcome = site.outcome(work.key).await;
    assert!(outcome.cost.seconds > 0.0 && !outcome.provenance.host.is_empty());
}

/// While it runs, and although the first try to put it fails.
#[tokio::test]
async fn a_long_attempt_has_its_start_on_record() {
    let (site, faulty) = Site::faulty().await;
    let (work, fifo) = (noop(0), Fifo::new(&site));
    let (operation, prefix) = (Some(Operation::Create), "attempts/".to_owned());
    let first = Point { when: When::Before, operation, nth: Some(1), harm: Harm::Error, prefix };
    faulty.set(vec![Fault::At(first)]);
    let worker = site.worker(child(&["waits", fifo.path(), "0"]));
    site.offer(&work).await;
    let running = started(&site, work.key).await;
    assert_eq!((running.starts.len(), running.ends.len()), (1, 0));
    fifo.open().await;
    assert_eq!(site.ending(work.key).await, Notice::Adopted { key: work.key, generation: 0 });
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { committed: 1, ..WorkerReport::default() });
    assert_eq!(site.store.attempts(work.key).await.unwrap(), running);
    assert_eq!(site.outcome(work.key).await.attempt, running.starts[0].attempt);
}

#[tokio::test]
async fn an_attempt_that_does_not_commit_leaves_its_start_and_its_end() {
    let site = Site::new().await;
    let work = noop(0);
    site.attempt(&work, child(&["fails"])).await;
    let attempts = site.store.attempts(work.key).await.unwrap();
    assert_eq!((attempts.starts.len(), attempts.ends.len()), (1, 1));
    assert_eq!(attempts.starts[0].attempt, attempts.ends[0].attempt);
    assert!(matches!(attempts.ends[0].verdict, Verdict::Failed { .. }));
}

/// Nothing is kept of an attempt that nobody could be asked about.
#[tokio::test]
async fn the_start_is_on_record_before_the_first_checkpoint() {
    let (site, faulty) = Site::faulty().await;
    let work = site.imported(2).await;
    let (operation, prefix) = (Some(Operation::Create), "attempts/".to_owned());
    let never = Point { when: When::Before, operation, nth: None, harm: Harm::Error, prefix };
    faulty.set(vec![Fault::At(never)]);
    let (_, report) = site.attempt(&work, child(&["plays"])).await;
    assert_eq!(report, WorkerReport { infrastructure: 1, ..WorkerReport::default() });
    assert_eq!(site.store.checkpoints(work.key).await.unwrap(), []);
}
