//! `bitsweep worker`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bitsweep_backends::Store;
use bitsweep_proto::Class;
use bitsweep_proto::outcome::Rates;
use bitsweep_worker::{
    Cause, ChildProgram, Cloud, Device, NoticeSource, Settings, Worker, WorkerEnd, WorkerError, WorkerMetrics,
    WorkerReport,
};
use clap::{Args, ValueEnum};
use prometheus::Registry;

use super::services::ServiceArgs;
use super::start::Opened;
use super::{metrics, quantity, signals, start};
use crate::exit::{Exit, Failure, chain};

/// More slots than this gain nothing on one machine: jobs of one sweep share memory bandwidth.
const MOST_SLOTS: usize = 8;

const HELP: &str = "\
Examples:
  bitsweep worker --queue amqp://localhost --ledger redis://localhost --store /data/bitsweep
  bitsweep worker --class gpu --device cuda:0,cuda:1 --notices aws --rate-a100 0.4 --usd-per-hour 1.2   # services by BITSWEEP_*
  bitsweep worker --stop-after 11h --exit-when-idle 5m                      # a notebook, or a job of a queue system

Durations: 90s, 5m, 11h, 1h30m. Sizes: 200G is 200 × 1000³ bytes, 200Gi is 200 × 1024³.

A worker goes when it is told to (SIGTERM, SIGINT), when --stop-after is over, when the cloud of --notices takes the machine
away, or after --exit-when-idle. Running jobs then keep a checkpoint, and it is gone within 15 s. kill -9 costs at most one
checkpoint interval and a lease.

Exit codes:
  0   nothing to do for as long as --exit-when-idle says
  2   wrong configuration: running again changes nothing
  3   a service could not be reached within --wait, or refuses
  75  a deadline came: there may be more to do";

/// A class of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ClassArg {
    /// What gains from a GPU: embedding, training. Runs on a processor too.
    Gpu,
    /// What does not.
    Cpu,
}

/// `bitsweep worker`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    services: ServiceArgs,
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    leave: LeaveArgs,
    /// Address for metrics (/metrics, /healthz). Default: none.
    #[arg(long, value_name = "HOST:PORT", env = "BITSWEEP_LISTEN")]
    listen: Option<SocketAddr>,
    /// How long services that are not there yet are waited for at the start.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = quantity::duration, env = "BITSWEEP_WAIT")]
    wait: Duration,
    /// For how long a claim holds without a sign of life. The same for the coordinator.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = quantity::duration, env = "BITSWEEP_LEASE")]
    lease: Duration,
    /// Time between signs of life. Default: a sixth of --lease.
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration, env = "BITSWEEP_BEAT")]
    beat: Option<Duration>,
}

/// What of the machine is used, and what it costs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Machine")]
struct MachineArgs {
    /// Classes of jobs to take, the first first.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "gpu,cpu", env = "BITSWEEP_CLASS")]
    class: Vec<ClassArg>,
    /// Jobs at a time, each in a process of its own. Default: one per device; without devices one per core, at most 8.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256), env = "BITSWEEP_SLOTS")]
    slots: Option<u16>,
    /// Threads of each job. Results do not depend on it. Default: cores / slots.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256), env = "BITSWEEP_THREADS")]
    threads: Option<u16>,
    /// Devices to compute on: cpu, or cuda:0,cuda:1 … in a build for CUDA. Slots take them in turn.
    #[arg(long, value_delimiter = ',', value_name = "DEVICE", env = "BITSWEEP_DEVICES")]
    device: Vec<Device>,
    /// Memory of each device, where it is not the machine's: jobs that need more are not taken.
    #[arg(long, value_name = "SIZE", value_parser = quantity::bytes, env = "BITSWEEP_DEVICE_MEMORY")]
    device_memory: Option<u64>,
    /// Memory of a job's process beyond which it is ended.
    #[arg(long, value_name = "SIZE", value_parser = quantity::bytes, env = "BITSWEEP_MEMORY_LIMIT")]
    memory_limit: Option<u64>,
    /// Folder for copies of what is read from the store, shared by all workers of the machine. Not used where the store is
    /// a folder. Default: bitsweep/blobs in the user's cache folder.
    #[arg(long, value_name = "DIR", env = "BITSWEEP_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
    /// Size of that folder; what was not used for longest goes first.
    #[arg(long, value_name = "SIZE", default_value = "50G", value_parser = quantity::bytes, env = "BITSWEEP_CACHE_BYTES")]
    cache_bytes: u64,
    /// Folder for files of running jobs. Default: in the folder of the store or of the cache.
    #[arg(long, value_name = "DIR", env = "BITSWEEP_SCRATCH")]
    scratch: Option<PathBuf>,
    /// How many A100s one of the devices counts for in budgets of GPU-hours.
    #[arg(long, value_name = "NUMBER", default_value = "0", value_parser = quantity::rate, env = "BITSWEEP_RATE_A100")]
    rate_a100: f64,
    /// Price of the whole machine in US dollars an hour, for budgets of money.
    #[arg(long, value_name = "NUMBER", default_value = "0", value_parser = quantity::rate, env = "BITSWEEP_USD_PER_HOUR")]
    usd_per_hour: f64,
    /// Stretches the time for which a job may be silent before it is taken for hung.
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = quantity::rate, env = "BITSWEEP_PATIENCE")]
    patience: f64,
}

