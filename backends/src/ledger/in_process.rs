//! The ledger of one process.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bitsweep_proto::attempt::{Nonce, Verdict};
use bitsweep_proto::key::JobKey;
use bitsweep_proto::work::Work;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Beat, Claim, Ledger, Notice, Offer};
use crate::error::BackendError;

/// Claims in memory, leases on tokio's clock. It ends with the process; the next one rebuilds it from the store.
#[derive(Debug, Default)]
pub struct InProcessLedger {
    book: Mutex<Book>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Book {
    entries: HashMap<JobKey, Entry>,
    notices: VecDeque<Notice>,
}

/// What is known of one job.
#[derive(Debug, Default)]
struct Entry {
    stage: Stage,
    /// All generations below this one are revoked.
    revoked_below: u32,
}

#[derive(Debug, Default)]
enum Stage {
    /// Nobody may claim it: never offered, or its attempt is over and the scheduler has not offered it again.
    #[default]
    Idle,
    /// Whoever fits may claim it.
    Offered(Box<Work>),
    /// An attempt holds it.
    Leased(Box<Work>, Lease),
    /// This generation is committed.
    Done { generation: u32 },
}

#[derive(Debug)]
struct Lease {
    attempt: Nonce,
    /// From then on it may be reaped; until it is, it holds.
    until: Instant,
}

impl Lease {
    fn new(attempt: &Nonce, length: Duration) -> Self {
        Self { attempt: attempt.clone(), until: Instant::now() + length }
    }
}

impl InProcessLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// One atomic step; whoever waits for notices is told of new ones.
    fn step<T>(&self, act: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.book.lock().expect("no step panics");
        let before = book.notices.len();
        let answer = act(&mut book);
        if book.notices.len() > before {
            self.news.notify_one();
        }
        answer
    }
}

impl Book {
    fn entry(&mut self, key: JobKey) -> &mut Entry {
        self.entries.entry(key).or_default()
    }

    fn offer(&mut self, work: Work) {
        let entry = self.entry(work.key);
        let news = match &entry.stage {
            Stage::Idle => true,
            Stage::Offered(known) => work.generation >= known.generation,
            Stage::Leased(known, _) => work.generation > known.generation,
            Stage::Done { generation } => work.generation > *generation,
        };
        if news && work.generation >= entry.revoked_below {
            entry.stage = Stage::Offered(Box::new(work));
        }
    }

    fn claim(&mut self, key: JobKey, lease: Lease, offer: &Offer) -> Claim {
        let entry = self.entry(key);
        let work = match &mut entry.stage {
            Stage::Idle | Stage::Done { .. } => return Claim::NotOffered,
            Stage::Leased(work, known) if known.attempt == lease.attempt => {
                // The answer to the first claim was lost.
                *known = lease;
                return Claim::Granted(work.clone());
            }
            Stage::Leased(..) => return Claim::Held,
            Stage::Offered(work) => work.clone(),
        };
        if let Some(reason) = unfit(&work, offer) {
            self.notices.push_back(Notice::Refused { key, reason: reason.clone() });
            return Claim::Unfit(reason);
        }
        entry.stage = Stage::Leased(work.clone(), lease);
        self.notices.push_back(Notice::Claimed { key });
        Claim::Granted(work)
    }

    fn heartbeat(&mut self, key: JobKey, lease: Lease) -> Beat {
        match &mut self.entry(key).stage {
            Stage::Leased(_, known) if known.attempt == lease.attempt => {
                *known = lease;
                Beat::Held
            }
            Stage::Done { .. } => Beat::Unwanted,
            Stage::Idle | Stage::Offered(_) | Stage::Leased(..) => Beat::Lost,
        }
    }

    fn adopt(&mut self, key: JobKey, generation: u32) {
        let entry = self.entry(key);
        let news = match &entry.stage {
            Stage::Idle => true,
            Stage::Offered(work) | Stage::Leased(work, _) => generation >= work.generation,
            Stage::Done { generation: known } => generation > *known,
        };
        if news && generation >= entry.revoked_below {
            entry.stage = Stage::Done { generation };
            self.notices.push_back(Notice::Adopted { key, generation });
        }
    }

    fn revoked(&mut self, key: JobKey, generation: u32) {
        let entry = self.entry(key);
        if generation < entry.revoked_below {
            return;
        }
        entry.revoked_below = generation + 1;
        let stays = match &entry.stage {
            Stage::Idle => true,
            Stage::Offered(work) | Stage::Leased(work, _) => work.generation > generation,
            Stage::Done { generation: known } => *known > generation,
        };
        if !stays {
            entry.stage = Stage::Idle;
        }
        self.notices.push_back(Notice::Revoked { key, generation });
    }

    fn end(&mut self, key: JobKey, attempt: &Nonce, notice: Notice) {
        let entry = self.entry(key);
        if matches!(&entry.stage, Stage::Leased(_, lease) if lease.attempt == *attempt) {
            entry.stage = Stage::Idle;
            self.notices.push_back(notice);
        }
    }

