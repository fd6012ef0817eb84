//! The `bitsweep` command. One file per subcommand; each is thin: it reads its arguments, calls a crate, and prints.

mod advise;
mod cancel;
mod cli;
mod compare;
mod content;
mod conventions;
mod demo;
mod doctor;
mod ending;
mod exit;
mod explain;
mod export;
mod gc;
mod label;
mod logs;
mod pack;
mod pdf;
mod per_query;
mod place;
mod plan;
mod prepare;
mod print;
mod progress;
mod queries;
mod reasons;
mod remote;
mod report;
mod results;
mod resume;
mod retry;
mod run;
mod sampling;
mod serve;
mod sse;
mod standing;
mod status;
mod submit;
mod sweep;
mod telemetry;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};

/// Threads that wait for files at a time. More would wait for the same disk; a store with many outcomes asks for hundreds.
const BLOCKING_THREADS: usize = 64;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Child { threads } = cli.command {
        return bitsweep_worker::child_main(threads);
    }
    if let Err(error) = bitsweep_jobs::baseline() {
        eprintln!("bitsweep: {error}");
        return Exit::Wrong.into();
    }
    let level = match &cli.command {
        Command::Coordinator(_) | Command::Worker(_) => telemetry::SERVICE_LEVEL,
        _ => telemetry::COMMAND_LEVEL,
    };
    let telemetry = match telemetry::start(&cli.log, level) {
        Ok(telemetry) => telemetry,
        Err(failure) => return said(failure).into(),
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = match runtime.enable_all().max_blocking_threads(BLOCKING_THREADS).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bitsweep: no threads to run on: {error}");
            return Exit::Unreachable.into();
        }
    };
    let exit = runtime.block_on(dispatch(cli.command)).unwrap_or_else(said);
    // A download that was interrupted is not waited for; what it has is resumed by the next run.
    runtime.shutdown_background();
    // The last spans leave now.
    drop(telemetry);
    exit.into()
}

fn said(failure: Failure) -> Exit {
    eprintln!("bitsweep: {}", failure.message);
    failure.exit
}

async fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Plan(args) => plan::plan(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Submit(args) => submit::submit(args).await,
        Command::Status(args) => status::status(args).await,
        Command::Watch(args) => watch::watch(args).await,
        Command::Explain(args) => explain::explain(args).await,
        Command::Logs(args) => logs::logs(args).await,
        Command::Cancel(args) => cancel::cancel(args).await,
        Command::Retry(args) => retry::retry(args).await,
        Command::Resume(args) => resume::resume(args).await,
        Command::Export(args) => export::export(args).await,
        Command::Report(args) => report::report(args).await,
        Command::Compare(args) => compare::compare(args).await,
        Command::Advise(args) => advise::advise(args).await,
        Command::Demo(args) => demo::demo(args).await,
        Command::Conventions(args) => conventions::conventions(args).await,
        Command::Gc(args) => gc::gc(args).await,
        Command::Coordinator(args) => serve::coordinator(args).await,
        Command::Worker(args) => serve::worker(args).await,
        Command::Doctor(args) => doctor::doctor(args).await,
        Command::Schema => {
            print::out(&format!("{:#}\n", bitsweep_proto::manifest::schema()))?;
            Ok(Exit::Done)
        }
        Command::Child { .. } => Err(Failure::wrong("the child is started by a worker")),
    }
}
