//! Tests of the crate through its public interface.

mod chaos;
mod codes;
mod expanding;
mod explaining;
mod fixture;
mod labelled;
mod limiting;
mod pairs;
mod planning;
mod retrying;
mod run;
mod scheduling;
mod sharing;
mod speed;
mod truncating;
