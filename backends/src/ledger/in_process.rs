//! The ledger of one process.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bitsweep_proto::attempt::Nonce;
use bitsweep_proto::key::JobKey;
use bitsweep_proto::outcome::Outcome;
use bitsweep_proto::work::Work;
use bitsweep_proto::worker::{Offer, WorkerCard};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::fit::unfit;
use super::{Beat, Claim, Ended, Heartbeat, Ledger, Notice, Pulse, ResultEntry};
use crate::error::BackendError;

/// Claims in memory, leases on tokio's clock. It ends with the process; the next one rebuilds it from the store. As every
/// ledger it begins closed.
#[derive(Debug, Default)]
pub struct InProcessLedger {
    book: Mutex<Book>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Book {
    entries: HashMap<JobKey, Entry>,
    notices: VecDeque<Notice>,
    /// Who leads, and until when.
    leader: Option<(Nonce, Instant)>,
    /// Who opened it; closed where nobody has.
    opened_by: Option<Nonce>,
    results: Vec<ResultEntry>,
    workers: BTreeMap<Nonce, (WorkerCard, Instant)>,
}

/// What is known of one job.
#[derive(Debug, Default)]
struct Entry {
    /// The generation that all below is about. Older ones are revoked: what is said of them is stale.
    generation: u32,
    /// Nobody wants the job.
    withdrawn: bool,
    stage: Stage,
    /// The attempts that ended without an outcome: they do not come back.
    ended: BTreeSet<Nonce>,
}

#[derive(Debug, Default)]
enum Stage {
    /// Nobody may claim it: never offered, or its attempt is over and the scheduler has not offered it again.
    #[default]
    Idle,
    /// Whoever fits may claim it.
    Offered(Box<Work>),
    /// An attempt holds it; what it works on is not known where it took the lease again.
    Leased(Option<Box<Work>>, Lease),
    /// The outcome is committed.
    Done,
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

impl Entry {
    /// Whether this generation is not a stale one. A newer one makes what is known of the older ones stale.
    fn reach(&mut self, generation: u32) -> bool {
        if generation > self.generation {
            self.generation = generation;
            self.stage = Stage::Idle;
        }
        generation == self.generation
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

    fn another_leads(&self, leader: &Nonce) -> bool {
        self.leader.as_ref().is_some_and(|(who, until)| who != leader && *until > Instant::now())
    }

    fn pulse(&mut self, leader: &Nonce, until: Instant) -> Pulse {
        if self.another_leads(leader) {
            return Pulse::StandBy;
        }
        self.leader = Some((leader.clone(), until));
        if self.opened_by.as_ref() == Some(leader) {
            return Pulse::Leads;
        }
        self.opened_by = None;
        Pulse::Rebuild
    }

    fn turn(&mut self, leader: &Nonce, opened_by: Option<Nonce>) {
        if !self.another_leads(leader) {
            self.opened_by = opened_by;
        }
    }

    fn offer(&mut self, work: Work) {
        let entry = self.entry(work.key);
        if !entry.reach(work.generation) {
            return;
        }
        entry.withdrawn = false;
        if matches!(entry.stage, Stage::Idle | Stage::Offered(_)) {
            entry.stage = Stage::Offered(Box::new(work));
        }
    }

    fn withdraw(&mut self, key: JobKey) {
        let entry = self.entry(key);
        entry.withdrawn = true;
        if matches!(entry.stage, Stage::Offered(_)) {
            entry.stage = Stage::Idle;
        }
    }

    fn claim(&mut self, key: JobKey, lease: Lease, offer: &Offer) -> Claim {
        let closed = self.opened_by.is_none();
        let entry = self.entry(key);
        let work = match &mut entry.stage {
            Stage::Leased(Some(work), known) if known.attempt == lease.attempt => {
                // The answer to the first claim was lost.
                *known = lease;
                return Claim::Granted(work.clone());
            }
            _ if closed => return Claim::Closed,
            Stage::Idle | Stage::Done => return Claim::NotOffered,
            _ if entry.ended.contains(&lease.attempt) => return Claim::NotOffered,
            Stage::Leased(..) => return Claim::Held,
            Stage::Offered(work) => work.clone(),
        };
        if let Some(reason) = unfit(&work, offer) {
            self.notices.push_back(Notice::Refused { key, reason: reason.clone() });
            return Claim::Unfit(reason);
        }
        let attempt = lease.attempt.clone();
        entry.stage = Stage::Leased(Some(work.clone()), lease);
        self.notices.push_back(Notice::Claimed { key, attempt });
        Claim::Granted(work)
    }

    fn heartbeat(&mut self, beat: &Heartbeat) -> Beat {
        let entry = self.entry(beat.key);
        let lease = Lease::new(&beat.attempt, beat.lease);
        let (key, attempt) = (beat.key, beat.attempt.clone());
        if !entry.reach(beat.generation) {
            return Beat::Unwanted;
        }
        match &mut entry.stage {
            Stage::Done => Beat::Unwanted,
            Stage::Leased(_, known) if known.attempt == beat.attempt => {
                *known = lease;
                if entry.withdrawn {
                    return Beat::Unwanted;
                }
                self.notices.push_back(Notice::Progress { key, attempt, done: beat.done, total: beat.total });
                Beat::Held
            }
            _ if entry.withdrawn => Beat::Unwanted,
            Stage::Leased(..) => Beat::Lost,
            _ if entry.ended.contains(&beat.attempt) => Beat::Lost,
            stage @ (Stage::Idle | Stage::Offered(_)) => {
                let work = match std::mem::take(stage) {
                    Stage::Offered(work) => Some(work),
                    _ => None,
                };
                *stage = Stage::Leased(work, lease);
                self.notices.push_back(Notice::Claimed { key, attempt });
                Beat::Held
            }
        }
    }

    fn adopt(&mut self, outcome: &Outcome) {
        let (key, generation) = (outcome.key, outcome.generation);
        let entry = self.entry(key);
        if !entry.reach(generation) || matches!(entry.stage, Stage::Done) {
            return;
        }
        entry.stage = Stage::Done;
        self.notices.push_back(Notice::Adopted { key, generation });
        let id = format!("{:020}", self.results.len() + 1);
        self.results.push(ResultEntry { id, key, kind: outcome.kind, generation });
    }

    fn revoked(&mut self, key: JobKey, generation: u32) {
        let entry = self.entry(key);
        if generation >= entry.generation {
            entry.reach(generation + 1);
            self.notices.push_back(Notice::Revoked { key, generation });
        }
    }

    fn end(&mut self, ended: &Ended) {
        let entry = self.entry(ended.key);
        if matches!(&entry.stage, Stage::Leased(_, lease) if lease.attempt == ended.attempt) {
            entry.stage = Stage::Idle;
        }
        if entry.ended.insert(ended.attempt.clone()) {
            self.notices.push_back(Notice::Ended(ended.clone()));
        }
    }

    fn reap(&mut self, now: Instant) -> usize {
        let mut expired = Vec::new();
        for (key, entry) in &mut self.entries {
            if let Stage::Leased(_, lease) = &entry.stage
                && lease.until <= now
            {
                expired.push((*key, lease.attempt.clone()));
                entry.stage = Stage::Idle;
            }
        }
        expired.sort_unstable();
        let count = expired.len();
        self.notices.extend(expired.into_iter().map(|(key, attempt)| Notice::Expired { key, attempt }));
        count
    }

    fn announce(&mut self, card: &WorkerCard, lease: Duration) {
        let now = Instant::now();
        self.workers.insert(card.id.clone(), (card.clone(), now + lease));
        self.workers.retain(|_, (_, until)| *until > now);
    }
}

#[async_trait]
impl Ledger for InProcessLedger {
    async fn pulse(&self, leader: &Nonce, lease: Duration) -> Result<Pulse, BackendError> {
        Ok(self.step(|book| book.pulse(leader, Instant::now() + lease)))
    }

