//! Retries: three accounts for each job, and what a charge to them means.
//!
//! | account | charged for | limit |
//! |---|---|---|
//! | preemption | deadlines, signals, notices | none: never charged |
//! | infrastructure | store or service errors, vanished machines, refused or unpublishable tickets, and the first time that the child process breaks | generous, with exponential backoff; a new checkpoint clears it |
//! | error in the job | what the job says of itself, and further breaks of its process | few; the same code and message twice is final |
//!
//! The job's own account alone makes a failed verdict. A job whose infrastructure account is used up is *held*, for a
//! service that does not answer says nothing about the job: the run ends and says that a service is unreachable, and
//! the next run goes on with fresh accounts.

use std::collections::BTreeMap;

use bitsweep_proto::attempt::{AttemptEnd, AttemptStart, Nonce, Verdict};

/// The limits of the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Charges to infrastructure that a job survives.
    pub infrastructure: u32,
    /// Errors of its own that end a job, whatever they say.
    pub errors: u32,
    /// Wait after the first charge to infrastructure, in milliseconds; each further one doubles it.
    pub first_wait_ms: u64,
    /// The longest wait.
    pub longest_wait_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { infrastructure: 8, errors: 3, first_wait_ms: 1_000, longest_wait_ms: 300_000 }
    }
}

/// How an attempt ended, as far as the accounts care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It stopped because it was told to.
    Preempted,
    /// A store or service failed it, its ticket was not served, or its machine vanished.
    Infrastructure(String),
    /// Its process broke.
    Broke(String),
    /// It says that it cannot be done.
    Error {
        /// Stable short name of the error.
        code: String,
        /// What happened.
        message: String,
    },
}

impl Ending {
    /// What a verdict means for the accounts; `None` where an outcome is there.
    pub fn of(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Committed | Verdict::Discarded => None,
            Verdict::Preempted => Some(Self::Preempted),
            Verdict::Infrastructure { message } => Some(Self::Infrastructure(message)),
            Verdict::Broke { message } => Some(Self::Broke(message)),
            Verdict::Failed { code, message } => Some(Self::Error { code, message }),
        }
    }

    /// An attempt without an end record.
    pub fn vanished() -> Self {
        Self::Infrastructure("the worker vanished".to_owned())
    }
}

/// What is to be done with a job after a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Run it again.
    Again {
        /// Milliseconds to wait before.
        after_ms: u64,
    },
    /// Give it up, and with it what needs it.
    Failed {
        /// Why.
        reason: String,
    },
    /// Wait for a person: services failed it too often.
    Held {
        /// Why.
        reason: String,
    },
}

/// The accounts of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    infrastructure: u32,
    broke: bool,
    errors: Vec<(String, String)>,
    ruling: Option<Ruling>,
}

impl Accounts {
    /// What the attempt records of one job in one generation amount to. A start without an end is an attempt that
    /// vanished, so leave out those that still run. Whoever reopens a job begins with [`Accounts::default`] instead.
    pub fn of_history(starts: &[AttemptStart], ends: &[AttemptEnd], limits: &Limits) -> Self {
        let ends: BTreeMap<&Nonce, &AttemptEnd> = ends.iter().map(|end| (&end.attempt, end)).collect();
        let mut starts: Vec<&AttemptStart> = starts.iter().collect();
        starts.sort_by_key(|start| (start.started_at, &start.attempt));
        let mut accounts = Self::default();
        for (i, start) in starts.iter().enumerate() {
            let (ending, made) = match ends.get(&start.attempt) {
                Some(end) => (Ending::of(end.verdict.clone()), end.checkpoints_made),
                None => {
                    let found_next = starts.get(i + 1).map_or(start.checkpoints_found, |next| next.checkpoints_found);
                    (Some(Ending::vanished()), found_next.saturating_sub(start.checkpoints_found))
                }
            };
            if let Some(ending) = ending {
                accounts.charge(ending, made, limits);
            }
        }
        accounts
    }

    /// The ruling on the last charge; `None` where nothing was charged.
    pub fn ruling(&self) -> Option<&Ruling> {
        self.ruling.as_ref()
    }

    /// Charges one attempt that ended as `ending` after it had made `checkpoints_made` new checkpoints.
    pub fn charge(&mut self, ending: Ending, checkpoints_made: u64, limits: &Limits) -> Ruling {
        if checkpoints_made > 0 {
            // Progress: whatever was wrong with the machines is over. Checkpoints are finite, so this ends.
            self.infrastructure = 0;
            self.broke = false;
        }
        let ruling = match ending {
            Ending::Preempted => Ruling::Again { after_ms: 0 },
            Ending::Infrastructure(message) => self.charge_infrastructure(&message, limits),
            Ending::Broke(message) if !self.broke => {
                self.broke = true;
                self.charge_infrastructure(&message, limits)
            }
            Ending::Broke(message) => self.charge_error("broke".to_owned(), message, limits),
            Ending::Error { code, message } => self.charge_error(code, message, limits),
        };
        self.ruling = Some(ruling.clone());
        ruling
    }

    fn charge_infrastructure(&mut self, message: &str, limits: &Limits) -> Ruling {
        self.infrastructure = self.infrastructure.saturating_add(1);
        if self.infrastructure > limits.infrastructure {
            let times = self.infrastructure;
            return Ruling::Held {
                reason: format!("{times} times without progress a service failed it, last: {message}"),
            };
        }
        let doubled = 1_u64.checked_shl(self.infrastructure - 1).unwrap_or(u64::MAX);
        Ruling::Again { after_ms: limits.first_wait_ms.saturating_mul(doubled).min(limits.longest_wait_ms) }
    }

    fn charge_error(&mut self, code: String, message: String, limits: &Limits) -> Ruling {
        let error = (code, message);
        let again = self.errors.contains(&error);
        let (code, message) = &error;
        let reason = match again {
            true => format!("{code}: {message} (the same error twice)"),
            false => format!("{code}: {message} (error {} of at most {})", self.errors.len() + 1, limits.errors),
        };
        self.errors.push(error);
        let spent = u32::try_from(self.errors.len()).unwrap_or(u32::MAX) >= limits.errors;
        if again || spent { Ruling::Failed { reason } } else { Ruling::Again { after_ms: 0 } }
    }
}
