//! Tests of the whole crate on a made-up sweep.

mod advise;
mod compare;
mod exports;
mod findings;
mod heroes;
mod pages;
mod synthetic;
