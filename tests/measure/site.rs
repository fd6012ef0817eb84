//! Private services, a store in a folder, a coordinator and workers.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use bitsweep_backends::Store;
use bitsweep_backends::conformance::servers::{Rabbit, Redis};
use bitsweep_coordinator::SweepStatus;
use bitsweep_proto::SweepId;

use crate::gauge::Usage;
use crate::support::Bench;

/// Nothing here takes so long unless it is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where everything is. What is dropped is killed.
pub(crate) struct Site {
    pub(crate) bench: Bench,
    pub(crate) rabbit: Rabbit,
    pub(crate) redis: Redis,
    pub(crate) store: Store,
    pub(crate) api: String,
    http: reqwest::Client,
    processes: u32,
}

/// A process of ours; killed when it is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// What it uses, its children apart: itself, then they.
    pub(crate) fn usage(&self) -> (Usage, Usage) {
        let (own, all) = (Usage::of(self.pid()), Usage::of_tree(self.pid()));
        let children = Usage {
            rss_bytes: all.rss_bytes.saturating_sub(own.rss_bytes),
            peak_bytes: all.peak_bytes.saturating_sub(own.peak_bytes),
            cpu_seconds: all.cpu_seconds - own.cpu_seconds,
            files: all.files.saturating_sub(own.files),
            threads: all.threads.saturating_sub(own.threads),
        };
        (own, children)
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(sent.expect("kill is installed").success(), "process {} is gone", self.pid());
    }

    /// Asks it to go, and waits until it has gone.
    pub(crate) fn end(mut self) {
        self.signal("TERM");
        let until = Instant::now() + PATIENCE;
        while self.0.try_wait().expect("it is ours").is_none() {
            assert!(Instant::now() < until, "process {} does not go", self.pid());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Site {
    /// Private services and an empty store in the bench's folder.
    pub(crate) async fn start(bench: Bench) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (rabbit, redis) = tokio::join!(Rabbit::start(), Redis::start(true));
        let store = Store::open(&bench.path("store").display().to_string()).await.unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let (api, http) = (format!("http://127.0.0.1:{port}"), reqwest::Client::new());
        Self { bench, rabbit, redis, store, api, http, processes: 0 }
    }

    /// A coordinator, once it leads.
    pub(crate) async fn coordinator(&mut self, environment: &[(&str, &str)]) -> Process {
        let listen = self.api.strip_prefix("http://").unwrap().to_owned();
        let process = self.spawn(&["coordinator", "--listen", &listen], environment);
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.http.get(format!("{}/readyz", self.api)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return process;
            }
            assert!(Instant::now() < until, "the coordinator does not lead");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A worker, not waited for.
    pub(crate) fn worker(&mut self, slots: u32, environment: &[(&str, &str)]) -> Process {
        let scratch = self.bench.path(&format!("scratch-{}", self.processes)).display().to_string();
        let slots = slots.to_string();
        let arguments = ["worker", "--slots", &slots, "--threads", "1", "--scratch", &scratch, "--usd-per-hour", "1"];
        self.spawn(&arguments, environment)
    }

    /// A worker in a network namespace, which finds queue and ledger at these addresses. Not waited for.
    pub(crate) fn worker_on(&mut self, host: &str, slots: u32, [queue, ledger]: [&str; 2]) -> Process {
        let scratch = self.bench.path(&format!("scratch-{}", self.processes)).display().to_string();
        let slots = slots.to_string();
        let arguments = ["worker", "--slots", &slots, "--threads", "1", "--scratch", &scratch];
        let command = self.command(&arguments, [queue, ledger], &[]);
        let mut there = Command::new("ip");
        there.args(["netns", "exec", host]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => there.env(name, value),
                None => there.env_remove(name),
            };
        }
        there.current_dir(self.bench.path(""));
        self.started(there, &format!("worker-on-{host}"))
    }

    fn spawn(&mut self, arguments: &[&str], environment: &[(&str, &str)]) -> Process {
        let (queue, ledger) = (self.rabbit.address(), self.redis.address());
        let places = [queue.with_secrets().as_str(), ledger.with_secrets().as_str()];
        let command = self.command(arguments, places, environment);
        self.started(command, arguments[0])
    }

    fn command(&self, arguments: &[&str], [queue, ledger]: [&str; 2], environment: &[(&str, &str)]) -> Command {
        let mut command = self.bench.command(arguments);
        command.args(["--queue", queue, "--ledger", ledger, "--store"]).arg(self.bench.path("store"));
        command.env("BITSWEEP_LOG", "warn").envs(environment.iter().copied());
        command
    }

    /// Starts it, with a log beside the store.
    fn started(&mut self, mut command: Command, name: &str) -> Process {
        self.processes += 1;
        let log = File::create(self.bench.path(&format!("{name}-{}.log", self.processes))).unwrap();
        Process(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    /// Has the coordinator run a sweep whose plan is in the store.
    pub(crate) async fn resume(&self, sweep: SweepId) {
        let answer = self.http.post(format!("{}/api/v1/sweeps/{sweep}/resume", self.api)).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// How a sweep stands, and how long the answer took.
    pub(crate) async fn status(&self, sweep: SweepId) -> (SweepStatus, Duration) {
        let began = Instant::now();
        let answer = self.http.get(format!("{}/api/v1/sweeps/{sweep}", self.api)).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        let status = answer.json().await.unwrap();
        (status, began.elapsed())
    }

    /// Waits until that many slots are announced.
    pub(crate) async fn slots(&self, wanted: u32) {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = self.http.get(format!("{}/metrics", self.api)).send().await.unwrap().text().await.unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("bitsweep_slots{class=\"cpu\"} "));
            if line.and_then(|count| count.parse::<u32>().ok()) == Some(wanted) {
                return;
            }
            assert!(Instant::now() < until, "the workers do not come: {text}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the services use: RabbitMQ, Redis.
    pub(crate) fn services(&self) -> (Usage, Usage) {
        (Usage::of_tree(self.rabbit.pid()), Usage::of_tree(self.redis.pid()))
    }

    /// A connection to Redis.
    pub(crate) async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.redis.address().with_secrets().clone()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }
}
