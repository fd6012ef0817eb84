//! `bitsweep submit`: a sweep for a coordinator. Sources are found here; what its store lacks goes up once, by content.

use bitsweep_coordinator::api::Sort;
use bitsweep_coordinator::api::types::{Submission, Submitted, SweepsWanted};
use serde_json::json;
use tokio::runtime::Handle;

use crate::cli::{SourceArgs, SubmitArgs};
use crate::content::RemoteContent;
use crate::exit::{Exit, Failure};
use crate::print::{self, out};
use crate::remote::Client;
use crate::{prepare, sweep, watch};

pub(crate) async fn submit(args: SubmitArgs) -> Result<Exit, Failure> {
    let (manifest, text) = prepare::read_manifest(&args.manifest)?;
    let client = sweep::coordinator(&args.to, "`bitsweep submit`")?;
    // Whether it is there and knows the token is said before anything is fetched.
    client.sweeps(&SweepsWanted { limit: Some(1), ..SweepsWanted::default() }).await?;
    let scratch = sweep::scratch(None).join("downloads");
    let source = prepare::Source { path: &args.manifest, manifest, text, scratch };
    let submitted = send(&client, &source, &args.sources).await?;
    for caution in &submitted.cautions {
        eprintln!("warning: {caution}");
    }
    if args.json {
        out(&format!("{}\n", json!(submitted)))?;
    } else {
        out(&text_of(&submitted, &client))?;
    }
    if args.watch { watch::follow(&client, submitted.sweep, args.json).await } else { Ok(Exit::Done) }
}

/// Resolves and submits. What was collected as garbage in between goes up again.
async fn send(client: &Client, source: &prepare::Source<'_>, args: &SourceArgs) -> Result<Submitted, Failure> {
    for last in [false, true] {
        let lock = prepare::resolve(source, args, RemoteContent::new(client.clone(), Handle::current())).await?;
        let submission = Submission { manifest: source.text.clone(), lock };
        match client.try_post("/api/v1/sweeps", &submission).await? {
            Ok(submitted) => return Ok(submitted),
            Err(problem) if problem.is(Sort::MissingBlobs) && !last => {}
            Err(problem) => {
                let mut failure = client.refused(&problem);
                for mistake in &problem.mistakes {
                    failure.message += &format!("\n  {mistake}");
                }
                return Err(failure);
            }
        }
    }
    unreachable!("the second try returns")
}

fn text_of(submitted: &Submitted, client: &Client) -> String {
    let jobs: u64 = submitted.jobs.iter().map(|count| count.total).sum();
    let reused: u64 = submitted.jobs.iter().map(|count| count.reused).sum();
    let (id, to) = (submitted.sweep.0.short(), client.name());
    format!(
        "sweep {} ({id}): {}, {}, {reused} reused\nwatch it: bitsweep watch {id} --to {to}\n",
        submitted.name,
        print::count(submitted.cells as usize, "cell", "cells"),
        print::count(jobs as usize, "job", "jobs"),
    )
}
