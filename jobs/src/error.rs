//! What can go wrong in a job, sorted by whom it is charged to.

use std::io;
use std::path::Path;

use bitsweep_vectors::VectorError;

/// A job did not end well.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The job cannot be done: the same inputs and parameters fail again, with the same code and message.
    #[error("{message}")]
    Failed {
        /// Stable short name: `embed/nan`, `input/damaged`.
        code: &'static str,
        /// What happened, for a person. Holds no path: the same error reads the same everywhere.
        message: String,
    },
    /// The machine failed the job: no space, no memory, no permission. Elsewhere or later it may work.
    #[error("{message}")]
    Machine {
        /// What was being done and why it did not work.
        message: String,
    },
    /// Nobody listens any more: the supervisor is gone or speaks another language.
    #[error("the pipe to the supervisor broke")]
    Pipe(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl JobError {
    /// A deterministic failure of the job.
    pub fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self::Failed { code, message: message.into() }
    }

    /// An input is not what its format promises.
    pub(crate) fn damaged(message: impl Into<String>) -> Self {
        Self::failed("input/damaged", message)
    }

    /// A failure to read or write `path`.
    pub(crate) fn machine(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let doing = format!("failed to {doing} {}", path.display());
        move |source| Self::Machine { message: format!("{doing}: {source}") }
    }
}

/// Why a kind ended without being done.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It was told to stop, at a safe point.
    Stopped,
    /// It cannot go on.
    Error(JobError),
}

impl From<JobError> for Halt {
    fn from(error: JobError) -> Self {
        Self::Error(error)
    }
}

impl From<VectorError> for Halt {
    fn from(error: VectorError) -> Self {
        let message = with_causes(&error);
        let code = match error {
            VectorError::Stopped => return Self::Stopped,
            VectorError::File { .. } | VectorError::Kernels { .. } | VectorError::Baseline { .. } => {
                return Self::Error(JobError::Machine { message });
            }
            // Without the path: the message must be the same everywhere.
            VectorError::Format { codec, reason, .. } => {
                return Self::Error(JobError::damaged(format!("the index is not one of codec {codec}: {reason}")));
            }
            VectorError::Shape { .. }
            | VectorError::Width { .. }
            | VectorError::NotFinite { .. }
            | VectorError::NoRow { .. } => "input/damaged",
            VectorError::NotANumber { .. } => "rescore/overflow",
            VectorError::Overflow { .. } => "retrieve/overflow",
            VectorError::LeftOut { .. } => "similarity/left-out",
            VectorError::Unfit { .. } => "compress/unfit",
            VectorError::TooFewDocuments { .. } => "compress/too-few-documents",
            VectorError::Footprint { .. } => "compress/footprint",
            VectorError::Faiss { .. } => "vectors/faiss",
        };
        Self::Error(JobError::failed(code, message))
    }
}

/// An error and its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = causes(error);
    if causes.is_empty() { error.to_string() } else { format!("{error}: {causes}") }
}

/// The causes of an error in one line, outermost first.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(error.source(), |cause| cause.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
