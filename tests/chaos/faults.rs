//! What can happen.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bitsweep_backends::conformance::s3::{Kind, Trouble};

use crate::site::{Process, Site};
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
    CorruptBlob,
    DeleteBlob,
}

use Fault::*;

/// Kills most often: they are what spot machines do.
const DECK: [Fault; 22] = [
    KillWorker,
    KillWorker,
    KillWorker,
    KillWorker,
    KillChild,
    KillChild,
    KillCoordinator,
    KillCoordinator,
    TerminateWorker,
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
    CorruptBlob,
    DeleteBlob,
];

pub(crate) fn next(random: &mut Random) -> Fault {
    random.of(&DECK)
}

/// Longer than a lease.
const STOPPED: Duration = Duration::from_millis(4_500);

pub(crate) async fn inflict(fault: Fault, site: &mut Site, random: &mut Random) {
    match fault {
        KillWorker => kill(one(&mut site.workers, random), "KILL"),
        KillCoordinator => kill(one(&mut site.coordinators, random), "KILL"),
        TerminateWorker => kill(one(&mut site.workers, random), "TERM"),
        KillChild => kill_child(one(&mut site.workers, random)),
        StopWorker => stop(one(&mut site.workers, random)).await,
        StopCoordinator => stop(one(&mut site.coordinators, random)).await,
        RestartBroker => site.rabbit.restart().await,
        Flush => redis(site, &["FLUSHALL"]),
        RollBack => roll_back(site, random).await,
        DeleteQueues => delete_queues(site).await,
        StoreOverloaded => trouble(site, Kind::Overloaded, 3 + random.below(10)),
        StoreSlow => trouble(site, Kind::Slow(Duration::from_millis(800)), 3 + random.below(10)),
        StoreCutOff => trouble(site, Kind::CutOff, 2 + random.below(5)),
        StoreLosesAnswers => trouble(site, Kind::AnswerLost, 2 + random.below(5)),
        CorruptBlob | DeleteBlob => spoil_blob(site, random, fault).await,
    }
}

fn one<'a>(processes: &'a mut [Process], random: &mut Random) -> &'a mut Process {
    let at = usize::try_from(random.below(processes.len() as u64)).unwrap();
    &mut processes[at]
}

fn signal(process: &str, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), process]).status();
}

fn kill(process: &mut Process, name: &str) {
    if let Some(child) = &process.child {
        signal(&child.id().to_string(), name);
    }
}

fn kill_child(worker: &mut Process) {
    let Some(child) = &worker.child else { return };
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap_or_default();
    // Threads of the runtime start children too.
    let of_threads = Command::new("pgrep").args(["-P", &child.id().to_string()]).output();
    let of_threads = of_threads.map(|output| support::text(&output.stdout)).unwrap_or_default();
    for child in children.split_whitespace().chain(of_threads.split_whitespace()) {
        signal(child, "KILL");
    }
}

async fn stop(process: &mut Process) {
    let Some(child) = &process.child else { return };
    let id = child.id().to_string();
    signal(&id, "STOP");
    tokio::time::sleep(STOPPED).await;
    signal(&id, "CONT");
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

/// Damages a blob that some outcome names: what was imported nobody can make again.
async fn spoil_blob(site: &mut Site, random: &mut Random, fault: Fault) {
    let Ok(known) = site.store.known().await else { return };
    let mut keys: Vec<_> = known.outcomes.into_keys().collect();
    keys.sort();
    if keys.is_empty() {
        return;
    }
    let key = random.of(&keys);
    let Ok(Some(outcome)) = site.store.outcome(key).await else { return };
    let Some(item) = outcome.produced.artifact.first() else { return };
    let name = item.blob.to_string();
    let path: PathBuf = site.s3.bucket().join("sweeps/blobs").join(&name[..2]).join(&name);
    let Ok(mut bytes) = std::fs::read(&path) else { return };
    if fault == DeleteBlob {
        let _ = std::fs::remove_file(&path);
    } else if let Some(byte) = bytes.first_mut() {
        *byte ^= 1;
        let _ = std::fs::write(&path, bytes);
    }
}
