//! `bitsweep explain`: why the jobs of a cell run, or why they do not.

use std::collections::HashMap;

use bitsweep_proto::plan::PlannedCell;
use bitsweep_proto::{Fields, JobKey, Plan};
use serde_json::json;

use crate::cli::ExplainArgs;
use crate::exit::{Exit, Failure};
use crate::{results, status, sweep};

/// Names shown when a part of a name fits several cells.
const CANDIDATES_SHOWN: usize = 8;

pub(crate) async fn explain(args: ExplainArgs) -> Result<Exit, Failure> {
    let found = sweep::find(&args.sweep).await?;
    let plan = &found.plan;
    let planned = choose(plan, &args.cell)?;
    let outcomes = results::all(&found.store).await?;
    let failures = status::failures(&found.store, plan).await?;
    let of_plan: HashMap<JobKey, u32> = (0..).zip(&plan.jobs).map(|(index, job)| (job.key, index)).collect();
    let fields_of = |key: &JobKey| -> Option<Fields> {
        of_plan.get(key).map(|index| plan.fields(*index)).or_else(|| outcomes.get(key).map(|outcome| outcome.fields.clone()))
    };
    let mut jobs = Vec::new();
    for index in bitsweep_plan::lineage(plan, planned.job) {
        let job = &plan.jobs[index as usize];
        let kind = job.spec.kind().name();
        let value = match (outcomes.get(&job.key), failures.get(&job.key)) {
            (Some(outcome), _) => {
                let attempts = found.store.attempts(job.key).await?.starts.len();
                let why = format!(
                    "done by attempt {} in generation {} on {} ({} in all); not run again: its key covers all that can change it",
                    &outcome.attempt.0[..8.min(outcome.attempt.0.len())], outcome.generation, outcome.provenance.host, crate::print::count(attempts, "attempt", "attempts"),
                );
                json!({ "kind": kind, "key": job.key, "state": "done", "why": why, "fields": outcome.fields, "seconds": outcome.cost.seconds })
            }
            (None, Some(failure)) => json!({ "kind": kind, "key": job.key, "state": "failed", "why": failure.reason, "fields": plan.fields(index) }),
            (None, None) => {
                let fields = plan.fields(index);
                let why = bitsweep_plan::explain(&fields, outcomes.values().map(|outcome| &outcome.fields), &fields_of);
                json!({ "kind": kind, "key": job.key, "state": "open", "why": why.to_string(), "fields": fields })
            }
        };
        jobs.push(value);
    }
    if args.json {
        println!("{:#}", json!({ "cell": planned.cell.to_string(), "tier": planned.tier, "jobs": jobs }));
        return Ok(Exit::Done);
    }
    println!("{} (tier {})", planned.cell, planned.tier);
    for job in &jobs {
        let text = |name: &str| job[name].as_str().unwrap_or_default().to_owned();
        println!("\n{} {} {}\n  {}", text("kind"), text("key").chars().take(12).collect::<String>(), text("state"), text("why"));
    }
    if let Some(note) = found.note {
        eprintln!("note: {note}");
    }
    Ok(Exit::Done)
}

/// The one cell that `name` means.
fn choose<'p>(plan: &'p Plan, name: &str) -> Result<&'p PlannedCell, Failure> {
    if let Some(exact) = plan.cells.iter().find(|planned| planned.cell.to_string() == name) {
        return Ok(exact);
    }
    let fitting: Vec<&PlannedCell> = plan.cells.iter().filter(|planned| planned.cell.to_string().contains(name)).collect();
    let some = |cells: &[&PlannedCell]| cells.iter().take(CANDIDATES_SHOWN).map(|planned| format!("\n  {}", planned.cell)).collect::<String>();
    match fitting.as_slice() {
        [one] => Ok(one),
        [] => {
            let all: Vec<&PlannedCell> = plan.cells.iter().collect();
            Err(Failure::wrong(format!("no cell of this sweep is called {name:?}; its cells are such as{}", some(&all))))
        }
        several => Err(Failure::wrong(format!("{name:?} fits {} cells; name one of them in full:{}", several.len(), some(several)))),
    }
}
