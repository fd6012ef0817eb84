//! Private services, coordinators and workers, and a sweep on them.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use bitsweep_backends::Store;
use bitsweep_backends::conformance::s3::S3Server;
use bitsweep_backends::conformance::servers::{Rabbit, Redis};
use bitsweep_models::tiny::{TinyModel, write_tiny_model};
use bitsweep_proto::{Plan, SweepId};

use crate::support::{Bench, MANIFEST, text};

/// A process of ours, which may be dead.
pub(crate) struct Process {
    pub(crate) name: String,
    arguments: Vec<String>,
    pub(crate) child: Option<Child>,
    died: Instant,
    lives: u32,
}

pub(crate) struct Site {
    pub(crate) bench: Bench,
    pub(crate) rabbit: Rabbit,
    pub(crate) redis: Redis,
    pub(crate) s3: S3Server,
    pub(crate) store: Store,
    pub(crate) coordinators: Vec<Process>,
    pub(crate) workers: Vec<Process>,
    ports: Vec<u16>,
    sweeps: Vec<(SweepId, Plan)>,
    /// Manifests submitted so far: `sweep-0.yaml` …
    manifests: u32,
}

impl Site {
    pub(crate) async fn start(coordinators: usize, workers: usize) -> Self {
        let bench = Bench::new();
        write_tiny_model(&bench.path("tiny"), &TinyModel { dim: 128, layers: 4, ..TinyModel::default() }).unwrap();
        let (rabbit, redis) = tokio::join!(Rabbit::start(), Redis::start(true));
        let s3 = S3Server::start();
        let store = s3.open("sweeps").await;
        let ports: Vec<u16> = (0..coordinators).map(|_| free_port()).collect();
        let mut site = Self {
            bench,
            rabbit,
            redis,
            s3,
            store,
            coordinators: Vec::new(),
            workers: Vec::new(),
            ports,
            sweeps: Vec::new(),
            manifests: 0,
        };
        for (number, port) in site.ports.clone().into_iter().enumerate() {
            let listen = format!("127.0.0.1:{port}");
            let process = site.process(&format!("coordinator-{number}"), &["coordinator", "--listen", &listen]);
            site.coordinators.push(process);
        }
        for number in 0..workers {
            let (cache, scratch) = (site.bench.path("cache"), site.bench.path(&format!("scratch-{number}")));
            let (cache, scratch) = (cache.display().to_string(), scratch.display().to_string());
            let arguments = ["worker", "--slots", "1", "--threads", "1", "--beat", "500ms", "--usd-per-hour", "1"];
            let folders = ["--cache-dir", &cache, "--scratch", &scratch];
            let process = site.process(&format!("worker-{number}"), &[&arguments[..], &folders[..]].concat());
            site.workers.push(process);
        }
        site.revive_all();
        site
    }

