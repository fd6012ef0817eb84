//! Who made the outcomes of a plan.

use std::collections::BTreeMap;

use bitsweep_proto::Plan;
use serde::Serialize;

use crate::Outcomes;

/// One version of bitsweep on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Maker {
    /// Version of bitsweep.
    pub version: String,
    /// CPU model.
    pub cpu: String,
    /// Host name.
    pub host: String,
    /// Jobs of the plan whose outcomes it made.
    pub jobs: u64,
}

/// All makers, by version, CPU and host.
pub fn makers(plan: &Plan, outcomes: &Outcomes) -> Vec<Maker> {
    let mut makers: BTreeMap<[&str; 3], u64> = BTreeMap::new();
    for outcome in plan.jobs.iter().filter_map(|job| outcomes.get(&job.key)) {
        let maker = &outcome.provenance;
        *makers.entry([&maker.version, &maker.cpu, &maker.host]).or_default() += 1;
    }
    let maker = |(names, jobs): ([&str; 3], u64)| {
        let [version, cpu, host] = names.map(str::to_owned);
        Maker { version, cpu, host, jobs }
    };
    makers.into_iter().map(maker).collect()
}
