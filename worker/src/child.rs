//! The child process: runs one task after the other and talks to its supervisor over standard input and output.
//!
//! Owns: the child's side of the pipe, and its end. It never touches the store, the ledger or the network, and it never
//! outlives its supervisor: the pipe's end is watched by a thread of its own, which then kills the process on the spot,
//! whatever kernel it is in. (`PR_SET_PDEATHSIG` would do the same but for a trap: it fires when the *thread* that
//! started the child ends, and the threads of an async runtime come and go.)
//!
//! A job that asks whether to stop shows that it moves: that is told as progress, once a second at most, so that the
//! supervisor can tell a long job from a hung one.
//!
//! A panic is a bug of ours, not an answer: the process dies of it and the supervisor sees how.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bitsweep_jobs::{Ended, JobError, Runner, Steps};
use bitsweep_proto::wire::{FromChild, ToChild, WireError, read_frame, write_frame};
use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};

/// A sign of life is sent no more often.
const SIGN_EVERY: Duration = Duration::from_secs(1);

/// The life of a child process that computes with `threads` threads: the hidden subcommand `child`. Call it from a
/// plain `main`, outside of any async runtime. Standard output is the pipe from then on.
pub fn child_main(threads: usize) -> ExitCode {
    match serve(threads) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", crate::error::with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn serve(threads: usize) -> Result<(), Box<dyn std::error::Error>> {
    crate::device::check_own()?;
    let to = take_standard_output()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    {
        // The supervisor alone decides when to stop. A listener takes the place of the default, which is to die; nobody
        // listens to it.
        let _entered = runtime.enter();
        let _ = signal(SignalKind::interrupt())?;
        let _ = signal(SignalKind::terminate())?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, from) = channel();
    let flag = Arc::clone(&stop);
    std::thread::Builder::new().name("pipe".to_owned()).spawn(move || listen(&flag, &sender))?;
    let mut pipe = Pipe { to, from, stop, progress: (0, 0), told: Instant::now() };
    let mut runner = Runner::new(threads)?;
    pipe.send(&FromChild::Hello { profiles: runner.profiles().clone() })?;
    while let Ok(message) = pipe.from.recv() {
        let ToChild::Run(task) = message else {
            return Err(format!("expected a task, got {message:?}").into());
        };
        pipe.progress = (0, 0);
        let answer = match runner.run(&task, &mut pipe) {
            Ok(Ended::Done(done)) => FromChild::Done(Box::new(done)),
            Ok(Ended::Stopped) => FromChild::Stopped,
            Err(JobError::Failed { code, message }) => FromChild::Failed { code: code.to_owned(), message },
            Err(error @ JobError::Machine { .. }) => FromChild::Unable { message: error.to_string() },
            Err(error @ JobError::Pipe(_)) => return Err(error.into()),
        };
        pipe.send(&answer)?;
    }
    Ok(())
}

/// Keeps standard output for frames, and sends what libraries print there to standard error.
fn take_standard_output() -> io::Result<File> {
    let pipe = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(pipe))
}

/// Reads the pipe to its end, which is the end of the process. `Stop` sets the flag; a new task clears it, so that a
/// `Stop` that crossed the answer to the task before it does not hit the next one.
fn listen(stop: &AtomicBool, messages: &Sender<ToChild>) {
    let mut input = io::stdin().lock();
    loop {
        match read_frame::<ToChild>(&mut input) {
            Ok(Some(ToChild::Stop)) => stop.store(true, Ordering::Relaxed),
            Ok(Some(message)) => {
                if matches!(message, ToChild::Run(_)) {
                    stop.store(false, Ordering::Relaxed);
                }
                if messages.send(message).is_err() {
                    return; // The process is ending already.
                }
            }
            Ok(None) => break,
            Err(error) => {
                eprintln!("{}", crate::error::with_causes(&error));
                break;
            }
        }
    }
    let _ = kill_process(getpid(), Signal::KILL);
}

/// The child's end of the pipe.
struct Pipe {
    to: File,
    from: Receiver<ToChild>,
    stop: Arc<AtomicBool>,
    /// What was told last, and when.
    progress: (u64, u64),
    told: Instant,
}

impl Pipe {
    fn send(&mut self, message: &FromChild) -> Result<(), JobError> {
        write_frame(&mut self.to, message).map_err(broken)
    }
}

fn broken(error: WireError) -> JobError {
    JobError::Pipe(Box::new(error))
}

impl Steps for Pipe {
    fn progress(&mut self, done: u64, total: u64) -> Result<(), JobError> {
        (self.progress, self.told) = ((done, total), Instant::now());
        self.send(&FromChild::Progress { done, total })
    }

    fn checkpoint(&mut self, name: &str, file: &Path) -> Result<(), JobError> {
        self.send(&FromChild::Checkpoint { name: name.to_owned(), path: file.to_owned() })?;
        match self.from.recv() {
            Ok(ToChild::Kept { name: kept }) if kept == name => Ok(()),
            Ok(other) => {
                let garbage = WireError::Garbage(format!("expected that \"{name}\" is kept, got {other:?}"));
                Err(broken(garbage))
            }
            Err(error) => Err(JobError::Pipe(Box::new(error))),
        }
    }

    fn note(&mut self, line: &str) -> Result<(), JobError> {
        self.send(&FromChild::Note { line: line.to_owned() })
    }

    fn should_stop(&mut self) -> bool {
        if self.told.elapsed() >= SIGN_EVERY {
            let (done, total) = self.progress;
            // A broken pipe ends the process by itself.
            let _ = self.progress(done, total);
        }
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom};

    use super::*;

    /// Asking whether to stop is a sign of life, but not every time.
    #[test]
    fn a_job_that_asks_is_heard() {
        let file = tempfile::tempfile().unwrap();
        let (_sender, from) = channel();
        let to = file.try_clone().unwrap();
        let mut pipe = Pipe { to, from, stop: Arc::default(), progress: (0, 0), told: Instant::now() };
        pipe.progress(3, 9).unwrap();
        assert!(!pipe.should_stop());
        pipe.told = Instant::now().checked_sub(SIGN_EVERY).unwrap();
        assert!(!pipe.should_stop() && !pipe.should_stop());
        pipe.stop.store(true, Ordering::Relaxed);
        assert!(pipe.should_stop());

        let mut heard = file;
        heard.seek(SeekFrom::Start(0)).unwrap();
        let told = FromChild::Progress { done: 3, total: 9 };
        for expected in [Some(told.clone()), Some(told), None] {
            assert_eq!(read_frame::<FromChild>(&mut heard).unwrap(), expected);
        }
    }
}
