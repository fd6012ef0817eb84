//! What a child writes to standard error: its last words, for messages, and everything, for the log of its attempt.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::log::Log;

/// Bytes that are kept for messages.
const TAIL_BYTES: usize = 2048;

/// For what lies in the pipe to be read.
const SETTLE_LIMIT: Duration = Duration::from_millis(100);

/// Follows a child's standard error to its end.
pub(crate) struct Said {
    heard: Arc<Mutex<Heard>>,
    /// The pipe once more, to see whether something lies in it.
    pipe: Option<OwnedFd>,
    reader: JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    tail: Vec<u8>,
    log: Option<Log>,
}

impl Said {
    /// Listens from now on; everything goes to the program's own log as well.
    pub(crate) fn follow(from: ChildStderr, pid: u32) -> Self {
        let pipe = from.as_fd().try_clone_to_owned().ok();
        let heard = Arc::<Mutex<Heard>>::default();
        let reader = tokio::spawn(read(from, pid, Arc::clone(&heard)));
        Self { heard, pipe, reader }
    }

    /// A new attempt begins: last words start anew, and what is said goes to its log.
    pub(crate) fn begin(&self, log: Log) {
        *lock(&self.heard) = Heard { tail: Vec::new(), log: Some(log) };
    }

    /// Waits until what the child has written so far is heard.
    pub(crate) async fn settle(&self) {
        let Some(pipe) = &self.pipe else { return };
        let empty = async {
            while rustix::io::ioctl_fionread(pipe).is_ok_and(|waiting| waiting > 0) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(SETTLE_LIMIT, empty).await;
    }

    /// For a child that is gone: waits until all that it wrote is heard; its last words.
    pub(crate) async fn last_words(&mut self, limit: Duration) -> String {
        let _ = timeout(limit, &mut self.reader).await;
        String::from_utf8_lossy(&lock(&self.heard).tail).trim().to_owned()
    }
}

async fn read(mut from: ChildStderr, pid: u32, heard: Arc<Mutex<Heard>>) {
    let mut piece = [0u8; 4096];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let piece = &piece[..count];
        tracing::debug!(pid, "{}", String::from_utf8_lossy(piece).trim_end());
        let mut heard = lock(&heard);
        heard.tail.extend_from_slice(piece);
        let surplus = heard.tail.len().saturating_sub(TAIL_BYTES);
        heard.tail.drain(..surplus);
        if let Some(log) = &heard.log {
            log.childs(piece);
        }
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}
