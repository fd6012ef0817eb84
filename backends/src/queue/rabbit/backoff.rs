//! How long to wait before the next try.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Waits that double up to a limit. Each is cut by up to half, at random: what failed together does not come back
/// together.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    pub(super) fn next(&mut self) -> Duration {
        // The keys of the hasher are random, and others each time. A wait need not be reproducible.
        self.step((RandomState::new().hash_one(0) >> 32) as u32)
    }

    fn step(&mut self, random: u32) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(LONGEST);
        wait.mul_f64(1.0 - 0.5 * f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_a_limit() {
        let mut backoff = Backoff::new();
        let waits: Vec<_> = (0..8).map(|_| backoff.step(0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.step(u32::MAX), LONGEST / 2);
        assert!((LONGEST / 2..=LONGEST).contains(&backoff.next()));
    }
}
