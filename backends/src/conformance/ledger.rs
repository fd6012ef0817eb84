//! The suite for ledgers.

mod jobs;
mod leading;
mod leases;
mod streams;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bitsweep_proto::attempt::{Nonce, Verdict};
use bitsweep_proto::{JobKey, Work};

use super::samples::{digest, nonce, offer, work};
use crate::ledger::{Claim, Ended, Ledger, Notice};

const LONG: Duration = Duration::from_secs(3600);
const EXPIRED: Duration = Duration::ZERO;
/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the suite. Panics where `make`'s ledgers misbehave.
pub async fn ledger(make: impl AsyncFn() -> Arc<dyn Ledger>) {
    let opened = async || {
        let ledger = make().await;
        ledger.open(&leader()).await.unwrap();
        ledger
    };
    leading::it_begins_closed_and_serves_when_open(&*make().await).await;
    leading::one_leads_at_a_time(&*make().await).await;
    leading::who_does_not_lead_neither_opens_nor_closes(&*make().await).await;

    jobs::one_claim_of_many_is_granted(opened().await).await;
    jobs::calls_are_idempotent(&*opened().await).await;
    jobs::stale_tickets_are_not_offered(&*opened().await).await;
    jobs::unfit_offers_are_refused(&*opened().await).await;
    jobs::adoption_needs_no_lease(&*opened().await).await;
    jobs::generations_replace_each_other(&*opened().await).await;
    jobs::late_words_of_a_revoked_generation_change_nothing(&*opened().await).await;
    jobs::withdrawn_jobs_are_not_wanted(&*opened().await).await;
    jobs::an_offer_takes_a_withdrawal_back(&*opened().await).await;
    jobs::many_works_at_once(&*opened().await).await;

    leases::only_the_holder_ends(&*opened().await).await;
    leases::expired_leases_are_reaped_once(&*opened().await).await;
    leases::expired_attempts_take_the_job_again(&*opened().await).await;
    leases::unknown_attempts_take_the_job_again(&*make().await).await;
    leases::ended_attempts_do_not_come_back(&*opened().await).await;
    leases::one_of_many_returning_attempts_gets_it(opened().await).await;

    streams::notices_come_in_order(make().await).await;
    streams::a_reader_that_gave_up_loses_nothing(make().await).await;
    streams::each_generation_gives_one_result(&*make().await).await;
    streams::workers_live_while_they_say_so(&*make().await).await;
}

fn leader() -> Nonce {
    nonce(1 << 40)
}

fn granted(claim: Claim) -> Work {
    match claim {
        Claim::Granted(work) => *work,
        other => panic!("granted was expected, not {other:?}"),
    }
}

fn claimed(key: u64, attempt: u64) -> Notice {
    Notice::Claimed { key: work(key).key, attempt: nonce(attempt) }
}

fn adopted(key: u64, generation: u32) -> Notice {
    Notice::Adopted { key: work(key).key, generation }
}

fn preempted(key: u64, attempt: u64) -> Ended {
    Ended { key: work(key).key, attempt: nonce(attempt), verdict: Verdict::Preempted, checkpoints_made: 3 }
}

/// Offers the sample and claims it.
async fn take(ledger: &dyn Ledger, key: u64, attempt: u64) -> Work {
    ledger.offer(vec![work(key)]).await.unwrap();
    granted(claim(ledger, key, attempt).await)
}

async fn claim(ledger: &dyn Ledger, key: u64, attempt: u64) -> Claim {
    ledger.claim(work(key).key, &nonce(attempt), &offer(), LONG).await.unwrap()
}

/// All notices up to now.
async fn heard(ledger: &dyn Ledger) -> Vec<Notice> {
    static MARKS: AtomicU32 = AtomicU32::new(0);
    let (key, generation) = (JobKey(digest(u64::MAX)), MARKS.fetch_add(1, Ordering::Relaxed));
    let mark = Notice::Revoked { key, generation };
    ledger.revoked(key, generation).await.unwrap();
    let mut heard = Vec::new();
    while heard.last() != Some(&mark) {
        let news = tokio::time::timeout(PATIENCE, ledger.notices()).await.expect("notices come");
        heard.extend(news.unwrap());
    }
    heard.pop();
    heard
}
