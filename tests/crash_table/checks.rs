//! The final state, checked the same way for all cases.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bitsweep_backends::conformance::samples;
use bitsweep_backends::store::Attempts;
use bitsweep_backends::{BackendError, Claim};
use bitsweep_plan::retry::{Accounts, History, Ruling};
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::job::Class;
use bitsweep_proto::outcome::Produced;
use bitsweep_proto::worker::Offer;
use bitsweep_proto::{Action, JobKey, Nonce, Outcome, SweepId};
use bitsweep_report::{Outcomes, Table, export};

use crate::world::{LEASE, LIMITS, World};

/// What must be the same whatever happened on the way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Final {
    /// What counts of each job.
    produced: BTreeMap<JobKey, Produced>,
    /// The exported tables.
    pub(crate) tables: Vec<String>,
    /// What people decided about each sweep, but for the retry that is needed only where both failures are on record.
    controls: Vec<Vec<&'static str>>,
}

/// Verdicts against a job or its process that children have played; there may be fewer where one was not heard.
const PLAYED: [(&str, usize); 2] = [("failed", 3), ("broke", 1)];

/// The final state; an error says what is wrong with it, or not over yet. Where `everybody_went` the ledger may be closed,
/// for a coordinator may have been about to take it over.
pub(crate) async fn check(world: &World, everybody_went: bool) -> Result<Final, String> {
    let mut found = Final { produced: BTreeMap::new(), tables: Vec::new(), controls: Vec::new() };
    let mut verdicts: BTreeMap<&str, usize> = BTreeMap::new();
    let forgiven = forgiven(world).await?;
    for plan in &world.plans {
        let mut outcomes = Outcomes::new();
        for job in &plan.jobs {
            let outcome = counting(world, job.key).await?;
            let attempts = world.store.attempts(job.key).await.map_err(text)?;
            all_ended(world, (job.key, &attempts)).await?;
            let history = History::of(&attempts.starts, &attempts.ends);
            let accounts = Accounts::of_history(&history, &forgiven, &LIMITS);
            if let Some(ruling @ (Ruling::Failed { .. } | Ruling::Held { .. })) = accounts.ruling() {
                return Err(format!("{}: by its records it is {ruling:?}", job.key));
            }
            for end in &attempts.ends {
                *verdicts.entry(name(&end.verdict)).or_default() += 1;
            }
            for item in &outcome.produced.artifact {
                world.store.check_blob(&item.blob).await.map_err(text)?;
            }
            is_at_rest(world, (job.key, everybody_went)).await?;
            found.produced.insert(job.key, outcome.produced.clone());
            outcomes.insert(job.key, outcome);
        }
        let (table, mut csv) = (Table::of(plan, &outcomes).map_err(text)?, Vec::new());
        export::csv(&table, &mut csv).map_err(text)?;
        found.tables.push(String::from_utf8_lossy(&csv).into_owned());
        found.controls.push(controls(world, &plan.id()).await?);
    }
    for (verdict, played) in PLAYED {
        let count = verdicts.get(verdict).copied().unwrap_or(0);
        expect(count <= played, || format!("{count} attempts {verdict}, {played} were played"))?;
    }
    for class in [Class::Gpu, Class::Cpu] {
        let waiting = world.queue.waiting(class).await.map_err(text)?;
        expect(waiting == 0, || format!("{waiting} tickets wait in the line of {class:?}"))?;
    }
    results_name_outcomes(world).await?;
    Ok(found)
}

fn text(error: impl std::error::Error) -> String {
    error.to_string()
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Committed => "committed",
        Verdict::Discarded => "discarded",
        Verdict::Preempted => "preempted",
        Verdict::Infrastructure { .. } => "infrastructure",
        Verdict::Broke { .. } => "broke",
        Verdict::Failed { .. } => "failed",
    }
}

