//! Safe points: where a running job reports, hands over checkpoints and may stop.

use std::cell::RefCell;
use std::path::Path;

use crate::error::JobError;

/// Safe points and checkpoints of a running job. Implemented by the child's pipe and, in tests, by a `Vec`.
pub trait Steps {
    /// Says how far the job is, in units of its own (rows, queries).
    fn progress(&mut self, done: u64, total: u64) -> Result<(), JobError>;

    /// Hands over a checkpoint, a file in the scratch folder; returns when the supervisor has kept it.
    fn checkpoint(&mut self, name: &str, file: &Path) -> Result<(), JobError>;

    /// Leaves a line in the log of the attempt.
    fn note(&mut self, line: &str) -> Result<(), JobError>;

    /// Whether to stop at this safe point. To be asked often: whoever asks shows that it moves, and a job that neither
    /// asks nor reports for long is taken for hung.
    fn should_stop(&mut self) -> bool;
}

/// Runs `body` with a stop callback that asks `steps`: for calls that poll a `Fn` in their inner loops.
pub(crate) fn with_stop<T>(steps: &mut dyn Steps, body: impl FnOnce(&dyn Fn() -> bool) -> T) -> T {
    let steps = RefCell::new(steps);
    body(&|| steps.borrow_mut().should_stop())
}
