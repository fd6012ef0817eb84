//! Private servers for tests that destroy: a RabbitMQ node and a Redis server of their own, on free ports of this
//! machine, in a temporary folder. They end with their value, and with the process that started them, however it ends.
//!
//! Where a program is missing these panic: a test that needs it fails.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::address::Address;

/// The longest that a server may take to answer. A busy machine starts RabbitMQ slowly.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts `"$@"` as the leader of its own session, tells its number, and kills the whole session when standard input
/// closes: when the [`Process`] is dropped, or the test is gone.
const WATCHDOG: &str =
    r#"setsid "$@" </dev/null >>"$BITSWEEP_LOG" 2>&1 & echo $!; read -r _; kill -s KILL -- -$!; wait"#;

/// A server process and all its children.
#[derive(Debug)]
struct Process {
    watchdog: Child,
    session: u32,
    log: PathBuf,
}

impl Process {
    fn start(command: &Command, log: PathBuf) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", WATCHDOG, "sh"]).arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("BITSWEEP_LOG", &log);
        let mut watchdog =
            shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh and setsid are installed");
        let mut line = String::new();
        BufReader::new(watchdog.stdout.take().expect("a pipe")).read_line(&mut line).expect("the watchdog speaks");
        let session = line.trim().parse().expect("the watchdog tells the session");
        Self { watchdog, session, log }
    }

    /// Sends a signal, `STOP` for instance, to the whole session.
    fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -s {name} -- -{}", self.session)]).status();
        assert!(status.expect("sh is installed").success(), "the server is gone: {}", self.told());
    }

    /// Whether the leader of the session runs. What has ended stays as a zombie, for nobody has asked how.
    fn is_alive(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.session)).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
    }

    /// The end of what it wrote.
    fn told(&self) -> String {
        let mut text = String::new();
        let read = std::fs::File::open(&self.log).and_then(|mut log| log.read_to_string(&mut text));
        let lines: Vec<_> = text.lines().rev().take(20).collect();
        read.map_or_else(|error| error.to_string(), |_| lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }

    /// Polls until the server answers `question` with something that starts with `answer`.
    async fn answers(&self, port: u16, question: &[u8], answer: &[u8]) {
        let deadline = Instant::now() + PATIENCE;
        while !asked(port, question, answer).await {
            assert!(self.is_alive(), "the server ended at once: {}", self.told());
            assert!(Instant::now() < deadline, "the server does not answer at port {port}: {}", self.told());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

async fn asked(port: u16, question: &[u8], answer: &[u8]) -> bool {
    let talk = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
        stream.write_all(question).await.ok()?;
        let mut heard = vec![0; answer.len()];
        stream.read_exact(&mut heard).await.ok()?;
        Some(heard == answer)
    };
    tokio::time::timeout(Duration::from_secs(2), talk).await.ok().flatten().unwrap_or(false)
}

/// A port that nobody listens at. Below those that the system gives to outgoing connections, so that a server finds its
/// port free again when it is restarted; each process begins to look somewhere else.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + ((std::process::id() * 61 + step) % 12_000) as u16;
        if is_free(port) {
            return port;
        }
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Waits until a port is free again: a killed server may still be going.
async fn is_free_again(port: u16) {
    let deadline = Instant::now() + PATIENCE;
    while !is_free(port) {
        assert!(Instant::now() < deadline, "port {port} stays taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn temporary_folder() -> TempDir {
    tempfile::Builder::new().prefix("bitsweep-server-").tempdir().expect("a temporary folder can be made")
}

/// A RabbitMQ node of its own.
#[derive(Debug)]
pub struct Rabbit {
    process: Option<Process>,
    folder: TempDir,
    port: u16,
    distribution_port: u16,
}

impl Rabbit {
    /// Starts a node and waits until it answers (about six seconds).
    ///
    /// # Panics
    /// Where RabbitMQ is not installed or does not start.
    pub async fn start() -> Self {
        let mut rabbit = Self::prepared();
        rabbit.boot().await;
        rabbit
    }

    fn prepared() -> Self {
        let folder = temporary_folder();
        let (port, distribution_port) = (free_port(), free_port());
        let settings = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\ndisk_free_limit.absolute = 1MB\nraft.wal_max_size_bytes = 16000000\n"
        );
        std::fs::write(folder.path().join("rabbitmq.conf"), settings).expect("the temporary folder is writable");
        std::fs::write(folder.path().join("plugins"), "[].\n").expect("the temporary folder is writable");
        Self { process: None, folder, port, distribution_port }
    }

    /// A program of RabbitMQ, for this node. The wrappers in `/usr/sbin` change the user and cannot write the folder.
    fn program(&self, name: &str) -> Command {
        let found = ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/usr/local/sbin"]
            .map(|place| Path::new(place).join(name))
            .into_iter()
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("{name} is missing: install RabbitMQ (Debian: apt install rabbitmq-server)"));
        let mut command = Command::new(found);
        let inside = |name: &str| self.folder.path().join(name);
        command
            .env("RABBITMQ_NODENAME", format!("bitsweep-{}-{}@localhost", std::process::id(), self.port))
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", inside("data"))
            .env("RABBITMQ_LOG_BASE", inside("log"))
            .env("RABBITMQ_CONFIG_FILE", inside("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", inside("plugins"))
            .env("RABBITMQ_FEATURE_FLAGS_FILE", inside("feature_flags"))
            .env("RABBITMQ_PID_FILE", inside("pid"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+sbwt none +sbwtdcpu none +sbwtdio none")
            .env("HOME", self.folder.path());
        command
    }

    async fn boot(&mut self) {
        let process = Process::start(&self.program("rabbitmq-server"), self.folder.path().join("output"));
        // It answers the greeting with a method frame on channel 0.
        process.answers(self.port, b"AMQP\0\0\x09\x01", &[1, 0, 0]).await;
        self.process = Some(process);
    }

    /// Kills the node and starts it again with what it had written.
    pub async fn restart(&mut self) {
        self.kill();
        is_free_again(self.port).await;
        is_free_again(self.distribution_port).await;
        self.boot().await;
    }

    /// Kills the node (`kill -9`). [`Rabbit::restart`] brings it back.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops the node where it stands: it keeps its connections and answers nothing.
    pub fn pause(&self) {
        self.running().signal("STOP");
    }

    /// Lets the node go on.
    pub fn resume(&self) {
        self.running().signal("CONT");
    }

    /// Runs `rabbitmqctl` against the node and returns what it prints.
    ///
    /// # Panics
    /// Where it fails.
    pub async fn ctl(&self, args: &[&str]) -> String {
        let mut command = tokio::process::Command::from(self.program("rabbitmqctl"));
        let output = command.arg("--quiet").args(args).output().await.expect("rabbitmqctl runs");
        assert!(output.status.success(), "rabbitmqctl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `amqp://guest:guest@127.0.0.1:<port>/%2f`
    pub fn address(&self) -> Address {
        self.address_of("guest:guest", "%2f")
    }

    /// The address with other `user:password` and virtual host.
    pub fn address_of(&self, user: &str, vhost: &str) -> Address {
        format!("amqp://{user}@127.0.0.1:{}/{vhost}", self.port).parse().expect("this is a URL")
    }

    /// The first of its processes; all others descend from it.
    pub fn pid(&self) -> u32 {
        self.running().session
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("the node was killed")
    }
}

/// A Redis server of its own.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    folder: TempDir,
    port: u16,
    appendonly: bool,
}

impl Redis {
    /// Starts a server and waits until it answers. With `appendonly` it writes what it is told to its folder, within a
    /// second; without it forgets everything when it ends.
    ///
    /// # Panics
    /// Where Redis is not installed or does not start.
    pub async fn start(appendonly: bool) -> Self {
        let mut redis = Self { process: None, folder: temporary_folder(), port: free_port(), appendonly };
        redis.boot().await;
        redis
    }

    async fn boot(&mut self) {
        let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        assert!(found.is_ok(), "redis-server is missing: install Redis (Debian: apt install redis-server)");
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string()]);
        command.arg("--dir").arg(self.folder.path()).args(["--save", ""]);
        command.args(["--appendonly", if self.appendonly { "yes" } else { "no" }]);
        let process = Process::start(&command, self.log());
        process.answers(self.port, b"PING\r\n", b"+PONG").await;
        self.process = Some(process);
    }

    /// Beside the folder, so that a snapshot holds only data.
    fn log(&self) -> PathBuf {
        self.folder.path().with_extension("log")
    }

    /// Kills the server and starts it again, with what its folder holds.
    pub async fn restart(&mut self) {
        self.kill();
        is_free_again(self.port).await;
        self.boot().await;
    }

    /// Kills the server (`kill -9`). [`Redis::restart`] brings it back.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops the server where it stands: it keeps its connections and answers nothing.
    pub fn pause(&self) {
        self.running().signal("STOP");
    }

    /// Lets the server go on.
    pub fn resume(&self) {
        self.running().signal("CONT");
    }

    /// Where it keeps its data. A copy is a snapshot; to roll back: kill, put the copy in its place, restart.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `redis://127.0.0.1:<port>`
    pub fn address(&self) -> Address {
        format!("redis://127.0.0.1:{}", self.port).parse().expect("this is a URL")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.running().session
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("the server was killed")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_file(self.log());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn redis_stops_restarts_and_ends() {
        let mut redis = Redis::start(true).await;
        let ping = async |redis: &Redis| asked(redis.port, b"PING\r\n", b"+PONG").await;
        assert!(ping(&redis).await);
        redis.restart().await;
        assert!(ping(&redis).await);
        redis.pause();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, redis.port)).await.unwrap();
        stream.write_all(b"PING\r\n").await.unwrap();
        let mut heard = [0; 5];
        redis.resume();
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"+PONG");
        assert!(redis.folder().join("appendonlydir").exists());
        let (port, folder) = (redis.port, redis.folder().to_owned());
        drop(redis);
        is_free_again(port).await;
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn rabbit_restarts_and_ends() {
        let mut rabbit = Rabbit::start().await;
        assert!(rabbit.ctl(&["list_vhosts"]).await.contains('/'));
        rabbit.ctl(&["add_vhost", "of_the_test"]).await;
        rabbit.restart().await;
        assert!(rabbit.ctl(&["list_vhosts"]).await.contains("of_the_test"));
        let (port, folder) = (rabbit.port, rabbit.folder.path().to_owned());
        drop(rabbit);
        is_free_again(port).await;
        assert!(!folder.exists());
    }
}
