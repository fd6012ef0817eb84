//! The one reader of notices.
//!
//! What was handed out goes from the stream with the next call, so a new reader begins with what no reader was handed,
//! and a reader that gives a call up loses nothing. No position is kept: after a wipe or a rollback there is nothing to
//! correct. Waiting has a connection of its own, for it blocks all that comes behind on its connection.

use std::sync::Arc;
use std::time::Duration;

use redis::{Script, Value};
use tokio::sync::Mutex;
use tokio::task::{JoinError, JoinHandle};

use super::link::{Link, Request};
use super::streams;
use crate::address::Address;
use crate::error::BackendError;
use crate::ledger::Notice;

/// How long the server is asked to wait; then it is asked again.
const BLOCK: Duration = Duration::from_secs(2);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
const NOTICES_AT_ONCE: usize = 500;

#[derive(Debug)]
pub(super) struct Reader {
    link: Arc<Link>,
    notices: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last entry that was handed out.
    handed: String,
    waiting: Option<Waiting>,
}

/// A wait that goes on where its caller gives up: the server cannot be told to stop waiting.
#[derive(Debug)]
struct Waiting(JoinHandle<Result<(), BackendError>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Reader {
    pub(super) fn new(address: &Address, notices: String) -> Result<Self, BackendError> {
        let link = Arc::new(Link::new(address, RESPONSE_TIMEOUT)?);
        Ok(Self { link, notices, state: Mutex::default() })
    }

    /// The next notices. `link` and `script` fetch what is there.
    pub(super) async fn next(&self, link: &Link, script: &Script) -> Result<Vec<Notice>, BackendError> {
        let mut state = self.state.lock().await;
        loop {
            let mut invocation = script.key(&self.notices);
            invocation.arg(&state.handed).arg(NOTICES_AT_ONCE);
            let entries: Vec<streams::Entry> = link.ask(Request::Script(&invocation)).await?;
            let notices: Vec<Notice> = entries.iter().filter_map(read).collect();
            if let Some((id, _)) = entries.last() {
                state.handed.clone_from(id);
            }
            if !notices.is_empty() {
                return Ok(notices);
            }
            if entries.is_empty() {
                self.wait(&mut state).await?;
            }
        }
    }

    /// Returns when there may be an entry.
    async fn wait(&self, state: &mut State) -> Result<(), BackendError> {
        let waiting = state.waiting.get_or_insert_with(|| {
            let (link, notices) = (Arc::clone(&self.link), self.notices.clone());
            Waiting(tokio::spawn(async move { wait(&link, &notices).await }))
        });
        let ended: Result<_, JoinError> = (&mut waiting.0).await;
        state.waiting = None;
        ended.expect("waiting does not panic")
    }
}

async fn wait(link: &Link, notices: &str) -> Result<(), BackendError> {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(1).arg("BLOCK").arg(BLOCK.as_millis() as u64).arg("STREAMS").arg(notices).arg("0");
    let _: Value = link.ask(Request::Command(&command)).await?;
    Ok(())
}

/// One that cannot be read is of another version. It is a hint, and goes.
fn read(entry: &streams::Entry) -> Option<Notice> {
    streams::notice(entry)
        .inspect_err(|wrong| tracing::warn!(entry = entry.0, wrong, "a notice cannot be read and is left out"))
        .ok()
}
