//! What the ledger tells: notices, results, workers.

use std::sync::Arc;
use std::task::Poll;

use bitsweep_proto::job::Kind;

use super::{EXPIRED, LONG, PATIENCE, adopted, work};
use crate::conformance::samples::{digest, outcome, worker};
use crate::ledger::Ledger;

async fn adopt(ledger: &dyn Ledger, key: u64, generation: u32, attempt: u64) {
    ledger.adopt(&outcome(work(key).key, generation, attempt, digest(0))).await.unwrap();
}

pub(super) async fn notices_come_in_order(ledger: Arc<dyn Ledger>) {
    let reader = Arc::clone(&ledger);
    let reading = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < 50 {
            seen.extend(reader.notices().await.unwrap());
        }
        seen
    });
    for number in 0..50 {
        adopt(&*ledger, number, 0, 0).await;
        tokio::task::yield_now().await;
    }
    let expected: Vec<_> = (0..50).map(|number| adopted(number, 0)).collect();
    assert_eq!(tokio::time::timeout(PATIENCE, reading).await.expect("all come").unwrap(), expected);
}

pub(super) async fn a_reader_that_gave_up_loses_nothing(ledger: Arc<dyn Ledger>) {
    let mut seen = Vec::new();
    for number in 0..40 {
        let mut reading = ledger.notices();
        // Gives up at different points of the call: what it was not handed comes with the next one.
        for _ in 0..number % 8 {
            if let Poll::Ready(news) = futures::poll!(&mut reading) {
                seen.extend(news.unwrap());
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(reading);
        adopt(&*ledger, number, 0, 0).await;
    }
    while seen.len() < 40 {
        let news = tokio::time::timeout(PATIENCE, ledger.notices()).await;
        seen.extend(news.unwrap_or_else(|_| panic!("{} of 40 came", seen.len())).unwrap());
    }
    assert_eq!(seen, (0..40).map(|number| adopted(number, 0)).collect::<Vec<_>>());
}

pub(super) async fn each_generation_gives_one_result(ledger: &dyn Ledger) {
    for (key, generation, attempt) in [(0, 0, 0), (0, 0, 0), (0, 0, 1), (1, 0, 2), (0, 1, 3), (0, 0, 4), (0, 1, 3)] {
        adopt(ledger, key, generation, attempt).await;
    }
    let results = ledger.results("", 100).await.unwrap();
    let named: Vec<_> = results.iter().map(|entry| (entry.key, entry.kind, entry.generation)).collect();
    let expected = [(0, 0), (1, 0), (0, 1)].map(|(key, generation)| (work(key).key, Kind::Compress, generation));
    assert_eq!(named, expected);
    // In pieces.
    let mut pieces = Vec::new();
    let mut after = String::new();
    loop {
        let piece = ledger.results(&after, 1).await.unwrap();
        assert!(piece.len() <= 1);
        let Some(last) = piece.last() else { break };
        after = last.id.clone();
        pieces.extend(piece);
    }
    assert_eq!(pieces, results);
}

pub(super) async fn workers_live_while_they_say_so(ledger: &dyn Ledger) {
    assert_eq!(ledger.workers().await.unwrap(), []);
    for number in [2, 0, 1] {
        ledger.announce(&worker(number), LONG).await.unwrap();
    }
    assert_eq!(ledger.workers().await.unwrap(), [worker(0), worker(1), worker(2)]);
    let busy = bitsweep_proto::WorkerCard { busy: 1, ..worker(0) };
    ledger.announce(&busy, LONG).await.unwrap();
    ledger.announce(&worker(2), EXPIRED).await.unwrap();
    ledger.announce(&worker(3), EXPIRED).await.unwrap();
    assert_eq!(ledger.workers().await.unwrap(), [busy, worker(1)]);
}
