//! What becomes of a job: offers, claims, adoption, generations, withdrawal.

use std::sync::Arc;

use bitsweep_proto::Work;
use bitsweep_proto::job::Kind;

use super::{LONG, adopted, claim, claimed, granted, heard, nonce, offer, preempted, take, work};
use crate::conformance::samples::{digest, heartbeat, outcome};
use crate::ledger::{Beat, Claim, Heartbeat, Ledger, Notice};

async fn adopt(ledger: &dyn Ledger, key: u64, generation: u32) {
    ledger.adopt(&outcome(work(key).key, generation, 0, digest(0))).await.unwrap();
}

pub(super) async fn one_claim_of_many_is_granted(ledger: Arc<dyn Ledger>) {
    ledger.offer(vec![work(0)]).await.unwrap();
    let claims: Vec<_> = (0..16)
        .map(|attempt| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move { claim(&*ledger, 0, attempt).await })
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

pub(super) async fn calls_are_idempotent(ledger: &dyn Ledger) {
    let key = work(0).key;
    ledger.offer(vec![work(0), work(0)]).await.unwrap();
    ledger.offer(vec![work(0)]).await.unwrap();
    for _ in 0..2 {
        assert_eq!(granted(claim(ledger, 0, 0).await), work(0));
    }
    // A running lease stays.
    ledger.offer(vec![work(0)]).await.unwrap();
    assert_eq!(claim(ledger, 0, 1).await, Claim::Held);
    for _ in 0..2 {
        ledger.end(&preempted(0, 0)).await.unwrap();
    }
    assert_eq!(heard(ledger).await, [claimed(0, 0), Notice::Ended(preempted(0, 0))]);
    for _ in 0..2 {
        adopt(ledger, 0, 0).await;
    }
    for _ in 0..2 {
        ledger.revoked(key, 0).await.unwrap();
    }
    assert_eq!(heard(ledger).await, [adopted(0, 0), Notice::Revoked { key, generation: 0 }]);
}

pub(super) async fn stale_tickets_are_not_offered(ledger: &dyn Ledger) {
    assert_eq!(claim(ledger, 0, 0).await, Claim::NotOffered, "never offered");
    take(ledger, 0, 1).await;
    ledger.end(&preempted(0, 1)).await.unwrap();
    assert_eq!(claim(ledger, 0, 2).await, Claim::NotOffered, "the scheduler decides when it is tried again");
    take(ledger, 0, 3).await;
    adopt(ledger, 0, 0).await;
    assert_eq!(claim(ledger, 0, 4).await, Claim::NotOffered, "done");
    ledger.offer(vec![work(0)]).await.unwrap();
    assert_eq!(claim(ledger, 0, 5).await, Claim::NotOffered, "done, and offered by somebody who does not know");
}

pub(super) async fn unfit_offers_are_refused(ledger: &dyn Ledger) {
    let key = work(0).key;
    let demanding = Work { device_memory_bytes: 80 << 30, ..work(0) };
    ledger.offer(vec![demanding.clone()]).await.unwrap();
    let [mut kind, mut version, mut profile, mut memory] = [offer(), offer(), offer(), offer()];
    kind.kinds.retain(|(kind, _)| *kind != Kind::Compress);
    version.kinds.iter_mut().for_each(|(_, version)| *version += 1);
    profile.profiles.search.self_test = digest(99);
    memory.device_memory_bytes = Some(24 << 30);
    for (offer, word) in [(kind, "compress"), (version, "compress 2"), (profile, "search-1"), (memory, "device memory")]
    {
        let Claim::Unfit(reason) = ledger.claim(key, &nonce(0), &offer, LONG).await.unwrap() else {
            panic!("a claim that does not fit is refused");
        };
        assert!(reason.contains(word), "{reason}");
        assert_eq!(heard(ledger).await, [Notice::Refused { key, reason }]);
    }
    // Others can still have it.
    let mut large = offer();
    large.device_memory_bytes = Some(80 << 30);
    assert_eq!(granted(ledger.claim(key, &nonce(1), &large, LONG).await.unwrap()), demanding);
    // The machine's own memory always does; and exact work needs no profile.
    let exact = Work { profile: None, device_memory_bytes: 1, ..work(1) };
    ledger.offer(vec![exact.clone()]).await.unwrap();
    let mut other = offer();
    (other.profiles.encoder.self_test, other.profiles.search.self_test) = (digest(98), digest(99));
    assert_eq!(granted(ledger.claim(exact.key, &nonce(2), &other, LONG).await.unwrap()), exact);
}

pub(super) async fn adoption_needs_no_lease(ledger: &dyn Ledger) {
    adopt(ledger, 0, 0).await;
    assert_eq!(heard(ledger).await, [adopted(0, 0)]);
    // By another attempt than the holder: the holder learns that it works in vain, and holds nothing more.
    take(ledger, 1, 1).await;
    adopt(ledger, 1, 0).await;
    assert_eq!(ledger.heartbeat(&heartbeat(1, 1)).await.unwrap(), Beat::Unwanted);
    assert_eq!(ledger.reap().await.unwrap(), 0);
    assert_eq!(heard(ledger).await, [claimed(1, 1), adopted(1, 0)]);
    // Of its end only the scheduler hears.
    ledger.end(&preempted(1, 1)).await.unwrap();
    assert_eq!(heard(ledger).await, [Notice::Ended(preempted(1, 1))]);
    assert_eq!(claim(ledger, 1, 2).await, Claim::NotOffered);
}

pub(super) async fn generations_replace_each_other(ledger: &dyn Ledger) {
    let second = Work { generation: 1, ..work(0) };
    ledger.offer(vec![work(0), second.clone(), work(0)]).await.unwrap();
    assert_eq!(granted(claim(ledger, 0, 0).await), second, "the newer one stays");
    let third = Work { generation: 2, ..work(0) };
    ledger.offer(vec![third.clone()]).await.unwrap();
    let beat = Heartbeat { generation: 1, ..heartbeat(0, 0) };
    assert_eq!(ledger.heartbeat(&beat).await.unwrap(), Beat::Unwanted);
    adopt(ledger, 0, 1).await;
    assert_eq!(granted(claim(ledger, 0, 1).await), third, "1 is not what is wanted");
    adopt(ledger, 0, 2).await;
    ledger.revoked(work(0).key, 2).await.unwrap();
    ledger.offer(vec![Work { generation: 3, ..work(0) }]).await.unwrap();
    granted(claim(ledger, 0, 2).await);
    // A ledger that was rolled back learns of newer generations from whoever works on them.
    let beat = Heartbeat { generation: 4, ..heartbeat(0, 3) };
    assert_eq!(ledger.heartbeat(&beat).await.unwrap(), Beat::Held);
    assert_eq!(ledger.heartbeat(&Heartbeat { generation: 3, ..heartbeat(0, 2) }).await.unwrap(), Beat::Unwanted);
    adopt(ledger, 0, 5).await;
    assert_eq!(ledger.heartbeat(&beat).await.unwrap(), Beat::Unwanted);
}

pub(super) async fn late_words_of_a_revoked_generation_change_nothing(ledger: &dyn Ledger) {
    let key = work(0).key;
    ledger.revoked(key, 0).await.unwrap();
    adopt(ledger, 0, 0).await;
    ledger.offer(vec![work(0)]).await.unwrap();
    assert_eq!(claim(ledger, 0, 0).await, Claim::NotOffered);
    assert_eq!(ledger.heartbeat(&heartbeat(0, 0)).await.unwrap(), Beat::Unwanted);
    let second = Work { generation: 1, ..work(0) };
    ledger.offer(vec![second.clone()]).await.unwrap();
    ledger.revoked(key, 0).await.unwrap();
    adopt(ledger, 0, 0).await;
    assert_eq!(granted(claim(ledger, 0, 1).await), second);
    assert_eq!(heard(ledger).await, [Notice::Revoked { key, generation: 0 }, claimed(0, 1)]);
    // Whoever works on what is lost holds nothing more.
    ledger.revoked(key, 1).await.unwrap();
    assert_eq!(ledger.heartbeat(&Heartbeat { generation: 1, ..heartbeat(0, 1) }).await.unwrap(), Beat::Unwanted);
    assert_eq!(ledger.reap().await.unwrap(), 0);
}

pub(super) async fn withdrawn_jobs_are_not_wanted(ledger: &dyn Ledger) {
    ledger.offer(vec![work(0)]).await.unwrap();
    take(ledger, 1, 1).await;
    // The third is not known here; somebody may work on it all the same.
    for _ in 0..2 {
        ledger.withdraw(&[work(0).key, work(1).key, work(2).key]).await.unwrap();
    }
    assert_eq!(claim(ledger, 0, 0).await, Claim::NotOffered);
    for (key, attempt) in [(1, 1), (1, 2), (2, 2)] {
        assert_eq!(ledger.heartbeat(&heartbeat(key, attempt)).await.unwrap(), Beat::Unwanted);
    }
    assert_eq!(claim(ledger, 1, 3).await, Claim::Held, "until its attempt is over");
    ledger.end(&preempted(1, 1)).await.unwrap();
    assert_eq!(claim(ledger, 1, 4).await, Claim::NotOffered);
    assert_eq!(heard(ledger).await, [claimed(1, 1), Notice::Ended(preempted(1, 1))]);
    // An outcome is an outcome.
    adopt(ledger, 0, 0).await;
    assert_eq!(heard(ledger).await, [adopted(0, 0)]);
}

pub(super) async fn an_offer_takes_a_withdrawal_back(ledger: &dyn Ledger) {
    ledger.offer(vec![work(0)]).await.unwrap();
    take(ledger, 1, 1).await;
    ledger.withdraw(&[work(0).key, work(1).key]).await.unwrap();
    ledger.offer(vec![work(0), work(1)]).await.unwrap();
    granted(claim(ledger, 0, 0).await);
    assert_eq!(ledger.heartbeat(&heartbeat(1, 1)).await.unwrap(), Beat::Held, "it never heard of it");
}

pub(super) async fn many_works_at_once(ledger: &dyn Ledger) {
    let works: Vec<Work> = (0..700).map(work).collect();
    ledger.offer(works.clone()).await.unwrap();
    for number in [0, 1, 255, 256, 699] {
        assert_eq!(granted(claim(ledger, number, number).await), works[number as usize]);
    }
    let keys: Vec<_> = works.iter().map(|work| work.key).collect();
    ledger.withdraw(&keys).await.unwrap();
    for number in [2, 257, 698] {
        assert_eq!(claim(ledger, number, number).await, Claim::NotOffered);
    }
    ledger.offer(Vec::new()).await.unwrap();
    ledger.withdraw(&[]).await.unwrap();
}
