//! Plain data that every other crate agrees on: the manifest and its checks, cells, jobs and their keys, the lock, the
//! plan, outcomes and attempts, and the messages between a worker and its child.
//!
//! Owns: names, canonical forms, stored formats and their versions. Does not own: files, networks, clocks or threads;
//! everything here is a value or a pure function.

pub mod attempt;
pub mod cell;
pub mod codec;
pub mod control;
pub mod digest;
pub mod job;
pub mod key;
pub mod lock;
pub mod manifest;
pub mod measure;
pub mod outcome;
pub mod plan;
pub mod profile;
pub mod rescore;
pub mod study;
pub mod task;
pub mod track;
pub mod wire;
pub mod work;
pub mod worker;

pub use attempt::{AttemptEnd, AttemptStart, Nonce, Verdict};
pub use cell::{Axis, Cell};
pub use codec::Codec;
pub use control::{Action, Control};
pub use digest::Digest;
pub use job::{Class, Kind, Spec};
pub use key::{Fields, JobKey};
pub use lock::Lock;
pub use manifest::Manifest;
pub use measure::Measure;
pub use outcome::Outcome;
pub use plan::{Plan, SweepId};
pub use profile::{Precision, Profile, Profiles};
pub use rescore::Rescore;
pub use study::Study;
pub use task::Task;
pub use track::Track;
pub use work::Work;
pub use worker::WorkerCard;
