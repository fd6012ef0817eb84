//! The command line: every subcommand with its options. What they do lives in a file each.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  bitsweep plan sweep.yaml                        what would run, what is reused, and why
  bitsweep run sweep.yaml                         run it here; interrupted, run again: it continues
  bitsweep status                                 the newest sweep of ./.bitsweep
  bitsweep explain 'model=m,dataset=d,codec=pq/8'  why the jobs of a cell run or do not
  bitsweep export sweep.yaml --format parquet --out table.parquet
  bitsweep report sweep.yaml --out report.html

Exit codes:
  0   done
  1   some cells failed
  2   wrong usage, manifest, source or configuration: running again changes nothing
  3   a service (store, hub, package index) cannot be reached or refuses; run again later
  75  interrupted; run again to continue";

/// Measures what embedding compression costs in retrieval quality.
///
/// A sweep manifest names models, datasets, codecs and measures; bitsweep expands it into jobs, runs each once, and
/// keeps every result by its content.
#[derive(Debug, Parser)]
#[command(name = "bitsweep", version, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the matrix, the jobs, what is reused and why, and the bytes expected; run nothing.
    Plan(PlanArgs),
    /// Run a sweep on this machine; no server needed.
    Run(RunArgs),
    /// Show how far a sweep is.
    Status(StatusArgs),
    /// Say why the jobs of a cell run, or why they do not.
    Explain(ExplainArgs),
    /// Write the results table, or the runs in TREC format.
    Export(ExportArgs),
    /// Write the report: one HTML file, with the plots beside it.
    Report(ReportArgs),
    /// Delete what no plan in the store refers to.
    Gc(GcArgs),
    /// Print the JSON schema of the manifest.
    Schema,
    /// The process that runs jobs; started by a worker, not by hand.
    #[command(hide = true)]
    Child {
        /// Threads of the encoder.
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
}

/// Where results are kept.
#[derive(Debug, Args)]
pub(crate) struct StoreArg {
    /// Folder of the store. Default: `.bitsweep` beside the manifest, or in this folder.
    #[arg(long, value_name = "DIR", env = "BITSWEEP_STORE")]
    pub(crate) store: Option<PathBuf>,
}

/// How sources are resolved.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// Accept changed sources: write their new checksums to the lock.
    #[arg(long)]
    pub(crate) update_lock: bool,
    /// Fetch nothing: use the lock, the store and local caches only.
    #[arg(long, env = "BITSWEEP_OFFLINE")]
    pub(crate) offline: bool,
}

/// `bitsweep plan`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bitsweep plan examples/quickstart.yaml --json | jq .jobs")]
pub(crate) struct PlanArgs {
    /// The sweep manifest.
    pub(crate) manifest: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bitsweep run`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bitsweep run examples/quickstart.yaml --store /data/bitsweep --slots 2")]
pub(crate) struct RunArgs {
    /// The sweep manifest.
    pub(crate) manifest: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    /// Jobs at a time, each in a process of its own. Default: one per core, at most 8.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) slots: Option<u16>,
    /// Threads of the encoder in each slot. Results do not depend on it. Default: cores / slots.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
    /// Read every stored result of this sweep and check its checksum before starting.
    #[arg(long)]
    pub(crate) verify: bool,
    /// Folder for the table and the report. Default: `reports/<sweep>-<id>` in the store.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// No progress bars.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// A sweep to read.
#[derive(Debug, Args)]
pub(crate) struct SweepArg {
    /// A manifest, or a sweep id (its first digits do). Default: the newest sweep in the store.
    #[arg(value_name = "MANIFEST|SWEEP")]
    pub(crate) sweep: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

/// `bitsweep status`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bitsweep status --all --store /data/bitsweep")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepArg,
    /// List all sweeps of the store, newest first.
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bitsweep explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  bitsweep explain 'model=all-MiniLM-L6-v2,dataset=scifact,codec=binary/256,seed=0' examples/scifact.yaml"
)]
pub(crate) struct ExplainArgs {
    /// A cell as the table names it; part of the name does where it fits one cell only.
    pub(crate) cell: String,
    #[command(flatten)]
    pub(crate) sweep: SweepArg,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values.
    Csv,
    /// An array of objects.
    Json,
    /// Apache Parquet.
    Parquet,
    /// A folder of TREC runs and qrels.
    Trec,
}

/// `bitsweep export`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bitsweep export examples/quickstart.yaml --out table.parquet\n  bitsweep export examples/quickstart.yaml --format csv | cut -d, -f5- | column -s, -t"
)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepArg,
    /// Form of the output. Default: as the ending of --out says, else csv.
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// File to write (for trec: a folder). Default: standard output.
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
}

/// `bitsweep report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepArg,
    /// The HTML file. Plots go beside it, into a folder of the same name.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub(crate) out: PathBuf,
    /// Print the paths written as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bitsweep gc`.
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Forget these sweeps first, by id or by name (all of that name): what only they refer to goes too, their reports
    /// as well. May be repeated.
    #[arg(long, value_name = "SWEEP")]
    pub(crate) forget: Vec<String>,
    /// Say what would be deleted; delete nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
