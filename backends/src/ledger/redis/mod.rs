//! The ledger in Redis (7.0 or newer) or Valkey.
//!
//! Owns: the records and their names, one atomic script per operation, the connection. Does not own: what the operations
//! mean ([`Ledger`] says it, and the conformance suite checks it). All times are the server's: should its clock be set
//! forward, leases expire early, and their attempts take them again with the next heartbeat.
//!
//! **What it forgets.** Nothing grows without bound, and nothing here is needed for long: the store alone is true.
//! Records of jobs that are done or idle go after a quarter of an hour, those that are offered or leased after 30 days without a word,
//! marks of ended attempts after a day. Of notices and results about 100,000 are kept. What is kept for a store as a
//! whole goes after 30 days without a leader.
//!
//! **What it takes** (`tests/figures.rs`): 100,000 jobs are 98 MB while they are offered (their work, 600 bytes of JSON each,
//! is most of it) and 25 MB when they are done, with 13 MB of results beside; a script keeps the server for about 33 µs.
//!
//! **How it notices that it is not what it was.** `open` writes the incarnation together with the id of this run of the
//! server; claims are served only where both are there and the server still is the one that was opened, so a restart
//! closes the ledger by itself, whatever it had saved. Besides, every pulse counts: a count that was heard before means a
//! rollback without a restart.

mod failure;
mod keys;
mod link;
mod needs;
mod reader;
mod scripts;
mod streams;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bitsweep_proto::attempt::Nonce;
use bitsweep_proto::key::JobKey;
use bitsweep_proto::outcome::Outcome;
use bitsweep_proto::work::Work;
use bitsweep_proto::worker::{Offer, WorkerCard};
use redis::{FromRedisValue, ScriptInvocation};

use self::keys::Keys;
use self::link::{Link, Request};
use self::reader::Reader;
use self::scripts::{FORMAT, Scripts};
use super::fit::unfit;
use super::{Beat, Claim, Ended, Heartbeat, Ledger, Notice, Pulse, ResultEntry};
use crate::address::Address;
use crate::error::BackendError;

/// A call that takes longer has failed; it may have been carried out, so the caller makes it again.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// Jobs that one script writes: the server does nothing else meanwhile.
const JOBS_AT_ONCE: usize = 100;

/// A ledger that many processes share.
#[derive(Debug)]
pub struct RedisLedger {
    link: Arc<Link>,
    keys: Keys,
    scripts: Scripts,
    reader: Reader,
    /// What this process opened, to be told from what it finds.
    opened: Mutex<Option<Opened>>,
}

#[derive(Clone, Debug)]
struct Opened {
    leader: Nonce,
    incarnation: String,
    /// The highest count of pulses that was heard since.
    pulses: u64,
}

impl RedisLedger {
    /// The ledger of the store called `store`, at a `redis:` or `rediss:` address. Checks that the server answers and is
    /// not too old.
    pub async fn connect(address: &Address, store: &str) -> Result<Self, BackendError> {
        // The TLS library asks for a default where it is used first; one that is there already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let link = Arc::new(Link::new(address, RESPONSE_TIMEOUT)?);
        let ledger = Self {
            keys: Keys::new(store),
            scripts: Scripts::new(),
            reader: Reader::new(address, Keys::new(store).notices())?,
            opened: Mutex::default(),
            link,
        };
        let _: String = ledger.link.ask(Request::Command(&redis::cmd("PING"))).await?;
        Ok(ledger)
    }

    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, BackendError> {
        self.link.ask(Request::Script(script)).await
    }

    /// What this process knows of the ledger that `leader` opened.
    fn opened_by(&self, leader: &Nonce) -> Option<Opened> {
        self.opened.lock().expect("nothing panics with it").clone().filter(|opened| opened.leader == *leader)
    }

    async fn refuse(&self, key: JobKey, reason: &str) -> Result<(), BackendError> {
        let mut script = self.scripts.refused.prepare_invoke();
        self.run(script.key(self.keys.notices()).arg(key.to_string()).arg(reason)).await
    }

