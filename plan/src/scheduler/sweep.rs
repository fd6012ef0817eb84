//! One sweep as the scheduler keeps it: its jobs in groups, what it was charged, its gates and budgets.
//!
//! Owns: lines of ready jobs, counts, sums, and whether a group may run now. All of it follows from where its jobs stand
//! ([`Sweep::place`], [`Sweep::remove`]); no job is looked at to answer a question.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bitsweep_proto::job::Class;
use bitsweep_proto::manifest::Budget;
use bitsweep_proto::{Action, Kind, Nonce, Plan, SweepId, Track};

use super::grouping::{Common, Grouping};
use super::limits::{BudgetState, GateState, Shut, What};
use super::node::Want;
use super::spend::Amount;
use super::tally::{Counts, JobState, Tally};

/// Jobs that gates and budgets treat alike.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) common: Common,
    /// The budgets that limit what they may cost.
    pub(super) budgets: Vec<u32>,
    /// The gates that count how many of them are done.
    counted_by: Vec<u32>,
    pub(super) counts: Counts,
    /// Those that are ready: levels of inputs (turned round: most first), then place in the plan.
    line: BTreeSet<(u32, u32)>,
    /// The same by the time when they became ready.
    ages: BTreeSet<(u64, u32)>,
}

/// Where a job stands, as far as a sweep cares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) state: JobState,
    pub(super) level: u32,
    pub(super) since: u64,
    /// What the sweep is charged for it.
    pub(super) charge: Amount,
    /// Whether it was made after the sweep was submitted.
    pub(super) counts: bool,
}

/// What jobs of one kind took that are done and were charged.
#[derive(Clone, Copy, Debug, Default)]
struct Made {
    count: u64,
    sum: Amount,
}

/// One sweep.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) id: SweepId,
    pub(super) plan: Arc<Plan>,
    /// The order of submission.
    pub(super) number: u64,
    /// The node of each job of the plan.
    pub(super) nodes: Vec<u32>,
    /// What was made before costs it nothing. Seconds since 1970.
    pub(super) since: u64,
    pub(super) cancelled: bool,
    /// How often its failed jobs were tried again.
    pub(super) retries: u32,
    pub(super) forgiven: HashSet<Nonce>,
    pub(super) reported: bool,
    pub(super) groups: Vec<Group>,
    pub(super) gates: Vec<GateState>,
    pub(super) budgets: Vec<BudgetState>,
    /// Groups with ready jobs, by class and track, in the order of tiers.
    lanes: [[BTreeSet<(u32, u32)>; 2]; 2],
    /// Jobs published or leased, by class.
    pub(super) in_flight: [usize; 2],
    waiting: usize,
    /// When a job was last published for it, counted in jobs published.
    pub(super) served: u64,
    pub(super) cells_done: usize,
    pub(super) charged: Amount,
    made: BTreeMap<Kind, Made>,
    /// What was set aside for each job under way.
    reserved: HashMap<u32, Amount>,
    /// Whether a job of it moved in this step.
    pub(super) touched: bool,
    /// Whether it was said that nothing is left that could run.
    pub(super) finished: bool,
}

impl Sweep {
    /// A sweep of which nothing is placed yet, and the group of each of its jobs.
    pub(super) fn new((id, number): (SweepId, u64), plan: Arc<Plan>, since: u64, controls: Vec<Action>) -> Self {
        let gates = plan.gates.iter().cloned().map(GateState::new).collect();
        let budgets = plan.budgets.iter().copied().map(BudgetState::new).collect();
        let mut sweep = Self {
            id,
            plan,
            number,
            nodes: Vec::new(),
            since,
            cancelled: false,
            retries: 0,
            forgiven: HashSet::new(),
            reported: false,
            groups: Vec::new(),
            gates,
            budgets,
            lanes: Default::default(),
            in_flight: [0, 0],
            waiting: 0,
            served: 0,
            cells_done: 0,
            charged: Amount::default(),
            made: BTreeMap::new(),
            reserved: HashMap::new(),
            touched: false,
            finished: false,
        };
        for action in controls {
            sweep.note(action);
        }
        sweep
    }

    /// Keeps what was decided. Nothing moves.
    pub(super) fn note(&mut self, action: Action) {
        match action {
            Action::Cancel => self.cancelled = true,
            Action::Resume => self.cancelled = false,
            Action::Retry { forgiven } => {
                self.retries += 1;
                self.forgiven.extend(forgiven);
            }
            Action::Budget { index, budget } => self.set_budget(index as usize, budget),
            Action::Reported => self.reported = true,
        }
    }

