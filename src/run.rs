//! `bitsweep run`: a sweep on this machine, with the in-process queue and ledger.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitsweep_backends::{InProcessLedger, InProcessQueue, Ledger, Queue, Store, StoreLock};
use bitsweep_coordinator::{Embedded, End, Observer};
use bitsweep_proto::{Plan, SweepId};
use bitsweep_worker::{ChildProgram, Settings, Worker, WorkerError, WorkerMetrics};
use tokio::sync::watch;

use crate::cli::RunArgs;
use crate::exit::{Exit, Failure, chain};
use crate::place::Place;
use crate::progress::RunBars;
use crate::sweep::Found;
use crate::{prepare, print, report, results, sweep};

/// More slots than this gain nothing on one machine: jobs of one sweep share memory bandwidth.
const MOST_SLOTS: usize = 8;

/// Leases of one process cannot expire unnoticed, so they are long.
const LEASE: Duration = Duration::from_secs(60);
const BEAT: Duration = Duration::from_secs(1);

/// A child that does not come to a safe point within this time after a signal is killed; its last checkpoint stays.
const STOP_LIMIT: Duration = Duration::from_secs(10);

pub(crate) async fn run(args: RunArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let (manifest, text) = prepare::read_manifest(&args.manifest)?;
    let stop = stop_on_signals()?;
    let store = sweep::open_or_make(&sweep::store_place(&args.store, Some(&args.manifest))).await?;
    let lock = Arc::new(store.lock()?);
    let scratch = sweep::scratch(Some(&store));
    let settings = settings(&args, &scratch)?;
    let source = prepare::Source { path: &args.manifest, manifest, text, scratch: scratch.join("downloads") };
    let mut stopped = stop.clone();
    let ready = tokio::select! {
        biased;
        _ = stopped.wait_for(|stop| *stop) => None,
        ready = make_ready(&args, &store, &settings, source) => Some(ready?),
    };
    let Some((id, plan)) = ready else {
        eprintln!("{}", sentence(Exit::Interrupted, &print::seconds(started.elapsed().as_secs_f64())));
        return Ok(Exit::Interrupted);
    };
    let mut bars = RunBars::new(args.quiet);
    let end = drive((&plan, &store, &lock), settings, stop, &mut bars).await?;
    drop(bars);
    let found = Found { place: Place::Store(store), id, plan: Arc::unwrap_or_clone(plan) };
    let exit = finish(&args, &found, &end).await?;
    if !args.quiet {
        let time = print::seconds(started.elapsed().as_secs_f64());
        let held = exit == Exit::Interrupted && !end.interrupted;
        eprintln!("{}", if held { format!("done in {time}, but for what is held") } else { sentence(exit, &time) });
    }
    drop(lock);
    Ok(exit)
}

/// Everything before the first job. May be dropped at any point: imports and records are idempotent.
async fn make_ready(
    args: &RunArgs,
    store: &Store,
    settings: &Settings,
    source: prepare::Source<'_>,
) -> Result<(SweepId, Arc<Plan>), Failure> {
    let profiles = bitsweep_worker::profiles(&settings.child).await?;
    let plan = Arc::new(prepare::prepare(source, &args.sources, store, profiles).await?);
    for caution in plan.cautions() {
        eprintln!("warning: {caution}");
    }
    let id = store.put_plan(&plan).await?;
    if args.verify {
        results::verify(store, &plan).await?;
    }
    Ok((id, plan))
}

fn settings(args: &RunArgs, folder: &Path) -> Result<Settings, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let slots = args.slots.map_or(cores.min(MOST_SLOTS), usize::from);
    let threads = args.threads.map_or((cores / slots).max(1), usize::from);
    let settings = Settings::new(folder.join("scratch"), ChildProgram::this(threads)?);
    Ok(Settings { slots, lease: LEASE, beat: BEAT, stop_limit: STOP_LIMIT, ..settings })
}

/// True after the first SIGINT, SIGTERM or SIGHUP. The second ends the process at once; what is committed stays.
fn stop_on_signals() -> Result<watch::Receiver<bool>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let (raise, stop) = watch::channel(false);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        for again in [false, true] {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, _ = hangup.recv() => {} }
            if again {
                std::process::exit(Exit::Interrupted as i32);
            }
            eprintln!("stopping at the next safe point; once more: at once");
            raise.send_replace(true);
        }
    });
    Ok(stop)
}

