//! What can happen.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use bitsweep_backends::conformance::s3::{Kind, Trouble};
use bitsweep_proto::attempt::AttemptStart;

use crate::process::{Process, signal};
use crate::site::{Kill, Site};
use crate::support;
use crate::support::random::Random;
use crate::sweeps::Sweeps;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillWorker,
    KillChild,
    KillCoordinator,
    TerminateWorker,
    StopWorker,
    StopCoordinator,
    RestartBroker,
    Flush,
    RollBack,
    DeleteQueues,
    StoreOverloaded,
    StoreSlow,
    StoreCutOff,
    StoreLosesAnswers,
    StoreFull,
    DiskFull,
    CorruptBlob,
    DeleteBlob,
}

use Fault::*;

/// Kills most often: they are what spot machines do.
const DECK: [Fault; 20] = [
    KillWorker,
    KillWorker,
    KillWorker,
    KillChild,
    KillCoordinator,
    TerminateWorker,
    StopWorker,
    StopCoordinator,
    RestartBroker,
    Flush,
    RollBack,
    DeleteQueues,
    StoreOverloaded,
    StoreSlow,
    StoreCutOff,
    StoreLosesAnswers,
    StoreFull,
    DiskFull,
    CorruptBlob,
    DeleteBlob,
];

/// A deck that is shuffled again when it is used up, so that everything happens.
#[derive(Default)]
pub(crate) struct Deck(Vec<Fault>);

impl Deck {
    pub(crate) fn next(&mut self, random: &mut Random) -> Fault {
        if self.0.is_empty() {
            self.0 = DECK.to_vec();
        }
        let at = usize::try_from(random.below(self.0.len() as u64)).unwrap();
        self.0.swap_remove(at)
    }
}

impl Fault {
    /// Whether what services or coordinators had in memory is gone after it.
    pub(crate) fn wipes(self) -> bool {
        matches!(self, KillCoordinator | StopCoordinator | Flush | RollBack)
    }
}

/// Longer than a lease.
const STOPPED: Duration = Duration::from_millis(4_500);

pub(crate) async fn inflict(fault: Fault, site: &mut Site, sweeps: &Sweeps, random: &mut Random) {
    match fault {
        KillWorker => kill_worker(site, sweeps, random).await,
        KillChild => kill_child(site, sweeps, random).await,
        KillCoordinator => one(&site.coordinators, random).signal("KILL"),
        TerminateWorker => one(&site.workers, random).signal("TERM"),
        StopWorker => stop(one(&site.workers, random)).await,
        StopCoordinator => stop(one(&site.coordinators, random)).await,
        RestartBroker => site.rabbit.restart().await,
        Flush => redis(site, &["FLUSHALL"]),
        RollBack => roll_back(site, random).await,
        DeleteQueues => delete_queues(site).await,
        StoreOverloaded => trouble(site, Kind::Overloaded, 3 + random.below(10)),
        StoreSlow => trouble(site, Kind::Slow(Duration::from_millis(800)), 3 + random.below(10)),
        StoreCutOff => trouble(site, Kind::CutOff, 2 + random.below(5)),
        StoreLosesAnswers => trouble(site, Kind::AnswerLost, 2 + random.below(5)),
        StoreFull => fill_store(site, 2 + random.below(5)),
        DiskFull => fill_disk(site, random).await,
        CorruptBlob | DeleteBlob => spoil_blob(site, sweeps, random, fault).await,
    }
}

fn one<'a>(processes: &'a [Process], random: &mut Random) -> &'a Process {
    let at = usize::try_from(random.below(processes.len() as u64)).unwrap();
    &processes[at]
}

async fn kill_worker(site: &mut Site, sweeps: &Sweeps, random: &mut Random) {
    let Some(process) = victim(site, sweeps, random).await.id() else { return };
    site.kills.push(Kill { process, at: SystemTime::now() });
    signal(process, "KILL");
}

async fn kill_child(site: &mut Site, sweeps: &Sweeps, random: &mut Random) {
    let worker = victim(site, sweeps, random).await;
    let (Some(process), children) = (worker.id(), worker.children()) else { return };
    site.kills.push(Kill { process, at: SystemTime::now() });
    for child in children {
        signal(child, "KILL");
    }
}

