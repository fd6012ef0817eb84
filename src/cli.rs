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
  bitsweep advise --docs 10M --memory 8GB --measure Recall@10 --at-least 0.7 sweep.yaml

The same on many machines, with a coordinator (BITSWEEP_TO in place of --to, the token in BITSWEEP_TOKEN):
  bitsweep submit sweep.yaml --to http://HOST:8700 --watch
  bitsweep status --to http://HOST:8700

Exit codes:
  0   done
  1   some cells failed
  2   wrong usage, manifest, source or configuration: running again changes nothing
  3   a service (store, coordinator, hub, package index) cannot be reached or refuses; run again later
  75  interrupted, cancelled, or held by a gate or a budget; can be continued";

/// Measures what embedding compression costs in retrieval quality.
///
/// A sweep manifest names models, datasets, codecs and measures; bitsweep expands it into jobs, runs each once, and
/// keeps every result by its content.
#[derive(Debug, Parser)]
#[command(name = "bitsweep", version, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) log: crate::telemetry::LogArgs,
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
    /// Have a coordinator run a sweep; what its store lacks goes up once, by content.
    Submit(SubmitArgs),
    /// Show how far a sweep is.
    Status(StatusArgs),
    /// Show how a sweep at a coordinator goes on, until it is finished.
    Watch(WatchArgs),
    /// Say why the jobs of a cell run, or why they do not.
    Explain(ExplainArgs),
    /// Print what an attempt of a job said.
    Logs(LogsArgs),
    /// Stop a sweep at a coordinator; what is done stays.
    Cancel(CancelArgs),
    /// Have a coordinator try again what failed.
    Retry(RetryArgs),
    /// Continue a sweep at a coordinator that was cancelled, or that a budget holds.
    Resume(ResumeArgs),
    /// Write the results table, values by query, the runs in TREC format, or a pack of everything.
    Export(ExportArgs),
    /// Write the report: one HTML file, with the plots beside it.
    Report(ReportArgs),
    /// Compare two codecs, cells or sweeps query by query: intervals, tests, the queries that differ most.
    Compare(CompareArgs),
    /// Say which configurations fit so many documents, so much memory and a wanted quality, cheapest first.
    Advise(crate::advise::AdviseArgs),
    /// Ask a finished sweep a question: what two codecs find, side by side.
    Demo(crate::demo::DemoArgs),
    /// Evaluate one run as trec_eval, BEIR, MTEB, MS MARCO and ranx would, and say why their values differ.
    Conventions(ConventionsArgs),
    /// Delete what no plan in the store refers to.
    Gc(GcArgs),
    /// Schedule sweeps for any number of workers, and answer `--to`.
    Coordinator(crate::serve::CoordinatorArgs),
    /// Run jobs for a coordinator, for as long as this machine is there.
    Worker(crate::serve::WorkerArgs),
    /// Check the services and say what is wrong and how to mend it.
    Doctor(crate::doctor::DoctorArgs),
    /// Print the JSON schema of the manifest.
    #[command(after_help = "Example:\n  bitsweep schema > sweep.schema.json")]
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
    /// The store: a folder, or a URL (s3://…, gs://…, az://…). Default: `.bitsweep` beside the manifest, or in this folder.
    #[arg(long, value_name = "STORE", env = "BITSWEEP_STORE")]
    pub(crate) store: Option<String>,
}

/// What is read: a store, or a coordinator that has one. The environment is read where neither is named.
#[derive(Clone, Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The store: a folder, or a URL (s3://…, gs://…, az://…). Default: `.bitsweep` beside the manifest, or in this folder.
    /// [env: BITSWEEP_STORE]
    #[arg(long, value_name = "STORE", conflicts_with = "to")]
    pub(crate) store: Option<String>,
    #[command(flatten)]
    pub(crate) to: ToArgs,
}

/// A coordinator.
#[derive(Clone, Debug, Args)]
pub(crate) struct ToArgs {
    /// The address of a coordinator: http://HOST:PORT. [env: BITSWEEP_TO]
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// A file whose first line is the token. Or put the token into BITSWEEP_TOKEN.
    #[arg(long, value_name = "FILE", env = "BITSWEEP_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
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
    pub(crate) place: PlaceArgs,
}

