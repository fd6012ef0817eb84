//! When a job runs: a pure step from a state and an event to effects, for many sweeps at once.
//!
//! ```text
//! blocked → ready (→ waiting) → published → leased → done
//!    ↑                                          ↘ failed / held
//!    ├── an input was revoked
//!    └── cancelled: nobody wants it (from and to all but done and failed)
//! ```
//! Owns: readiness, order, fair share, gates, budgets, the window of published jobs, retries ([`crate::retry`]), failure of
//! dependants, what a cancel leaves, and what is made again when an outcome is lost. Does not own: queue, ledger, store,
//! clock.
//!
//! **Shared jobs.** A job is one by its key, whatever sweeps want it: it runs once, and what becomes of it is so for all. A
//! sweep adds an interest in it, with its own tier, track, gates and budgets. A job may run if one sweep lets it, and goes
//! in the best place that any sweep gives it. What is forgiven by one sweep is forgiven while that sweep is in the state.
//!
//! **Events are hints.** Each may be lost, come twice, or come late; the end is the same:
//! - A generation decides what is news. An outcome counts if its generation was not revoked; all else is ignored.
//! - Accounts and spends are worked out from the records of attempts ([`Event::History`]) and from outcomes, each attempt
//!   once, never from adding up events. Records only grow: an old reading that comes late takes nothing back, and an
//!   attempt that is known to be over holds nothing.
//! - A ticket that nobody claims is published again after [`Settings::ticket_ms`]; a claimed job that nobody speaks of is
//!   made ready again after [`Settings::lease_ms`] (the ledger refuses a second claim while a lease runs). Both first ask
//!   the shell to look into the store ([`Effect::CheckStore`], [`Effect::CheckHistory`]).
//! - To submit a sweep again with all its facts is a full reconcile, and changes nothing where nothing was lost.
//!
//! **Order.** Core work before exploratory: an exploratory job is published only where no core job of its class could be.
//! Then fair share: the sweep with fewest jobs of the class under way, of several the one that was served longest ago.
//! Within a sweep the lowest tier goes first, then the job with most levels of inputs below it (a measure before a
//! retrieval: cells finish early, and little is under way), then the plan's order.
//!
//! **Window.** What is in the queue is out of the scheduler's hands, so few jobs are: some for each slot, and of jobs that
//! take milliseconds as many as keep the slots busy until others come.
//!
//! **Gates and budgets** hold a sweep's interest in a job, not the job. A gate that has opened stays open while the state
//! lives. A budget counts what jobs took that the sweep wants, for whomever they ran, since the sweep was submitted
//! ([`Facts::since`]), and sets aside for jobs under way what jobs of their kind took on the average; the job that would
//! go beyond is held. It can be exceeded by what jobs under way take beyond that average (in all, where none of the kind is
//! done yet), and by what runs for other sweeps. No job is stopped for it. How many cells may run is decided when the sweep
//! is submitted or the budget changes: the first in the order of tiers, then of the table.
//!
//! **What is held or given up.** The accounts decide ([`crate::retry`]). A job that no worker can run (refused more often in
//! a row than the infrastructure account allows) is held until there are more slots. What cannot be published is tried
//! again as long as it takes. [`Action::Retry`](bitsweep_proto::Action::Retry) takes all of it back, for the attempts that it
//! forgives.
//!
//! **Cancel** takes a sweep's interest away. What no other sweep wants is cancelled, and withdrawn where it is published or
//! leased; what is done or given up stays so. A job that was published for it and that another sweep wants goes on, also
//! where that sweep would not let it start yet.
//!
//! **Lost outcomes.** A revoked job is ready again with the next generation; its dependants that are not done are
//! blocked. A dependant that is done keeps its outcome if what it read is what its inputs hold now, see [`Fact`]; else it
//! is revoked too.
//!
//! A step costs O((changed + edges of changed) × sweeps that want them × log jobs), and O(sweeps × groups) for each job
//! published, where a group is a kind, tier and track of a sweep. Only [`Event::Submitted`], [`Event::Forget`] and
//! [`Event::Controlled`] look at all jobs of their sweep.

mod board;
mod effect;
mod event;
mod fact;
mod grouping;
mod hear;
mod limits;
mod moves;
mod node;
mod pick;
mod record;
mod spend;
mod state;
mod sweep;
mod sweeps;
mod tally;

pub use effect::Effect;
pub use event::Event;
pub use fact::{Fact, Facts, Fingerprint, Mark, Took};
pub use spend::Spend;
pub use state::State;
pub use tally::{Counts, Hold, JobState, Tally};

use crate::retry::Limits;

/// What can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Retries.
    pub limits: Limits,
    /// Jobs in the queue for each live slot of a class.
    pub window_per_slot: usize,
    /// Jobs in the queue of a class besides.
    pub window_spare: usize,
    /// Jobs in the queue of a class for each live slot besides, at most: so many while jobs are so short that those before
    /// are not enough.
    pub most_extra_per_slot: usize,
    /// A ticket that is claimed within so many milliseconds was published too late; one that waits twice as long, too
    /// early.
    pub soon_ms: u64,
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
            most_extra_per_slot: 64,
            soon_ms: 40,
            ticket_ms: 30_000,
            lease_ms: 300_000,
            generations: 16,
        }
    }
}

/// Takes `event` at `now` (milliseconds on any clock that does not go back) into the state and says what to do.
pub fn step(state: &mut State, event: Event, now: u64) -> Vec<Effect> {
    let mut turn = Turn { now, effects: Vec::new() };
    state.wake(&mut turn);
    apply(state, event, &mut turn);
    state.open_gates(&mut turn);
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
        Event::Submitted { sweep, plan, facts, controls } => state.submitted((sweep, plan), (facts, controls), turn),
        Event::Controlled { sweep, action } => state.controlled(&sweep, action, turn),
        Event::Forget { sweep } => state.forget(&sweep, turn),
        Event::Tick => {}
        Event::Slots { class, live } => state.set_slots(class, live, turn),
        Event::Claimed { key, attempt } => state.claimed(&key, attempt, turn),
        Event::Committed { key, fact } => state.committed(&key, fact, turn),
        Event::History { key, history } => state.history(&key, history, turn),
        Event::Revoked { key, generation } => state.revoked(&key, generation, turn),
        Event::Refused { key, reason } => state.refused(&key, reason, turn),
        Event::PublishFailed { key, message } => state.unpublished(&key, message, turn),
        Event::LedgerLost => state.ledger_lost(turn),
    }
}