    /// What a claim was answered; `told` is the work, or the format of the ledger.
    async fn claimed(&self, key: JobKey, offer: &Offer, (word, told): (String, String)) -> Result<Claim, BackendError> {
        let work = || {
            serde_json::from_str::<Work>(&told).map(Box::new).map_err(|error| {
                failure::damaged(format!("work on job {key} that this version cannot read ({error}): update bitsweep"))
            })
        };
        Ok(match word.as_str() {
            "granted" => Claim::Granted(work()?),
            "held" => Claim::Held,
            "not offered" => Claim::NotOffered,
            "closed" => Claim::Closed,
            "unfit" => {
                let reason = match serde_json::from_str::<Work>(&told) {
                    Ok(work) => unfit(&work, offer).unwrap_or_else(|| "it needs another worker".to_owned()),
                    // Of a kind that came later, most likely: one job that this worker cannot run, and no reason to end.
                    Err(error) => format!("this worker's version cannot read it ({error}): update bitsweep there"),
                };
                self.refuse(key, &reason).await?;
                Claim::Unfit(reason)
            }
            "format" => {
                let what = format!(
                    "its records are of format {told}, this program's of {FORMAT}: use one version of bitsweep"
                );
                return Err(failure::refused(what, None));
            }
            _ => return Err(failure::damaged(format!("an answer {word:?} to a claim"))),
        })
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX).min(MOST_MILLIS)
}

/// A hundred years: more overflows the server's clock.
const MOST_MILLIS: u64 = 100 * 365 * 24 * 3600 * 1000;

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data has a form in JSON")
}

#[async_trait]
impl Ledger for RedisLedger {
    async fn pulse(&self, leader: &Nonce, lease: Duration) -> Result<Pulse, BackendError> {
        let known = self.opened_by(leader);
        let mut script = self.scripts.pulse.prepare_invoke();
        let keys = &self.keys;
        script.key(keys.leader()).key(keys.open()).key(keys.pulses()).key(keys.leases()).key(keys.notices());
        script.key(keys.results()).key(keys.workers()).key(keys.workers_until());
        script.arg(&leader.0).arg(millis(lease));
        match &known {
            Some(known) => script.arg(&known.incarnation).arg(known.pulses),
            None => script.arg("").arg(""),
        };
        let (word, count): (String, u64) = self.run(&script).await?;
        match word.as_str() {
            "leads" => {
                let mut opened = self.opened.lock().expect("nothing panics with it");
                if let (Some(opened), Some(known)) = (opened.as_mut(), known)
                    && opened.incarnation == known.incarnation
                {
                    opened.pulses = opened.pulses.max(count);
                }
                Ok(Pulse::Leads)
            }
            "rebuild" => Ok(Pulse::Rebuild),
            "stand by" => Ok(Pulse::StandBy),
            _ => Err(failure::damaged(format!("an answer {word:?} to a pulse"))),
        }
    }

    async fn close(&self, leader: &Nonce) -> Result<(), BackendError> {
        let mut script = self.scripts.close.prepare_invoke();
        self.run(script.key(self.keys.leader()).key(self.keys.open()).arg(&leader.0)).await
    }

    async fn open(&self, leader: &Nonce) -> Result<(), BackendError> {
        let mut script = self.scripts.open.prepare_invoke();
        script.key(self.keys.leader()).key(self.keys.open()).arg(&leader.0).arg(FORMAT);
        let incarnation: String = self.run(&script).await?;
        if !incarnation.is_empty() {
            let opened = Opened { leader: leader.clone(), incarnation, pulses: 0 };
            *self.opened.lock().expect("nothing panics with it") = Some(opened);
        }
        Ok(())
    }

    async fn step_down(&self, leader: &Nonce) -> Result<(), BackendError> {
        let mut script = self.scripts.step_down.prepare_invoke();
        self.run(script.key(self.keys.leader()).arg(&leader.0)).await
    }

    async fn offer(&self, works: Vec<Work>) -> Result<(), BackendError> {
        for works in works.chunks(JOBS_AT_ONCE) {
            let mut script = self.scripts.offer.prepare_invoke();
            script.key(self.keys.leases());
            for work in works {
                script.key(self.keys.job(work.key)).arg(work.generation).arg(needs::of_work(work)).arg(json(work));
            }
            self.run::<()>(&script).await?;
        }
        Ok(())
    }

    async fn withdraw(&self, keys: &[JobKey]) -> Result<(), BackendError> {
        for keys in keys.chunks(JOBS_AT_ONCE) {
            let mut script = self.scripts.withdraw.prepare_invoke();
            script.key(self.keys.leases());
            for key in keys {
                script.key(self.keys.job(*key));
            }
            self.run::<()>(&script).await?;
        }
        Ok(())
    }