    fn reap(&mut self, now: Instant) -> usize {
        let mut expired = Vec::new();
        for (key, entry) in &mut self.entries {
            if matches!(&entry.stage, Stage::Leased(_, lease) if lease.until <= now) {
                entry.stage = Stage::Idle;
                expired.push(*key);
            }
        }
        expired.sort_unstable();
        self.notices.extend(expired.iter().map(|key| Notice::Expired { key: *key }));
        expired.len()
    }
}

/// Why a worker with this offer cannot run `work`.
fn unfit(work: &Work, offer: &Offer) -> Option<String> {
    let kind = work.spec.kind();
    if !offer.kinds.contains(&kind) {
        let kinds: Vec<&str> = offer.kinds.iter().map(|kind| kind.name()).collect();
        return Some(format!("it is of the kind {}, this worker runs {}", kind.name(), kinds.join(", ")));
    }
    let profile = work.profile.as_ref()?;
    let (encoder, search) = (&offer.profiles.encoder, &offer.profiles.search);
    if profile == encoder || profile == search {
        return None;
    }
    Some(format!("it is planned for the numerics profile {profile}, this worker has {encoder} and {search}"))
}

#[async_trait]
impl Ledger for InProcessLedger {
    async fn offer(&self, work: Work) -> Result<(), BackendError> {
        self.step(|book| book.offer(work));
        Ok(())
    }

    async fn claim(&self, key: JobKey, attempt: &Nonce, offer: &Offer, lease: Duration) -> Result<Claim, BackendError> {
        Ok(self.step(|book| book.claim(key, Lease::new(attempt, lease), offer)))
    }

    async fn heartbeat(
        &self,
        key: JobKey,
        attempt: &Nonce,
        lease: Duration,
        done: u64,
        total: u64,
    ) -> Result<Beat, BackendError> {
        Ok(self.step(|book| {
            let beat = book.heartbeat(key, Lease::new(attempt, lease));
            if beat == Beat::Held {
                book.notices.push_back(Notice::Progress { key, done, total });
            }
            beat
        }))
    }

    async fn adopt(&self, key: JobKey, generation: u32) -> Result<(), BackendError> {
        self.step(|book| book.adopt(key, generation));
        Ok(())
    }

    async fn end(
        &self,
        key: JobKey,
        attempt: &Nonce,
        verdict: Verdict,
        checkpoints_made: u64,
    ) -> Result<(), BackendError> {
        self.step(|book| book.end(key, attempt, Notice::Ended { key, verdict, checkpoints_made }));
        Ok(())
    }

    async fn revoked(&self, key: JobKey, generation: u32) -> Result<(), BackendError> {
        self.step(|book| book.revoked(key, generation));
        Ok(())
    }

    async fn reap(&self) -> Result<usize, BackendError> {
        Ok(self.step(|book| book.reap(Instant::now())))
    }

    async fn notices(&self) -> Result<Vec<Notice>, BackendError> {
        loop {
            // A notice that comes between these two lines leaves a permit, so the wait is over at once.
            let notices: Vec<Notice> = self.step(|book| book.notices.drain(..).collect());
            if !notices.is_empty() {
                return Ok(notices);
            }
            self.news.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance::samples;

    const LEASE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn conforms() {
        crate::conformance::ledger(async || Arc::new(InProcessLedger::new()) as Arc<dyn Ledger>).await;
    }

    #[tokio::test(start_paused = true)]
    async fn heartbeats_keep_a_lease_and_silence_ends_it() {
        let (ledger, work, attempt) = (InProcessLedger::new(), samples::work(0), samples::nonce(0));
        let key = work.key;
        ledger.offer(work).await.unwrap();
        ledger.claim(key, &attempt, &samples::offer(), LEASE).await.unwrap();
        for _ in 0..5 {
            tokio::time::advance(LEASE - Duration::from_secs(1)).await;
            assert_eq!(ledger.reap().await.unwrap(), 0);
            assert_eq!(ledger.heartbeat(key, &attempt, LEASE, 0, 0).await.unwrap(), Beat::Held);
        }
        tokio::time::advance(LEASE).await;
        assert_eq!(ledger.reap().await.unwrap(), 1);
        assert_eq!(ledger.reap().await.unwrap(), 0);
        assert_eq!(ledger.heartbeat(key, &attempt, LEASE, 0, 0).await.unwrap(), Beat::Lost);
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_lease_that_is_not_reaped_can_still_be_kept() {
        let (ledger, work, attempt) = (InProcessLedger::new(), samples::work(0), samples::nonce(0));
        let key = work.key;
        ledger.offer(work).await.unwrap();
        ledger.claim(key, &attempt, &samples::offer(), LEASE).await.unwrap();
        tokio::time::advance(2 * LEASE).await;
        assert_eq!(ledger.claim(key, &samples::nonce(1), &samples::offer(), LEASE).await.unwrap(), Claim::Held);
        assert_eq!(ledger.heartbeat(key, &attempt, LEASE, 0, 0).await.unwrap(), Beat::Held);
        assert_eq!(ledger.reap().await.unwrap(), 0);
    }
}
