//! News for whoever watches: server-sent events that can be resumed.
//!
//! The coordinator's news are hints. They are numbered here and the last of them kept, so that a client whose connection
//! broke goes on where it was. Where that is not possible (it was away too long, or another coordinator answers), an event
//! `reset` says so: it reads the status anew.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bitsweep_proto::SweepId;
use futures::stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::App;
use super::extract::{Asked, sweep};
use super::problem::{Answer, Problem, Sort};
use super::types::EventsWanted;
use crate::view::News;

/// News kept for clients that come back.
const KEPT: usize = 4096;

/// A line now and then shows that the connection lives, to both sides.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The last news, numbered.
pub(super) struct Journal {
    /// Tells this run of the coordinator from others: its numbers begin at 0.
    run: String,
    kept: Mutex<Kept>,
    /// The number of the next news.
    grown: watch::Sender<u64>,
}

#[derive(Default)]
struct Kept {
    /// The number behind the last one.
    next: u64,
    entries: VecDeque<Entry>,
}

/// One piece of news; `None`: some were missed.
type Entry = Option<Arc<News>>;

impl Journal {
    pub(super) fn new() -> Self {
        // Seeded at random: all that is asked of it.
        let run = format!("{:016x}", RandomState::new().build_hasher().finish());
        Self { run, kept: Mutex::default(), grown: watch::Sender::new(0) }
    }

    /// Writes down what is heard, until `stop` or until nothing more can come.
    pub(super) async fn keep(&self, mut news: broadcast::Receiver<News>, mut stop: watch::Receiver<bool>) {
        loop {
            let heard = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                heard = news.recv() => heard,
            };
            match heard {
                Ok(news) => self.push(Some(Arc::new(news))),
                Err(RecvError::Lagged(_)) => self.push(None),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn push(&self, entry: Entry) {
        let mut kept = self.lock();
        kept.entries.push_back(entry);
        if kept.entries.len() > KEPT {
            kept.entries.pop_front();
        }
        kept.next += 1;
        self.grown.send_replace(kept.next);
    }

    /// The entry of this number; the oldest that is kept where it is gone; `None` where it has not come yet.
    fn entry(&self, number: u64) -> Option<(u64, Entry)> {
        let kept = self.lock();
        let oldest = kept.next - kept.entries.len() as u64;
        if number < oldest {
            return Some((oldest, None));
        }
        let at = usize::try_from(number - oldest).ok()?;
        kept.entries.get(at).map(|entry| (number, entry.clone()))
    }

    /// Where a client goes on that says what it heard last; `None` where that cannot be.
    fn behind(&self, last: &str) -> Option<u64> {
        let (run, number) = last.split_once('-')?;
        let number: u64 = number.parse().ok()?;
        let next = self.lock().next;
        (run == self.run && number < next).then_some(number + 1)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one client hears.
struct Listener {
    journal: Arc<Journal>,
    grown: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    /// The number of the news to tell next.
    next: u64,
    /// Begin with a reset.
    reset: bool,
    only: Option<SweepId>,
    /// Held as long as somebody listens.
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Listener {
    /// The next event for this client; `None` at the end.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if std::mem::take(&mut self.reset) {
            return Some((Ok(Event::default().event("reset").data("{}")), self));
        }
        loop {
            let seen = *self.grown.borrow_and_update();
            while let Some((number, entry)) = self.journal.entry(self.next) {
                self.next = number + 1;
                let id = format!("{}-{number}", self.journal.run);
                match entry {
                    None => return Some((Ok(Event::default().id(id).event("reset").data("{}")), self)),
                    Some(news) if self.only.is_none_or(|only| news.sweeps.contains(&only)) => {
                        let data = serde_json::to_string(&*news).unwrap_or_default();
                        return Some((Ok(Event::default().id(id).event("news").data(data)), self));
                    }
                    Some(_) => {}
                }
            }
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => return None,
                more = self.grown.wait_for(|next| *next > seen) => { more.ok()?; }
            }
        }
    }
}

/// News as they happen, as server-sent events: `news`, one a message, and `reset` where some were missed and the status
/// has to be read anew. Send `Last-Event-ID` to go on after a broken connection.
#[utoipa::path(
    get, path = "/api/v1/events", params(EventsWanted, ("Last-Event-ID" = Option<String>, Header, description = "the id of the last event that was heard")),
    responses((status = 200, description = "a stream that does not end; the data of `news` is a News", body = News, content_type = "text/event-stream"))
)]
pub(super) async fn events(
    State(app): State<App>,
    Asked(wanted): Asked<EventsWanted>,
    headers: HeaderMap,
) -> Answer<Response> {
    let only = wanted.sweep.as_deref().map(sweep).transpose()?;
    let permit = app.listeners.clone().try_acquire_owned();
    let _permit = permit.map_err(|_| Problem::new(Sort::TooMany, "too many listeners: ask again later"))?;
    let journal = app.journal.clone();
    let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    let behind = last.map(|last| journal.behind(last));
    let grown = journal.grown.subscribe();
    let now = *grown.borrow();
    let (next, reset) = match behind {
        None => (now, false),
        Some(Some(next)) => (next, false),
        Some(None) => (now, true),
    };
    let listener = Listener { journal, grown, stop: app.stop.clone(), next, reset, only, _permit };
    let stream = stream::unfold(listener, Listener::next);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::What;

    fn news(at_ms: u64) -> Entry {
        Some(Arc::new(News { at_ms, sweeps: Vec::new(), what: What::Submitted }))
    }

    #[test]
    fn a_client_goes_on_where_it_was_or_hears_that_it_cannot() {
        let journal = Journal::new();
        assert_eq!(journal.entry(0), None);
        for number in 0..10 {
            journal.push(news(number));
        }
        let id = |number: u64| format!("{}-{number}", journal.run);
        assert_eq!(journal.behind(&id(3)), Some(4));
        assert_eq!(journal.entry(4), Some((4, news(4))));
        assert_eq!(journal.behind(&id(9)), Some(10));
        assert_eq!(journal.entry(10), None);
        for wrong in ["", "x", "3", "another-3", &id(10), &format!("{}-x", journal.run)] {
            assert_eq!(journal.behind(wrong), None, "{wrong}");
        }
        for number in 10..10 + KEPT as u64 {
            journal.push(news(number));
        }
        assert_eq!(journal.entry(4), Some((10, None)), "what is gone is said");
        assert_eq!(journal.entry(11), Some((11, news(11))));
    }
}
