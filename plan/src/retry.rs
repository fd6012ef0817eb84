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

use std::collections::{BTreeMap, HashSet};

use bitsweep_proto::attempt::{AttemptEnd, AttemptStart, Nonce, Verdict};

use crate::scheduler::Spend;

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

impl Limits {
    /// Milliseconds to wait after something has failed so many times in a row.
    pub(crate) fn wait_ms(&self, times: u32) -> u64 {
        let doubled = 1_u64.checked_shl(times.saturating_sub(1)).unwrap_or(u64::MAX);
        self.first_wait_ms.saturating_mul(doubled).min(self.longest_wait_ms)
    }
}

/// How an attempt ended, as far as the accounts care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// An outcome is there, its own or another's.
    Settled,
    /// It stopped because it was told to.
    Preempted,
    /// A store or service failed it, or its machine vanished.
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
    /// What a verdict means for the accounts.
    pub fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Committed | Verdict::Discarded => Self::Settled,
            Verdict::Preempted => Self::Preempted,
            Verdict::Infrastructure { message } => Self::Infrastructure(message),
            Verdict::Broke { message } => Self::Broke(message),
            Verdict::Failed { code, message } => Self::Error { code, message },
        }
    }
}

/// What is on record about the attempts on one job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The attempts in the order of their starts.
    pub attempts: Vec<Tried>,
}

/// One attempt on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The attempt.
    pub attempt: Nonce,
    /// The generation that it worked towards.
    pub generation: u32,
    /// Seconds since 1970 when it started.
    pub started_at: u64,
    /// How it ended; `None` where it is open: it runs, or nobody has put its end on record yet.
    pub ending: Option<Ending>,
    /// Checkpoints that it added.
    pub checkpoints_made: u64,
    /// What it took; nothing while it is open.
    pub spend: Spend,
}

impl History {
    /// The history that these records of one job tell. An end without a start is left out: a start is put before any
    /// end. Attempts that left an outcome alone are not in it: they are charged to no account, and cost what that says.
    pub fn of(starts: &[AttemptStart], ends: &[AttemptEnd]) -> Self {
        let ends: BTreeMap<&Nonce, &AttemptEnd> = ends.iter().map(|end| (&end.attempt, end)).collect();
        let mut starts: Vec<&AttemptStart> = starts.iter().collect();
        starts.sort_by_key(|start| (start.started_at, &start.attempt));
        let attempts = starts.into_iter().map(|start| {
            let end = ends.get(&start.attempt);
            Tried {
                attempt: start.attempt.clone(),
                generation: start.generation,
                started_at: start.started_at,
                ending: end.map(|end| Ending::of(end.verdict.clone())),
                checkpoints_made: end.map_or(0, |end| end.checkpoints_made),
                spend: end.map_or_else(Spend::default, |end| Spend::of(&end.cost)),
            }
        });
        Self { attempts: attempts.collect() }
    }

    /// How an attempt ended; `None` where it is open or not on record.
    pub fn ending(&self, attempt: &Nonce) -> Option<&Ending> {
        self.attempts.iter().find(|tried| tried.attempt == *attempt)?.ending.as_ref()
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
    /// What a history amounts to for the newest generation in it. Attempts that are open or `forgiven` do not count.
    pub fn of_history(history: &History, forgiven: &HashSet<Nonce>, limits: &Limits) -> Self {
        let newest = history.attempts.iter().map(|tried| tried.generation).max();
        let counts = |tried: &&Tried| Some(tried.generation) == newest && !forgiven.contains(&tried.attempt);
        Self::of_attempts(history.attempts.iter().filter(counts), limits)
    }

    /// What these attempts amount to, in the order given.
    pub(crate) fn of_attempts<'h>(attempts: impl Iterator<Item = &'h Tried>, limits: &Limits) -> Self {
        let mut accounts = Self::default();
        for tried in attempts {
            if let Some(ending) = &tried.ending {
                accounts.charge(ending.clone(), tried.checkpoints_made, limits);
            }
        }
        accounts
    }

    /// The ruling on all charges; `None` where nothing was charged.
    pub fn ruling(&self) -> Option<&Ruling> {
        self.ruling.as_ref()
    }

    /// Charges one attempt that ended as `ending` after it had made `checkpoints_made` new checkpoints.
    pub fn charge(&mut self, ending: Ending, checkpoints_made: u64, limits: &Limits) -> Ruling {
        if ending == Ending::Settled {
            return Ruling::Again { after_ms: 0 }; // Nothing failed, and nothing is said about what did before.
        }
        if checkpoints_made > 0 {
            // Progress: whatever was wrong with the machines is over. Checkpoints are finite, so this ends.
            self.infrastructure = 0;
            self.broke = false;
        }
        let ruling = match ending {
            Ending::Settled | Ending::Preempted => Ruling::Again { after_ms: 0 },
            Ending::Infrastructure(message) => self.charge_infrastructure(&message, limits),
            Ending::Broke(message) if !self.broke => {
                self.broke = true;
                self.charge_infrastructure(&message, limits)
            }
            Ending::Broke(message) => self.charge_error("broke".to_owned(), message, limits),
            Ending::Error { code, message } => self.charge_error(code, message, limits),
        };
        // What was ruled stays ruled: an attempt that was still on its way says nothing against it, but for progress.
        let stays = match &self.ruling {
            Some(Ruling::Failed { .. }) => true,
            Some(Ruling::Held { .. }) => {
                self.infrastructure > limits.infrastructure && !matches!(ruling, Ruling::Failed { .. })
            }
            Some(Ruling::Again { .. }) | None => false,
        };
        if !stays {
            self.ruling = Some(ruling);
        }
        self.ruling.clone().expect("it was just set, or stays")
    }

    fn charge_infrastructure(&mut self, message: &str, limits: &Limits) -> Ruling {
        self.infrastructure = self.infrastructure.saturating_add(1);
        if self.infrastructure > limits.infrastructure {
            let times = self.infrastructure;
            return Ruling::Held {
                reason: format!("{times} times without progress a service failed it, last: {message}"),
            };
        }
        Ruling::Again { after_ms: limits.wait_ms(self.infrastructure) }
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