/// Scheduler and worker side by side until one of them is done; then the other is stopped.
async fn drive(
    (plan, store, lock): (&Arc<Plan>, &Store, &Arc<StoreLock>),
    settings: Settings,
    stop: watch::Receiver<bool>,
    observer: &mut dyn Observer,
) -> Result<End, Failure> {
    let queue: Arc<dyn Queue> = Arc::new(InProcessQueue::new());
    let ledger: Arc<dyn Ledger> = Arc::new(InProcessLedger::new());
    let begin = bitsweep_coordinator::facts(store, plan).await?;
    let (raise, told) = watch::channel(false);
    let slots = settings.slots;
    let worker = Worker {
        queue: queue.clone(),
        ledger: ledger.clone(),
        store: store.clone(),
        settings,
        metrics: WorkerMetrics::default(),
        stop: told,
    };
    let mut working = tokio::spawn(worker.run());
    let (plan, store, lock) = (Arc::clone(plan), store.clone(), Arc::clone(lock));
    let embedded = Embedded { plan, store, queue, ledger, lock, slots, stop };
    let driving = embedded.drive(begin, observer);
    tokio::select! {
        end = driving => {
            raise.send_replace(true);
            let worked = joined(working.await);
            let end = end?;
            worked?;
            Ok(end)
        }
        worked = &mut working => {
            joined(worked)?;
            Err(Failure::unreachable("the worker stopped before the sweep was done"))
        }
    }
}

fn joined<T>(worked: Result<Result<T, WorkerError>, tokio::task::JoinError>) -> Result<T, Failure> {
    let worked = worked.map_err(|error| Failure::wrong(format!("the worker broke: {error}")))?;
    worked.map_err(Failure::from)
}

/// Writes table and report, says what is missing, and chooses the exit code.
async fn finish(args: &RunArgs, found: &Found, end: &End) -> Result<Exit, Failure> {
    if end.interrupted {
        return Ok(Exit::Interrupted);
    }
    let folder = args.out.clone().unwrap_or_else(|| {
        let name = report::folder_name(&found.id, &found.plan);
        let store = match &found.place {
            Place::Store(store) => store.folder().map(Path::to_owned),
            Place::Api(_) => None,
        };
        let beside = || args.manifest.parent().unwrap_or(Path::new("")).to_owned();
        store.unwrap_or_else(beside).join("reports").join(name)
    });
    let written = report::write_all(found, (&args.manifest, &folder), end).await?;
    if !args.quiet {
        print::out(&format!("table:  {}\nreport: {}\n", written.table.display(), written.page.display()))?;
    }
    for (place, words, jobs) in &end.holds {
        eprintln!("bitsweep: {place} holds {}: {words}", print::count(*jobs, "job", "jobs"));
    }
    Ok(match (end.held.first(), end.failed.is_empty(), end.holds.is_empty()) {
        (Some((_, reason)), _, _) => {
            eprintln!("bitsweep: {} put aside: {reason}", print::count(end.held.len(), "job was", "jobs were"));
            Exit::Unreachable
        }
        (None, false, _) => {
            eprintln!("bitsweep: {} failed; see `bitsweep status`", print::count(end.failed.len(), "job", "jobs"));
            Exit::SomeFailed
        }
        (None, true, false) => Exit::Interrupted,
        (None, true, true) => Exit::Done,
    })
}

fn sentence(exit: Exit, time: &str) -> String {
    match exit {
        Exit::Done => format!("done in {time}"),
        Exit::SomeFailed => format!("done in {time}, but for cells that failed"),
        Exit::Wrong => format!("stopped after {time}"),
        Exit::Unreachable => format!("stopped after {time}; run again later to continue"),
        Exit::Interrupted => format!("interrupted after {time}; run again to continue"),
    }
}

impl From<WorkerError> for Failure {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Backend(error) => error.into(),
            WorkerError::Child { .. } | WorkerError::Scratch { .. } => Self::unreachable(chain(&error)),
        }
    }
}