/// A sweep at a coordinator.
#[derive(Debug, Args)]
pub(crate) struct SweepAt {
    /// A manifest, or a sweep id (its first digits do). Default: the newest sweep of the coordinator.
    #[arg(value_name = "MANIFEST|SWEEP")]
    pub(crate) sweep: Option<String>,
    #[command(flatten)]
    pub(crate) to: ToArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bitsweep submit`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bitsweep submit sweep.yaml --to http://127.0.0.1:8700 --watch\n  BITSWEEP_TO=https://sweeps.example.org BITSWEEP_TOKEN=… bitsweep submit sweep.yaml --json | jq -r .sweep"
)]
pub(crate) struct SubmitArgs {
    /// The sweep manifest. Its sources are found from here, as `plan` and `run` do, and its lock is written beside it.
    pub(crate) manifest: PathBuf,
    #[command(flatten)]
    pub(crate) to: ToArgs,
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    /// Then show how it goes on, until it is finished.
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bitsweep watch`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  bitsweep watch sweep.yaml --to http://127.0.0.1:8700\n\nEnds with the exit code of `run`: 0 all done, 1 some cells failed, 3 services failed some jobs too often, 75 held by a gate\nor a budget, or cancelled. With --json it prints one line for every piece of news, and the status at the end."
)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepAt,
}

/// `bitsweep logs`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bitsweep logs 3f9a1c --to http://127.0.0.1:8700\n  bitsweep logs 'codec=pq/8' sweep.yaml --attempt 1"
)]
pub(crate) struct LogsArgs {
    /// A job by the first digits of its key, or a cell as the table names it: then the job of it that failed or runs, else
    /// the one that measured it.
    #[arg(value_name = "JOB|CELL")]
    pub(crate) job: String,
    #[command(flatten)]
    pub(crate) sweep: SweepArg,
    /// Which attempt: 1 is the first. Default: the last.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempt: Option<u32>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bitsweep cancel`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  bitsweep cancel 3f9a1c --to http://127.0.0.1:8700\n\nJobs that another sweep wants too go on. `bitsweep resume` takes it back."
)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepAt,
}

/// `bitsweep retry`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  bitsweep retry --failed sweep.yaml --to http://127.0.0.1:8700\n\nMend what made them fail first: the same error twice is final again."
)]
pub(crate) struct RetryArgs {
    /// The jobs that failed, or that were put aside because services failed them: the only ones that can be tried again.
    #[arg(long, required = true)]
    pub(crate) failed: bool,
    #[command(flatten)]
    pub(crate) sweep: SweepAt,
}

/// `bitsweep resume`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bitsweep resume sweep.yaml --to http://127.0.0.1:8700\n  bitsweep resume 3f9a1c --budget 0 gpu_hours=40 --to http://127.0.0.1:8700\n\nLIMIT is gpu_hours=, usd=, bytes= or configurations= with a number; several with commas between. INDEX counts the budgets of\nthe manifest from 0; one more than the last adds one."
)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepAt,
    /// Give a budget another limit first. Its other limits stay.
    #[arg(long, num_args = 2, value_names = ["INDEX", "LIMIT"])]
    pub(crate) budget: Vec<String>,
}

