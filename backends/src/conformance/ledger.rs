//! The suite for ledgers.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_proto::Work;
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::job::Kind;

use super::samples::{digest, nonce, offer, work};
use crate::ledger::{Beat, Claim, Ledger, Notice};

const LONG: Duration = Duration::from_secs(3600);
const EXPIRED: Duration = Duration::ZERO;

/// Runs the suite. Panics where `make`'s ledgers misbehave.
pub async fn ledger(make: impl AsyncFn() -> Arc<dyn Ledger>) {
    one_claim_of_many_is_granted(make().await).await;
    calls_are_idempotent(&*make().await).await;
    stale_tickets_are_not_offered(&*make().await).await;
    unfit_offers_are_refused(&*make().await).await;
    adoption_needs_no_lease(&*make().await).await;
    only_the_holder_ends(&*make().await).await;
    expired_leases_are_reaped_once(&*make().await).await;
    generations_replace_each_other(&*make().await).await;
    late_words_of_a_revoked_generation_change_nothing(&*make().await).await;
    notices_come_in_order(make().await).await;
}

fn granted(claim: Claim) -> Work {
    match claim {
        Claim::Granted(work) => *work,
        other => panic!("granted was expected, not {other:?}"),
    }
}

async fn one_claim_of_many_is_granted(ledger: Arc<dyn Ledger>) {
    ledger.offer(work(0)).await.unwrap();
    let claims: Vec<_> = (0..16)
        .map(|attempt| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move { ledger.claim(work(0).key, &nonce(attempt), &offer(), LONG).await.unwrap() })
        })
        .collect();
    let mut wins = 0;
    for claim in claims {
        match claim.await.unwrap() {
            Claim::Granted(granted) => {
                assert_eq!(*granted, work(0));
                wins += 1;
            }
            other => assert_eq!(other, Claim::Held),
        }
    }
    assert_eq!(wins, 1);
}

async fn calls_are_idempotent(ledger: &dyn Ledger) {
    let key = work(0).key;
    ledger.offer(work(0)).await.unwrap();
    ledger.offer(work(0)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(granted(ledger.claim(key, &nonce(0), &offer(), LONG).await.unwrap()), work(0));
    }
    // A running lease stays.
    ledger.offer(work(0)).await.unwrap();
    assert_eq!(ledger.claim(key, &nonce(1), &offer(), LONG).await.unwrap(), Claim::Held);
    for _ in 0..2 {
        ledger.end(key, &nonce(0), Verdict::Preempted, 3).await.unwrap();
    }
    let ended = Notice::Ended { key, verdict: Verdict::Preempted, checkpoints_made: 3 };
    assert_eq!(ledger.notices().await.unwrap(), [Notice::Claimed { key }, ended]);
    for _ in 0..2 {
        ledger.adopt(key, 0).await.unwrap();
    }
    for _ in 0..2 {
        ledger.revoked(key, 0).await.unwrap();
    }
    let news = [Notice::Adopted { key, generation: 0 }, Notice::Revoked { key, generation: 0 }];
    assert_eq!(ledger.notices().await.unwrap(), news);
}

async fn stale_tickets_are_not_offered(ledger: &dyn Ledger) {
    let key = work(0).key;
    let claim = async |attempt| ledger.claim(key, &nonce(attempt), &offer(), LONG).await.unwrap();
    assert_eq!(claim(0).await, Claim::NotOffered, "never offered");
    ledger.offer(work(0)).await.unwrap();
    granted(claim(1).await);
    ledger.end(key, &nonce(1), Verdict::Preempted, 0).await.unwrap();
    assert_eq!(claim(2).await, Claim::NotOffered, "the scheduler decides when it is tried again");
    ledger.offer(work(0)).await.unwrap();
    granted(claim(3).await);
    ledger.adopt(key, 0).await.unwrap();
    assert_eq!(claim(4).await, Claim::NotOffered, "done");
    ledger.offer(work(0)).await.unwrap();
    assert_eq!(claim(5).await, Claim::NotOffered, "done, and offered by somebody who does not know");
}

