//! The `bitsweep` command. One file per subcommand; each is thin: it reads its arguments, calls a crate, and prints.

mod cli;
mod content;
mod exit;
mod explain;
mod export;
mod gc;
mod label;
mod plan;
mod prepare;
mod print;
mod progress;
mod reasons;
mod report;
mod results;
mod run;
mod status;
mod sweep;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Child { threads } = cli.command {
        return bitsweep_worker::child_main(threads);
    }
    if let Err(error) = bitsweep_jobs::baseline() {
        eprintln!("bitsweep: {error}");
        return Exit::Wrong.into();
    }
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("BITSWEEP_LOG").unwrap_or_else(|_| "error".into()))
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bitsweep: no threads to run on: {error}");
            return Exit::Unreachable.into();
        }
    };
    let exit = runtime.block_on(dispatch(cli.command)).unwrap_or_else(|failure| {
        eprintln!("bitsweep: {}", failure.message);
        failure.exit
    });
    // A download that was interrupted is not waited for; what it has is resumed by the next run.
    runtime.shutdown_background();
    exit.into()
}

async fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Plan(args) => plan::plan(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Status(args) => status::status(args).await,
        Command::Explain(args) => explain::explain(args).await,
        Command::Export(args) => export::export(args).await,
        Command::Report(args) => report::report(args).await,
        Command::Gc(args) => gc::gc(args).await,
        Command::Schema => {
            print::out(&format!("{:#}\n", bitsweep_proto::manifest::schema()))?;
            Ok(Exit::Done)
        }
        Command::Child { .. } => Err(Failure::wrong("the child is started by a worker")),
    }
}
