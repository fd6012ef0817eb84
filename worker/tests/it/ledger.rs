//! A ledger that is closed, emptied, or gives the job to another.

use bitsweep_backends::{Beat, Claim, Ledger, Notice};
use bitsweep_proto::Nonce;
use bitsweep_proto::job::Kind;
use bitsweep_proto::worker::Offer;
use bitsweep_worker::WorkerReport;

use crate::site::{Fifo, Site, child, leader, open_ledger, profiles};

#[tokio::test]
async fn a_ticket_waits_while_the_ledger_is_rebuilt() {
    let site = Site::new().await;
    let leader = leader();
    site.ledger.close(&leader).await.unwrap();
    let work = site.imported(2).await;
    let worker = site.worker(child(&["plays"]));
    site.offer(&work).await;
    // It is taken, and given back. Nothing of it is on record.
    site.ledger.was_closed().await;
    assert_eq!(site.store.attempts(work.key).await.unwrap().starts, []);
    site.ledger.open(&leader).await.unwrap();
    assert_eq!(site.ending(work.key).await, Notice::Adopted { key: work.key, generation: 0 });
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { committed: 1, ..WorkerReport::default() });
}

#[tokio::test]
async fn a_running_attempt_takes_its_lease_again_from_an_emptied_ledger() {
    let site = Site::new().await;
    let (work, fifo) = (site.imported(3).await, Fifo::new(&site));
    let worker = site.worker(child(&["waits", fifo.path(), "1"]));
    site.offer(&work).await;
    site.notice(|notice| matches!(notice, Notice::Progress { done: 1, .. }).then_some(())).await;
    site.ledger.becomes(open_ledger().await);
    let holder = site.notice(|notice| match notice {
        Notice::Claimed { attempt, .. } => Some(attempt.clone()),
        _ => None,
    });
    let holder = holder.await;
    fifo.open().await;
    assert_eq!(site.ending(work.key).await, Notice::Adopted { key: work.key, generation: 0 });
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { committed: 1, ..WorkerReport::default() });
    assert_eq!(site.outcome(work.key).await.attempt, holder);
}

/// The lease is lost to another, but the job is finished before the next safe point: the outcome counts.
#[tokio::test]
async fn a_commit_after_a_lost_lease_is_adopted() {
    let site = Site::new().await;
    let (work, fifo) = (site.imported(3).await, Fifo::new(&site));
    let worker = site.worker(child(&["waits", fifo.path(), "1"]));
    site.offer(&work).await;
    site.notice(|notice| matches!(notice, Notice::Progress { done: 1, .. }).then_some(())).await;
    let (ledger, other) = (open_ledger().await, Nonce("other".to_owned()));
    ledger.offer(vec![work.clone()]).await.unwrap();
    let kinds = Kind::ALL.map(|kind| (kind, kind.code_version())).to_vec();
    let offer = Offer { kinds, profiles: profiles(), device: "cpu".to_owned(), device_memory_bytes: None };
    let claim = ledger.claim(work.key, &other, &offer, std::time::Duration::from_secs(60)).await.unwrap();
    assert!(matches!(claim, Claim::Granted(_)));
    site.ledger.becomes(ledger);
    site.ledger.answers(Beat::Lost).await;
    fifo.open().await;
    assert_eq!(site.ending(work.key).await, Notice::Adopted { key: work.key, generation: 0 });
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { committed: 1, ..WorkerReport::default() });
    assert_ne!(site.outcome(work.key).await.attempt, other);
}

/// A worker is among the living while it works, and says goodbye.
#[tokio::test]
async fn a_worker_announces_itself() {
    let site = Site::new().await;
    let worker = site.worker(child(&["plays"]));
    let card = loop {
        if let Some(card) = site.ledger.workers().await.unwrap().pop() {
            break card;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((card.process, card.slots, card.busy, card.leaving), (std::process::id(), 1, 0, false));
    assert_eq!((card.offer.device.as_str(), card.offer.kinds.len()), ("cpu", Kind::ALL.len()));
    worker.stop().await.unwrap();
    assert_eq!(site.ledger.workers().await.unwrap(), []);
}
