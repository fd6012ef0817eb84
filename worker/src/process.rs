//! The supervisor's side of a child process: starting it, talking to it, learning how it ended.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bitsweep_proto::profile::Profiles;
use bitsweep_proto::wire::{self, FromChild, MESSAGE_LIMIT, ToChild, WireError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::device::{DEVICE_VARIABLE, Device};
use crate::error::{WorkerError, with_causes};
use crate::log::Log;
use crate::said::Said;

/// Self-tests and start-up take a second or two; a machine that is swapping may take longer.
const HELLO_LIMIT: Duration = Duration::from_secs(120);

/// For a process to be gone and its pipes to be empty, once it is ending.
const GOODBYE_LIMIT: Duration = Duration::from_secs(5);

/// For a killed process to be gone. One that hangs in the kernel ends when that lets it.
const END_LIMIT: Duration = Duration::from_secs(1);

/// The program that children run, and how wide.
#[derive(Clone, Debug)]
pub struct ChildProgram {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Threads that it computes with.
    pub threads: usize,
}

impl ChildProgram {
    /// This very program with its hidden subcommand `child`. On Linux by `/proc/self/exe`: a program that is rebuilt
    /// while it runs must not start children of another version.
    pub fn this(threads: usize) -> io::Result<Self> {
        let itself = PathBuf::from("/proc/self/exe");
        let program = if itself.exists() { itself } else { std::env::current_exe()? };
        let args = ["child".into(), "--threads".into(), threads.to_string().into()];
        Ok(Self { program, args: args.into(), threads })
    }
}

/// Starts a child only to learn what it computes with: for planning.
pub async fn profiles(program: &ChildProgram) -> Result<Profiles, WorkerError> {
    let (child, profiles) = Child::start(program, &Device::cpu()).await?;
    child.end().await;
    Ok(profiles)
}

/// A running child process. Killed when dropped.
pub(crate) struct Child {
    process: tokio::process::Child,
    /// Its process id.
    pub(crate) pid: u32,
    to: ChildStdin,
    from: mpsc::Receiver<Result<FromChild, WireError>>,
    said: Said,
}

impl Child {
    /// Starts a child for `device` and waits until it is ready; also says what it computes with. Where this is dropped, so
    /// is the child.
    pub(crate) async fn start(program: &ChildProgram, device: &Device) -> Result<(Self, Profiles), WorkerError> {
        let failed = |message: String| WorkerError::Child { message };
        let (threads, begin) = (program.threads.to_string(), Instant::now());
        let mut process = Command::new(&program.program)
            .args(&program.args)
            // Results must not depend on how wide a library likes to run; our own loops take `threads`.
            .envs([("OPENBLAS_NUM_THREADS", "1"), ("OMP_NUM_THREADS", "1"), ("RAYON_NUM_THREADS", threads.as_str())])
            .env(DEVICE_VARIABLE, device.name())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("{}: {error}", program.program.display())))?;
        let taken = (process.stdin.take(), process.stdout.take(), process.stderr.take(), process.id());
        let (Some(to), Some(stdout), Some(stderr), Some(pid)) = taken else {
            return Err(failed("it has no pipes".to_owned()));
        };
        let (sender, mut from) = mpsc::channel(16);
        tokio::spawn(read_frames(stdout, sender));
        let said = Said::follow(stderr, pid);
        let hello = timeout(HELLO_LIMIT, from.recv()).await;
        let mut child = Self { process, pid, to, from, said };
        match hello {
            Ok(Some(Ok(FromChild::Hello { profiles }))) => {
                tracing::info!(pid, seconds = begin.elapsed().as_secs_f64(), "a child is ready");
                Ok((child, profiles))
            }
            Ok(Some(Ok(other))) => Err(failed(child.kill_for(format!("it greets with {other:?}")).await)),
            Ok(Some(Err(error))) => Err(failed(child.kill_for(with_causes(&error)).await)),
            Ok(None) => Err(failed(child.how_it_ended().await)),
            Err(_) => {
                let late = format!("no answer within {} s", HELLO_LIMIT.as_secs());
                Err(failed(child.kill_for(late).await))
            }
        }
    }

    /// Sends a message. An error means that the child is gone: [`Child::next`] tells.
    pub(crate) async fn send(&mut self, message: &ToChild) -> Result<(), WireError> {
        let bytes = wire::encode(message)?;
        let length = u32::try_from(bytes.len()).map_err(|_| WireError::TooLong(bytes.len()))?;
        self.to.write_all(&length.to_le_bytes()).await?;
        self.to.write_all(&bytes).await?;
        Ok(self.to.flush().await?)
    }

    /// The next message; `None` once the child has closed its pipe, and an error where it talks garbage: either way it
    /// is broken. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Result<FromChild, WireError>> {
        self.from.recv().await
    }

    /// A new attempt begins: what the child says from now on goes to its log.
    pub(crate) fn begin(&self, log: Log) {
        self.said.begin(log);
    }

    /// Waits until what the child has said so far is in the log of its attempt.
    pub(crate) async fn settle(&self) {
        self.said.settle().await;
    }

    /// For a child that has closed its pipe: how it ended, with the last that it wrote to standard error.
    pub(crate) async fn how_it_ended(&mut self) -> String {
        // The pipe closes a moment before the process is gone.
        match timeout(GOODBYE_LIMIT, self.process.wait()).await {
            Ok(Ok(status)) => self.with_last_words(describe(status)).await,
            Ok(Err(error)) => self.kill_for(format!("cannot be waited for: {error}")).await,
            Err(_) => self.kill_for("closed its pipe without ending".to_owned()).await,
        }
    }

    /// For a child that does what no child may do: kills it, and adds its last words to `why`.
    pub(crate) async fn kill_for(&mut self, why: String) -> String {
        let _ = timeout(GOODBYE_LIMIT, self.process.kill()).await;
        self.with_last_words(why).await
    }

    async fn with_last_words(&mut self, how: String) -> String {
        let last = self.said.last_words(GOODBYE_LIMIT).await;
        if last.is_empty() { how } else { format!("{how}; it last said: {last}") }
    }

    /// Kills the process and waits until it is gone, but not for ever.
    pub(crate) async fn end(mut self) {
        let _ = timeout(END_LIMIT, self.process.kill()).await;
    }
}

