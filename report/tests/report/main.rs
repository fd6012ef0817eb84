//! Tests of the whole crate on a made-up sweep.

mod exports;
mod pages;
mod synthetic;