    fn set_budget(&mut self, index: usize, budget: Budget) {
        let state = BudgetState::new(budget);
        match index.cmp(&self.budgets.len()) {
            Ordering::Less => self.budgets[index] = state,
            Ordering::Equal => self.budgets.push(state),
            Ordering::Greater => {} // There is a hole before it: whoever wrote the record counted wrong.
        }
    }

    /// Makes the groups anew; gives the one of each job. Only while no job is placed.
    pub(super) fn regroup(&mut self) -> Vec<u32> {
        let gates: Vec<_> = self.gates.iter().map(|gate| gate.gate.clone()).collect();
        let budgets: Vec<_> = self.budgets.iter().map(|budget| budget.budget).collect();
        let grouping = Grouping::new(&self.plan, &gates, &budgets);
        self.groups = grouping.groups.into_iter().map(|common| self.group(common)).collect();
        grouping.of
    }

    fn group(&self, common: Common) -> Group {
        let (tier, track) = (common.tier, common.track);
        let budgets = (0_u32..).zip(&self.budgets).filter(|(_, state)| state.limits_cost_of(tier, track));
        let counted = (0_u32..).zip(&self.gates).filter(|(place, gate)| gate.counts(&common, *place));
        Group {
            budgets: budgets.map(|(place, _)| place).collect(),
            counted_by: counted.map(|(place, _)| place).collect(),
            common,
            counts: Counts::default(),
            line: BTreeSet::new(),
            ages: BTreeSet::new(),
        }
    }
}

/// Where jobs stand.
impl Sweep {
    /// A job stands here now.
    pub(super) fn place(&mut self, want: &Want, spot: &Spot) {
        let group = &mut self.groups[want.group as usize];
        let (kind, class) = (group.common.kind, group.common.kind.class());
        group.counts.add(spot.state);
        self.charged += spot.charge;
        for &budget in &group.budgets {
            self.budgets[budget as usize].charged += spot.charge;
        }
        for &gate in &group.counted_by {
            self.gates[gate as usize].total += 1;
        }
        match spot.state {
            JobState::Done => {
                self.cells_done += want.cells as usize;
                for &gate in &group.counted_by {
                    self.gates[gate as usize].done += 1;
                }
                if spot.counts {
                    let made = self.made.entry(kind).or_default();
                    made.count += 1;
                    made.sum += spot.charge;
                }
            }
            JobState::Ready if !self.cancelled => {
                group.line.insert((u32::MAX - spot.level, want.job));
                group.ages.insert((spot.since, want.job));
                if group.line.len() == 1 {
                    let place = (group.common.tier, want.group);
                    self.lanes[class as usize][group.common.track as usize].insert(place);
                }
            }
            JobState::Waiting if !self.cancelled => self.waiting += 1,
            JobState::Published | JobState::Leased if !self.cancelled => {
                self.in_flight[class as usize] += 1;
                self.reserve(want);
            }
            _ => {}
        }
    }

    /// A job no longer stands where it was placed. `spot` is as it was then.
    pub(super) fn remove(&mut self, want: &Want, spot: &Spot) {
        let group = &mut self.groups[want.group as usize];
        let (kind, class) = (group.common.kind, group.common.kind.class());
        group.counts.remove(spot.state);
        self.charged -= spot.charge;
        for &budget in &group.budgets {
            self.budgets[budget as usize].charged -= spot.charge;
        }
        for &gate in &group.counted_by {
            self.gates[gate as usize].total -= 1;
        }
        match spot.state {
            JobState::Done => {
                self.cells_done -= want.cells as usize;
                for &gate in &group.counted_by {
                    self.gates[gate as usize].done -= 1;
                }
                if spot.counts {
                    let made = self.made.entry(kind).or_default();
                    made.count -= 1;
                    made.sum -= spot.charge;
                }
            }
            JobState::Ready if !self.cancelled => {
                group.line.remove(&(u32::MAX - spot.level, want.job));
                group.ages.remove(&(spot.since, want.job));
                if group.line.is_empty() {
                    let place = (group.common.tier, want.group);
                    self.lanes[class as usize][group.common.track as usize].remove(&place);
                }
            }
            JobState::Waiting if !self.cancelled => self.waiting -= 1,
            JobState::Published | JobState::Leased if !self.cancelled => {
                self.in_flight[class as usize] -= 1;
                self.release(want);
            }
            _ => {}
        }
    }

