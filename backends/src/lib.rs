//! Queue, ledger and object store, behind small traits chosen by URL.
//!
//! Owns: the guarantees of the three services, the layout of the store, and their in-process implementations. Does not
//! own: when a job is ready (`bitsweep_plan`), or how one is run (`bitsweep_worker`).

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod error;
pub mod ledger;
pub mod queue;
pub mod store;

pub use error::{BackendError, Service};
pub use ledger::{Beat, Claim, InProcessLedger, Ledger, Notice, Offer};
pub use queue::{Delivery, InProcessQueue, Queue};
pub use store::{Store, StoreLock};
