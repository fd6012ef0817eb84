//! **For tests only**: fail points before and after every effect.
//!
//! Everything that a coordinator or a worker does to the world goes through `Queue`, `Ledger` or the object store. Each
//! actor of a test gets these three wrapped by a [`Points`] of its own; every call passes a point before and one after
//! it. A run without a fault tells which points there are ([`Board::seen`]): a new effect is on the list by itself. A run
//! with a [`Trap`] crashes, fails or delays at one of them.
//!
//! **A crash** is a call that never returns: from then on no call of that actor does, as if its process were gone, and
//! [`Points::crashed`] tells whoever has to start another. What had been done to the services stays done.

mod ledger;
mod objects;
mod queue;
mod upload;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

pub use ledger::PointsLedger;
pub use objects::PointsObjects;
pub use queue::PointsQueue;

/// Before or after the effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// The service has not heard of it.
    Before,
    /// It is done, and nobody has heard so.
    After,
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// The actor is gone.
    Crash,
    /// The call says that the service cannot be reached.
    Error,
    /// The call takes that long.
    Delay(Duration),
}

/// One effect: who does what, such as `worker ledger.claim` or `coordinator store.create plans`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effect(pub String);

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Harm at one point.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trap {
    /// The effect.
    pub effect: Effect,
    /// On which side of it.
    pub when: When,
    /// What happens.
    pub harm: Harm,
    /// The how-manieth time that it is come by, counted from 1.
    pub hit: u32,
}

/// What all actors of one run share: how often each effect was come by, and the trap.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    seen: BTreeMap<Effect, u32>,
    trap: Option<Trap>,
    sprung: bool,
}

impl Board {
    /// A board without a trap.
    pub fn new() -> Self {
        Self::default()
    }

    /// A board with a trap.
    pub fn with(trap: Trap) -> Self {
        let board = Self::new();
        board.lock().trap = Some(trap);
        board
    }

    /// Every effect that was come by, with how often.
    pub fn seen(&self) -> BTreeMap<Effect, u32> {
        self.lock().seen.clone()
    }

    /// Whether the trap has done its harm.
    pub fn sprung(&self) -> bool {
        self.lock().sprung
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the effect, and says what harm its sides do.
    fn come_by(&self, effect: Effect) -> [Option<Harm>; 2] {
        let mut state = self.lock();
        let count = state.seen.entry(effect.clone()).or_default();
        *count += 1;
        let hit = *count;
        let Some(trap) = state.trap.as_ref().filter(|trap| trap.effect == effect && trap.hit == hit) else {
            return [None, None];
        };
        let harms = match trap.when {
            When::Before => [Some(trap.harm), None],
            When::After => [None, Some(trap.harm)],
        };
        state.sprung = true;
        harms
    }
}

/// The points of one actor. Clones are the same actor.
#[derive(Clone, Debug)]
pub struct Points {
    actor: &'static str,
    board: Board,
    dead: Arc<watch::Sender<bool>>,
}

/// An effect was made to fail.
pub(crate) struct Refused;

impl Points {
    /// The points of an actor of this kind: `worker`, `coordinator`.
    pub fn of(actor: &'static str, board: &Board) -> Self {
        Self { actor, board: board.clone(), dead: Arc::new(watch::channel(false).0) }
    }

    /// Waits until the actor has crashed.
    pub async fn crashed(&self) {
        // The sender lives in `self`.
        let _ = self.dead.subscribe().wait_for(|dead| *dead).await;
    }

    /// Has the actor crash now.
    pub fn crash(&self) {
        self.dead.send_replace(true);
    }

    /// Passes the points of one effect with `act` between them.
    pub(crate) async fn pass<T>(&self, effect: &str, act: impl Future<Output = T>) -> Result<T, Refused> {
        self.alive().await;
        let [before, after] = self.board.come_by(Effect(format!("{} {effect}", self.actor)));
        self.suffer(before).await?;
        let done = act.await;
        self.alive().await;
        self.suffer(after).await?;
        Ok(done)
    }

    async fn suffer(&self, harm: Option<Harm>) -> Result<(), Refused> {
        match harm {
            None => Ok(()),
            Some(Harm::Error) => Err(Refused),
            Some(Harm::Delay(pause)) => {
                tokio::time::sleep(pause).await;
                self.alive().await;
                Ok(())
            }
            Some(Harm::Crash) => {
                self.crash();
                std::future::pending().await
            }
        }
    }

    /// Returns for the living only.
    async fn alive(&self) {
        if *self.dead.borrow() {
            std::future::pending::<()>().await;
        }
    }
}
