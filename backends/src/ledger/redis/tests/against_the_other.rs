//! The same calls to the ledger of one process and to this one: the same answers, and the same notices. Some calls are
//! made twice here, as after a lost answer: nothing changes.

use std::time::Duration;

use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::{JobKey, Work};
use proptest::prelude::*;

use super::Place;
use crate::conformance::samples::{digest, nonce, offer, outcome, work};
use crate::ledger::{Ended, Heartbeat, InProcessLedger, Ledger, Notice};

#[derive(Clone, Debug)]
enum Call {
    Pulse { leader: u64, is_long: bool },
    Open(u64),
    Close(u64),
    StepDown(u64),
    Offer { key: u64, generation: u32 },
    Withdraw(u64),
    Claim { key: u64, attempt: u64, is_long: bool },
    Heartbeat { key: u64, attempt: u64, generation: u32, is_long: bool },
    Adopt { key: u64, generation: u32 },
    End { key: u64, attempt: u64 },
    Revoked { key: u64, generation: u32 },
    Reap,
}

fn call() -> impl Strategy<Value = Call> {
    let (key, attempt, leader) = (0..2_u64, 0..4_u64, 100..102_u64);
    let generation = || prop_oneof![4 => Just(0_u32), 2 => Just(1), 1 => Just(2)];
    prop_oneof![
        1 => (leader.clone(), any::<bool>()).prop_map(|(leader, is_long)| Call::Pulse { leader, is_long }),
        2 => leader.clone().prop_map(Call::Open),
        1 => leader.clone().prop_map(Call::Close),
        1 => leader.prop_map(Call::StepDown),
        5 => (key.clone(), generation()).prop_map(|(key, generation)| Call::Offer { key, generation }),
        1 => key.clone().prop_map(Call::Withdraw),
        6 => (key.clone(), attempt.clone(), any::<bool>())
            .prop_map(|(key, attempt, is_long)| Call::Claim { key, attempt, is_long }),
        5 => (key.clone(), attempt.clone(), generation(), any::<bool>())
            .prop_map(|(key, attempt, generation, is_long)| Call::Heartbeat { key, attempt, generation, is_long }),
        1 => (key.clone(), generation()).prop_map(|(key, generation)| Call::Adopt { key, generation }),
        2 => (key.clone(), attempt).prop_map(|(key, attempt)| Call::End { key, attempt }),
        1 => (key, generation()).prop_map(|(key, generation)| Call::Revoked { key, generation }),
        2 => Just(Call::Reap),
    ]
}

fn lease(is_long: bool) -> Duration {
    if is_long { Duration::from_secs(3600) } else { Duration::ZERO }
}

async fn carry_out(ledger: &dyn Ledger, call: &Call) -> String {
    let of = |key: u64| JobKey(digest(key));
    // An attempt is one of one job.
    let attempt_of = |key: u64, attempt: u64| nonce(10 * key + attempt);
    match *call {
        Call::Pulse { leader, is_long } => format!("{:?}", ledger.pulse(&nonce(leader), lease(is_long)).await.unwrap()),
        Call::Open(leader) => format!("{:?}", ledger.open(&nonce(leader)).await.unwrap()),
        Call::Close(leader) => format!("{:?}", ledger.close(&nonce(leader)).await.unwrap()),
        Call::StepDown(leader) => format!("{:?}", ledger.step_down(&nonce(leader)).await.unwrap()),
        Call::Offer { key, generation } => {
            format!("{:?}", ledger.offer(vec![Work { generation, ..work(key) }]).await.unwrap())
        }
        Call::Withdraw(key) => format!("{:?}", ledger.withdraw(&[of(key)]).await.unwrap()),
        Call::Claim { key, attempt, is_long } => {
            format!("{:?}", ledger.claim(of(key), &attempt_of(key, attempt), &offer(), lease(is_long)).await.unwrap())
        }
        Call::Heartbeat { key, attempt, generation, is_long } => {
            let (attempt, lease) = (attempt_of(key, attempt), lease(is_long));
            let beat = Heartbeat { key: of(key), attempt, generation, lease, done: 1, total: 2 };
            format!("{:?}", ledger.heartbeat(&beat).await.unwrap())
        }
        Call::Adopt { key, generation } => {
            format!("{:?}", ledger.adopt(&outcome(of(key), generation, 0, digest(0))).await.unwrap())
        }
        Call::End { key, attempt } => {
            let ended = Ended {
                key: of(key),
                attempt: attempt_of(key, attempt),
                verdict: Verdict::Preempted,
                checkpoints_made: 1,
            };
            format!("{:?}", ledger.end(&ended).await.unwrap())
        }
        Call::Revoked { key, generation } => format!("{:?}", ledger.revoked(of(key), generation).await.unwrap()),
        Call::Reap => format!("{:?}", ledger.reap().await.unwrap()),
    }
}

/// All notices up to now. Those of one reaping have no order among themselves.
async fn heard(ledger: &dyn Ledger) -> Vec<Notice> {
    let mark = Notice::Revoked { key: JobKey(digest(1000)), generation: 0 };
    ledger.revoked(JobKey(digest(1000)), 0).await.unwrap();
    let mut heard = Vec::new();
    while heard.last() != Some(&mark) {
        heard.extend(ledger.notices().await.unwrap());
    }
    // A heartbeat that is made twice is heard twice.
    heard.retain(|notice| !matches!(notice, Notice::Progress { .. }));
    let is_expired = |notice: &Notice| matches!(notice, Notice::Expired { .. });
    heard
        .chunk_by_mut(|a, b| is_expired(a) && is_expired(b))
        .for_each(|group| group.sort_by_key(|notice| format!("{notice:?}")));
    heard
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_two_ledgers_answer_alike(calls in prop::collection::vec((call(), prop::bool::weighted(0.3)), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let place = Place::new();
            let (known, checked) = (InProcessLedger::new(), place.ledger().await);
            for (number, (call, is_doubled)) in calls.iter().enumerate() {
                let expected = carry_out(&known, call).await;
                assert_eq!(carry_out(&checked, call).await, expected, "call {number}: {call:?}");
                if *is_doubled && !matches!(call, Call::Reap) {
                    assert_eq!(carry_out(&checked, call).await, expected, "call {number} again: {call:?}");
                }
            }
            assert_eq!(heard(&checked).await, heard(&known).await);
            let results = async |ledger: &dyn Ledger| -> Vec<_> {
                let results = ledger.results("", 1000).await.unwrap();
                results.into_iter().map(|entry| (entry.key, entry.generation)).collect()
            };
            assert_eq!(results(&checked).await, results(&known).await);
        });
    }
}
