//! `bitsweep logs`: what an attempt said. It is in the store, so it outlives the machine.

use bitsweep_coordinator::api::types::AttemptOfJob;
use bitsweep_proto::{JobKey, Plan, Verdict};
use serde_json::json;

use crate::cli::LogsArgs;
use crate::exit::{Exit, Failure};
use crate::explain::choose;
use crate::label::label;
use crate::place::Place;
use crate::print::{self, out};
use crate::sweep;

pub(crate) async fn logs(args: LogsArgs) -> Result<Exit, Failure> {
    let found = sweep::find(&args.sweep).await?;
    let index = job(&found.place, &found.plan, &args.job).await?;
    let planned = &found.plan.jobs[index as usize];
    let (key, name) = (planned.key, label(&planned.spec));
    let attempts = found.place.attempts(key).await?;
    let number = args.attempt.map_or(attempts.len(), |number| number as usize);
    let Some(attempt) = number.checked_sub(1).and_then(|at| attempts.get(at)) else {
        return Err(Failure::wrong(match attempts.len() {
            0 => format!("{name} ({}) was not tried yet: `bitsweep explain` says why", key.0.short()),
            some => format!("{name} ({}) had {}", key.0.short(), print::count(some, "attempt", "attempts")),
        }));
    };
    let log = found.place.log(key, &attempt.attempt).await?;
    if args.json {
        let value = json!({
            "job": name, "key": key, "number": number, "attempts": attempts.len(), "attempt": attempt.attempt,
            "start": attempt.start, "end": attempt.end, "committed": attempt.committed, "log": log,
        });
        out(&format!("{value:#}\n"))?;
        return Ok(Exit::Done);
    }
    eprintln!("{name} ({}), attempt {number} of {}{}", key.0.short(), attempts.len(), how(attempt));
    match log {
        Some(log) if log.is_empty() || log.ends_with('\n') => out(&log)?,
        Some(log) => out(&format!("{log}\n"))?,
        None => eprintln!("it said nothing"),
    }
    Ok(Exit::Done)
}

fn how(attempt: &AttemptOfJob) -> String {
    let host = attempt.start.as_ref().map_or_else(String::new, |start| format!(" on {}", start.host));
    let end = match attempt.end.as_ref().map(|end| &end.verdict) {
        _ if attempt.committed => "its outcome is the committed one".to_owned(),
        None => "has not ended, or vanished with its machine".to_owned(),
        Some(Verdict::Committed) => "its outcome is the committed one".to_owned(),
        Some(Verdict::Discarded) => "another attempt's outcome was there first".to_owned(),
        Some(Verdict::Preempted) => "stopped at a deadline or a signal".to_owned(),
        Some(Verdict::Infrastructure { message } | Verdict::Broke { message }) => message.clone(),
        Some(Verdict::Failed { code, message }) => format!("{code}: {message}"),
    };
    format!("{host}: {end}")
}

/// The job that `name` means: by the first digits of its key, or of a cell the one that failed or runs, else the one that
/// measures it.
async fn job(place: &Place, plan: &Plan, name: &str) -> Result<u32, Failure> {
    let digits = name.len() >= 4 && name.bytes().all(|c| c.is_ascii_hexdigit());
    if digits {
        let prefix = name.to_ascii_lowercase();
        let keys: Vec<(u32, JobKey)> = (0..).zip(plan.jobs.iter().map(|job| job.key)).collect();
        let fitting: Vec<u32> =
            keys.iter().filter(|(_, key)| key.to_string().starts_with(&prefix)).map(|(index, _)| *index).collect();
        match fitting.as_slice() {
            [one] => return Ok(*one),
            [] => {}
            several => {
                let message = format!("{} jobs of this sweep begin with {name}: give more digits", several.len());
                return Err(Failure::wrong(message));
            }
        }
    }
    let cell = choose(plan, name)?;
    for index in bitsweep_plan::lineage(plan, cell.job) {
        let (outcome, attempts) = place.job(plan.jobs[index as usize].key).await?;
        if outcome.is_none() && attempts > 0 {
            return Ok(index);
        }
    }
    Ok(cell.job)
}
