//! Measurements of the whole, on real services and with real processes: figures, not tests.
//!
//! `scripts/scale` and `scripts/soak` run them; each says at its head what it prints.

#[path = "../support/mod.rs"]
mod support;

mod celery;
mod embedded;
mod gauge;
mod monitor;
mod noops;
mod overhead;
mod scale;
mod site;
mod soak;

/// The value of an environment variable, or what counts where it is not set.
fn setting<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} cannot be read: {value:?}")),
        Err(_) => otherwise,
    }
}
