//! The coordinator over in-process services, with workers that do as a script says. Time is tokio's, paused: it passes
//! only while everybody waits.

mod accounts;
mod basics;
mod embedded;
mod plans;
mod scale;
mod takeover;
mod wipes;
mod worker;
mod world;
