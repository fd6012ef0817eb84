//! Whether a child that says nothing is hung.

use std::time::Duration;

/// Counts the beats of silence. Beats and not the clock: a supervisor that was itself stopped for an hour has heard
/// nothing for an hour, which is not the child's fault, and it counts as one beat.
pub(crate) struct Silence {
    most: u32,
    beats: u32,
}

impl Silence {
    /// For a child that may be silent for `limit`, with a beat every `beat`.
    pub(crate) fn new(limit: Duration, beat: Duration) -> Self {
        let beats = limit.as_secs_f64() / beat.as_secs_f64().max(1e-3);
        // Never at the first beat: it may come right after the start.
        Self { most: (beats.ceil() as u32).max(2), beats: 0 }
    }

    /// The child said something.
    pub(crate) fn broken(&mut self) {
        self.beats = 0;
    }

    /// A beat has passed; true once there were too many.
    pub(crate) fn beat(&mut self) -> bool {
        self.beats += 1;
        self.beats >= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_counted_in_beats() {
        let mut silence = Silence::new(Duration::from_secs(60), Duration::from_secs(10));
        assert_eq!([(); 6].map(|()| silence.beat()), [false, false, false, false, false, true]);
        silence.broken();
        assert!(!silence.beat());
        let mut short = Silence::new(Duration::ZERO, Duration::from_secs(10));
        assert_eq!([(); 2].map(|()| short.beat()), [false, true]);
    }
}
