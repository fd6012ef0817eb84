//! `bitsweep gc`: deletes what no plan refers to.

use bitsweep_backends::Store;
use bitsweep_backends::store::GcOptions;
use bitsweep_coordinator::api::types::{Collect, Collected};
use bitsweep_proto::SweepId;
use serde_json::json;

use crate::cli::GcArgs;
use crate::exit::{Exit, Failure};
use crate::place::Place;
use crate::print::{self, out};
use crate::remote::Client;
use crate::{report, sweep};

pub(crate) async fn gc(args: GcArgs) -> Result<Exit, Failure> {
    let (report, forgotten) = match sweep::place(&args.place, None).await? {
        Place::Store(store) => in_store(&store, &args).await?,
        Place::Api(client) => at_coordinator(&client, &args).await?,
    };
    if args.json {
        let value = json!({
            "removed": report.removed, "bytes": report.bytes, "kept": report.kept, "young": report.young,
            "dry_run": args.dry_run, "forgotten": forgotten,
        });
        out(&format!("{value:#}\n"))?;
    } else {
        let verb = if args.dry_run { "would be deleted" } else { "deleted" };
        let objects = print::count(report.removed as usize, "object", "objects");
        let young = match report.young {
            0 => String::new(),
            young => format!(", {young} too young to be deleted while workers may be at work"),
        };
        out(&format!("{objects} {verb} ({}), {} kept{young}\n", print::bytes(report.bytes), report.kept))?;
    }
    Ok(Exit::Done)
}

async fn in_store(store: &Store, args: &GcArgs) -> Result<(Collected, Vec<SweepId>), Failure> {
    let lock = store.lock()?;
    let mut forget = Vec::new();
    for prefix in &args.forget {
        forget.extend(sweep::named(store, prefix).await?);
    }
    if let Some(folder) = store.folder().filter(|_| !args.dry_run) {
        // What killed runs left of downloads and of running jobs; no run is under way.
        for left in ["downloads", "scratch"] {
            let _ = std::fs::remove_dir_all(folder.join(left));
        }
        for id in &forget {
            if let Ok(plan) = store.plan(id).await {
                let _ = std::fs::remove_dir_all(folder.join("reports").join(report::folder_name(id, &plan)));
            }
        }
    }
    let options = GcOptions { dry_run: args.dry_run, min_age: store.gc_min_age() };
    let report = store.gc(&lock, &forget, options).await?;
    Ok((Collected::of(&report, args.dry_run), forget))
}

async fn at_coordinator(client: &Client, args: &GcArgs) -> Result<(Collected, Vec<SweepId>), Failure> {
    let mut forget = Vec::new();
    for name in &args.forget {
        let found = sweep::all_at(client, Some(name)).await?;
        let by_name: Vec<SweepId> = found.iter().filter(|line| line.name == *name).map(|line| line.id).collect();
        forget.extend(if by_name.is_empty() { vec![sweep::at(client, Some(name)).await?.id] } else { by_name });
    }
    let collect = Collect { forget: forget.clone(), dry_run: args.dry_run };
    Ok((client.post("/api/v1/gc", &collect).await?, forget))
}
