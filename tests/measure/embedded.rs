//! No-op jobs as `bitsweep run` runs jobs: scheduler, queue, ledger and worker in one process, a store in a folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bitsweep_backends::{InProcessLedger, InProcessQueue, Ledger, Queue, Store};
use bitsweep_coordinator::{Embedded, Observer, Standing};
use bitsweep_worker::{ChildProgram, Settings, Worker, WorkerMetrics};
use tokio::sync::watch;

use crate::noops;
use crate::scale::store_status;
use crate::support::Bench;

struct Quiet;

impl Observer for Quiet {
    fn standing(&mut self, _: &Standing) {}
    fn note(&mut self, message: &str) {
        panic!("{message}");
    }
}

/// Runs so many jobs; gives a line for the jobs and one for the status of what is left.
pub(crate) async fn run(bench: &Bench, jobs: u32, slots: u32) -> [String; 2] {
    let store = Store::open(&bench.path("embedded").display().to_string()).await.unwrap();
    let plan = Arc::new(noops::chains("embedded", jobs, 1));
    let sweep = store.put_plan(&plan).await.unwrap();
    let lock = Arc::new(store.lock().unwrap());
    let (queue, ledger): (Arc<dyn Queue>, Arc<dyn Ledger>) =
        (Arc::new(InProcessQueue::new()), Arc::new(InProcessLedger::new()));
    let begin = bitsweep_coordinator::facts(&store, &plan).await.unwrap();
    let slots = slots as usize;
    let child = ChildProgram {
        program: PathBuf::from(env!("CARGO_BIN_EXE_bitsweep")),
        args: vec!["child".into(), "--threads".into(), "1".into()],
        threads: 1,
    };
    let (raise, told) = watch::channel(false);
    let worker = Worker {
        queue: Arc::clone(&queue),
        ledger: Arc::clone(&ledger),
        store: store.clone(),
        settings: Settings { slots, ..Settings::new(bench.path("embedded-scratch"), child) },
        metrics: WorkerMetrics::default(),
        stop: told,
    };
    let (_go_on, stop) = watch::channel(false);
    let working = tokio::spawn(worker.run());
    let began = Instant::now();
    let embedded = Embedded { plan, store: store.clone(), queue, ledger, lock: Arc::clone(&lock), slots, stop };
    let end = embedded.drive(begin, &mut Quiet).await.unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert!(end.failed.is_empty() && end.held.is_empty(), "{end:?}");
    raise.send_replace(true);
    working.await.unwrap().unwrap();
    drop(lock);
    [
        format!("embedded, {slots} slots, {jobs} jobs: {:.0} jobs/s ({seconds:.1} s)", f64::from(jobs) / seconds),
        format!("status after an embedded run: {}", store_status(bench, "embedded", sweep)),
    ]
}
