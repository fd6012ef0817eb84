//! A worker that does as a script says: it claims, then acks, keeps its lease, and leaves the records that a worker leaves.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitsweep_backends::conformance::samples;
use bitsweep_backends::store::Put;
use bitsweep_backends::{Beat, Claim, Ended, Heartbeat, Ledger, Queue, Store};
use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, AttemptStart, Nonce, Verdict};
use bitsweep_proto::job::Class;
use bitsweep_proto::outcome::{Cost, OUTCOME_VERSION, Outcome, Produced, Provenance, Rates};
use bitsweep_proto::worker::Offer;
use bitsweep_proto::{JobKey, Spec, Work};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use crate::world::{BEAT, LEASE};

/// What an attempt does once it has begun.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Deed {
    /// Works for so long, then commits.
    Commit(Duration),
    /// Ends with this verdict.
    End(Verdict),
    /// Is gone without a word, machine and all, before it puts anything on record.
    VanishBefore,
    /// Gives its claim up before it puts anything on record.
    Release,
    /// Is gone without a word after its start is on record.
    Vanish,
    /// Commits at once, so that its outcome is all that it puts on record, and is gone before it tells anybody.
    CommitAndVanish,
    /// Works until nobody wants it.
    Forever,
}

/// Something that a worker did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Did {
    /// It began an attempt on the job of this number.
    Began(u64),
    /// Its outcome is the committed one.
    Committed(u64),
    /// Another's outcome was there first.
    Discarded(u64),
    /// It stopped, for nobody wants the job.
    Stopped(u64),
    /// It is gone, and left no start.
    Vanished(u64),
}

/// Says what the n-th attempt (0 is the first) on the job of a number does.
pub(crate) type Script = Arc<dyn Fn(u64, usize) -> Deed + Send + Sync>;

/// What all slots of a test share.
pub(crate) struct Shop {
    pub(crate) store: Store,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) script: Script,
    /// What an hour costs.
    pub(crate) rates: Rates,
    pub(crate) log: Mutex<Vec<Did>>,
    pub(crate) changed: Notify,
    tried: Mutex<HashMap<u64, usize>>,
    next: Mutex<u64>,
}

impl Shop {
    pub(crate) fn new(services: &bitsweep_coordinator::Services, script: Script) -> Self {
        let bitsweep_coordinator::Services { store, queue, ledger } = services.clone();
        let (log, changed) = (Mutex::default(), Notify::new());
        let (tried, next) = (Mutex::default(), Mutex::default());
        Self { store, queue, ledger, script, rates: Rates::default(), log, changed, tried, next }
    }

    pub(crate) fn did(&self) -> Vec<Did> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Did) -> bool) -> usize {
        self.log.lock().unwrap().iter().filter(|did| wanted(did)).count()
    }

    /// Waits until the log satisfies.
    pub(crate) async fn until(&self, wanted: impl Fn(&[Did]) -> bool) {
        loop {
            let changed = self.changed.notified();
            if wanted(&self.log.lock().unwrap()) {
                return;
            }
            changed.await;
        }
    }

    fn note(&self, did: Did) {
        self.log.lock().unwrap().push(did);
        self.changed.notify_waiters();
    }

    fn nonce(&self) -> Nonce {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        samples::nonce(*next)
    }

    /// The next deed for a job.
    fn deed(&self, number: u64) -> Deed {
        let mut tried = self.tried.lock().unwrap();
        let before = tried.entry(number).or_default();
        let deed = (self.script)(number, *before);
        *before += 1;
        deed
    }
}

