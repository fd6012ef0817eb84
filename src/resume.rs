//! `bitsweep resume`: a sweep is wanted again, or may take more than its budget said.

use bitsweep_coordinator::api::types::{BudgetChange, BudgetLimits, Decided, SweepStatus, TrackName};
use bitsweep_proto::Track;
use serde_json::json;

use crate::cli::ResumeArgs;
use crate::exit::{Exit, Failure};
use crate::print::out;
use crate::remote::Client;
use crate::sweep;

pub(crate) async fn resume(args: ResumeArgs) -> Result<Exit, Failure> {
    let change = match args.budget.as_slice() {
        [index, limit] => Some((place(index)?, limit.as_str())),
        _ => None,
    };
    // Mistakes are said before anything is asked.
    if let Some((_, limit)) = change {
        changed(BudgetLimits::default(), limit)?;
    }
    let (client, line) = sweep::find_at(&args.sweep, "`bitsweep resume`").await?;
    let (name, id) = (&line.name, line.id.0.short());
    let mut text = format!("sweep {name} ({id}) is wanted\n");
    if let Some((index, limit)) = change {
        let limits = changed(now(&client, &line.id.to_string(), index).await?, limit)?;
        let change = BudgetChange { index, budget: limits };
        client.post::<Decided>(&format!("/api/v1/sweeps/{}/budgets", line.id), &change).await?;
        text = format!("budgets[{index}] has the limit {limit} now\n{text}");
    }
    let decided: Decided = client.tell(&format!("/api/v1/sweeps/{}/resume", line.id)).await?;
    out(&if args.sweep.json { format!("{}\n", json!(decided)) } else { text })?;
    Ok(Exit::Done)
}

fn place(index: &str) -> Result<u32, Failure> {
    let wrong =
        |_| Failure::wrong(format!("--budget {index}: the first value counts the budgets of the manifest: 0, 1 …"));
    index.parse().map_err(wrong)
}

/// The limits that a budget has now; none of one that is new.
async fn now(client: &Client, sweep: &str, index: u32) -> Result<BudgetLimits, Failure> {
    let status: SweepStatus = client.get(&format!("/api/v1/sweeps/{sweep}"), &()).await?;
    let Some(line) = status.budgets.get(index as usize) else { return Ok(BudgetLimits::default()) };
    let limit = line.limit;
    let track = limit.track.map(|track| match track {
        Track::Core => TrackName::Core,
        Track::Exploratory => TrackName::Exploratory,
    });
    Ok(BudgetLimits {
        gpu_hours: limit.gpu_hours,
        usd: limit.usd,
        bytes: limit.bytes,
        configurations: limit.configurations,
        tier: limit.tier,
        track,
    })
}

/// `limits` with what `text` says: `gpu_hours=40,usd=100`.
fn changed(mut limits: BudgetLimits, text: &str) -> Result<BudgetLimits, Failure> {
    for part in text.split(',') {
        let wrong = || {
            Failure::wrong(format!(
                "--budget: found \"{part}\", allowed are gpu_hours=NUMBER, usd=NUMBER, bytes=NUMBER and \
                 configurations=NUMBER, several with commas between"
            ))
        };
        let (name, value) = part.trim().split_once('=').ok_or_else(wrong)?;
        let hours = || value.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0).ok_or_else(wrong);
        let whole = || value.parse::<u64>().map_err(|_| wrong());
        match name.trim() {
            "gpu_hours" => limits.gpu_hours = Some(hours()?),
            "usd" => limits.usd = Some(hours()?),
            "bytes" => limits.bytes = Some(whole()?),
            "configurations" => limits.configurations = Some(whole()?),
            _ => return Err(wrong()),
        }
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_limit_changes_and_the_others_stay() {
        let before = BudgetLimits { gpu_hours: Some(1.0), tier: Some(2), ..BudgetLimits::default() };
        let after = changed(before, "gpu_hours=2.5, configurations=7").ok().unwrap();
        assert_eq!(after, BudgetLimits { gpu_hours: Some(2.5), configurations: Some(7), ..before });
        for wrong in ["", "gpu_hours", "gpu_hours=", "hours=3", "usd=-1", "usd=NaN", "bytes=1.5", "usd=1,"] {
            let failure = changed(before, wrong).err().unwrap();
            assert!(failure.message.contains("gpu_hours=NUMBER"), "{wrong}: {}", failure.message);
        }
    }
}