async fn unfit_offers_are_refused(ledger: &dyn Ledger) {
    let key = work(0).key;
    ledger.offer(work(0)).await.unwrap();
    let mut wrong_kind = offer();
    wrong_kind.kinds = vec![Kind::Embed];
    let mut wrong_profile = offer();
    wrong_profile.profiles.search.self_test = digest(99);
    for (offer, word) in [(wrong_kind, "compress"), (wrong_profile, "search-1")] {
        let Claim::Unfit(reason) = ledger.claim(key, &nonce(0), &offer, LONG).await.unwrap() else {
            panic!("a claim that does not fit is refused");
        };
        assert!(reason.contains(word), "{reason}");
        assert_eq!(ledger.notices().await.unwrap(), [Notice::Refused { key, reason }]);
    }
    // Others can still have it; and exact work needs no profile.
    granted(ledger.claim(key, &nonce(1), &offer(), LONG).await.unwrap());
    let exact = Work { profile: None, ..work(1) };
    ledger.offer(exact.clone()).await.unwrap();
    let mut other = offer();
    (other.profiles.encoder.self_test, other.profiles.search.self_test) = (digest(98), digest(99));
    assert_eq!(granted(ledger.claim(exact.key, &nonce(2), &other, LONG).await.unwrap()), exact);
}

async fn adoption_needs_no_lease(ledger: &dyn Ledger) {
    let key = work(0).key;
    ledger.adopt(key, 0).await.unwrap();
    assert_eq!(ledger.notices().await.unwrap(), [Notice::Adopted { key, generation: 0 }]);
    // By another attempt than the holder: the holder learns that it works in vain, and its end is no news.
    let key = work(1).key;
    ledger.offer(work(1)).await.unwrap();
    granted(ledger.claim(key, &nonce(0), &offer(), LONG).await.unwrap());
    ledger.adopt(key, 0).await.unwrap();
    assert_eq!(ledger.heartbeat(key, &nonce(0), LONG, 1, 2).await.unwrap(), Beat::Unwanted);
    ledger.end(key, &nonce(0), Verdict::Discarded, 0).await.unwrap();
    assert_eq!(ledger.reap().await.unwrap(), 0);
    let news = [Notice::Claimed { key }, Notice::Adopted { key, generation: 0 }];
    assert_eq!(ledger.notices().await.unwrap(), news);
}

async fn only_the_holder_ends(ledger: &dyn Ledger) {
    let key = work(0).key;
    ledger.offer(work(0)).await.unwrap();
    granted(ledger.claim(key, &nonce(0), &offer(), LONG).await.unwrap());
    ledger.end(key, &nonce(1), Verdict::Preempted, 0).await.unwrap();
    assert_eq!(ledger.heartbeat(key, &nonce(1), LONG, 0, 0).await.unwrap(), Beat::Lost);
    assert_eq!(ledger.heartbeat(key, &nonce(0), LONG, 1, 2).await.unwrap(), Beat::Held);
    let news = [Notice::Claimed { key }, Notice::Progress { key, done: 1, total: 2 }];
    assert_eq!(ledger.notices().await.unwrap(), news);
}

