//! `bitsweep coordinator` and `bitsweep worker` as programs: how they start, what they say, and how they end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use bitsweep_backends::conformance::servers::{Rabbit, Redis};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A program that is slow to start on a busy machine is not wrong.
const PATIENCE: Duration = Duration::from_secs(60);

const PASSWORD: &str = "not-to-be-seen";

/// The three services of a test.
struct Bench {
    queue: String,
    ledger: String,
    folder: tempfile::TempDir,
    _rabbit: Rabbit,
    _redis: Redis,
}

impl Bench {
    async fn new() -> Self {
        let (rabbit, redis) = tokio::join!(Rabbit::start(), Redis::start(true));
        rabbit.ctl(&["add_user", "someone", PASSWORD]).await;
        rabbit
            .ctl(&[
                "set_permissions",
                "-p",
                "/",
                "someone",
                "^bitsweep\\.",
                "^(bitsweep\\..*|amq\\.default)$",
                "^bitsweep\\.",
            ])
            .await;
        let client = redis::Client::open(redis.address().with_secrets().clone()).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("it answers");
        let words = [
            "SETUSER",
            "someone",
            "on",
            &format!(">{PASSWORD}"),
            "~{bitsweep:*",
            "+@all",
            "-@admin",
            "-@dangerous",
            "+info",
        ];
        redis::cmd("ACL").arg(&words).query_async::<()>(&mut connection).await.expect("a user");
        let port = redis.address().with_secrets().port().expect("a port");
        Self {
            queue: rabbit.address_of(&format!("someone:{PASSWORD}"), "%2f").with_secrets().to_string(),
            ledger: format!("redis://someone:{PASSWORD}@127.0.0.1:{port}"),
            folder: tempfile::tempdir().expect("a folder"),
            _rabbit: rabbit,
            _redis: redis,
        }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// The program, with these services, everything that it can log, and quick leases.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = bare(args);
        command
            .args(["--queue", &self.queue, "--ledger", &self.ledger, "--lease", "4s"])
            .arg("--store")
            .arg(self.store());
        command.env("BITSWEEP_LOG", "trace").env("HOME", self.folder.path());
        command
    }

    /// A coordinator that listens, with its address.
    async fn coordinator(&self) -> (Child, String) {
        let mut command = self.command(&["coordinator", "--listen", "127.0.0.1:0"]);
        let log = fs::File::create(self.folder.path().join(format!("log-{:?}", Instant::now()))).expect("a file");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("it starts");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        timeout(PATIENCE, output.read_line(&mut line)).await.expect("it says where in time").expect("it speaks");
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it says where: {line}"));
        (child, address.to_owned())
    }

    /// No file of the test shows it: neither logs nor what is in the store.
    fn hides_its_password(&self) {
        for file in files(self.folder.path()) {
            hides_the_password(&file.display().to_string(), &fs::read(&file).unwrap_or_default());
        }
    }

    async fn worker(&self, args: &[&str]) -> Output {
        let mut all = vec!["worker", "--slots", "1"];
        all.extend(args);
        let output = self.command(&all).output();
        timeout(PATIENCE, output).await.expect("it ends in time").expect("it starts")
    }
}

fn bare(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitsweep"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BITSWEEP_") {
            command.env_remove(name);
        }
    }
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("it was killed: {}", text(&output.stderr)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it runs").to_string();
    let status = std::process::Command::new("kill").args([&format!("-{name}"), &pid]).status();
    assert!(status.expect("kill is installed").success());
}

