//! The commands with `--to`: a laptop with a manifest and its sources, a coordinator and a worker elsewhere. What comes
//! back is byte for byte what an embedded run gives.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use bitsweep_backends::conformance::servers::{Rabbit, Redis};
use serde_json::Value;
use support::{Bench, MANIFEST, files, text};

/// A program that is slow to start on a busy machine is not wrong.
const PATIENCE: Duration = Duration::from_secs(120);

const TOKEN: &str = "a-token-of-the-tests-0123456789";

/// A child that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Services, and a coordinator that answers.
struct Cluster {
    bench: Bench,
    services: [String; 2],
    to: String,
    coordinator: Option<Program>,
    _servers: (Rabbit, Redis),
}

impl Cluster {
    async fn new() -> Self {
        let (rabbit, redis) = tokio::join!(Rabbit::start(), Redis::start(true));
        let services = [rabbit.address(), redis.address()].map(|address| address.with_secrets().to_string());
        let bench = Bench::empty();
        bench.write("tokens", format!("{TOKEN}\n"));
        let mut cluster = Self { bench, services, to: String::new(), coordinator: None, _servers: (rabbit, redis) };
        cluster.start("127.0.0.1:0");
        cluster
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bench.command(args);
        let [queue, ledger] = &self.services;
        command.args(["--queue", queue, "--ledger", ledger, "--lease", "4s", "--store", "store"]);
        command
    }

