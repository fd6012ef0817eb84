//! Tests of the crate through its public interface.

mod chaos;
mod expanding;
mod explaining;
mod fixture;
mod limiting;
mod pairs;
mod planning;
mod retrying;
mod run;
mod scheduling;
mod sharing;