/// A worker at work, where there is one; every other time one that embeds, for that is where a kill costs most.
async fn victim<'a>(site: &'a Site, sweeps: &Sweeps, random: &mut Random) -> &'a Process {
    let (kinds, known) = (sweeps.kinds(), site.records.known().await.unwrap());
    let (mut at_work, mut embedding) = (Vec::new(), Vec::new());
    for (key, attempts) in site.records.all_attempts().await.unwrap() {
        let open = |start: &&AttemptStart| !attempts.ends.iter().any(|end| end.attempt == start.attempt);
        for start in attempts.starts.iter().filter(open).filter(|_| !known.outcomes.contains_key(&key)) {
            let Some(at) = site.workers.iter().position(|worker| worker.id() == Some(start.process)) else { continue };
            at_work.push(at);
            if kinds.get(&key) == Some(&bitsweep_proto::Kind::Embed) {
                embedding.push(at);
            }
        }
    }
    if embedding.is_empty() || random.below(2) == 0 {
        embedding = at_work;
    }
    if embedding.is_empty() { one(&site.workers, random) } else { &site.workers[random.of(&embedding)] }
}

async fn stop(process: &Process) {
    process.signal("STOP");
    tokio::time::sleep(STOPPED).await;
    process.signal("CONT");
}

fn redis(site: &Site, command: &[&str]) {
    let address = site.redis.address();
    let port = address.with_secrets().port().expect("a private server has a port of its own").to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(command).output().unwrap();
    assert!(output.status.success(), "{}", support::text(&output.stderr));
}

/// The ledger as it was some seconds ago.
async fn roll_back(site: &mut Site, random: &mut Random) {
    let folder = site.redis.folder().to_owned();
    let old = site.bench.path("older-ledger");
    let _ = std::fs::remove_dir_all(&old);
    support::copy(&folder, &old);
    tokio::time::sleep(Duration::from_millis(500 + random.below(2_500))).await;
    site.redis.kill();
    for file in support::files(&folder) {
        let _ = std::fs::remove_file(file);
    }
    support::copy(&old, &folder);
    site.redis.restart().await;
}

async fn delete_queues(site: &Site) {
    // All at once: each call of rabbitmqctl takes seconds to start.
    let delete = "[rabbit_amqqueue:delete(Q, false, false, <<\"chaos\">>) || Q <- rabbit_amqqueue:list(<<\"/\">>)].";
    site.rabbit.ctl(&["eval", delete]).await;
}

fn trouble(site: &Site, kind: Kind, times: u64) {
    site.s3.trouble(vec![Trouble::new(kind, times)]);
}

/// The store has no room for what is put.
fn fill_store(site: &Site, times: u64) {
    let puts = Trouble { method: Some("PUT".parse().unwrap()), ..Trouble::new(Kind::Full, times) };
    site.s3.trouble(vec![puts]);
}

/// A worker's disk is full for a while.
async fn fill_disk(site: &Site, random: &mut Random) {
    let with_disks: Vec<&Process> = site.workers.iter().filter(|worker| worker.disk.is_some()).collect();
    let at = usize::try_from(random.below(with_disks.len() as u64)).unwrap();
    let filler = with_disks[at].fill_disk();
    tokio::time::sleep(Duration::from_millis(2_000 + random.below(3_000))).await;
    // The disk is gone if the worker is.
    let _ = filler.map(std::fs::remove_file);
}

/// Damages a blob of an outcome that a job still has to read; of any, where there is none. But nothing that was imported:
/// nobody can make that again.
async fn spoil_blob(site: &Site, sweeps: &Sweeps, random: &mut Random, fault: Fault) {
    let known = site.records.known().await.unwrap();
    let awaited = sweeps.inputs_of_open_jobs(&known);
    let (mut wanted, mut others) = (Vec::new(), Vec::new());
    for key in known.outcomes.keys() {
        let Ok(Some(outcome)) = site.records.outcome(*key).await else { continue };
        let Some(item) = outcome.produced.artifact.first() else { continue };
        if outcome.provenance.host != "imported" {
            if awaited.contains(key) { &mut wanted } else { &mut others }.push(item.blob.to_string());
        }
    }
    let mut names = if wanted.is_empty() { others } else { wanted };
    names.sort();
    if names.is_empty() {
        return;
    }
    let name = &names[usize::try_from(random.below(names.len() as u64)).unwrap()];
    let path: PathBuf = site.s3.bucket().join("sweeps/blobs").join(&name[..2]).join(name);
    let Ok(mut bytes) = std::fs::read(&path) else { return };
    if fault == DeleteBlob {
        let _ = std::fs::remove_file(&path);
    } else if let Some(byte) = bytes.first_mut() {
        *byte ^= 1;
        let _ = std::fs::write(&path, bytes);
    }
}