    async fn close(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.step(|book| book.turn(leader, None));
        Ok(())
    }

    async fn open(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.step(|book| book.turn(leader, Some(leader.clone())));
        Ok(())
    }

    async fn step_down(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.step(|book| book.leader = book.leader.take().filter(|(who, _)| who != leader));
        Ok(())
    }

    async fn offer(&self, works: Vec<Work>) -> Result<(), BackendError> {
        self.step(|book| works.into_iter().for_each(|work| book.offer(work)));
        Ok(())
    }

    async fn withdraw(&self, keys: &[JobKey]) -> Result<(), BackendError> {
        self.step(|book| keys.iter().for_each(|key| book.withdraw(*key)));
        Ok(())
    }

    async fn claim(&self, key: JobKey, attempt: &Nonce, offer: &Offer, lease: Duration) -> Result<Claim, BackendError> {
        Ok(self.step(|book| book.claim(key, Lease::new(attempt, lease), offer)))
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<Beat, BackendError> {
        Ok(self.step(|book| book.heartbeat(heartbeat)))
    }

    async fn adopt(&self, outcome: &Outcome) -> Result<(), BackendError> {
        self.step(|book| book.adopt(outcome));
        Ok(())
    }

    async fn end(&self, ended: &Ended) -> Result<(), BackendError> {
        self.step(|book| book.end(ended));
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

    async fn results(&self, after: &str, most: usize) -> Result<Vec<ResultEntry>, BackendError> {
        Ok(self
            .step(|book| book.results.iter().filter(|entry| entry.id.as_str() > after).take(most).cloned().collect()))
    }

    async fn announce(&self, card: &WorkerCard, lease: Duration) -> Result<(), BackendError> {
        self.step(|book| book.announce(card, lease));
        Ok(())
    }

    async fn workers(&self) -> Result<Vec<WorkerCard>, BackendError> {
        let now = Instant::now();
        Ok(self.step(|book| {
            book.workers.retain(|_, (_, until)| *until > now);
            book.workers.values().map(|(card, _)| card.clone()).collect()
        }))
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

    async fn claimed() -> (InProcessLedger, Heartbeat) {
        let (ledger, work, attempt) = (InProcessLedger::new(), samples::work(0), samples::nonce(0));
        let beat = Heartbeat { lease: LEASE, ..samples::heartbeat(0, 0) };
        ledger.open(&samples::nonce(99)).await.unwrap();
        ledger.offer(vec![work]).await.unwrap();
        ledger.claim(beat.key, &attempt, &samples::offer(), LEASE).await.unwrap();
        (ledger, beat)
    }

    #[tokio::test(start_paused = true)]
    async fn heartbeats_keep_a_lease_and_silence_ends_it() {
        let (ledger, beat) = claimed().await;
        for _ in 0..5 {
            tokio::time::advance(LEASE - Duration::from_secs(1)).await;
            assert_eq!(ledger.reap().await.unwrap(), 0);
            assert_eq!(ledger.heartbeat(&beat).await.unwrap(), Beat::Held);
        }
        tokio::time::advance(LEASE).await;
        assert_eq!(ledger.reap().await.unwrap(), 1);
        assert_eq!(ledger.reap().await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_lease_that_is_not_reaped_can_still_be_kept() {
        let (ledger, beat) = claimed().await;
        tokio::time::advance(2 * LEASE).await;
        let claim = ledger.claim(beat.key, &samples::nonce(1), &samples::offer(), LEASE).await.unwrap();
        assert_eq!(claim, Claim::Held);
        assert_eq!(ledger.heartbeat(&beat).await.unwrap(), Beat::Held);
        assert_eq!(ledger.reap().await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn leadership_ends_with_its_lease() {
        let (ledger, a, b) = (InProcessLedger::new(), samples::nonce(0), samples::nonce(1));
        assert_eq!(ledger.pulse(&a, LEASE).await.unwrap(), Pulse::Rebuild);
        tokio::time::advance(LEASE - Duration::from_secs(1)).await;
        assert_eq!(ledger.pulse(&b, LEASE).await.unwrap(), Pulse::StandBy);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(ledger.pulse(&b, LEASE).await.unwrap(), Pulse::Rebuild);
    }
}
