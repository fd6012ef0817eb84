//! What must hold at the end, read from the records alone.

use std::collections::BTreeMap;

use bitsweep_proto::attempt::Verdict;

use crate::faults::Fault;
use crate::site::Site;

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
        for start in attempts.starts.iter().filter(|start| start.generation == generation) {
            // Clocks are read in seconds, and a start record is put just after the look for the outcome.
            let late = start.started_at > outcome.provenance.committed_at + 2 && start.attempt != outcome.attempt;
            assert!(
                !late,
                "{key}: attempt {} started at {}, after the commit at {}",
                start.attempt, start.started_at, outcome.provenance.committed_at
            );
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