async fn read_frames(mut from: ChildStdout, to: mpsc::Sender<Result<FromChild, WireError>>) {
    while let Some(message) = read_frame(&mut from).await.transpose() {
        let broken = message.is_err();
        if to.send(message).await.is_err() || broken {
            return;
        }
    }
}

/// One frame as [`wire::write_frame`] writes it; `None` at the end of the pipe. A frame cut off by the child's death is
/// the end of the pipe too.
async fn read_frame(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<FromChild>, WireError> {
    let ended = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
    let length = match from.read_u32_le().await {
        Err(error) if ended(&error) => return Ok(None),
        read => read? as usize,
    };
    if length > MESSAGE_LIMIT {
        return Err(WireError::TooLong(length));
    }
    let mut bytes = vec![0; length];
    match from.read_exact(&mut bytes).await {
        Err(error) if ended(&error) => Ok(None),
        read => {
            read?;
            wire::decode(&bytes).map(Some)
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => match signal_name(signal) {
            Some(name) => format!("ended by {name}"),
            None => format!("ended by signal {signal}"),
        },
        (None, Some(101)) => "panicked (exit code 101)".to_owned(),
        (None, code) => format!("exited with code {}", code.unwrap_or_default()),
    }
}

/// The signals that end a process of ours in practice.
fn signal_name(signal: i32) -> Option<&'static str> {
    use rustix::process::Signal;
    let named = [
        (Signal::KILL, "SIGKILL (killed from outside; often: the machine ran out of memory)"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::BUS, "SIGBUS"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::ILL, "SIGILL (an instruction that this processor lacks)"),
        (Signal::FPE, "SIGFPE"),
        (Signal::XCPU, "SIGXCPU (CPU time limit)"),
    ];
    named.iter().find(|(known, _)| known.as_raw() == signal).map(|(_, name)| *name)
}
