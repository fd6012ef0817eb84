//! What must hold at the end, read from the records alone.

use std::collections::BTreeMap;

use bitsweep_proto::attempt::Verdict;

use crate::faults::Fault;
use crate::site::Site;

/// Clocks are read in whole seconds.
const CLOCK: u64 = 1;
/// A process that is stopped goes on after 4.5 s, and hears at its next beat that the job is done.
const LONGEST_STOP: u64 = 6;

/// What the faults cost.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) jobs: usize,
    pub(crate) attempts: usize,
    /// Attempts by how they ended.
    pub(crate) ends: BTreeMap<String, usize>,
    /// Attempts without an end of their own: their worker was gone.
    pub(crate) vanished: usize,
    pub(crate) revoked: u32,
    /// Attempts that had looked for the outcome, were stopped or slow, and began when another had committed.
    pub(crate) overtaken: usize,
    /// Faults by kind.
    pub(crate) faults: BTreeMap<Fault, usize>,
}

pub(crate) async fn check(site: &Site, faults: &[Fault]) -> Report {
    let mut report = Report::default();
    for fault in faults {
        *report.faults.entry(*fault).or_default() += 1;
    }
    let known = site.store.known().await.unwrap();
    let all = site.store.all_attempts().await.unwrap();
    let keys: std::collections::BTreeSet<_> = site.plans().flat_map(|plan| &plan.jobs).map(|job| job.key).collect();
    report.jobs = keys.len();
    for key in keys {
        let generation = known.outcomes[&key];
        for older in 0..generation {
            // Each generation was made because the one before it was revoked.
            assert!(site.store.revocation(key, older).await.unwrap().is_some(), "{key} generation {older}");
        }
        report.revoked += generation;
        let outcome = site.store.outcome_at(key, generation).await.unwrap().expect("it is known");
        let attempts = all.get(&key).cloned().unwrap_or_default();
        report.attempts += attempts.starts.len();
        if attempts.starts.iter().all(|start| start.attempt != outcome.attempt) {
            // It was short: its outcome is all that it left.
            report.attempts += 1;
            *report.ends.entry("committed".to_owned()).or_default() += 1;
        }
        for start in attempts.starts.iter().filter(|start| start.generation == generation) {
            // A start record is put just after the look for the outcome; but a worker may be stopped just between.
            let late = start.started_at.saturating_sub(outcome.provenance.committed_at);
            if late > CLOCK && start.attempt != outcome.attempt {
                report.overtaken += 1;
                let words = format!("attempt {} started {late} s after the commit", start.attempt);
                assert!(late <= LONGEST_STOP, "{key}: {words}");
            }
        }
        for start in &attempts.starts {
            let end = attempts.ends.iter().find(|end| end.attempt == start.attempt);
            let how = match end.map(|end| &end.verdict) {
                Some(Verdict::Failed { message, .. }) => panic!("{key} failed: {message}"),
                Some(Verdict::Infrastructure { message }) if message.contains("vanished") => {
                    report.vanished += 1;
                    "vanished"
                }
                Some(Verdict::Committed) => "committed",
                Some(Verdict::Discarded) => "discarded",
                Some(Verdict::Preempted) => "preempted",
                Some(Verdict::Infrastructure { .. }) => "infrastructure",
                Some(Verdict::Broke { .. }) => "broke",
                None if start.attempt == outcome.attempt => "committed",
                None => "open",
            };
            *report.ends.entry(how.to_owned()).or_default() += 1;
        }
    }
    report
}
