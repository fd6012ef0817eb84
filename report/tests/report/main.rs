//! Tests of the whole crate on a made-up sweep.

mod compare;
mod exports;
mod pages;
mod synthetic;
