//! The command line of `bitsweep doctor`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::serve::quantity;
use crate::serve::services::ServiceArgs;

const HELP: &str = "\
Examples:
  bitsweep doctor --queue-file /run/secrets/queue --ledger redis://redis:6379 --store s3://bucket/sweeps
  bitsweep doctor --to http://coordinator:8700 --token-file token --json | jq '.findings[] | select(.level != \"fine\")'

What is not named is not looked at. Nothing is kept: a check that must write uses a name of its own and removes it.

Exit codes:
  0  all is well
  1  warnings only: it works, but costs time or safety
  2  something is wrong and stays so until it is mended
  3  a service cannot be reached";

/// `bitsweep doctor`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) services: ServiceArgs,
    /// A coordinator to ask. May be repeated: all replicas of one coordinator.
    #[arg(long, value_name = "URL", env = "BITSWEEP_TO", hide_env_values = true, value_delimiter = ',')]
    pub(crate) to: Vec<String>,
    /// File with the token of the coordinator. Or put the token into BITSWEEP_TOKEN.
    #[arg(long, value_name = "FILE", env = "BITSWEEP_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// How long one check may take.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = quantity::duration)]
    pub(crate) timeout: Duration,
    /// Also hold a delivery of the queue for this long, to see whether the broker takes it back (RabbitMQ looks once a
    /// minute: 70s is enough).
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration)]
    pub(crate) hold: Option<Duration>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
