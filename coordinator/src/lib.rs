//! The scheduler's async shell: carries out effects, and turns notices, timers and facts into events.
//!
//! Owns: the loop between [`bitsweep_plan::scheduler::step`] and the services, for one sweep in one process
//! ([`Embedded`]) or for many on machines that come and go ([`Coordinator`], talked to at its [`Desk`]); who leads; and
//! what can be seen of it all. Does not own: any decision (they are pure and in `bitsweep_plan`), how a job is run
//! (`bitsweep_worker`), what a person sees of a run (an [`Observer`]).
//!
//! **Crash-only.** Whatever is decided is on record in the store first; the state is built from the store and may be
//! dropped at any instruction. Everything that goes out may go out twice.

mod answer;
pub mod api;
mod archive;
mod collect;
mod control;
pub mod desk;
mod drive;
mod effects;
mod facts;
mod hands;
mod health;
mod hosts;
mod lanes;
mod lead;
mod load;
mod lookups;
mod metrics;
mod nonce;
mod notices;
pub mod picture;
mod pulse;
mod reconcile;
mod service;
mod settings;
mod signs;
mod standing;
mod sweeps;
mod trace;
mod vanished;
pub mod view;

pub use desk::{Desk, DeskError};
pub use drive::{CoordinatorError, Embedded, End};
pub use facts::{Begin, facts};
pub use service::Coordinator;
pub use settings::{Services, Settings};
pub use standing::{KindStanding, Observer, Standing};
pub use view::{News, Role, SweepLine, SweepState, SweepStatus, What};