/// The one outcome that counts: all before it are revoked, it is not, and none is behind it.
async fn counting(world: &World, key: JobKey) -> Result<Outcome, String> {
    let outcome = world.store.outcome(key).await.map_err(text)?;
    let outcome = outcome.ok_or_else(|| format!("{key}: there is no outcome that counts"))?;
    for generation in 0..outcome.generation {
        let revoked = world.store.revocation(key, generation).await.map_err(text)?;
        expect(revoked.is_some(), || format!("{key}: generation {generation} counts beside {}", outcome.generation))?;
    }
    let next = world.store.outcome_at(key, outcome.generation + 1).await.map_err(text)?;
    expect(next.is_none(), || format!("{key}: there is an outcome behind generation {}", outcome.generation))?;
    Ok(outcome)
}

/// Who made an outcome.
#[derive(Debug, PartialEq)]
enum Made {
    By(Nonce),
    /// There is none.
    Nothing,
    /// It can no longer be read.
    Damaged,
}

async fn made(world: &World, (key, generation): (JobKey, u32)) -> Result<Made, String> {
    match world.store.outcome_at(key, generation).await {
        Ok(Some(outcome)) => Ok(Made::By(outcome.attempt)),
        Ok(None) => Ok(Made::Nothing),
        Err(BackendError::Damaged { .. }) => Ok(Made::Damaged),
        Err(error) => Err(text(error)),
    }
}

/// Every attempt has an end, or an outcome names it; every end has a start.
async fn all_ended(world: &World, (key, attempts): (JobKey, &Attempts)) -> Result<(), String> {
    for start in &attempts.starts {
        let committed = match made(world, (key, start.generation)).await? {
            Made::By(attempt) => attempt == start.attempt,
            Made::Nothing => false,
            Made::Damaged => continue,
        };
        let end = attempts.ends.iter().find(|end| end.attempt == start.attempt);
        expect(committed || end.is_some(), || format!("{key}: attempt {} is open", start.attempt))?;
        let discarded = end.is_some_and(|end| end.verdict == Verdict::Discarded);
        expect(!(committed && discarded), || format!("{key}: attempt {} is committed and discarded", start.attempt))?;
    }
    let started: BTreeSet<_> = attempts.starts.iter().map(|start| &start.attempt).collect();
    for end in &attempts.ends {
        expect(started.contains(&end.attempt), || format!("{key}: attempt {} has an end and no start", end.attempt))?;
    }
    Ok(())
}

/// Nobody holds the job and nobody could: asked on behalf of a worker that can run nothing.
async fn is_at_rest(world: &World, (key, may_be_closed): (JobKey, bool)) -> Result<(), String> {
    let unable = Offer { kinds: Vec::new(), ..samples::offer() };
    let claim = world.ledger.claim(key, &samples::nonce(0), &unable, LEASE).await.map_err(text)?;
    let rests = claim == Claim::NotOffered || may_be_closed && claim == Claim::Closed;
    expect(rests, || format!("{key}: the ledger answers {claim:?} to a claim"))
}

/// The stream of results has no pair of job and generation twice, and none without an outcome.
async fn results_name_outcomes(world: &World) -> Result<(), String> {
    let mut seen = HashSet::new();
    for entry in world.ledger.results("", 1_000).await.map_err(text)? {
        let made = made(world, (entry.key, entry.generation)).await?;
        expect(made != Made::Nothing, || format!("{}: a result without an outcome", entry.key))?;
        expect(seen.insert((entry.key, entry.generation)), || format!("{}: a result twice", entry.key))?;
    }
    Ok(())
}

async fn controls(world: &World, sweep: &SweepId) -> Result<Vec<&'static str>, String> {
    let controls = world.store.controls(sweep).await.map_err(text)?;
    let named = controls.iter().filter_map(|control| match control.action {
        Action::Cancel => Some("cancel"),
        Action::Resume => Some("resume"),
        Action::Reported => Some("reported"),
        Action::Budget { .. } => Some("budget"),
        Action::Retry { .. } => None,
    });
    Ok(named.collect())
}

async fn forgiven(world: &World) -> Result<HashSet<Nonce>, String> {
    let mut all = HashSet::new();
    for plan in &world.plans {
        for control in world.store.controls(&plan.id()).await.map_err(text)? {
            if let Action::Retry { forgiven } = control.action {
                all.extend(forgiven);
            }
        }
    }
    Ok(all)
}