    fn process(&self, name: &str, arguments: &[&str]) -> Process {
        let mut arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (queue, ledger) = (self.rabbit.address(), self.redis.address());
        let services = [
            ("--queue", queue.with_secrets().to_string()),
            ("--ledger", ledger.with_secrets().to_string()),
            ("--store", self.s3.place("sweeps")),
            ("--lease", "3s".to_owned()),
        ];
        arguments.extend(services.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]));
        Process { name: name.to_owned(), arguments, child: None, died: Instant::now(), lives: 0 }
    }

    fn command(&self, arguments: &[String]) -> Command {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.bench.command(&arguments);
        command.envs(self.s3.settings()).env("BITSWEEP_LOG", "info");
        command
    }

    fn spawn(&self, process: &mut Process) {
        process.lives += 1;
        let log = self.bench.path(&format!("{}-{}.log", process.name, process.lives));
        let log = File::create(log).unwrap();
        let mut command = self.command(&process.arguments);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        process.child = Some(command.spawn().unwrap());
    }

    /// Starts what has been dead for a second.
    pub(crate) fn revive(&mut self) {
        self.look();
        self.start_dead(Duration::from_secs(1));
    }

    fn revive_all(&mut self) {
        self.start_dead(Duration::ZERO);
    }

    fn start_dead(&mut self, after: Duration) {
        let mut processes: Vec<Process> =
            std::mem::take(&mut self.coordinators).into_iter().chain(std::mem::take(&mut self.workers)).collect();
        for process in &mut processes {
            if process.child.is_none() && process.died.elapsed() >= after {
                self.spawn(process);
            }
        }
        let workers = processes.split_off(self.ports.len());
        (self.coordinators, self.workers) = (processes, workers);
    }

    /// Notices what has ended.
    fn look(&mut self) {
        for process in self.coordinators.iter_mut().chain(&mut self.workers) {
            if process.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
                (process.child, process.died) = (None, Instant::now());
            }
        }
    }

    /// All troubles are over, everybody is up.
    pub(crate) fn calm_down(&mut self) {
        self.s3.trouble(Vec::new());
        self.look();
        self.revive_all();
    }

    pub(crate) async fn submit(&mut self) {
        let manifest = self.manifest();
        self.submit_file(&manifest).await;
    }

    /// Another sweep on the same embeddings.
    pub(crate) async fn submit_more(&mut self) {
        self.submit().await;
    }

    fn manifest(&mut self) -> String {
        let (number, seeds) = (self.manifests, 24 * (self.manifests + 1));
        self.manifests += 1;
        let name = format!("sweep-{number}.yaml");
        let content = MANIFEST
            .replace("seeds: 2", &format!("seeds: {seeds}"))
            .replace("sweep: bench", &format!("sweep: bench-{number}"));
        self.bench.write(&name, content);
        name
    }

    async fn submit_file(&mut self, manifest: &str) {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            self.look();
            self.start_dead(Duration::from_secs(1));
            for port in self.ports.clone() {
                let to = format!("http://127.0.0.1:{port}");
                let arguments = ["submit", manifest, "--to", &to, "--json"].map(str::to_owned);
                let output = self.command(&arguments).output().unwrap();
                if output.status.success() {
                    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
                    let id = SweepId(answer["sweep"].as_str().unwrap().parse().unwrap());
                    let plan = self.store.plan(&id).await.unwrap();
                    self.sweeps.push((id, plan));
                    return;
                }
                assert!(Instant::now() < until, "cannot submit: {}\n{}", text(&output.stderr), self.logs());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    pub(crate) fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.sweeps.iter().map(|(_, plan)| plan)
    }

    pub(crate) async fn is_done(&self) -> bool {
        let Ok(known) = self.store.known().await else { return false };
        self.plans().flat_map(|plan| &plan.jobs).all(|job| known.outcomes.contains_key(&job.key))
    }

    pub(crate) async fn wait_until_done(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        while !self.is_done().await {
            assert!(Instant::now() < until, "the sweep is stuck\n{}", self.logs());
            self.revive();
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// The tables are those of embedded runs.
    pub(crate) fn check_table(&self) {
        for number in 0..self.manifests {
            let manifest = format!("sweep-{number}.yaml");
            let arguments =
                ["export", &manifest, "--format", "csv", "--store", &self.s3.place("sweeps")].map(str::to_owned);
            let output = self.command(&arguments).output().unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
            self.bench.ok(&["run", &manifest, "--quiet", "--store", "embedded", "--slots", "2", "--threads", "1"]);
            let embedded = self.bench.ok(&["export", &manifest, "--format", "csv", "--store", "embedded"]);
            assert_eq!(text(&output.stdout), embedded, "{manifest}");
        }
    }

    /// The last lines of all logs, for messages.
    pub(crate) fn logs(&self) -> String {
        let mut found = String::new();
        for file in crate::support::files(&self.bench.path("")) {
            if file.extension().is_some_and(|ending| ending == "log") {
                let log = std::fs::read_to_string(&file).unwrap_or_default();
                let lines: Vec<&str> = log.lines().rev().take(12).collect();
                let lines: Vec<&str> = lines.into_iter().rev().collect();
                found += &format!("--- {}\n{}\n", file.file_name().unwrap().display(), lines.join("\n"));
            }
        }
        found
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for child in self.coordinators.iter_mut().chain(&mut self.workers).filter_map(|process| process.child.as_mut())
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
