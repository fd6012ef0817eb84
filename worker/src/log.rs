//! The log of one attempt: what its child wrote to standard error, and the supervisor's own lines.
//!
//! It goes to the store in parts, so that it survives the machine: what is new every half minute, and the rest at the
//! end. Best effort: nothing waits for it but the end of the attempt, and that not for long.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitsweep_backends::Store;
use bitsweep_proto::{JobKey, Nonce};
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::settings::Logs;

/// Room for the supervisor's own lines once the child has used up its share.
const OWN_BYTES: usize = 16 << 10;

/// Where lines are put. Clones share it.
#[derive(Clone)]
pub(crate) struct Log(Arc<Mutex<Pages>>);

struct Pages {
    started: Instant,
    /// Not in the store yet.
    new: Vec<u8>,
    /// Bytes so far.
    total: usize,
    limit: usize,
    child_spoke: bool,
    /// Whether something was left out.
    cut: bool,
    parts: u32,
}

impl Log {
    pub(crate) fn new(limits: Logs) -> Self {
        let (started, limit) = (Instant::now(), limits.limit_bytes);
        let pages = Pages { started, new: Vec::new(), total: 0, limit, child_spoke: false, cut: false, parts: 0 };
        Self(Arc::new(Mutex::new(pages)))
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line of the supervisor.
    pub(crate) fn line(&self, text: &str) {
        let mut pages = self.pages();
        let mut line = String::new();
        let fresh_line = pages.new.last().is_some_and(|byte| *byte != b'\n');
        let seconds = pages.started.elapsed().as_secs_f64();
        let _ = writeln!(line, "{}[bitsweep +{seconds:.3}s] {text}", if fresh_line { "\n" } else { "" });
        let limit = pages.limit + OWN_BYTES;
        pages.add(line.as_bytes(), limit);
    }

    /// What the child wrote.
    pub(crate) fn childs(&self, bytes: &[u8]) {
        let mut pages = self.pages();
        pages.child_spoke = true;
        let limit = pages.limit;
        pages.add(bytes, limit);
    }

    /// Whether it tells nothing that an outcome would not.
    fn is_dull(&self, limits: Logs) -> bool {
        let pages = self.pages();
        !pages.child_spoke && pages.parts == 0 && pages.started.elapsed() < limits.quiet
    }

    /// What is new, with the number of its part.
    fn next_part(&self) -> Option<(u32, Bytes)> {
        let mut pages = self.pages();
        if pages.new.is_empty() {
            return None;
        }
        let part = pages.parts;
        pages.parts += 1;
        Some((part, std::mem::take(&mut pages.new).into()))
    }
}

impl Pages {
    fn add(&mut self, bytes: &[u8], limit: usize) {
        let room = limit.saturating_sub(self.total);
        let kept = &bytes[..bytes.len().min(room)];
        self.new.extend_from_slice(kept);
        self.total += kept.len();
        if kept.len() < bytes.len() && !self.cut {
            self.cut = true;
            let note = format!("\n[bitsweep] the log is cut here: {} bytes are its limit\n", self.limit);
            self.new.extend_from_slice(note.as_bytes());
        }
    }
}

/// Carries a log to the store beside the attempt. Ends when dropped.
pub(crate) struct Carrier {
    log: Log,
    limits: Logs,
    last: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Carrier {
    pub(crate) fn start(store: Store, (key, attempt): (JobKey, Nonce), log: Log, limits: Logs) -> Self {
        let last = Arc::new(Notify::new());
        let (pages, over) = (log.clone(), Arc::clone(&last));
        let task = tokio::spawn(async move {
            let (mut ended, mut part) = (false, None);
            while !ended {
                tokio::select! {
                    () = over.notified() => ended = true,
                    () = sleep(limits.every) => {}
                }
                // A part that could not be put is put again under its number; until then the next one gathers.
                part = part.or_else(|| pages.next_part());
                let Some((number, bytes)) = &part else { continue };
                match store.put_log(key, (&attempt, *number), bytes.clone()).await {
                    Ok(()) => part = None,
                    Err(error) => tracing::warn!(%key, %attempt, "part {number} of the log was not put: {error}"),
                }
            }
        });
        Self { log, limits, last, task }
    }

    /// Puts the rest. An attempt that was short, quiet and `committed` leaves nothing.
    pub(crate) async fn finish(mut self, committed: bool) {
        if committed && self.log.is_dull(self.limits) {
            return;
        }
        self.last.notify_one();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(log: &Log) -> String {
        let (_, bytes) = log.next_part().unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn lines_stand_apart_from_what_the_child_says() {
        let log = Log::new(Logs::default());
        log.line("claimed");
        tokio::time::advance(Duration::from_millis(1500)).await;
        log.childs(b"half a line");
        log.line("done");
        assert_eq!(text(&log), "[bitsweep +0.000s] claimed\nhalf a line\n[bitsweep +1.500s] done\n");
        assert!(log.next_part().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_chatty_child_does_not_hide_the_end() {
        let log = Log::new(Logs { limit_bytes: 10, ..Logs::default() });
        log.childs(b"0123456");
        log.childs(b"789abc");
        log.childs(b"def");
        log.line("verdict");
        let expected =
            "0123456789\n[bitsweep] the log is cut here: 10 bytes are its limit\n[bitsweep +0.000s] verdict\n";
        assert_eq!(text(&log), expected);
    }
}
