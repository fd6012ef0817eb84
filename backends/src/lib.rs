//! Queue, ledger and object store, behind small traits chosen by URL.
//!
//! Owns: the guarantees of the three services, the layout of the store, and their in-process implementations. Does not
//! own: when a job is ready (`bitsweep_plan`), or how one is run (`bitsweep_worker`).

mod address;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod error;
pub mod ledger;
pub mod queue;
pub mod store;

pub use address::{Address, NotAnAddress};
pub use error::{BackendError, Service};
pub use ledger::{
    Beat, Claim, Ended, Heartbeat, InProcessLedger, Ledger, Notice, Pulse, RedisLedger, ResultEntry, unfit,
};
pub use queue::{Delivery, InProcessQueue, Queue, RabbitQueue};
pub use store::{Store, StoreLock};
