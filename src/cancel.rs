//! `bitsweep cancel`: nobody wants a sweep any more.

use bitsweep_coordinator::api::types::Decided;
use serde_json::json;

use crate::cli::CancelArgs;
use crate::exit::{Exit, Failure};
use crate::print::out;
use crate::sweep;

pub(crate) async fn cancel(args: CancelArgs) -> Result<Exit, Failure> {
    let (client, line) = sweep::find_at(&args.sweep, "`bitsweep cancel`").await?;
    let decided: Decided = client.tell(&format!("/api/v1/sweeps/{}/cancel", line.id)).await?;
    out(&if args.sweep.json {
        format!("{}\n", json!(decided))
    } else {
        let id = line.id.0.short();
        format!("sweep {} ({id}) is cancelled; what is done stays, `bitsweep resume {id}` continues it\n", line.name)
    })?;
    Ok(Exit::Done)
}
