//! All jobs and all sweeps, with every line, timer, count and sum that follows from where a job stands.
//!
//! Whatever changes a job takes it off the board, changes it, and puts it back ([`Board::change`]): so what is derived
//! cannot differ from what it is derived from.

use std::collections::{BTreeSet, HashMap};

use bitsweep_proto::job::Class;
use bitsweep_proto::{JobKey, SweepId};

use super::Settings;
use super::fact::Fact;
use super::node::{Node, Want};
use super::record::Records;
use super::spend::Amount;
use super::sweep::{Spot, Sweep};
use super::tally::JobState;

/// The jobs of one class.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClassLine {
    pub(super) published: usize,
    pub(super) leased: usize,
    pub(super) slots: usize,
    /// Jobs in the queue besides what the slots are always given, for they are claimed faster than others come.
    pub(super) extra: usize,
}

impl ClassLine {
    /// A job was claimed so many milliseconds after its ticket was published. The window grows while tickets wait shorter
    /// than it takes to publish others, as those of short jobs do, and shrinks again when they wait longer.
    pub(super) fn claimed_after(&mut self, waited_ms: u64, settings: &Settings) {
        if waited_ms <= settings.soon_ms {
            self.extra = (self.extra + 1).min(self.slots.saturating_mul(settings.most_extra_per_slot));
        } else if waited_ms > 2 * settings.soon_ms {
            self.extra = self.extra.saturating_sub(1);
        }
    }

    /// How many jobs may be in the queue.
    pub(super) fn window(&self, settings: &Settings) -> usize {
        let extra = self.extra.min(self.slots.saturating_mul(settings.most_extra_per_slot));
        self.slots.saturating_mul(settings.window_per_slot).saturating_add(settings.window_spare).saturating_add(extra)
    }
}

/// Jobs, sweeps, and what follows from them.
#[derive(Debug, Default)]
pub(super) struct Board {
    nodes: Vec<Node>,
    /// Places in `nodes` that are free again.
    free: Vec<u32>,
    pub(super) by_key: HashMap<JobKey, u32>,
    sweeps: Vec<Option<Box<Sweep>>>,
    pub(super) by_id: HashMap<SweepId, u32>,
    pub(super) records: Records,
    pub(super) classes: [ClassLine; 2],
    timers: BTreeSet<(u64, u32)>,
    /// Published jobs by the time when they became ready.
    waiting: BTreeSet<(u64, u32)>,
    /// Ready jobs that more than one sweep wants that is not cancelled.
    shared: BTreeSet<u32>,
    /// Sweeps of which a job moved since they were last taken.
    touched: Vec<u32>,
}

impl Board {
    pub(super) fn node(&self, job: u32) -> &Node {
        &self.nodes[job as usize]
    }

    /// For the fields that nothing is derived from: edges, `unmet`, `failed_inputs`, `generation`.
    pub(super) fn node_mut(&mut self, job: u32) -> &mut Node {
        &mut self.nodes[job as usize]
    }

    pub(super) fn sweep(&self, sweep: u32) -> &Sweep {
        self.sweeps[sweep as usize].as_deref().expect("a want names a sweep that is there")
    }

    pub(super) fn sweep_mut(&mut self, sweep: u32) -> &mut Sweep {
        self.sweeps[sweep as usize].as_deref_mut().expect("a want names a sweep that is there")
    }

    /// All sweeps with their places.
    pub(super) fn sweeps(&self) -> impl Iterator<Item = (u32, &Sweep)> {
        (0_u32..).zip(&self.sweeps).filter_map(|(place, sweep)| Some((place, sweep.as_deref()?)))
    }

    pub(super) fn add_sweep(&mut self, sweep: Sweep) -> u32 {
        let id = sweep.id;
        let place = match self.sweeps.iter().position(Option::is_none) {
            Some(free) => free,
            None => {
                self.sweeps.push(None);
                self.sweeps.len() - 1
            }
        };
        self.sweeps[place] = Some(Box::new(sweep));
        let place = u32::try_from(place).expect("there are fewer than 2^32 sweeps");
        self.by_id.insert(id, place);
        place
    }