/// `bitsweep status`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bitsweep status --all --store /data/bitsweep\n  bitsweep status sweep.yaml --to http://127.0.0.1:8700"
)]
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
    after_help = "Examples:\n  bitsweep export examples/quickstart.yaml --out table.parquet\n  bitsweep export examples/quickstart.yaml --format csv | cut -d, -f5- | column -s, -t\n  bitsweep export sweep.yaml --per-query --out per_query.parquet\n  bitsweep export sweep.yaml --pack sweep-pack\n\nThe Python package in python/ reads all of these: bitsweep.read(\"sweep-pack\").results"
)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepArg,
    /// The geometry of embeddings instead of the results, where the manifest says `geometry: true`.
    #[arg(long)]
    pub(crate) geometry: bool,
    /// What binary codes are like instead of the results, where the manifest says `codes: true`: their bits, and Hamming
    /// distances beside those that theory predicts.
    #[arg(long, conflicts_with_all = ["geometry", "per_query"])]
    pub(crate) codes: bool,
    /// How long searches took instead of the results, where the manifest says `speed:`. Times of the machine that ran them.
    #[arg(long, conflicts_with_all = ["geometry", "codes", "per_query"])]
    pub(crate) speed: bool,
    /// The values of every cell and measure query by query instead of their means.
    #[arg(long, conflicts_with = "geometry")]
    pub(crate) per_query: bool,
    /// Write a new folder with all that a reader needs to check and repeat the sweep: manifest, lock, tables, values by
    /// query, report, plots, checksums, and a README with the commands.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["geometry", "codes", "speed", "per_query", "format", "out", "json"])]
    pub(crate) pack: Option<PathBuf>,
    /// Put the TREC runs and judgements into the pack too.
    #[arg(long, requires = "pack")]
    pub(crate) runs: bool,
    /// Leave report and plots out of the pack: it is small then.
    #[arg(long, requires = "pack")]
    pub(crate) no_report: bool,
    /// Form of the output. Default: as the ending of --out says, else csv.
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// File to write (for trec: a folder). Default: standard output.
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

/// `bitsweep report`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bitsweep report examples/quickstart.yaml --out report.html\n  bitsweep report sweep.yaml --out report.md\n  bitsweep report sweep.yaml --out report.pdf\n  bitsweep report sweep.yaml --to http://127.0.0.1:8700"
)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepArg,
    /// The file: HTML with the plots in it, or by the ending .md Markdown with links to them, or .pdf the page as an installed
    /// Chromium or Chrome prints it (BITSWEEP_BROWSER names another). Plots go beside it, into a folder of the same name.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub(crate) out: PathBuf,
    /// Print the paths written as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bitsweep compare`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bitsweep compare float32 binary/256 sweep.yaml\n  bitsweep compare model=minilm,codec=int8 model=e5,codec=int8 sweep.yaml --measure nDCG@10\n  bitsweep compare pq/32 pq/32 new.yaml --with old.yaml --json\n\nCells of the same model and dataset are paired, unless A and B name them. All seeds of a codec are one side, by the mean of\neach query over the seeds, unless seed= names one."
)]
pub(crate) struct CompareArgs {
    /// The first side: a codec (binary/256), or axes with values (model=minilm,dataset=scifact,codec=binary/256,seed=0).
    #[arg(value_name = "A")]
    pub(crate) a: String,
    /// The second side.
    #[arg(value_name = "B")]
    pub(crate) b: String,
    #[command(flatten)]
    pub(crate) sweep: SweepArg,
    /// The manifest or sweep that B is taken from. Default: the same as A.
    #[arg(long, value_name = "MANIFEST|SWEEP")]
    pub(crate) with: Option<String>,
    /// Compare by this measure. May be repeated. Default: all that the sweep measures.
    #[arg(long, value_name = "MEASURE")]
    pub(crate) measure: Vec<String>,
    #[command(flatten)]
    pub(crate) sampling: crate::sampling::SamplingArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bitsweep conventions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bitsweep conventions sweep.yaml --cell 'model=all-MiniLM-L6-v2,dataset=scifact,codec=binary/64,seed=0'\n  bitsweep conventions --cell binary/64,seed=0 --measure nDCG@10 --measure MRR@10 --json\n\nThe values are those that each tool prints for the files that `bitsweep export --format trec` writes. Their rules, with\nsources: docs/conventions.md."
)]
pub(crate) struct ConventionsArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepArg,
    /// A cell as the table names it; part of the name does where it fits one cell only.
    #[arg(long, value_name = "CELL")]
    pub(crate) cell: String,
    /// A measure that looks no deeper than the sweep's. May be repeated. Default: all that the sweep measures, but for Overlap.
    #[arg(long, value_name = "MEASURE")]
    pub(crate) measure: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bitsweep gc`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bitsweep gc --dry-run\n  bitsweep gc --forget 3f9a1c --to http://127.0.0.1:8700")]
pub(crate) struct GcArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
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
