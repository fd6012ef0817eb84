//! `bitsweep gc`: deletes what no plan refers to.

use serde_json::json;

use crate::cli::GcArgs;
use crate::exit::{Exit, Failure};
use crate::print::{self, out};
use crate::{report, sweep};

pub(crate) async fn gc(args: GcArgs) -> Result<Exit, Failure> {
    let folder = sweep::store_folder(&args.store, None);
    let store = sweep::open(&folder).await?;
    let lock = store.lock()?;
    let mut forget = Vec::new();
    for prefix in &args.forget {
        forget.extend(sweep::named(&store, prefix).await?);
    }
    if !args.dry_run {
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
    let report = store.gc(&lock, &forget, args.dry_run).await?;
    if args.json {
        let value = json!({
            "removed": report.removed, "bytes": report.bytes, "kept": report.kept, "dry_run": args.dry_run, "forgotten": forget,
        });
        out(&format!("{value:#}\n"))?;
    } else {
        let verb = if args.dry_run { "would be deleted" } else { "deleted" };
        let objects = print::count(report.removed as usize, "object", "objects");
        out(&format!("{objects} {verb} ({}), {} kept\n", print::bytes(report.bytes), report.kept))?;
    }
    Ok(Exit::Done)
}