/// When the worker goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Leaving")]
struct LeaveArgs {
    /// Go after this time: the limit of a session.
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration, env = "BITSWEEP_STOP_AFTER")]
    stop_after: Option<Duration>,
    /// Go after so long without a job.
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration, env = "BITSWEEP_EXIT_WHEN_IDLE")]
    exit_when_idle: Option<Duration>,
    /// Clouds whose metadata server is asked whether it takes this machine away: aws, gcp, azure. Default: none is asked.
    #[arg(long, value_delimiter = ',', value_name = "CLOUD", env = "BITSWEEP_NOTICES")]
    notices: Vec<Cloud>,
}

/// `bitsweep worker`.
pub(crate) async fn worker(args: WorkerArgs) -> Result<Exit, Failure> {
    let stop = signals::stop(Exit::Interrupted)?;
    let places = args.services.all()?;
    let beat = beat(&args)?;
    let Some(opened) = start::open(&places, args.wait, stop.clone()).await? else { return Ok(Exit::Interrupted) };
    let Opened { store, queue, ledger } = opened;
    let cache = args.machine.cache_dir.clone().unwrap_or_else(default_cache);
    let scratch = args.machine.scratch.clone().unwrap_or_else(|| default_scratch(&store, &cache));
    let store = store.with_cache(&cache, args.machine.cache_bytes).await?;
    let settings = settings(&args, beat, scratch)?;
    let registry = Registry::new();
    let metrics = WorkerMetrics::new(&registry).map_err(|error| Failure::wrong(error.to_string()))?;
    if let Some(listen) = args.listen {
        let bound = metrics::serve(listen, registry).await?;
        tracing::info!(address = %bound, "metrics");
    }
    tracing::info!(slots = settings.slots, store = places.2, queue = %places.0, ledger = %places.1, "works");
    let report = Worker { queue, ledger, store, settings, metrics, stop }.run().await.map_err(failure)?;
    Ok(ended(&report))
}

/// A service that refuses may be mended without the worker; its own machine is as it was told.
fn failure(error: WorkerError) -> Failure {
    match &error {
        WorkerError::Backend(_) => Failure::unreachable(chain(&error)),
        WorkerError::Child { .. } | WorkerError::Scratch { .. } => Failure::wrong(chain(&error)),
    }
}

/// Says how it went, and chooses the exit code.
fn ended(report: &WorkerReport) -> Exit {
    let (why, exit) = match report.end {
        WorkerEnd::Idle => ("nothing to do".to_owned(), Exit::Done),
        WorkerEnd::Deadline(Cause::Told) => ("told to stop".to_owned(), Exit::Interrupted),
        WorkerEnd::Deadline(Cause::StopAfter) => ("its time is over".to_owned(), Exit::Interrupted),
        WorkerEnd::Deadline(Cause::Notice(cloud)) => (format!("{cloud} takes the machine away"), Exit::Interrupted),
    };
    let WorkerReport { committed, discarded, adopted, preempted, infrastructure, broke, failed, .. } = *report;
    tracing::info!(committed, discarded, adopted, preempted, infrastructure, broke, failed, "ends: {why}");
    exit
}

fn settings(args: &WorkerArgs, beat: Duration, scratch: PathBuf) -> Result<Settings, Failure> {
    let MachineArgs { class, device, device_memory, .. } = &args.machine;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let unsaid = if device.is_empty() { cores.min(MOST_SLOTS) } else { device.len() };
    let slots = args.machine.slots.map_or(unsaid, usize::from);
    let threads = args.machine.threads.map_or((cores / slots).max(1), usize::from);
    let mut classes: Vec<Class> = Vec::new();
    for class in class {
        let class = match class {
            ClassArg::Gpu => Class::Gpu,
            ClassArg::Cpu => Class::Cpu,
        };
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    let with_memory = |device: &Device| {
        let mut device = device.clone();
        device.memory_bytes = *device_memory;
        device
    };
    Ok(Settings {
        slots,
        classes,
        devices: device.iter().map(with_memory).collect(),
        rates: Rates { a100: args.machine.rate_a100, usd_per_hour: args.machine.usd_per_hour },
        lease: args.lease,
        beat,
        stop_after: args.leave.stop_after,
        exit_when_idle: args.leave.exit_when_idle,
        notices: args.leave.notices.iter().copied().map(NoticeSource::of).collect(),
        memory_limit_bytes: args.machine.memory_limit,
        patience: args.machine.patience,
        ..Settings::new(scratch, ChildProgram::this(threads)?)
    })
}

/// Signs of life have to come well within the lease: one that is lost must not cost the job.
fn beat(args: &WorkerArgs) -> Result<Duration, Failure> {
    let beat = args.beat.unwrap_or(args.lease / 6);
    if beat.is_zero() || beat * 2 > args.lease {
        let (beat, lease) = (beat, args.lease);
        return Err(Failure::wrong(format!(
            "--beat {beat:?} does not fit --lease {lease:?}: at least two have to fit in"
        )));
    }
    Ok(beat)
}

fn default_cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home).unwrap_or_else(std::env::temp_dir);
    base.join("bitsweep/blobs")
}

/// On the disk of what is read: files are linked there and not copied.
fn default_scratch(store: &Store, cache: &Path) -> PathBuf {
    match store.folder() {
        Some(folder) => folder.join("scratch"),
        None => cache.with_extension("scratch"),
    }
}
