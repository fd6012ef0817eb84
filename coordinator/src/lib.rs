//! The scheduler's async shell: carries out effects, and turns notices, timers and facts into events.
//!
//! Owns: the loop between [`bitsweep_plan::scheduler::step`] and the services. Does not own: any decision (they are pure
//! and in `bitsweep_plan`), how a job is run (`bitsweep_worker`), what a person sees (an [`Observer`]).

mod drive;
mod facts;
mod standing;

pub use drive::{Coordinator, CoordinatorError, End};
pub use facts::facts;
pub use standing::{KindStanding, Observer, Standing};