/// Workers with one slot each. Dropped, they are gone without a word.
pub(crate) struct Workers(#[expect(dead_code, reason = "held for its drop")] JoinSet<()>);

impl Workers {
    pub(crate) fn start(shop: &Arc<Shop>, count: u64) -> Self {
        Self::offering(shop, 0..count, &samples::offer())
    }

    /// Workers of these numbers that offer what none of the jobs here can use.
    pub(crate) fn of_no_use(shop: &Arc<Shop>, numbers: Range<u64>) -> Self {
        Self::offering(shop, numbers, &Offer { kinds: Vec::new(), ..samples::offer() })
    }

    fn offering(shop: &Arc<Shop>, numbers: Range<u64>, offer: &Offer) -> Self {
        let mut set = JoinSet::new();
        for number in numbers {
            set.spawn(slot(Arc::clone(shop), number, offer.clone()));
        }
        Self(set)
    }
}

struct Announcing(AbortHandle);

impl Drop for Announcing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn slot(shop: Arc<Shop>, number: u64, offer: Offer) {
    let card = bitsweep_proto::WorkerCard { slots: 1, offer: offer.clone(), ..samples::worker(1000 + number) };
    let ledger = Arc::clone(&shop.ledger);
    let announcing = tokio::spawn(async move {
        loop {
            ledger.announce(&card, LEASE).await.unwrap();
            tokio::time::sleep(BEAT).await;
        }
    });
    let _announcing = Announcing(announcing.abort_handle());
    loop {
        let delivery = shop.queue.receive(&[Class::Gpu, Class::Cpu]).await.unwrap();
        let (key, attempt) = (delivery.ticket.key, shop.nonce());
        let claim = shop.ledger.claim(key, &attempt, &offer, LEASE).await.unwrap();
        if claim == Claim::Closed {
            shop.queue.requeue(delivery).await.unwrap();
            tokio::time::sleep(BEAT).await;
            continue;
        }
        shop.queue.ack(delivery).await.unwrap();
        if let Claim::Granted(work) = claim {
            attempt_on(&shop, &work, attempt).await;
        }
    }
}

async fn attempt_on(shop: &Shop, work: &Work, attempt: Nonce) {
    let Spec::Noop(noop) = &work.spec else { panic!("only no-ops here") };
    if let Some(outcome) = shop.store.outcome_or_revoke(work.key).await.unwrap() {
        shop.ledger.adopt(&outcome).await.unwrap();
        return;
    }
    shop.note(Did::Began(noop.number));
    let deed = shop.deed(noop.number);
    if deed == Deed::CommitAndVanish {
        shop.store.put_outcome(&outcome(shop, work, &attempt)).await.unwrap();
    }
    if matches!(deed, Deed::VanishBefore | Deed::CommitAndVanish) {
        shop.note(Did::Vanished(noop.number));
        return std::future::pending().await;
    }
    if deed == Deed::Release {
        let (key, verdict) = (work.key, Verdict::Preempted);
        return shop.ledger.end(&Ended { key, attempt, verdict, checkpoints_made: 0 }).await.unwrap();
    }
    shop.store.put_attempt_start(&start(shop, work, &attempt)).await.unwrap();
    match deed {
        Deed::VanishBefore | Deed::CommitAndVanish | Deed::Release | Deed::Vanish => std::future::pending().await,
        Deed::Commit(after) => {
            let wanted = keep_lease(shop, work, &attempt, after).await;
            if wanted {
                commit(shop, work, (&attempt, noop.number)).await;
            } else {
                stop(shop, work, (&attempt, noop.number)).await;
            }
        }
        Deed::Forever => {
            while keep_lease(shop, work, &attempt, LEASE).await {}
            stop(shop, work, (&attempt, noop.number)).await;
        }
        Deed::End(verdict) => end(shop, work.key, (&attempt, verdict)).await,
    }
}

fn start(shop: &Shop, work: &Work, attempt: &Nonce) -> AttemptStart {
    AttemptStart {
        version: ATTEMPT_VERSION,
        attempt: attempt.clone(),
        key: work.key,
        generation: work.generation,
        host: "test".to_owned(),
        process: 1,
        started_at: now(),
        checkpoints_found: 0,
        device: "cpu".to_owned(),
        rates: shop.rates,
    }
}

pub(crate) fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Works for a while; false where nobody wants it any more.
async fn keep_lease(shop: &Shop, work: &Work, attempt: &Nonce, long: Duration) -> bool {
    let until = tokio::time::Instant::now() + long;
    loop {
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        if left <= BEAT {
            tokio::time::sleep(left).await;
            return true;
        }
        tokio::time::sleep(BEAT).await;
        let (key, generation) = (work.key, work.generation);
        let heartbeat = Heartbeat { key, attempt: attempt.clone(), generation, lease: LEASE, done: 1, total: 2 };
        if shop.ledger.heartbeat(&heartbeat).await.unwrap() == Beat::Unwanted {
            return false;
        }
    }
}

fn outcome(shop: &Shop, work: &Work, attempt: &Nonce) -> Outcome {
    Outcome {
        version: OUTCOME_VERSION,
        key: work.key,
        generation: work.generation,
        attempt: attempt.clone(),
        kind: work.spec.kind(),
        fields: work.fields.clone(),
        inputs: Vec::new(),
        produced: Produced::default(),
        provenance: Provenance { committed_at: now(), ..Provenance::default() },
        cost: Cost { seconds: 3600.0, ..Cost::default() }.at(shop.rates),
    }
}

async fn commit(shop: &Shop, work: &Work, (attempt, number): (&Nonce, u64)) {
    let outcome = outcome(shop, work, attempt);
    let verdict = match shop.store.put_outcome(&outcome).await.unwrap() {
        Put::Created => Verdict::Committed,
        Put::Existing(_) => Verdict::Discarded,
    };
    if verdict == Verdict::Discarded {
        let record = AttemptEnd { cost: outcome.cost, ..end_record(work.key, (attempt, verdict.clone())) };
        shop.store.put_attempt_end(&record).await.unwrap();
    }
    shop.ledger.adopt(&outcome).await.unwrap();
    shop.note(if verdict == Verdict::Committed { Did::Committed(number) } else { Did::Discarded(number) });
}

async fn stop(shop: &Shop, work: &Work, (attempt, number): (&Nonce, u64)) {
    end(shop, work.key, (attempt, Verdict::Preempted)).await;
    shop.note(Did::Stopped(number));
}

fn end_record(key: JobKey, (attempt, verdict): (&Nonce, Verdict)) -> AttemptEnd {
    AttemptEnd {
        version: ATTEMPT_VERSION,
        attempt: attempt.clone(),
        key,
        ended_at: now(),
        checkpoints_made: 0,
        verdict,
        cost: Cost::default(),
    }
}

async fn end(shop: &Shop, key: JobKey, (attempt, verdict): (&Nonce, Verdict)) {
    shop.store.put_attempt_end(&end_record(key, (attempt, verdict.clone()))).await.unwrap();
    let ended = Ended { key, attempt: attempt.clone(), verdict, checkpoints_made: 0 };
    shop.ledger.end(&ended).await.unwrap();
}