    async fn claim(&self, key: JobKey, attempt: &Nonce, offer: &Offer, lease: Duration) -> Result<Claim, BackendError> {
        let mut script = self.scripts.claim.prepare_invoke();
        let keys = &self.keys;
        script.key(keys.leases()).key(keys.notices()).key(keys.open()).key(keys.job(key)).key(keys.ended(attempt));
        script.arg(&attempt.0).arg(millis(lease)).arg(FORMAT).arg(&needs::of_offer(offer));
        let answer = self.run(&script).await?;
        self.claimed(key, offer, answer).await
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<Beat, BackendError> {
        let Heartbeat { key, attempt, generation, lease, done, total } = heartbeat;
        let mut script = self.scripts.heartbeat.prepare_invoke();
        let keys = &self.keys;
        script.key(keys.leases()).key(keys.notices()).key(keys.job(*key)).key(keys.ended(attempt));
        script.arg(&attempt.0).arg(generation).arg(millis(*lease)).arg(done).arg(total);
        let word: String = self.run(&script).await?;
        match word.as_str() {
            "held" => Ok(Beat::Held),
            "lost" => Ok(Beat::Lost),
            "unwanted" => Ok(Beat::Unwanted),
            _ => Err(failure::damaged(format!("an answer {word:?} to a heartbeat"))),
        }
    }

    async fn adopt(&self, outcome: &Outcome) -> Result<(), BackendError> {
        let mut script = self.scripts.adopt.prepare_invoke();
        let keys = &self.keys;
        script.key(keys.leases()).key(keys.notices()).key(keys.results()).key(keys.job(outcome.key));
        script.arg(outcome.generation).arg(outcome.kind.name()).arg(&outcome.attempt.0);
        let measures = &outcome.produced.measures;
        script.arg(outcome.provenance.committed_at);
        script.arg(if measures.is_empty() { String::new() } else { json(measures) });
        self.run(&script).await
    }

    async fn end(&self, ended: &Ended) -> Result<(), BackendError> {
        let mut script = self.scripts.end.prepare_invoke();
        let keys = &self.keys;
        script.key(keys.leases()).key(keys.notices()).key(keys.job(ended.key)).key(keys.ended(&ended.attempt));
        script.arg(&ended.attempt.0).arg(json(&ended.verdict)).arg(ended.checkpoints_made);
        self.run(&script).await
    }

    async fn revoked(&self, key: JobKey, generation: u32) -> Result<(), BackendError> {
        let mut script = self.scripts.revoked.prepare_invoke();
        script.key(self.keys.leases()).key(self.keys.notices()).key(self.keys.job(key)).arg(generation);
        self.run(&script).await
    }

    async fn reap(&self) -> Result<usize, BackendError> {
        let mut all = 0;
        loop {
            let mut script = self.scripts.reap.prepare_invoke();
            script.key(self.keys.leases()).key(self.keys.notices()).arg(self.keys.jobs()).arg(JOBS_AT_ONCE);
            let (expired, reaped): (usize, usize) = self.run(&script).await?;
            all += reaped;
            if expired < JOBS_AT_ONCE {
                return Ok(all);
            }
        }
    }

    async fn notices(&self) -> Result<Vec<Notice>, BackendError> {
        self.reader.next(&self.link, &self.scripts.notices).await
    }

    async fn results(&self, after: &str, most: usize) -> Result<Vec<ResultEntry>, BackendError> {
        let mut command = redis::cmd("XRANGE");
        command.arg(self.keys.results()).arg(streams::behind(after)?).arg("+").arg("COUNT").arg(most);
        let entries: Vec<streams::Entry> = self.link.ask(Request::Command(&command)).await?;
        let read = |entry| {
            streams::result(entry)
                .map_err(|wrong| failure::damaged(format!("an entry {} of results: {wrong}", entry.0)))
        };
        entries.iter().map(read).collect()
    }

    async fn announce(&self, card: &WorkerCard, lease: Duration) -> Result<(), BackendError> {
        let mut script = self.scripts.announce.prepare_invoke();
        script.key(self.keys.workers()).key(self.keys.workers_until());
        self.run(script.arg(&card.id.0).arg(json(card)).arg(millis(lease))).await
    }

    async fn workers(&self) -> Result<Vec<WorkerCard>, BackendError> {
        let mut script = self.scripts.workers.prepare_invoke();
        let cards: Vec<String> = self.run(script.key(self.keys.workers()).key(self.keys.workers_until())).await?;
        // A card that cannot be read, though kinds that are not known here are left out of it, is of a worker of another
        // version: it shows nowhere and works on.
        Ok(cards.iter().filter_map(|card| serde_json::from_str(card).ok()).collect())
    }
}