/// Asks until the status comes.
async fn answers(url: &str, wanted: u16) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = async {
        loop {
            match reqwest::get(url).await {
                Ok(response) if response.status().as_u16() == wanted => return,
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("{url} does not answer {wanted}"));
}

/// Every file below a folder, whatever it holds.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

fn hides_the_password(what: &str, bytes: &[u8]) {
    assert!(!text(bytes).contains(PASSWORD), "{what} shows the password:\n{}", text(bytes));
}

#[tokio::test]
async fn one_coordinator_leads_and_another_takes_over() {
    let bench = Bench::new().await;
    let (mut first, first_address) = bench.coordinator().await;
    answers(&format!("{first_address}/readyz"), 200).await;
    let (mut second, second_address) = bench.coordinator().await;
    answers(&format!("{second_address}/healthz"), 200).await;
    answers(&format!("{second_address}/readyz"), 503).await;
    bench.hides_its_password();
    signal(&first, "TERM");
    let ended = timeout(PATIENCE, first.wait()).await.expect("it ends in time").expect("it ends");
    assert_eq!(ended.code(), Some(0));
    answers(&format!("{second_address}/readyz"), 200).await;
    signal(&second, "INT");
    let ended = timeout(PATIENCE, second.wait()).await.expect("it ends in time").expect("it ends");
    assert_eq!(ended.code(), Some(0));
    bench.hides_its_password();
}

#[tokio::test]
async fn a_worker_says_by_its_exit_code_why_it_went() {
    let bench = Bench::new().await;
    let idle = bench.worker(&["--exit-when-idle", "1s"]).await;
    assert_eq!(code(&idle), 0, "{}", text(&idle.stderr));
    let over = bench.worker(&["--stop-after", "1s"]).await;
    assert_eq!(code(&over), 75, "{}", text(&over.stderr));
    for output in [&idle, &over] {
        hides_the_password("the log", &output.stderr);
        hides_the_password("the output", &output.stdout);
    }
    bench.hides_its_password();
}

#[tokio::test]
async fn a_worker_that_is_told_to_go_is_gone_soon_and_shows_metrics_until_then() {
    let bench = Bench::new().await;
    let mut command = bench.command(&["worker", "--slots", "1", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    let mut child = command.env("BITSWEEP_LOG", "info").stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let address = async {
        loop {
            let line = lines.next_line().await.expect("it speaks").expect("it goes on");
            let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if line["message"] == "metrics" {
                return line["address"].as_str().expect("an address").to_owned();
            }
        }
    };
    let address = timeout(PATIENCE, address).await.expect("it says where in time");
    answers(&format!("http://{address}/healthz"), 200).await;
    let metrics =
        reqwest::get(format!("http://{address}/metrics")).await.expect("it answers").text().await.expect("text");
    assert!(metrics.contains("bitsweep_worker_busy_slots"), "{metrics}");
    let told = Instant::now();
    signal(&child, "TERM");
    let ended = timeout(PATIENCE, child.wait()).await.expect("it ends in time").expect("it ends");
    assert_eq!(ended.code(), Some(75));
    assert!(told.elapsed() < Duration::from_secs(15), "{:?}", told.elapsed());
}

#[tokio::test]
async fn what_is_wrong_for_good_and_what_is_away_have_their_codes() {
    let bench = Bench::new().await;
    let run = async |args: &[&str]| {
        let output = timeout(PATIENCE, bare(args).output()).await.expect("it ends in time").expect("it starts");
        hides_the_password("the log", &output.stderr);
        (code(&output), text(&output.stderr))
    };
    let store = bench.store().display().to_string();
    let stranger = bench.queue.replace("someone:", "nobody:");
    for program in ["coordinator", "worker"] {
        let (code, said) = run(&[program, "--queue", &stranger, "--ledger", &bench.ledger, "--store", &store]).await;
        assert_eq!(code, 2, "{said}");
        let away = format!("amqp://someone:{PASSWORD}@127.0.0.1:1");
        let (code, said) =
            run(&[program, "--queue", &away, "--ledger", &bench.ledger, "--store", &store, "--wait", "1s"]).await;
        assert_eq!(code, 3, "{said}");
        let (code, said) = run(&[program, "--queue", &bench.queue, "--store", &store]).await;
        assert_eq!((code, said.contains("BITSWEEP_LEDGER")), (2, true), "{said}");
    }
    let all = ["--queue", &bench.queue, "--ledger", &bench.ledger, "--store", &store];
    let (code, said) = run(&[&["coordinator", "--listen", "0.0.0.0:0"], &all[..]].concat()).await;
    assert_eq!((code, said.contains("--token-file")), (2, true), "{said}");
    let (code, said) = run(&[&["worker", "--lease", "4s", "--beat", "3s"], &all[..]].concat()).await;
    assert_eq!((code, said.contains("--beat 3s")), (2, true), "{said}");
    let (code, said) = run(&[&["worker", "--device", "cuda:0"], &all[..]].concat()).await;
    assert_eq!(code, 2, "{said}");
}
