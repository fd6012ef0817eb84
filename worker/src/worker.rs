//! A worker: its slots, from start to deadline.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::{Ledger, Queue, Store};
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::job::Class;
use bitsweep_proto::outcome::Provenance;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::WorkerError;
use crate::machine;
use crate::process::ChildProgram;
use crate::scratch::Scratch;
use crate::slot::Slot;

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Jobs run at the same time, each in a child process of its own.
    pub slots: usize,
    /// The classes of jobs it takes.
    pub classes: Vec<Class>,
    /// For how long a claim holds without a heartbeat.
    pub lease: Duration,
    /// Time between heartbeats; well below `lease`. Progress is told as often.
    pub beat: Duration,
    /// How long a child may take from `Stop` to its next safe point before it is killed.
    pub stop_limit: Duration,
    /// Where folders for running jobs are made; best on the disk of the store. What dead workers of this host left there
    /// is cleared away.
    pub scratch: PathBuf,
    /// The program that children run.
    pub child: ChildProgram,
}

/// Takes jobs and runs them until it is told to stop.
pub struct Worker {
    /// Where tickets come from.
    pub queue: Arc<dyn Queue>,
    /// Who holds which job.
    pub ledger: Arc<dyn Ledger>,
    /// What is true.
    pub store: Store,
    /// How it works.
    pub settings: Settings,
    /// The deadline: true (or closed) once the worker has to go, whatever the reason. Running jobs stop at their next
    /// safe point.
    pub stop: watch::Receiver<bool>,
}

/// How many attempts ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerReport {
    /// Outcomes committed.
    pub committed: u64,
    /// Outcomes that came second.
    pub discarded: u64,
    /// Claims whose outcome was there already: nothing was run.
    pub adopted: u64,
    /// Stopped at the deadline or because nobody wanted them any more.
    pub preempted: u64,
    /// Failed by a service or by the machine.
    pub infrastructure: u64,
    /// Child processes that broke.
    pub broke: u64,
    /// Jobs that cannot be done.
    pub failed: u64,
}

impl WorkerReport {
    pub(crate) fn count(&mut self, verdict: &Verdict) {
        let counter = match verdict {
            Verdict::Committed => &mut self.committed,
            Verdict::Discarded => &mut self.discarded,
            Verdict::Preempted => &mut self.preempted,
            Verdict::Infrastructure { .. } => &mut self.infrastructure,
            Verdict::Broke { .. } => &mut self.broke,
            Verdict::Failed { .. } => &mut self.failed,
        };
        *counter += 1;
    }

    fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.discarded += other.discarded;
        self.adopted += other.adopted;
        self.preempted += other.preempted;
        self.infrastructure += other.infrastructure;
        self.broke += other.broke;
        self.failed += other.failed;
    }
}

/// What the slots of a worker share.
pub(crate) struct Shared {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) scratch: Scratch,
    /// Who makes the outcomes; without the time.
    pub(crate) provenance: Provenance,
}

impl Worker {
    /// Works until `stop` is true, and returns when the last job has stopped. Where a slot meets an error that no retry
    /// mends, all slots stop, and the first such error is returned.
    pub async fn run(self) -> Result<WorkerReport, WorkerError> {
        let scratch = Scratch::make(&self.settings.scratch)?;
        let provenance = Provenance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: machine::host(),
            cpu: machine::cpu(),
            committed_at: 0,
        };
        let (queue, ledger, store, settings) = (self.queue, self.ledger, self.store, self.settings);
        let slots = settings.slots;
        let shared = Arc::new(Shared { queue, ledger, store, settings, scratch, provenance });
        // The slots listen to one flag of the worker's own: the deadline and the first error both raise it.
        let (raise, stop) = watch::channel(false);
        let mut running = JoinSet::new();
        for _ in 0..slots {
            running.spawn(Slot::new(Arc::clone(&shared), stop.clone()).run());
        }
        let mut deadline = self.stop;
        let (mut report, mut first_error) = (WorkerReport::default(), None);
        loop {
            tokio::select! {
                () = raised(&mut deadline), if !*stop.borrow() => { raise.send_replace(true); }
                ended = running.join_next() => {
                    let Some(ended) = ended else { break };
                    let (slot, result) = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                    report.add(&slot);
                    if let Err(error) = result {
                        first_error.get_or_insert(error);
                    }
                    // A slot ends on its own only with an error.
                    raise.send_replace(true);
                }
            }
        }
        first_error.map_or(Ok(report), Err)
    }
}

/// Waits until `flag` is true or whoever could raise it is gone. Cancel-safe.
pub(crate) async fn raised(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|raised| *raised).await;
}
