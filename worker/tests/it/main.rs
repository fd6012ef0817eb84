//! A worker on in-process services and a store in a folder, with children that play parts and with the real one.

mod faults;
mod life;
mod lost;
mod races;
mod real;
mod site;
