//! **For tests only**: what every implementation of the three services must do. Each suite makes fresh, empty instances
//! with the function it is given, and panics where one misbehaves.
//!
//! The suites know no clock: leases of no length expire at once. So they run unchanged against real servers.

mod ledger;
pub mod points;
mod queue;
pub mod s3;
pub mod samples;
pub mod servers;
mod store;

pub use ledger::ledger;
pub use queue::queue;
pub use store::store;
