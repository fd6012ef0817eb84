//! Tests of the whole crate on a made-up sweep.

mod advise;
mod codes;
mod compare;
mod exports;
mod findings;
mod growth;
mod heroes;
mod labels;
mod pages;
mod similarity;
mod speed;
mod synthetic;
mod truncated;
