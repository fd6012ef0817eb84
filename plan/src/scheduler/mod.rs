//! When a job runs: a pure step from a state and an event to effects.
//!
//! ```text
//! blocked → ready (→ waiting) → published → leased → done
//!    ↑                                          ↘ failed / held
//!    └── an input was revoked
//! ```
//! Owns: readiness, order, the window of published jobs, retries ([`crate::retry`]), failure of dependants, and what is
//! made again when an outcome is lost. Does not own: queue, ledger, store, clock. Gates, budgets, pauses and cancels are
//! not here yet; a held job is one whose infrastructure account is used up.
//!
//! **Events are hints.** Each may be lost, come twice, or come late; the end is the same:
//! - A generation decides what is news. An outcome counts if its generation was not revoked; all else is ignored.
//! - An attempt's end is charged only while its job is leased, so an end that is heard twice is charged once.
//! - A ticket that nobody claims is published again after [`Settings::ticket_ms`]; a claimed job that nobody speaks of is
//!   made ready again after [`Settings::lease_ms`] (the ledger refuses a second claim while a lease runs). Both first ask
//!   the shell to look into the store ([`Effect::CheckStore`]).
//! - To feed the facts of every job again is a full reconcile, and changes nothing where nothing was lost.
//!
//! **Order.** Of the ready jobs of a class the lowest tier goes first, then the job with most levels of inputs below it
//! (a measure before a retrieval: cells finish early, and little is under way), then the plan's order.
//!
//! **Lost outcomes.** A revoked job is ready again with the next generation; its dependants that are not done are
//! blocked. A dependant that is done keeps its outcome if what it read is what its inputs hold now, see [`Fact`]; else it
//! is revoked too.
//!
//! A step costs O((changed + edges of changed) × log jobs). Only [`Event::Start`] looks at all jobs.

mod edges;
mod fact;
mod node;
mod state;

use bitsweep_proto::job::Class;
use bitsweep_proto::{JobKey, Verdict};

pub use fact::{Fact, Facts, Fingerprint};
pub use node::{Counts, JobState};
pub use state::State;

use crate::retry::{Ending, Limits};

/// What can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Retries.
    pub limits: Limits,
    /// Jobs in the queue for each live slot of a class.
    pub window_per_slot: usize,
    /// Jobs in the queue of a class besides.
    pub window_spare: usize,
    /// Milliseconds after which an unclaimed ticket is published again.
    pub ticket_ms: u64,
    /// Milliseconds after which a claimed job without a sign of life is looked into. Longer than a lease.
    pub lease_ms: u64,
    /// Generations after which a job is held: its outcomes get lost each time.
    pub generations: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            window_per_slot: 2,
            window_spare: 2,
            ticket_ms: 30_000,
            lease_ms: 300_000,
            generations: 16,
        }
    }
}

/// Something that may have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The run begins: takes the facts that the state was built with.
    Start,
    /// Time has passed; see [`State::next_due`].
    Tick,
    /// The live slots of a class.
    Slots {
        /// The class.
        class: Class,
        /// Jobs that can run at once.
        live: usize,
    },
    /// An attempt has claimed the job, or still works on it.
    Claimed {
        /// The job.
        key: JobKey,
    },
    /// An outcome is in the store and not revoked.
    Committed {
        /// The job.
        key: JobKey,
        /// What matters of it.
        fact: Fact,
    },
    /// An attempt is over.
    Ended {
        /// The job.
        key: JobKey,
        /// How.
        verdict: Verdict,
        /// Checkpoints that it added.
        checkpoints_made: u64,
    },
    /// A lease expired.
    Expired {
        /// The job.
        key: JobKey,
        /// Checkpoints that the attempt is known to have added.
        checkpoints_made: u64,
    },
    /// An outcome is revoked in the store.
    Revoked {
        /// The job.
        key: JobKey,
        /// The lost generation.
        generation: u32,
    },
    /// A worker cannot run the job.
    Refused {
        /// The job.
        key: JobKey,
        /// Why.
        reason: String,
    },
    /// A job could not be offered or its ticket not be published.
    PublishFailed {
        /// The job.
        key: JobKey,
        /// Why.
        message: String,
    },
}

/// Something to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Offer the work ([`crate::work()`]) to the ledger and put its ticket into the queue.
    Publish {
        /// Index in the plan.
        job: u32,
        /// The job.
        key: JobKey,
        /// The generation to commit.
        generation: u32,
    },
    /// Look for the job's outcome in the store, and answer with [`Event::Committed`] where there is one, or with
    /// [`Event::Revoked`] where the newest is revoked.
    CheckStore {
        /// The job.
        key: JobKey,
    },
    /// Put a revocation of this outcome into the store.
    Revoke {
        /// The job.
        key: JobKey,
        /// The generation that no longer counts.
        generation: u32,
        /// Why, for the record.
        reason: String,
    },
    /// A job is given up.
    JobFailed {
        /// The job.
        key: JobKey,
        /// Why.
        reason: String,
    },
    /// Jobs that cannot run, for an input of theirs is given up.
    DependantsFailed {
        /// The job that failed.
        key: JobKey,
        /// Those that need it, directly or not.
        dependants: Vec<JobKey>,
    },
    /// A job is put aside, for services failed it too often.
    JobHeld {
        /// The job.
        key: JobKey,
        /// Why.
        reason: String,
    },
    /// Nothing is left that could run. Comes again if something was made again after all.
    Finished {
        /// Jobs done.
        done: usize,
        /// Jobs given up, dependants counted.
        failed: usize,
        /// Jobs held or behind held ones: the run is not complete and no verdict is passed on them.
        held: usize,
    },
}

/// Takes `event` at `now` (milliseconds on any clock that does not go back) into the state and says what to do.
pub fn step(state: &mut State, event: Event, now: u64) -> Vec<Effect> {
    let mut turn = Turn { now, effects: Vec::new() };
    state.wake(&mut turn);
    apply(state, event, &mut turn);
    state.publish(&mut turn);
    state.finish(&mut turn);
    turn.effects
}

/// One step under way.
struct Turn {
    now: u64,
    effects: Vec<Effect>,
}

fn apply(state: &mut State, event: Event, turn: &mut Turn) {
    match event {
        Event::Start => state.start(turn),
        Event::Tick => {}
        Event::Slots { class, live } => state.set_slots(class, live),
        Event::Claimed { key } => state.claimed(&key, turn),
        Event::Committed { key, fact } => state.committed(&key, fact, turn),
        Event::Ended { key, verdict, checkpoints_made } => match Ending::of(verdict) {
            Some(ending) => state.ended(&key, (ending, checkpoints_made), turn),
            None => state.look(&key, turn),
        },
        Event::Expired { key, checkpoints_made } => state.ended(&key, (Ending::vanished(), checkpoints_made), turn),
        Event::Revoked { key, generation } => state.revoked(&key, generation, turn),
        Event::Refused { key, reason } => state.unserved(&key, format!("no worker can run it: {reason}"), turn),
        Event::PublishFailed { key, message } => {
            state.unserved(&key, format!("it cannot be published: {message}"), turn);
        }
    }
}