    /// Starts the coordinator, which says where it listens.
    fn start(&mut self, listen: &str) {
        let mut command = self.command(&["coordinator", "--listen", listen, "--token-file", "tokens"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it speaks");
        self.to = line.trim().strip_prefix("listening on ").expect("it says where").to_owned();
        self.coordinator = Some(Program(child));
    }

    fn worker(&self) -> Program {
        let mut command = self.command(&["worker", "--slots", "2"]);
        Program(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"))
    }

    /// `bitsweep ARGS` on the laptop, with address and token.
    fn on(&self, laptop: &Bench, args: &[&str]) -> Output {
        self.command_on(laptop, args).output().expect("bitsweep starts")
    }

    fn command_on(&self, laptop: &Bench, args: &[&str]) -> Command {
        let mut command = laptop.command(args);
        command.env("BITSWEEP_TO", &self.to).env("BITSWEEP_TOKEN", TOKEN);
        command
    }

    /// As [`Cluster::on`], expects this exit code, gives standard output.
    fn says(&self, laptop: &Bench, exit: i32, args: &[&str]) -> String {
        let output = self.on(laptop, args);
        assert_eq!(
            output.status.code(),
            Some(exit),
            "bitsweep {args:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    fn json(&self, laptop: &Bench, args: &[&str]) -> Value {
        serde_json::from_str(&self.says(laptop, 0, &[args, &["--json"]].concat())).expect("--json prints JSON")
    }

    /// Blobs in the store with the time of their writing.
    fn blobs(&self) -> Vec<(String, SystemTime)> {
        let blobs = files(&self.bench.path("store/blobs"));
        let of = |file: &std::path::PathBuf| {
            let modified = fs::metadata(file).and_then(|meta| meta.modified()).expect("a time");
            (file.display().to_string(), modified)
        };
        blobs.iter().map(of).collect()
    }
}

/// Files below a folder by name, with their bytes.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let name = |file: &Path| file.strip_prefix(folder).expect("below it").display().to_string();
    files(folder).iter().map(|file| (name(file), fs::read(file).expect("it can be read"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_goes_up_runs_elsewhere_and_comes_back_the_same() {
    let cluster = Cluster::new().await;
    let laptop = Bench::new();
    let said = cluster.says(&laptop, 0, &["submit", "sweep.yaml"]);
    assert!(said.contains("sweep bench") && said.contains("7 cells") && said.contains("0 reused"), "{said}");
    assert!(laptop.path("sweep.yaml.lock").is_file(), "the lock is written beside the manifest");
    assert!(!laptop.path(".bitsweep").exists(), "nothing is kept on the laptop");
    let before = cluster.blobs();
    assert!(before.len() > 5);
    let again = cluster.json(&laptop, &["submit", "sweep.yaml"]);
    assert_eq!(cluster.blobs(), before, "nothing goes up twice");
    let waiting = cluster.says(&laptop, 0, &["status", "sweep.yaml"]);
    assert!(waiting.contains("0 of 7 cells done") && waiting.contains("no worker lives"), "{waiting}");

    let worker = cluster.worker();
    let watched = cluster.on(&laptop, &["watch", "sweep.yaml"]);
    assert_eq!(watched.status.code(), Some(0), "{}", text(&watched.stderr));
    assert!(text(&watched.stderr).contains("every job is done"), "{}", text(&watched.stderr));
    let status = cluster.json(&laptop, &["status"]);
    assert_eq!((&status["line"]["id"], &status["line"]["cells_done"]), (&again["sweep"], &7.into()));
    assert!(cluster.says(&laptop, 0, &["status", "--all"]).contains("finished"));

    let here = Bench::new();
    here.ok(&["run", "sweep.yaml", "--quiet"]);
    assert_eq!(cluster.says(&laptop, 0, &["export", "sweep.yaml"]), here.table(), "the table of an embedded run");
    same_from_store_and_coordinator(&cluster, &laptop);
    explains_and_logs(&cluster, &laptop, &here);
    drop(worker);
}

/// Every form of output, read from the store itself and through the coordinator.
fn same_from_store_and_coordinator(cluster: &Cluster, laptop: &Bench) {
    let store = cluster.bench.path("store").display().to_string();
    for args in [
        &["export", "bench", "--format", "csv"][..],
        &["export", "bench", "--json"],
        &["export", "bench", "--per-query"],
        &["advise", "bench", "--docs", "1M", "--memory", "1G", "--measure", "Recall@10", "--at-least", "0.1"],
        &["explain", "codec=pq/8", "bench"],
        &["explain", "codec=pq/8", "bench", "--json"],
        &["conventions", "bench", "--cell", "codec=pq/8"],
        &["conventions", "bench", "--cell", "codec=pq/8", "--json"],
    ] {
        let mut local = laptop.command(&[args, &["--store", &store]].concat());
        let local = local.output().expect("it starts");
        assert!(local.status.success(), "{}", text(&local.stderr));
        assert_eq!(cluster.says(laptop, 0, args), text(&local.stdout), "{args:?}");
    }
    for args in [
        &["export", "bench", "--out", "out/table.parquet"][..],
        &["export", "bench", "--format", "trec", "--out", "out/trec"],
        &["report", "bench", "--out", "out/report.html"],
        &["export", "bench", "--runs", "--pack", "out/pack"],
    ] {
        let made = [Some(store.as_str()), None].map(|store| {
            let _ = fs::remove_dir_all(laptop.path("out"));
            fs::create_dir_all(laptop.path("out")).expect("a folder");
            match store {
                Some(store) => drop(laptop.ok(&[args, &["--store", store]].concat())),
                None => drop(cluster.says(laptop, 0, args)),
            }
            contents(&laptop.path("out"))
        });
        assert!(!made[0].is_empty());
        assert!(made[0] == made[1], "{args:?}");
    }
    let controls = files(&cluster.bench.path("store/controls"));
    assert!(!controls.is_empty(), "the coordinator knows that there is a report");
}

fn explains_and_logs(cluster: &Cluster, laptop: &Bench, here: &Bench) {
    let why = cluster.says(laptop, 0, &["explain", "codec=int8", "sweep.yaml"]);
    assert!(why.contains("nothing that could change it has changed"), "{why}");
    let log = cluster.json(laptop, &["logs", "codec=int8", "sweep.yaml"]);
    assert_eq!((&log["job"], &log["number"], &log["committed"]), (&"measure".into(), &1.into(), &true.into()));
    let key = log["key"].as_str().unwrap();
    assert_eq!(cluster.json(laptop, &["logs", &key[..10]])["key"], log["key"]);
    let local: Value = serde_json::from_str(&here.ok(&["logs", "codec=int8", "sweep.yaml", "--json"])).unwrap();
    assert_eq!(local["key"], log["key"], "the job has the same key, wherever it ran");
    let none = cluster.on(laptop, &["logs", &key[..10], "--attempt", "9"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("had 1 attempt"), "{}", text(&none.stderr));
    let collected = cluster.json(laptop, &["gc", "--dry-run"]);
    assert_eq!(collected["removed"], 0, "{collected}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_told_tried_again_cancelled_and_resumed() {
    let cluster = Cluster::new().await;
    let worker = cluster.worker();
    let laptop = Bench::new();
    laptop.write("tiny/tokenizer.json", "{}");
    let output = cluster.on(&laptop, &["submit", "sweep.yaml", "--watch"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("failed:") && said.contains("bitsweep retry --failed"), "{said}");
    let status = cluster.says(&laptop, 0, &["status", "sweep.yaml"]);
    assert!(status.contains("0 of 7 cells done") && status.contains("failed: embed"), "{status}");
    let log = cluster.says(&laptop, 0, &["logs", "codec=float32", "sweep.yaml"]);
    let retried = cluster.json(&laptop, &["retry", "--failed", "sweep.yaml"]);
    assert!(retried["forgiven"].as_u64().unwrap() > 0, "{retried}");
    cluster.says(&laptop, 1, &["watch", "sweep.yaml"]);
    assert_eq!(cluster.on(&laptop, &["retry", "sweep.yaml"]).status.code(), Some(2), "--failed has to be said");
    drop((worker, log));

    // Nobody works now, so what is submitted waits.
    laptop.write("other.yaml", MANIFEST.replace("sweep: bench", "sweep: other").replace("seeds: 2", "seeds: 3"));
    cluster.says(&laptop, 0, &["submit", "other.yaml"]);
    assert!(cluster.says(&laptop, 0, &["cancel", "other.yaml"]).contains("is cancelled"));
    cluster.says(&laptop, 75, &["watch", "other"]);
    assert!(cluster.says(&laptop, 0, &["status", "other"]).contains("bitsweep resume"));
    let resumed = cluster.says(&laptop, 0, &["resume", "other", "--budget", "0", "gpu_hours=2,usd=3"]);
    assert!(resumed.contains("budgets[0]") && resumed.contains("is wanted"), "{resumed}");
    let status = cluster.json(&laptop, &["status", "other"]);
    // Wanted again; and its embeddings are those of the first sweep, which failed.
    assert_eq!(status["line"]["state"], "failed");
    assert_eq!(
        (&status["budgets"][0]["limit"]["gpu_hours"], &status["budgets"][0]["limit"]["usd"]),
        (&2.0.into(), &3.0.into())
    );
    cluster.says(&laptop, 0, &["resume", "other", "--budget", "0", "usd=5"]);
    let status = cluster.json(&laptop, &["status", "other"]);
    assert_eq!(
        (&status["budgets"][0]["limit"]["gpu_hours"], &status["budgets"][0]["limit"]["usd"]),
        (&2.0.into(), &5.0.into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_outlives_its_coordinator() {
    let mut cluster = Cluster::new().await;
    let laptop = Bench::new();
    cluster.says(&laptop, 0, &["submit", "sweep.yaml"]);
    let mut watch = cluster.command_on(&laptop, &["watch", "sweep.yaml"]);
    let mut watching = watch.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(watching.stderr.take().expect("a pipe")).lines();
    let mut hears = |words: &str| {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let line = said.next().expect("it still speaks").expect("it is text");
            if line.contains(words) {
                return;
            }
        }
        panic!("it never said {words}");
    };
    hears("no worker lives");
    let listen = cluster.to.strip_prefix("http://").expect("an address").to_owned();
    cluster.coordinator = None;
    hears("waiting for a coordinator");
    cluster.start(&listen);
    let _worker = cluster.worker();
    hears("every job is done");
    assert!(watching.wait().expect("it ends").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_mistakes_are_answered_with_what_to_do() {
    let cluster = Cluster::new().await;
    let laptop = Bench::new();
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let other = format!("http://{}", server.local_addr().expect("an address"));
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = server.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let check = |args: &[&str], environment: &[(&str, &str)], exit: i32, words: &[&str]| {
        let output = laptop.command(args).envs(environment.iter().copied()).output().expect("bitsweep starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{args:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{args:?}: {word} is missing: {said}");
        }
        assert!(!said.contains("wrong-token"), "{said}");
    };
    let (to, token) = (("BITSWEEP_TO", cluster.to.as_str()), ("BITSWEEP_TOKEN", TOKEN));
    check(&["status"], &[to], 2, &["wants a token", "BITSWEEP_TOKEN", "--token-file"]);
    check(&["submit", "sweep.yaml"], &[to], 2, &["wants a token"]);
    check(&["status"], &[to, ("BITSWEEP_TOKEN", "wrong-token")], 2, &["does not know this token"]);
    check(&["status", "--token-file", "none"], &[to], 2, &["the token file none"]);
    check(&["status"], &[to, token], 2, &["has no sweep yet", "bitsweep submit"]);
    check(&["status", "abcdef"], &[to, token], 2, &["no sweep whose name is \"abcdef\"", "status --all"]);
    check(&["export", "sweep.yaml"], &[to, token], 2, &["was not submitted", "bitsweep submit sweep.yaml"]);
    check(&["watch", "swep.yaml"], &[to, token], 2, &["there is no such manifest"]);
    check(&["status"], &[("BITSWEEP_TO", &other), token], 2, &["not as a bitsweep coordinator does"]);
    check(&["status", "--to", "http://127.0.0.1:9"], &[], 3, &["no coordinator answers", "bitsweep coordinator"]);
    check(&["status", "--to", "ftp://x"], &[], 2, &["its scheme is ftp"]);
    check(&["cancel"], &[], 2, &["--to", "BITSWEEP_TO", "Ctrl-C"]);
    check(&["status", "--to", "http://x", "--store", "y"], &[], 2, &["cannot be used with"]);
    check(&["resume", "--budget", "0", "gpu=1"], &[to, token], 2, &["gpu_hours=NUMBER"]);
    // What is named on the command line counts before the environment.
    check(&["status", "--store", "nowhere"], &[to, token], 2, &["there is no store at nowhere"]);
    laptop.write("sweep.yaml", MANIFEST.replace("int8", "int88"));
    check(&["submit", "sweep.yaml"], &[to, token], 2, &["sweep.yaml:8:5", "did you mean \"int8\""]);
}
