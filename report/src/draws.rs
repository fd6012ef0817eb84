//! Several draws of one subsample: datasets of the same judgements and the same way of sampling whose documents another seed drew.
//! What differs between them tells how much a result owes to the documents that were left out.
//!
//! Judged documents and those of the pool are in every draw, so it is the seeded rest alone that varies, and queries are the
//! same. A codec whose start depends on the documents (`pq` and its like without seeds) has another start in each draw: that is
//! in it. Draws and queries are crossed random effects, as seeds and queries are; the seeds of a codec are averaged before.

use bitsweep_measures::statistics::components;
use bitsweep_proto::lock::{LockedDataset, LockedSample};
use bitsweep_proto::{Measure, Plan};

use crate::answers::{Answers, PanelAnswers, mean};
use crate::compare::Deviations;

/// One codec over the draws of one subsample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawn {
    /// The model.
    pub(crate) model: String,
    /// The datasets, in the plan's order.
    pub(crate) datasets: Vec<String>,
    /// The codec, with its second stage or truncation.
    pub(crate) codec: String,
    /// The mean of each draw.
    pub(crate) means: Vec<f64>,
    /// Standard deviations: `seed` is that between draws.
    pub(crate) deviations: Deviations,
}

/// Every codec that has answers by `measure` in all draws of a subsample of which there are several.
pub(crate) fn draws(plan: &Plan, answers: &Answers, measure: Measure) -> Vec<Drawn> {
    let mut groups: Vec<Vec<&PanelAnswers>> = Vec::new();
    for panel in &answers.panels {
        let is_same = |other: &PanelAnswers| {
            let locked = |panel: &PanelAnswers| plan.lock.datasets.get(&panel.dataset);
            let drawn_alike = locked(panel).zip(locked(other)).is_some_and(|(a, b)| are_draws(a, b));
            panel.model == other.model && panel.queries == other.queries && drawn_alike
        };
        match groups.iter_mut().find(|group| group.iter().all(|other| is_same(other))) {
            Some(group) => group.push(panel),
            None => groups.push(vec![panel]),
        }
    }
    let of_group = |group: &Vec<&PanelAnswers>| {
        let drawn = group[0].lines.iter().filter_map(|line| drawn(group, &line.name, measure));
        drawn.collect::<Vec<_>>()
    };
    groups.iter().filter(|group| group.len() > 1).flat_map(of_group).collect()
}

fn are_draws(a: &LockedDataset, b: &LockedDataset) -> bool {
    let (Some(of_a), Some(of_b)) = (&a.sample, &b.sample) else { return false };
    let way = |dataset: &LockedDataset| (dataset.queries.sha256, dataset.qrels.sha256, dataset.ignore_identical_ids);
    let rule = |sample: &LockedSample| LockedSample { seed: 0, ..sample.clone() };
    // Where nothing or everything is drawn, all draws are the same documents.
    let is_open = of_a.drawn > 0 && of_a.judged + of_a.pooled + of_a.drawn < of_a.of;
    way(a) == way(b) && rule(of_a) == rule(of_b) && of_a.seed != of_b.seed && is_open
}

fn drawn(group: &[&PanelAnswers], codec: &str, measure: Measure) -> Option<Drawn> {
    let values = |panel: &&PanelAnswers| Some(panel.line(codec)?.answers.get(&measure)?.values.clone());
    let values: Vec<Vec<f64>> = group.iter().map(values).collect::<Option<_>>()?;
    Some(Drawn {
        model: group[0].model.clone(),
        datasets: group.iter().map(|panel| panel.dataset.clone()).collect(),
        codec: codec.to_owned(),
        means: values.iter().map(|of_draw| mean(of_draw)).collect(),
        deviations: components(&values)?.into(),
    })
}
