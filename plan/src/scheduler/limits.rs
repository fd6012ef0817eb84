//! Gates and budgets: how far they are, and what they say.
//!
//! **A gate** opens when all that it waits for is there, and stays open while the state lives, also where an outcome that
//! it counted is lost later. A new state decides anew from what the store holds then. Jobs that a budget's configurations
//! leave out are not counted: they are not waited for.
//!
//! **A budget** counts what its jobs were charged and what is set aside for those under way: the mean of what jobs of that
//! kind took in the sweep so far. The next job is held if it would go beyond, by that mean. Where no job of its kind is
//! done yet nothing is known: nothing is set aside, and jobs are held only once the limit itself is reached. So a budget can
//! be exceeded, by at most what the jobs under way turn out to take beyond the mean, or in all where none was known.

use bitsweep_proto::manifest::{Budget, Gate};
use bitsweep_proto::{Kind, Track};

use super::grouping::Common;
use super::spend::{Amount, parts};

/// A gate or a budget that holds jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shut {
    pub(super) what: What,
    pub(super) place: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Gate,
    Budget,
}

/// The place of a gate in the manifest.
pub(super) fn gate_place(place: u32) -> String {
    format!("gates[{place}]")
}

/// The place of a budget in the manifest.
pub(super) fn budget_place(place: u32) -> String {
    format!("budgets[{place}]")
}

/// A gate and how far it is.
#[derive(Debug)]
pub(super) struct GateState {
    pub(super) gate: Gate,
    pub(super) opened_at: Option<u64>,
    /// Jobs that it counts.
    pub(super) total: usize,
    /// Those of them that are done.
    pub(super) done: usize,
}

impl GateState {
    pub(super) fn new(gate: Gate) -> Self {
        Self { gate, opened_at: None, total: 0, done: 0 }
    }

    /// Whether it counts the jobs of this group; `place` is its own.
    pub(super) fn counts(&self, group: &Common, place: u32) -> bool {
        let until = &self.gate.until;
        let of_tier = until.tier.map_or(!group.gates.contains(&place), |tier| tier == group.tier);
        let of_kind = until.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|kind| *kind == group.kind));
        of_tier && of_kind && group.left_out.is_none()
    }

    /// The share of the jobs it counts that it waits for, where it does.
    fn share(&self) -> Option<f64> {
        let until = &self.gate.until;
        until.done.or(if until.report.is_none() { Some(1.0) } else { None })
    }

    /// Whether all is there that it waits for.
    pub(super) fn is_due(&self, reported: bool) -> bool {
        // 0.8 of 5 is 4, whatever the product of the floats.
        let enough = self.share().is_none_or(|share| self.done as f64 + 1e-6 >= share * self.total as f64);
        enough && (reported || self.gate.until.report.is_none())
    }

    pub(super) fn words(&self, reported: bool) -> String {
        let mut words = format!("{} waits until {}", self.gate.hold, self.gate.until);
        if self.share().is_some() {
            words += &format!("; {} of {} are", self.done, self.total);
        }
        if self.gate.until.report.is_some() && !reported {
            words += "; no report is written yet";
        }
        words
    }
}

/// A budget and how far it is.
#[derive(Debug)]
pub(super) struct BudgetState {
    pub(super) budget: Budget,
    pub(super) charged: Amount,
    pub(super) reserved: Amount,
    /// Whether it was said that it holds jobs.
    pub(super) told: bool,
}

impl BudgetState {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, charged: Amount::default(), reserved: Amount::default(), told: false }
    }

    /// Whether it limits what jobs of this tier and track may cost.
    pub(super) fn limits_cost_of(&self, tier: u32, track: Track) -> bool {
        self.budget.limits_cost() && self.budget.covers(tier, track)
    }

    fn limits(&self) -> [Limit; 3] {
        let Self { budget, charged, reserved, .. } = self;
        [
            Limit { most: budget.gpu_hours.map(parts), used: charged.gpu + reserved.gpu, next: |next| next.gpu },
            Limit { most: budget.usd.map(parts), used: charged.usd + reserved.usd, next: |next| next.usd },
            Limit { most: budget.bytes.map(u128::from), used: charged.bytes + reserved.bytes, next: |next| next.bytes },
        ]
    }

    /// Whether one more job would go beyond it. `next` is what it takes, where that is known.
    pub(super) fn breaks(&self, next: Option<Amount>) -> bool {
        self.limits().iter().any(|limit| limit.breaks(next))
    }

    /// What it says, how far it is, and what the next job of a kind takes.
    pub(super) fn words(&self, next: Option<(Kind, Option<Amount>)>) -> String {
        let spent = |amount: Amount| {
            let (spend, mut parts) = (amount.spend(), Vec::new());
            parts.extend(self.budget.gpu_hours.map(|_| format!("{} GPU-hours", spend.gpu_hours)));
            parts.extend(self.budget.usd.map(|_| format!("{} USD", spend.usd)));
            parts.extend(self.budget.bytes.map(|_| format!("{} bytes", spend.bytes)));
            parts.join(" and ")
        };
        let mut words = self.budget.to_string();
        if !self.budget.limits_cost() {
            return words;
        }
        words += &format!(": {} spent", spent(self.charged));
        if self.reserved != Amount::default() {
            words += &format!(", {} set aside for jobs under way", spent(self.reserved));
        }
        if let Some((kind, Some(mean))) = next {
            words += &format!(", the next {} job takes about {}", kind.name(), spent(mean));
        }
        words
    }
}

/// One number of a budget.
struct Limit {
    most: Option<u128>,
    used: u128,
    next: fn(Amount) -> u128,
}

impl Limit {
    fn breaks(&self, next: Option<Amount>) -> bool {
        let Some(most) = self.most else { return false };
        match next.map(self.next) {
            // What takes nothing of it is never held for it.
            Some(0) => false,
            Some(next) => self.used + next > most,
            None => self.used >= most,
        }
    }
}
