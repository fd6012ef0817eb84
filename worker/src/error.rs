//! Why a worker cannot go on.

use std::fmt::Write as _;

use bitsweep_backends::BackendError;

/// A worker stopped for a reason that another attempt will not mend.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A service refuses: no space, no permission, wrong version. A person must act.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The child process cannot be started or does not answer.
    #[error("failed to start the process that runs jobs: {message}")]
    Child {
        /// What happened, with what the process said last.
        message: String,
    },
    /// The folder for files of running jobs cannot be used.
    #[error("failed to make a folder for running jobs in {folder}: {source}")]
    Scratch {
        /// The folder.
        folder: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// An error and its causes in one line, for records and for standard error.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        // Some errors tell their cause themselves.
        if !text.contains(&message) {
            let _ = write!(text, ": {message}");
        }
        cause = error.source();
    }
    text
}
