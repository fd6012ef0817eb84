//! Budgets and the accounts of poison jobs, counted anew from the records by the plainest rules there are.

use std::time::{Duration, Instant};

use bitsweep_backends::Store;
use bitsweep_proto::attempt::{AttemptEnd, Verdict};
use bitsweep_proto::{JobKey, Nonce};

use crate::site::Site;
use crate::sweeps::{Sweep, Sweeps, status};

/// The difference that sums of parts of a cent may have.
const ROUNDING: f64 = 1e-6;
/// For a coordinator to be there again and to have read the store.
const PATIENCE: Duration = Duration::from_secs(90);
/// Errors of its own that end a job.
const ERRORS: usize = 3;

/// US dollars that the sweep is to be charged for: all attempts on its jobs that began since it was submitted and are
/// over. The one that made the outcome that counts is charged by that; each other by its end, or by the outcome that it
/// made and that was lost since.
async fn owed(records: &Store, sweep: &Sweep) -> f64 {
    let submissions = records.submissions().await.unwrap();
    let first = submissions.iter().find(|(_, id)| *id == sweep.id);
    let since = first.map(|(at_ms, _)| at_ms / 1000).expect("it was submitted");
    let known = records.known().await.unwrap();
    let mut sum = 0.0;
    for job in &sweep.plan.jobs {
        let attempts = records.attempts(job.key).await.unwrap();
        // A short attempt that committed has left its outcome alone.
        let counts = known.outcomes.get(&job.key);
        let newest = attempts.starts.iter().map(|start| &start.generation).chain(counts).max().copied().unwrap_or(0);
        let mut outcomes = Vec::new();
        for generation in 0..=newest {
            outcomes.extend(records.outcome_at(job.key, generation).await.unwrap());
        }
        let counts = outcomes.iter().find(|outcome| Some(&outcome.generation) == counts);
        sum += counts.filter(|outcome| outcome.provenance.committed_at >= since).map_or(0.0, |o| o.cost.usd);
        for start in attempts.starts.iter().filter(|start| start.started_at >= since) {
            let made = outcomes.iter().find(|outcome| outcome.attempt == start.attempt);
            let end = attempts.ends.iter().find(|end| end.attempt == start.attempt);
            match (made, end) {
                (Some(made), _) if counts.is_some_and(|counts| counts.attempt == made.attempt) => {}
                (_, Some(end)) => sum += end.cost.usd,
                (Some(lost), None) => sum += lost.cost.usd,
                (None, None) => {}
            }
        }
    }
    sum
}

/// Every sweep was charged what the records say, whatever was wiped.
pub(crate) async fn check_budgets(site: &mut Site, sweeps: &Sweeps) -> f64 {
    let mut all = 0.0;
    for sweep in &sweeps.all {
        let until = Instant::now() + PATIENCE;
        loop {
            site.revive(Duration::from_secs(1));
            // Work goes on: what is right lies between what was right before and after.
            let before = owed(&site.records, sweep).await;
            let status = status(site, sweep);
            let after = owed(&site.records, sweep).await;
            let said = status["budgets"][0]["spent"]["usd"].as_f64();
            let (least, most) = (before.min(after) - ROUNDING, before.max(after) + ROUNDING);
            if said.is_some_and(|said| (least..=most).contains(&said)) {
                all += after;
                break;
            }
            let words = format!("{}: spent {said:?} USD, on record {before} to {after}", sweep.manifest);
            assert!(Instant::now() < until, "{words}\n{status:#}\n{}", site.logs());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    all
}

/// What became of the jobs that break whatever process runs them.
#[derive(Debug, Default)]
pub(crate) struct Poison {
    pub(crate) jobs: usize,
    pub(crate) attempts: usize,
    /// Attempts that ended with a broken process.
    pub(crate) broke: usize,
    /// Attempts that began after the verdict was on record.
    pub(crate) after_the_verdict: usize,
}

/// Each poison job is given up when its own account says so, and what needs it with it.
pub(crate) async fn check_poison(site: &mut Site, sweeps: &Sweeps) -> Poison {
    let mut found = Poison::default();
    for sweep in sweeps.poison() {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            site.revive(Duration::from_secs(1));
            let status = status(site, sweep);
            if status["total"]["failed"].as_u64() == Some(3) {
                break status;
            }
            assert!(Instant::now() < until, "{}: {status:#}\n{}", sweep.manifest, site.logs());
            tokio::time::sleep(Duration::from_millis(250)).await;
        };
        assert_eq!(status["line"]["state"], "failed", "{status:#}");
        let reason = status["failures"][0]["reason"].as_str().unwrap_or_default();
        assert!(reason.starts_with("broke: "), "{status:#}");
        let key: JobKey = JobKey(status["failures"][0]["key"].as_str().unwrap().parse().unwrap());
        let attempts = site.records.attempts(key).await.unwrap();
        let ended = |attempt: &Nonce| attempts.ends.iter().find(|end| end.attempt == *attempt);
        let ends: Vec<&AttemptEnd> = attempts.starts.iter().filter_map(|start| ended(&start.attempt)).collect();
        let decided = deciding(&ends).expect("it is given up by its own account");
        let ended_at = ends[..=decided].iter().map(|end| end.ended_at).max().unwrap();
        found.jobs += 1;
        found.attempts += attempts.starts.len();
        found.broke += ends.iter().filter(|end| matches!(end.verdict, Verdict::Broke { .. })).count();
        let late = attempts.starts.iter().filter(|start| start.started_at > ended_at);
        found.after_the_verdict += late.count();
    }
    found
}

/// The end that uses up the job's own account: the first break is the machine's, the same one twice is final, and so are
/// three.
fn deciding(ends: &[&AttemptEnd]) -> Option<usize> {
    let mut broke = Vec::new();
    for (at, end) in ends.iter().enumerate() {
        let Verdict::Broke { message } = &end.verdict else { continue };
        let again = broke.iter().skip(1).any(|other| *other == message);
        broke.push(message);
        if broke.len() > 1 && (again || broke.len() > ERRORS) {
            return Some(at);
        }
    }
    None
}
