//! Private services, coordinators and workers.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use bitsweep_backends::Store;
use bitsweep_backends::conformance::s3::S3Server;
use bitsweep_backends::conformance::servers::{Rabbit, Redis};

use crate::process::Process;
use crate::support::{Bench, files};

/// Workers whose files are on a small disk of their own; the others share one cache.
const WITH_DISKS: usize = 2;
/// More than any job needs but those that are to break.
const MEMORY_LIMIT: &str = "400Mi";

pub(crate) struct Site {
    pub(crate) bench: Bench,
    pub(crate) rabbit: Rabbit,
    pub(crate) redis: Redis,
    pub(crate) s3: S3Server,
    /// The store, read behind the server's back: no trouble of the server touches it.
    pub(crate) records: Store,
    pub(crate) coordinators: Vec<Process>,
    pub(crate) workers: Vec<Process>,
    pub(crate) ports: Vec<u16>,
    pub(crate) kills: Vec<Kill>,
}

/// A `kill -9` of a worker, or of its child.
#[derive(Clone, Copy)]
pub(crate) struct Kill {
    /// The worker's process.
    pub(crate) process: u32,
    pub(crate) at: SystemTime,
}

impl Site {
    /// The services and the coordinators. [`Site::start_workers`] starts the rest.
    pub(crate) async fn start(coordinators: usize) -> Self {
        let (rabbit, redis) = tokio::join!(Rabbit::start(), Redis::start(true));
        let s3 = S3Server::start();
        s3.open("sweeps").await;
        let records = Store::open(s3.bucket().join("sweeps").to_str().unwrap()).await.unwrap();
        let ports: Vec<u16> = (0..coordinators).map(|_| free_port()).collect();
        let (bench, kills) = (Bench::new(), Vec::new());
        let (coordinators, workers) = (Vec::new(), Vec::new());
        let mut site = Self { bench, rabbit, redis, s3, records, coordinators, workers, ports, kills };
        for (number, port) in site.ports.clone().into_iter().enumerate() {
            let arguments = site.arguments(&["coordinator", "--listen", &format!("127.0.0.1:{port}")]);
            site.coordinators.push(Process::new(format!("coordinator-{number}"), arguments, None));
        }
        site.revive(Duration::ZERO);
        site
    }

    pub(crate) fn start_workers(&mut self, count: usize) {
        for number in 0..count {
            let disk = (number < WITH_DISKS).then(|| self.bench.path(&format!("disk-{number}")));
            let cache = disk.as_ref().map_or_else(|| self.bench.path("cache"), |disk| disk.join("cache"));
            let scratch = disk.as_ref().map_or_else(|| self.bench.path("scratch"), |disk| disk.join("scratch"));
            let [cache, scratch] = [cache, scratch].map(|path| path.display().to_string());
            let settings = ["worker", "--slots", "1", "--threads", "1", "--beat", "500ms", "--usd-per-hour", "1"];
            let limits = ["--memory-limit", MEMORY_LIMIT, "--cache-dir", &cache, "--scratch", &scratch];
            let arguments = self.arguments(&[&settings[..], &limits[..]].concat());
            self.workers.push(Process::new(format!("worker-{number}"), arguments, disk));
        }
        self.revive(Duration::ZERO);
    }

    fn arguments(&self, own: &[&str]) -> Vec<String> {
        let (queue, ledger) = (self.rabbit.address(), self.redis.address());
        let services = [
            ("--queue", queue.with_secrets().to_string()),
            ("--ledger", ledger.with_secrets().to_string()),
            ("--store", self.s3.place("sweeps")),
            ("--lease", "3s".to_owned()),
        ];
        let services = services.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]);
        own.iter().map(|argument| (*argument).to_owned()).chain(services).collect()
    }

    /// `bitsweep ARGUMENTS` that knows the store.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bench.command(arguments);
        command.envs(self.s3.settings()).env("BITSWEEP_LOG", "info");
        command
    }

    /// Starts what has been dead for a while.
    pub(crate) fn revive(&mut self, dead_for: Duration) {
        let mut processes = std::mem::take(&mut self.coordinators);
        processes.append(&mut self.workers);
        for process in &mut processes {
            process.look();
            if process.is_dead(dead_for) {
                let arguments: Vec<&str> = process.arguments.iter().map(String::as_str).collect();
                let command = self.command(&arguments);
                process.start(&command, |log| File::create(self.bench.path(log)).unwrap());
            }
        }
        self.workers = processes.split_off(self.ports.len());
        self.coordinators = processes;
    }

    /// All troubles are over, everybody is up.
    pub(crate) fn calm_down(&mut self) {
        self.s3.trouble(Vec::new());
        self.revive(Duration::ZERO);
    }

    /// The addresses of the coordinators.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.ports.iter().map(|port| format!("http://127.0.0.1:{port}")).collect()
    }

    /// The last lines of all logs, for messages.
    pub(crate) fn logs(&self) -> String {
        let processes = self.coordinators.iter().chain(&self.workers);
        let tail = |process: &Process| {
            let log = std::fs::read_to_string(self.bench.path(&process.log())).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            format!("--- {}\n{}\n", process.log(), lines[lines.len().saturating_sub(12)..].join("\n"))
        };
        processes.map(tail).collect()
    }

    /// All lines of all logs of workers.
    pub(crate) fn lines_of_workers(&self) -> impl Iterator<Item = String> {
        let is_log = |file: &Path| {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("worker-") && name.ends_with(".log")
        };
        let logs = std::fs::read_dir(self.bench.path("")).unwrap().map(|entry| entry.unwrap().path());
        let logs: Vec<_> = logs.filter(|file| is_log(file)).collect();
        logs.into_iter().flat_map(|log| {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep();
        }
        for child in self.coordinators.iter_mut().chain(&mut self.workers).filter_map(|process| process.child.as_mut())
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Site {
    /// What a failed run leaves for whoever looks into it, where `BITSWEEP_CHAOS_KEEP` names a folder.
    fn keep(&self) {
        let Some(folder) = std::env::var_os("BITSWEEP_CHAOS_KEEP") else { return };
        let folder = Path::new(&folder).join(std::process::id().to_string());
        crate::support::copy(&self.s3.bucket(), &folder.join("bucket"));
        let logs = files(&self.bench.path("")).into_iter().filter(|file| file.extension().is_some_and(|e| e == "log"));
        for log in logs {
            let _ = std::fs::create_dir_all(&folder);
            let _ = std::fs::copy(&log, folder.join(log.file_name().unwrap()));
        }
        println!("kept in {}", folder.display());
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
