//! Exit codes, and errors sorted by them.

use std::process::ExitCode;

/// How the command ends. Documented in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All done.
    Done = 0,
    /// Some cells failed.
    SomeFailed = 1,
    /// Wrong usage, manifest, source or configuration: running again changes nothing.
    Wrong = 2,
    /// A service cannot be reached or refuses: run again later.
    Unreachable = 3,
    /// Interrupted, can be continued.
    Interrupted = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error with its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the command ends.
    pub(crate) exit: Exit,
    /// What the user sees: what failed, where, and what to do.
    pub(crate) message: String,
}

impl Failure {
    /// A mistake of the user: exit code 2.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self { exit: Exit::Wrong, message: message.into() }
    }

    /// A service that cannot be used now: exit code 3.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unreachable, message: message.into() }
    }
}

/// An error with all its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

impl From<bitsweep_backends::BackendError> for Failure {
    fn from(error: bitsweep_backends::BackendError) -> Self {
        use bitsweep_backends::BackendError::{Damaged, Missing, Refused, Unavailable};
        let exit = match &error {
            Unavailable { .. } | Refused { .. } => Exit::Unreachable,
            Missing { .. } | Damaged { .. } => Exit::Wrong,
        };
        Self { exit, message: chain(&error) }
    }
}

impl From<bitsweep_coordinator::CoordinatorError> for Failure {
    fn from(error: bitsweep_coordinator::CoordinatorError) -> Self {
        match error {
            bitsweep_coordinator::CoordinatorError::Backend(error) => error.into(),
        }
    }
}

impl From<bitsweep_report::ReportError> for Failure {
    fn from(error: bitsweep_report::ReportError) -> Self {
        Self::wrong(chain(&error))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::wrong(error.to_string())
    }
}
