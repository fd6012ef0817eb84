//! `bitsweep retry --failed`: what failed is tried again.

use bitsweep_coordinator::api::types::Decided;
use serde_json::json;

use crate::cli::RetryArgs;
use crate::exit::{Exit, Failure};
use crate::print::{self, out};
use crate::sweep;

pub(crate) async fn retry(args: RetryArgs) -> Result<Exit, Failure> {
    let (client, line) = sweep::find_at(&args.sweep, "`bitsweep retry`").await?;
    let decided: Decided = client.tell(&format!("/api/v1/sweeps/{}/retry", line.id)).await?;
    let (name, id) = (&line.name, line.id.0.short());
    out(&if args.sweep.json {
        format!("{}\n", json!(decided))
    } else if decided.forgiven == 0 {
        format!("sweep {name} ({id}): nothing failed, nothing is tried again\n")
    } else {
        let attempts = print::count(decided.forgiven as usize, "attempt", "attempts");
        format!("sweep {name} ({id}): {attempts} forgiven; what failed is tried again\n")
    })?;
    Ok(Exit::Done)
}