    /// Sets aside what a job that is under way will take, as far as it can be told.
    fn reserve(&mut self, want: &Want) {
        let group = &self.groups[want.group as usize];
        let Some(mean) = self.mean(group.common.kind).filter(|_| !group.budgets.is_empty()) else { return };
        for &budget in &group.budgets {
            self.budgets[budget as usize].reserved += mean;
        }
        self.reserved.insert(want.job, mean);
    }

    fn release(&mut self, want: &Want) {
        let Some(mean) = self.reserved.remove(&want.job) else { return };
        for &budget in &self.groups[want.group as usize].budgets {
            self.budgets[budget as usize].reserved -= mean;
        }
    }

    /// What a job of this kind takes, by those that are done; `None` where none is.
    fn mean(&self, kind: Kind) -> Option<Amount> {
        self.made.get(&kind).filter(|made| made.count > 0).map(|made| made.sum.mean(made.count))
    }
}

/// What may run.
impl Sweep {
    /// Why the jobs of a group may not run now; `None` where they may.
    pub(super) fn shut(&self, group: u32) -> Option<Shut> {
        let group = &self.groups[group as usize];
        if let Some(gate) = group.common.gates.iter().find(|gate| self.gates[**gate as usize].opened_at.is_none()) {
            return Some(Shut { what: What::Gate, place: *gate });
        }
        if let Some(budget) = group.common.left_out {
            return Some(Shut { what: What::Budget, place: budget });
        }
        let next = self.mean(group.common.kind);
        let used_up = group.budgets.iter().find(|budget| self.budgets[**budget as usize].breaks(next));
        used_up.map(|budget| Shut { what: What::Budget, place: *budget })
    }

    /// Whether the cost of one more job of the group would break this budget.
    pub(super) fn is_used_up(&self, group: u32, budget: u32) -> bool {
        let group = &self.groups[group as usize];
        group.budgets.contains(&budget) && self.budgets[budget as usize].breaks(self.mean(group.common.kind))
    }

    /// Groups of a class and track with ready jobs, in the order of tiers.
    pub(super) fn lane(&self, class: Class, track: Track) -> impl Iterator<Item = (u32, u32)> {
        self.lanes[class as usize][track as usize].iter().copied()
    }

    /// The first job in the line of a group.
    pub(super) fn first(&self, group: u32) -> Option<(u32, u32)> {
        self.groups[group as usize].line.first().copied()
    }

    /// Jobs in the line of a group.
    pub(super) fn in_line(&self, group: u32) -> usize {
        self.groups[group as usize].line.len()
    }

    /// When the job that waits longest in a group could have been published first.
    pub(super) fn oldest(&self, group: u32) -> Option<u64> {
        let group = &self.groups[group as usize];
        let opened = group.common.gates.iter().filter_map(|gate| self.gates[*gate as usize].opened_at).max();
        group.ages.first().map(|(since, _)| (*since).max(opened.unwrap_or(0)))
    }

    /// Opens the gates that wait for nothing any more; gives their places. One that has opened stays so.
    pub(super) fn open_gates(&mut self, now: u64) -> Vec<u32> {
        let mut opened = Vec::new();
        for (place, gate) in (0_u32..).zip(&mut self.gates) {
            if gate.opened_at.is_none() && gate.is_due(self.reported) {
                gate.opened_at = Some(now);
                opened.push(place);
            }
        }
        opened
    }

    /// Whether jobs of it are under way, or will be after a pause.
    pub(super) fn moves(&self) -> bool {
        self.waiting > 0 || self.in_flight != [0, 0]
    }

    /// What the line of a budget says when it holds jobs of this group.
    pub(super) fn budget_words(&self, place: u32, group: Option<u32>) -> String {
        let kind = group.map(|group| self.groups[group as usize].common.kind);
        self.budgets[place as usize].words(kind.map(|kind| (kind, self.mean(kind))))
    }

    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (index, group) in (0_u32..).zip(&self.groups) {
            let shut = !self.cancelled && group.counts.of(JobState::Ready) > 0 && self.shut(index).is_some();
            let counts = if shut { group.counts.shut() } else { group.counts };
            tally.jobs.entry((group.common.kind, group.common.tier)).or_default().join(&counts);
            tally.total.join(&counts);
        }
        tally
    }

    /// How many jobs are in each state; what is ready is not told from what is held.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for group in &self.groups {
            counts.join(&group.counts);
        }
        counts
    }
}