async fn expired_leases_are_reaped_once(ledger: &dyn Ledger) {
    let key = work(0).key;
    ledger.offer(work(0)).await.unwrap();
    granted(ledger.claim(key, &nonce(0), &offer(), EXPIRED).await.unwrap());
    assert_eq!(ledger.claim(key, &nonce(1), &offer(), LONG).await.unwrap(), Claim::Held, "only reaping ends a lease");
    assert_eq!(ledger.reap().await.unwrap(), 1);
    assert_eq!(ledger.reap().await.unwrap(), 0);
    assert_eq!(ledger.notices().await.unwrap(), [Notice::Claimed { key }, Notice::Expired { key }]);
    assert_eq!(ledger.heartbeat(key, &nonce(0), LONG, 0, 0).await.unwrap(), Beat::Lost);
    assert_eq!(ledger.claim(key, &nonce(1), &offer(), LONG).await.unwrap(), Claim::NotOffered);
    // Another attempt has it now: the old one can neither keep nor end it.
    ledger.offer(work(0)).await.unwrap();
    granted(ledger.claim(key, &nonce(2), &offer(), LONG).await.unwrap());
    assert_eq!(ledger.heartbeat(key, &nonce(0), EXPIRED, 0, 0).await.unwrap(), Beat::Lost);
    ledger.end(key, &nonce(0), Verdict::Preempted, 0).await.unwrap();
    assert_eq!(ledger.reap().await.unwrap(), 0);
    assert_eq!(ledger.heartbeat(key, &nonce(2), LONG, 0, 0).await.unwrap(), Beat::Held);
    // A heartbeat that comes before the reaper keeps an expired lease.
    assert_eq!(ledger.heartbeat(key, &nonce(2), EXPIRED, 0, 0).await.unwrap(), Beat::Held);
    assert_eq!(ledger.heartbeat(key, &nonce(2), LONG, 0, 0).await.unwrap(), Beat::Held);
    assert_eq!(ledger.reap().await.unwrap(), 0);
}

async fn generations_replace_each_other(ledger: &dyn Ledger) {
    let key = work(0).key;
    let second = Work { generation: 1, ..work(0) };
    ledger.offer(work(0)).await.unwrap();
    ledger.offer(second.clone()).await.unwrap();
    ledger.offer(work(0)).await.unwrap();
    assert_eq!(granted(ledger.claim(key, &nonce(0), &offer(), LONG).await.unwrap()), second, "the newer one stays");
    let third = Work { generation: 2, ..work(0) };
    ledger.offer(third.clone()).await.unwrap();
    assert_eq!(ledger.heartbeat(key, &nonce(0), LONG, 0, 0).await.unwrap(), Beat::Lost);
    ledger.adopt(key, 1).await.unwrap();
    assert_eq!(granted(ledger.claim(key, &nonce(1), &offer(), LONG).await.unwrap()), third, "1 is not what is wanted");
    ledger.adopt(key, 2).await.unwrap();
    ledger.revoked(key, 2).await.unwrap();
    ledger.offer(Work { generation: 3, ..work(0) }).await.unwrap();
    granted(ledger.claim(key, &nonce(2), &offer(), LONG).await.unwrap());
}

async fn late_words_of_a_revoked_generation_change_nothing(ledger: &dyn Ledger) {
    let key = work(0).key;
    ledger.revoked(key, 0).await.unwrap();
    ledger.adopt(key, 0).await.unwrap();
    ledger.offer(work(0)).await.unwrap();
    assert_eq!(ledger.claim(key, &nonce(0), &offer(), LONG).await.unwrap(), Claim::NotOffered);
    let second = Work { generation: 1, ..work(0) };
    ledger.offer(second.clone()).await.unwrap();
    ledger.revoked(key, 0).await.unwrap();
    ledger.adopt(key, 0).await.unwrap();
    assert_eq!(granted(ledger.claim(key, &nonce(0), &offer(), LONG).await.unwrap()), second);
    let news = [Notice::Revoked { key, generation: 0 }, Notice::Claimed { key }];
    assert_eq!(ledger.notices().await.unwrap(), news);
}

async fn notices_come_in_order(ledger: Arc<dyn Ledger>) {
    let reader = Arc::clone(&ledger);
    let reading = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < 50 {
            seen.extend(reader.notices().await.unwrap());
        }
        seen
    });
    for number in 0..50 {
        ledger.adopt(work(number).key, 0).await.unwrap();
        tokio::task::yield_now().await;
    }
    let expected: Vec<_> = (0..50).map(|number| Notice::Adopted { key: work(number).key, generation: 0 }).collect();
    assert_eq!(reading.await.unwrap(), expected);
}