    /// Only after every want of it is gone.
    pub(super) fn drop_sweep(&mut self, place: u32) {
        if let Some(sweep) = self.sweeps[place as usize].take() {
            self.by_id.remove(&sweep.id);
        }
        self.touched.retain(|touched| *touched != place);
    }

    /// The sweeps of which a job moved since this was last asked.
    pub(super) fn take_touched(&mut self) -> Vec<u32> {
        let touched = std::mem::take(&mut self.touched);
        for place in &touched {
            self.sweep_mut(*place).touched = false;
        }
        touched
    }

    /// Counts a sweep as moved.
    pub(super) fn touch(&mut self, place: u32) {
        let sweep = self.sweep_mut(place);
        if !std::mem::replace(&mut sweep.touched, true) {
            self.touched.push(place);
        }
    }

    /// Adds a job and its edges; it is not on the board yet.
    pub(super) fn add_node(&mut self, node: Node) -> u32 {
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.nodes.push(Node { inputs: Box::default(), dependants: Vec::new(), wants: Vec::new(), ..node });
                u32::try_from(self.nodes.len() - 1).expect("there are fewer than 2^32 jobs, each takes over 100 bytes")
            }
        };
        for &input in &node.inputs {
            self.nodes[input as usize].dependants.push(place);
        }
        self.by_key.insert(node.key, place);
        self.nodes[place as usize] = node;
        place
    }

    /// Drops jobs that are off the board and that nobody wants, so no job that stays reads one of them.
    pub(super) fn drop_nodes(&mut self, jobs: &[u32]) {
        let gone: BTreeSet<u32> = jobs.iter().copied().collect();
        let mut read = BTreeSet::new();
        for &job in jobs {
            let node = &mut self.nodes[job as usize];
            self.by_key.remove(&node.key);
            self.records.forget(job);
            read.extend(node.inputs.iter().copied().filter(|input| !gone.contains(input)));
            (node.inputs, node.dependants, node.wants) = Default::default();
        }
        for input in read {
            self.nodes[input as usize].dependants.retain(|dependant| !gone.contains(dependant));
        }
        self.free.extend(jobs);
    }

    /// Whether a sweep that is not cancelled wants the job.
    pub(super) fn is_wanted(&self, job: u32) -> bool {
        self.live(job).next().is_some()
    }

    /// The wants of sweeps that are not cancelled.
    pub(super) fn live(&self, job: u32) -> impl Iterator<Item = &Want> {
        self.node(job).wants.iter().filter(|want| !self.sweep(want.sweep).cancelled)
    }

    /// Whether a sweep lets the job run now.
    pub(super) fn may_run(&self, job: u32) -> bool {
        self.live(job).any(|want| self.sweep(want.sweep).shut(want.group).is_none())
    }

    /// Ready jobs that several sweeps want.
    pub(super) fn shared(&self) -> impl Iterator<Item = u32> {
        self.shared.iter().copied()
    }

    /// The first timer that has rung by `now`.
    pub(super) fn rung(&self, now: u64) -> Option<u32> {
        self.timers.first().filter(|(due, _)| *due <= now).map(|(_, job)| *job)
    }

    /// When the first timer rings.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// When the published job that waits longest became ready.
    pub(super) fn oldest_published(&self) -> Option<u64> {
        self.waiting.first().map(|(since, _)| *since)
    }

    /// The published jobs in the order of their publishing.
    pub(super) fn published(&self) -> Vec<u32> {
        let mut jobs: Vec<u32> = self.waiting.iter().map(|(_, job)| *job).collect();
        jobs.sort_by_key(|job| (self.node(*job).due, *job));
        jobs
    }

    pub(super) fn class_mut(&mut self, class: Class) -> &mut ClassLine {
        &mut self.classes[class as usize]
    }
}

