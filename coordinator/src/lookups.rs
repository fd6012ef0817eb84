//! Looks at single jobs in the store: the facts behind hints.
//!
//! Owns: that a hint which comes while the same look is under way leads to another look after it (the first may have been
//! too early), and no more than that. Does not own: when to look.

use std::collections::HashMap;

use bitsweep_backends::{BackendError, Service, Store};
use bitsweep_plan::scheduler::{Event, Fact};
use bitsweep_proto::{JobKey, Nonce, Outcome};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::hands::{Done, Found, Hands};
use crate::vanished;

/// One look, or one small record that is put.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Look {
    /// For the outcome; of this generation, where a hint names one.
    Outcome { generation: Option<u32> },
    /// The same where the ledger has not told of one: whoever committed it may be gone. Then the ledger is told.
    Unheard { generation: Option<u32> },
    /// For the attempts on record.
    History,
    /// Puts an end on record for an attempt that vanished, then as [`Look::History`]. It was first heard of at this time
    /// (seconds since 1970), which counts where it left no start.
    Close { attempt: Nonce, heard_at: u64 },
    /// Puts a revocation.
    Revoke { generation: u32, reason: String },
}

impl Look {
    /// Looks that answer one another.
    fn subject(&self) -> Subject {
        match self {
            Self::Outcome { .. } | Self::Unheard { .. } => Subject::Outcome,
            Self::History => Subject::History,
            Self::Close { attempt, .. } => Subject::Attempt(attempt.clone()),
            Self::Revoke { generation, .. } => Subject::Generation(*generation),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Outcome { .. } | Self::Unheard { .. } => "check_store",
            Self::History => "check_history",
            Self::Close { .. } => "close_attempt",
            Self::Revoke { .. } => "revoke",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Outcome,
    History,
    Attempt(Nonce),
    Generation(u32),
}

/// The looks under way; true where another has to follow.
#[derive(Debug, Default)]
pub(crate) struct Lookups(HashMap<(Subject, JobKey), Option<Look>>);

impl Lookups {
    /// Starts a look among `tasks`, or after the one that is under way.
    pub(crate) fn start(&mut self, hands: &Hands, tasks: &mut JoinSet<()>, (look, key): (Look, JobKey)) {
        let place = (look.subject(), key);
        if let Some(next) = self.0.get_mut(&place) {
            // Without the generation that a hint names: by then there may be a newer one.
            *next = Some(match look {
                Look::Outcome { .. } => Look::Outcome { generation: None },
                Look::Unheard { .. } => Look::Unheard { generation: None },
                look => look,
            });
            return;
        }
        self.0.insert(place, None);
        let hands = hands.clone();
        tasks.spawn(async move {
            let began = Instant::now();
            let turn = hands.looks.acquire().await;
            let found = Box::new(hands.look(&look, key).await);
            drop(turn);
            hands.metrics.done(look.name(), began.elapsed());
            hands.tell(Done::Looked { look, key, found });
        });
    }

    /// A look is over: gives the one that has to follow.
    pub(crate) fn over(&mut self, look: &Look, key: JobKey) -> Option<Look> {
        self.0.remove(&(look.subject(), key)).flatten()
    }
}

impl Hands {
    async fn look(&self, look: &Look, key: JobKey) -> Found {
        let Self { store, health, .. } = self;
        match look {
            Look::Outcome { generation } => {
                let seen = health.insist(Service::Store, || see(store, key, *generation)).await;
                Found::Event(seen.event(key))
            }
            Look::Unheard { generation } => {
                let seen = health.insist(Service::Store, || see(store, key, *generation)).await;
                if let Seen::Outcome(outcome) = &seen {
                    // So that it is among the results, and nobody is offered the job.
                    let told = health.try_once(Service::Ledger, self.ledger.adopt(outcome)).await;
                    told.unwrap_or_else(
                        |error| tracing::debug!(%key, "the ledger was not told of its outcome: {error}"),
                    );
                }
                Found::Event(seen.event(key))
            }
            Look::History => Found::Attempts(health.insist(Service::Store, || store.attempts(key)).await),
            Look::Close { attempt, heard_at } => {
                let closed = health.insist(Service::Store, || vanished::close(store, key, (attempt, *heard_at))).await;
                if closed {
                    self.metrics.vanished.inc();
                }
                Found::Attempts(health.insist(Service::Store, || store.attempts(key)).await)
            }
            Look::Revoke { generation, reason } => {
                health.insist(Service::Store, || store.revoke(key, *generation, reason)).await;
                Found::Event(None)
            }
        }
    }
}

/// What the store has of a job.
enum Seen {
    /// The outcome that counts, or the one that a hint named.
    Outcome(Box<Outcome>),
    /// The newest is of this generation, and revoked.
    Revoked {
        generation: u32,
    },
    Nothing,
}

impl Seen {
    fn event(&self, key: JobKey) -> Option<Event> {
        match self {
            Self::Outcome(outcome) => Some(Event::Committed { key, fact: Fact::of(outcome) }),
            Self::Revoked { generation } => Some(Event::Revoked { key, generation: *generation }),
            Self::Nothing => None,
        }
    }
}

/// The fact behind a hint.
async fn see(store: &Store, key: JobKey, hint: Option<u32>) -> Result<Seen, BackendError> {
    if let Some(generation) = hint {
        // One read instead of two listings and a read. Where it is revoked already, that hint comes too.
        match store.outcome_at(key, generation).await {
            Ok(Some(outcome)) => return Ok(Seen::Outcome(Box::new(outcome))),
            Ok(None) | Err(BackendError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(outcome) = store.outcome_or_revoke(key).await? {
        return Ok(Seen::Outcome(Box::new(outcome)));
    }
    let revoked = store.generation_of(key).await?.checked_sub(1);
    Ok(revoked.map_or(Seen::Nothing, |generation| Seen::Revoked { generation }))
}
