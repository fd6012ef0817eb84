//! `bitsweep coordinator`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bitsweep_backends::Store;
use bitsweep_coordinator::api::{self, ApiError, Limits};
use bitsweep_coordinator::{Coordinator, Services, Settings};
use bitsweep_worker::ChildProgram;
use clap::Args;

use super::services::ServiceArgs;
use super::start::Opened;
use super::{quantity, signals, start};
use crate::exit::{Exit, Failure, chain};
use crate::print;

const HELP: &str = "\
Examples:
  bitsweep coordinator --queue amqp://localhost --ledger redis://localhost --store /data/bitsweep
  BITSWEEP_QUEUE_FILE=/run/secrets/queue bitsweep coordinator --ledger rediss://cache:6380 --store s3://bucket/sweeps \\
    --listen 0.0.0.0:8700 --token-file /run/secrets/tokens

Any number of coordinators may run on one store: one leads, the others stand by and take over.

Exit codes:
  0  told to stop (SIGTERM, SIGINT)
  2  wrong configuration: running again changes nothing
  3  a service could not be reached within --wait";

/// `bitsweep coordinator`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct CoordinatorArgs {
    #[command(flatten)]
    services: ServiceArgs,
    /// Address of the HTTP API. Port 0 takes a free one; standard output says which.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8700", env = "BITSWEEP_LISTEN")]
    listen: SocketAddr,
    /// File with the tokens that may ask, one a line. Needed where others than this machine can reach the address.
    #[arg(long, value_name = "FILE", env = "BITSWEEP_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Folder for uploads on their way into the store. Default: in the store's folder, or the system's temporary folder.
    #[arg(long, value_name = "DIR", env = "BITSWEEP_SPOOL")]
    spool: Option<PathBuf>,
    /// For how long a worker may give no sign of life before its jobs are given to others. The same for workers.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = quantity::duration, env = "BITSWEEP_LEASE")]
    lease: Duration,
    /// How long services that are not there yet are waited for at the start.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = quantity::duration, env = "BITSWEEP_WAIT")]
    wait: Duration,
}

/// `bitsweep coordinator`.
pub(crate) async fn coordinator(args: CoordinatorArgs) -> Result<Exit, Failure> {
    let stop = signals::stop(Exit::Done)?;
    let places = args.services.all()?;
    let Some(Opened { store, queue, ledger }) = start::open(&places, args.wait, stop.clone()).await? else {
        return Ok(Exit::Done);
    };
    let settings = api::Settings {
        listen: args.listen,
        spool: args.spool.clone().unwrap_or_else(|| default_spool(&store)),
        token_file: args.token_file,
        profiles: bitsweep_worker::profiles(&ChildProgram::this(1)?).await?,
        limits: Limits::default(),
    };
    let server = api::Server::bind(settings).await?;
    tracing::info!(address = %server.address(), store = places.2, queue = %places.0, ledger = %places.1, "listens");
    print::out(&format!("listening on http://{}\n", server.address()))?;
    let services = Services { store, queue, ledger };
    let (coordinator, desk) = Coordinator::new(services, Settings::for_lease(args.lease));
    let serving = tokio::spawn(server.serve(desk, stop.clone()));
    coordinator.run(stop).await;
    if let Err(error) = serving.await {
        tracing::error!("the API ended badly: {error}");
    }
    Ok(Exit::Done)
}

fn default_spool(store: &Store) -> PathBuf {
    match store.folder() {
        Some(folder) => folder.join("uploads"),
        None => std::env::temp_dir().join("bitsweep-uploads"),
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::wrong(chain(&error))
    }
}