/// How jobs move.
impl Board {
    /// Takes the job off the board, lets `how` change it, and puts it back.
    pub(super) fn change(&mut self, job: u32, how: impl FnOnce(&mut Node)) {
        self.take_off(job);
        how(self.node_mut(job));
        self.put_on(job);
    }

    /// Moves the job. `due` is when its timer rings, where it has one in that state.
    pub(super) fn set(&mut self, job: u32, state: JobState, (due, now): (u64, u64)) {
        let node = self.node(job);
        if node.state == state {
            self.set_timer(job, due);
            return;
        }
        let queues = |state| matches!(state, JobState::Ready | JobState::Published);
        let since = if queues(node.state) { node.since } else { now };
        self.change(job, |node| (node.state, node.due, node.since) = (state, due, since));
    }

    fn set_timer(&mut self, job: u32, due: u64) {
        let node = &mut self.nodes[job as usize];
        if node.state.has_timer() {
            self.timers.remove(&(node.due, job));
            self.timers.insert((due, job));
            node.due = due;
        }
    }

    /// The job is done with this outcome.
    pub(super) fn commit(&mut self, job: u32, fact: Fact) {
        self.take_off(job);
        let node = &mut self.nodes[job as usize];
        if node.state == JobState::Done {
            node.tried |= self.records.keep_lost(job, &node.fact);
        }
        (node.state, node.generation, node.fact) = (JobState::Done, fact.generation, fact);
        self.put_on(job);
    }

    /// The outcome of the job, which was done, is lost. The next one is of `generation`. What it took stays charged.
    pub(super) fn retract(&mut self, job: u32, generation: u32) {
        self.take_off(job);
        let node = &mut self.nodes[job as usize];
        node.tried |= self.records.keep_lost(job, &node.fact);
        (node.state, node.generation) = (JobState::Blocked, generation);
        self.put_on(job);
    }

    pub(super) fn take_off(&mut self, job: u32) {
        self.board(job, false);
    }

    pub(super) fn put_on(&mut self, job: u32) {
        self.board(job, true);
    }

    fn board(&mut self, job: u32, on: bool) {
        let node = &self.nodes[job as usize];
        let class = &mut self.classes[node.class() as usize];
        for (state, count) in [(JobState::Published, &mut class.published), (JobState::Leased, &mut class.leased)] {
            match node.state == state {
                true if on => *count += 1,
                true => *count -= 1,
                false => {}
            }
        }
        let timer = (node.state.has_timer()).then_some((node.due, job));
        let waits = (node.state == JobState::Published).then_some((node.since, job));
        for (set, entry) in [(&mut self.timers, timer), (&mut self.waiting, waits)] {
            match entry {
                Some(entry) if on => drop(set.insert(entry)),
                Some(entry) => drop(set.remove(&entry)),
                None => {}
            }
        }
        let mut live = 0;
        for want in &node.wants {
            let sweep = self.sweeps[want.sweep as usize].as_deref_mut().expect("a want names a sweep that is there");
            let spot = spot(node, &self.records, (job, sweep.since));
            live += usize::from(!sweep.cancelled);
            if !std::mem::replace(&mut sweep.touched, true) {
                self.touched.push(want.sweep);
            }
            match on {
                true => sweep.place(want, &spot),
                false => sweep.remove(want, &spot),
            }
        }
        match node.state == JobState::Ready && live > 1 {
            true if on => drop(self.shared.insert(job)),
            true => drop(self.shared.remove(&job)),
            false => {}
        }
    }
}

/// Where a job stands for a sweep that was submitted at `since`.
fn spot(node: &Node, records: &Records, (job, since): (u32, u64)) -> Spot {
    let fact = (node.state == JobState::Done).then_some(&node.fact);
    let counts = fact.is_some_and(|fact| fact.committed_at >= since);
    let mut charge = if node.tried { records.charge(job, fact, since) } else { Amount::default() };
    if let Some(fact) = fact.filter(|_| counts) {
        charge += fact.spend.into();
    }
    Spot { state: node.state, level: node.level, since: node.since, charge, counts }
}
