//! How a sweep at a coordinator stands: in words, as bars, as an exit code.

use bitsweep_coordinator::api::types::{Spent, StateCounts, SweepState, SweepStatus};
use bitsweep_coordinator::{KindStanding, Standing};

use crate::exit::Exit;
use crate::print;

/// Running jobs that are shown one by one.
const RUNNING_SHOWN: usize = 8;

/// A state in one word.
pub(crate) fn word(state: SweepState) -> &'static str {
    match state {
        SweepState::Running => "running",
        SweepState::Waiting => "waiting",
        SweepState::Finished => "finished",
        SweepState::Failed => "failed",
        SweepState::Cancelled => "cancelled",
        SweepState::Held => "held",
    }
}

/// All of it, for a person.
pub(crate) fn text(status: &SweepStatus) -> String {
    let line = &status.line;
    let cells = print::count(line.cells as usize, "cell", "cells");
    let mut text = format!("sweep {} ({}): {} of {cells} done\n", line.name, line.id.0.short(), line.cells_done);
    text += &format!("{}\n\n{}", sentence(status), jobs(status));
    for hold in &status.holds {
        let jobs = print::count(hold.jobs as usize, "job", "jobs");
        text += &format!("\n{} holds {jobs}: {}\n", hold.place, hold.words);
    }
    for budget in &status.budgets {
        text += &format!("\n{}: at most {}{}\n", budget.place, budget.words, spent(", spent ", budget.spent));
    }
    text += &spent("\nspent so far: ", status.spent);
    if status.spent.is_some() {
        text.push('\n');
    }
    text + &running(status) + &failures(status)
}

/// What was charged, with words before it; nothing where it is not known.
fn spent(words: &str, spent: Option<Spent>) -> String {
    let Some(Spent { gpu_hours, usd, bytes }) = spent else { return String::new() };
    format!("{words}{gpu_hours:.2} GPU-hours, {usd:.2} USD, {}", print::bytes(bytes))
}

/// What it is doing, and what a person can do.
pub(crate) fn sentence(status: &SweepStatus) -> String {
    let slots: u32 = status.workers.iter().map(|worker| worker.slots).sum();
    let workers = format!(
        "{} with {}",
        print::count(status.workers.len(), "worker", "workers"),
        print::count(slots as usize, "slot", "slots")
    );
    let waited = status.oldest_ready_seconds.map_or_else(String::new, |seconds| {
        format!("; the job that waits longest has been ready for {}", print::seconds(seconds))
    });
    match status.line.state {
        SweepState::Running => format!("running on {workers}{waited}"),
        SweepState::Waiting if status.workers.is_empty() => {
            "waiting: no worker lives; start some with `bitsweep worker`".to_owned()
        }
        SweepState::Waiting => format!("waiting for {workers}{waited}"),
        SweepState::Finished => "finished: every job is done".to_owned(),
        SweepState::Failed => {
            "finished, but for what failed; mend its cause, then `bitsweep retry --failed`".to_owned()
        }
        SweepState::Cancelled => "cancelled; `bitsweep resume` continues it".to_owned(),
        SweepState::Held if put_aside(status) => {
            "put aside: services failed some jobs too often; `bitsweep retry --failed` tries them again".to_owned()
        }
        SweepState::Held => {
            "held; see below what holds it. `bitsweep resume --budget INDEX LIMIT` gives a budget another \
                             limit; a gate that waits for a report opens with `bitsweep report`"
                .to_owned()
        }
    }
}

fn jobs(status: &SweepStatus) -> String {
    let tiers = status.jobs.iter().any(|counts| counts.tier != 1);
    let header = ["jobs", "all", "done", "running", "waiting", "failed", "held", "cancelled"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for counts in &status.jobs {
        let kind = counts.kind.name();
        let name = if tiers { format!("{kind}, tier {}", counts.tier) } else { kind.to_owned() };
        let states = counts.states;
        let numbers = [
            total(&states),
            states.done,
            states.leased,
            waiting(&states),
            states.failed,
            states.held,
            states.cancelled,
        ];
        rows.push([vec![name], numbers.map(|number| number.to_string()).to_vec()].concat());
    }
    print::columns(&rows)
}

fn running(status: &SweepStatus) -> String {
    let mut text = String::new();
    for job in status.running.iter().take(RUNNING_SHOWN) {
        let host = job.host.as_deref().map_or_else(String::new, |host| format!(" on {host}"));
        let rows = match job.units_total {
            0 => String::new(),
            total => format!(", {}/{total} rows", job.units_done),
        };
        text += &format!("\nrunning: {} of {} ({}){host}{rows}", job.kind.name(), job.cell, job.key.0.short());
    }
    let more = (status.running_all as usize).saturating_sub(RUNNING_SHOWN);
    match (text.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!("{text}\n"),
        (false, more) => format!("{text}\nand {more} more\n"),
    }
}

fn failures(status: &SweepStatus) -> String {
    let mut text = String::new();
    for job in &status.failures {
        let how = if job.failed { "failed" } else { "put aside" };
        let (kind, cell, key) = (job.kind.name(), &job.cell, job.key.0.short());
        text += &format!("\n{how}: {kind} of {cell} ({key}): {}\n", job.reason);
    }
    match (status.failures_all as usize).saturating_sub(status.failures.len()) {
        0 => text,
        more => format!("{text}\nand {more} more\n"),
    }
}

/// Whether some jobs are held because services failed them.
fn put_aside(status: &SweepStatus) -> bool {
    status.failures.iter().any(|job| !job.failed)
}

/// How a command ends that waited for the sweep; `None` while it goes on.
pub(crate) fn exit(status: &SweepStatus) -> Option<Exit> {
    match status.line.state {
        SweepState::Running | SweepState::Waiting => None,
        SweepState::Finished => Some(Exit::Done),
        SweepState::Cancelled => Some(Exit::Interrupted),
        SweepState::Failed | SweepState::Held if put_aside(status) => Some(Exit::Unreachable),
        SweepState::Failed => Some(Exit::SomeFailed),
        SweepState::Held if status.total.failed > 0 => Some(Exit::SomeFailed),
        SweepState::Held => Some(Exit::Interrupted),
    }
}

/// As the bars of `run` show it.
pub(crate) fn standing(status: &SweepStatus) -> Standing {
    let mut standing = Standing::default();
    for counts in &status.jobs {
        let kind: &mut KindStanding = standing.kinds.entry(counts.kind).or_default();
        kind.total += total(&counts.states);
        kind.done += counts.states.done;
        kind.running += counts.states.leased;
        kind.failed += counts.states.failed;
    }
    for job in &status.running {
        if let Some(kind) = standing.kinds.get_mut(&job.kind) {
            kind.units_done += job.units_done;
            kind.units_total += job.units_total;
        }
    }
    standing
}

fn waiting(states: &StateCounts) -> u64 {
    states.blocked + states.ready + states.waiting + states.published
}

fn total(states: &StateCounts) -> u64 {
    waiting(states) + states.leased + states.done + states.failed + states.held + states.cancelled
}
