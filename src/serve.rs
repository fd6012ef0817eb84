//! `bitsweep coordinator` and `bitsweep worker`: the programs that run for long.
//!
//! Owns: their options, their start (services that are not there yet are waited for), and their end (signals, exit codes).
//! Does not own: what they do (`bitsweep_coordinator`, `bitsweep_worker`), or what the services guarantee
//! (`bitsweep_backends`).

mod coordinator;
mod metrics;
pub(crate) mod quantity;
pub(crate) mod services;
mod signals;
mod start;
mod worker;

pub(crate) use coordinator::{CoordinatorArgs, coordinator};
pub(crate) use worker::{WorkerArgs, worker};
