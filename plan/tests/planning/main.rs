//! Tests of the crate through its public interface.

mod chaos;
mod expanding;
mod explaining;
mod fixture;
mod planning;
mod retrying;
mod scheduling;
