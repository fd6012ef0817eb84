//! Who holds a job, and for how long.

use std::sync::Arc;

use super::{EXPIRED, LONG, claim, claimed, granted, heard, nonce, offer, preempted, take, work};
use crate::conformance::samples::heartbeat;
use crate::ledger::{Beat, Claim, Heartbeat, Ledger, Notice};

async fn beat(ledger: &dyn Ledger, key: u64, attempt: u64) -> Beat {
    ledger.heartbeat(&heartbeat(key, attempt)).await.unwrap()
}

/// Offers the sample, lets the attempt claim it, and lets the lease expire.
async fn expire(ledger: &dyn Ledger, key: u64, attempt: u64) {
    ledger.offer(vec![work(key)]).await.unwrap();
    granted(ledger.claim(work(key).key, &nonce(attempt), &offer(), EXPIRED).await.unwrap());
    assert_eq!(ledger.reap().await.unwrap(), 1);
}

pub(super) async fn only_the_holder_ends(ledger: &dyn Ledger) {
    take(ledger, 0, 0).await;
    ledger.end(&preempted(0, 1)).await.unwrap();
    assert_eq!(beat(ledger, 0, 1).await, Beat::Lost);
    assert_eq!(beat(ledger, 0, 2).await, Beat::Lost);
    assert_eq!(beat(ledger, 0, 0).await, Beat::Held);
    let progress = Notice::Progress { key: work(0).key, attempt: nonce(0), done: 1, total: 2 };
    assert_eq!(heard(ledger).await, [claimed(0, 0), Notice::Ended(preempted(0, 1)), progress]);
}

pub(super) async fn expired_leases_are_reaped_once(ledger: &dyn Ledger) {
    let key = work(0).key;
    ledger.offer(vec![work(0)]).await.unwrap();
    granted(ledger.claim(key, &nonce(0), &offer(), EXPIRED).await.unwrap());
    assert_eq!(claim(ledger, 0, 1).await, Claim::Held, "only reaping ends a lease");
    assert_eq!(ledger.reap().await.unwrap(), 1);
    assert_eq!(ledger.reap().await.unwrap(), 0);
    assert_eq!(heard(ledger).await, [claimed(0, 0), Notice::Expired { key, attempt: nonce(0) }]);
    assert_eq!(claim(ledger, 0, 1).await, Claim::NotOffered);
    // Another attempt has it now: the old one can neither keep nor end it.
    take(ledger, 0, 2).await;
    let late = Heartbeat { lease: EXPIRED, ..heartbeat(0, 0) };
    assert_eq!(ledger.heartbeat(&late).await.unwrap(), Beat::Lost);
    ledger.end(&preempted(0, 0)).await.unwrap();
    assert_eq!(ledger.reap().await.unwrap(), 0);
    assert_eq!(beat(ledger, 0, 2).await, Beat::Held);
    // A heartbeat that comes before the reaper keeps an expired lease.
    assert_eq!(ledger.heartbeat(&Heartbeat { lease: EXPIRED, ..heartbeat(0, 2) }).await.unwrap(), Beat::Held);
    assert_eq!(beat(ledger, 0, 2).await, Beat::Held);
    assert_eq!(ledger.reap().await.unwrap(), 0);
}

pub(super) async fn expired_attempts_take_the_job_again(ledger: &dyn Ledger) {
    expire(ledger, 0, 0).await;
    assert_eq!(beat(ledger, 0, 0).await, Beat::Held, "nobody else holds it");
    let news = [claimed(0, 0), Notice::Expired { key: work(0).key, attempt: nonce(0) }, claimed(0, 0)];
    assert_eq!(heard(ledger).await, news);
    assert_eq!(ledger.reap().await.unwrap(), 0);
    // Offered again in between: it takes that, and tickets for it are stale.
    expire(ledger, 1, 1).await;
    ledger.offer(vec![work(1)]).await.unwrap();
    assert_eq!(beat(ledger, 1, 1).await, Beat::Held);
    assert_eq!(claim(ledger, 1, 2).await, Claim::Held);
    assert_eq!(beat(ledger, 1, 1).await, Beat::Held);
}

pub(super) async fn unknown_attempts_take_the_job_again(ledger: &dyn Ledger) {
    // As after a wipe: closed and empty, then rebuilt.
    assert_eq!(beat(ledger, 0, 0).await, Beat::Held);
    assert_eq!(heard(ledger).await, [claimed(0, 0)]);
    ledger.offer(vec![work(0)]).await.unwrap();
    ledger.open(&super::leader()).await.unwrap();
    assert_eq!(claim(ledger, 0, 1).await, Claim::Held);
    assert_eq!(beat(ledger, 0, 1).await, Beat::Lost);
    // Its lease ends as any other.
    assert_eq!(ledger.heartbeat(&Heartbeat { lease: EXPIRED, ..heartbeat(0, 0) }).await.unwrap(), Beat::Held);
    assert_eq!(ledger.reap().await.unwrap(), 1);
    take(ledger, 0, 2).await;
    assert_eq!(beat(ledger, 0, 0).await, Beat::Lost);
}

pub(super) async fn ended_attempts_do_not_come_back(ledger: &dyn Ledger) {
    // Late and doubled calls of attempts that are over, with others in between.
    for attempt in 0..6 {
        take(ledger, 0, attempt).await;
        ledger.end(&preempted(0, attempt)).await.unwrap();
    }
    for attempt in 0..6 {
        assert_eq!(beat(ledger, 0, attempt).await, Beat::Lost);
    }
    ledger.offer(vec![work(0)]).await.unwrap();
    for attempt in 0..6 {
        assert_eq!(beat(ledger, 0, attempt).await, Beat::Lost);
        assert_eq!(claim(ledger, 0, attempt).await, Claim::NotOffered);
    }
    granted(claim(ledger, 0, 6).await);
    // The end of an attempt that the ledger never knew.
    ledger.end(&preempted(1, 10)).await.unwrap();
    assert_eq!(beat(ledger, 1, 10).await, Beat::Lost);
}

pub(super) async fn one_of_many_returning_attempts_gets_it(ledger: Arc<dyn Ledger>) {
    let beats: Vec<_> = (0..16)
        .map(|attempt| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(
                async move { ledger.heartbeat(&Heartbeat { lease: LONG, ..heartbeat(0, attempt) }).await.unwrap() },
            )
        })
        .collect();
    let mut held = 0;
    for beat in beats {
        held += usize::from(beat.await.unwrap() == Beat::Held);
    }
    assert_eq!(held, 1);
    assert_eq!(heard(&*ledger).await.len(), 1);
}
