//! What can happen.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use bitsweep_backends::conformance::s3::{Kind, Trouble};

use crate::process::{Process, signal};
use crate::site::{Kill, Site};
use crate::support;
use crate::support::random::Random;

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

pub(crate) async fn inflict(fault: Fault, site: &mut Site, random: &mut Random) {
    match fault {
        KillWorker => kill_worker(site, random),
        KillChild => kill_child(site, random),
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
        CorruptBlob | DeleteBlob => spoil_blob(site, random, fault).await,
    }
}

fn one<'a>(processes: &'a [Process], random: &mut Random) -> &'a Process {
    let at = usize::try_from(random.below(processes.len() as u64)).unwrap();
    &processes[at]
}

fn kill_worker(site: &mut Site, random: &mut Random) {
    let Some(process) = one(&site.workers, random).id() else { return };
    site.kills.push(Kill { process, at: SystemTime::now() });
    signal(process, "KILL");
}

fn kill_child(site: &mut Site, random: &mut Random) {
    let worker = one(&site.workers, random);
    let Some(process) = worker.id() else { return };
    site.kills.push(Kill { process, at: SystemTime::now() });
    for child in worker.children() {
        signal(child, "KILL");
    }
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
    let queues = site.rabbit.ctl(&["--quiet", "list_queues", "name"]).await;
    for queue in queues.lines().map(str::trim).filter(|name| name.starts_with("bitsweep.")) {
        site.rabbit.ctl(&["delete_queue", queue]).await;
    }
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

/// Damages a blob that some outcome names, but for what was imported: nobody can make that again.
async fn spoil_blob(site: &Site, random: &mut Random, fault: Fault) {
    let known = site.records.known().await.unwrap();
    let mut names = Vec::new();
    let mut keys: Vec<_> = known.outcomes.keys().copied().collect();
    keys.sort();
    for key in keys {
        let Ok(Some(outcome)) = site.records.outcome(key).await else { continue };
        if outcome.provenance.host != "imported" {
            names.extend(outcome.produced.artifact.first().map(|item| item.blob.to_string()));
        }
    }
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
