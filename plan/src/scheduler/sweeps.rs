//! Sweeps come, change and go.

use std::sync::Arc;

use bitsweep_proto::plan::From;
use bitsweep_proto::{Action, Plan, SweepId};

use super::Turn;
use super::effect::Effect;
use super::fact::{Fact, Facts};
use super::node::{Node, Want};
use super::state::{Cause, State};
use super::sweep::Sweep;
use super::tally::JobState;

impl State {
    pub(super) fn submitted(
        &mut self,
        (id, plan): (SweepId, Arc<Plan>),
        (facts, controls): (Facts, Vec<Action>),
        turn: &mut Turn,
    ) {
        let place = match self.board.by_id.get(&id) {
            Some(known) => *known,
            None => self.add((id, plan), facts.since, controls),
        };
        self.take_in(place, &facts, turn);
    }

    /// Adds the sweep with its jobs. Those that no other sweep has are blocked until the facts are taken in.
    fn add(&mut self, (id, plan): (SweepId, Arc<Plan>), since: u64, controls: Vec<Action>) -> u32 {
        self.submitted += 1;
        let mut sweep = Sweep::new((id, self.submitted), Arc::clone(&plan), since, controls);
        let groups = sweep.regroup();
        let mut cells = vec![0_u32; plan.jobs.len()];
        for cell in &plan.cells {
            cells[cell.job as usize] += 1;
        }
        let place = self.board.add_sweep(sweep);
        let mut nodes: Vec<u32> = Vec::with_capacity(plan.jobs.len());
        for (job, planned) in (0_u32..).zip(&plan.jobs) {
            let (group, cells) = (groups[job as usize], cells[job as usize]);
            let want = Want { sweep: place, job, group, cells };
            let node = match self.board.by_key.get(&planned.key) {
                Some(&node) => {
                    self.board.take_off(node);
                    node
                }
                None => self.board.add_node(self.node(&plan, job, &nodes)),
            };
            self.board.node_mut(node).wants.push(want);
            self.board.put_on(node);
            nodes.push(node);
        }
        self.board.sweep_mut(place).nodes = nodes;
        place
    }

    /// A job that no sweep had before. `nodes` are those of the jobs before it.
    fn node(&self, plan: &Plan, job: u32, nodes: &[u32]) -> Node {
        let planned = &plan.jobs[job as usize];
        let inputs = planned.inputs.iter().filter_map(|input| match input.from {
            From::Job(other) => Some(nodes[other as usize]),
            From::Blob(_) => None,
        });
        let inputs: Box<[u32]> = inputs.collect();
        let edges = |state: &dyn Fn(JobState) -> bool| {
            let count = inputs.iter().filter(|input| state(self.board.node(**input).state)).count();
            u32::try_from(count).expect("inputs are listed in memory, 100 bytes each")
        };
        Node {
            key: planned.key,
            kind: planned.spec.kind(),
            level: inputs.iter().map(|input| self.board.node(*input).level + 1).max().unwrap_or(0),
            state: JobState::Blocked,
            due: 0,
            since: 0,
            generation: 0,
            unmet: edges(&|state| state != JobState::Done),
            failed_inputs: edges(&|state| state == JobState::Failed),
            fact: Fact::default(),
            tried: false,
            inputs,
            dependants: Vec::new(),
            wants: Vec::with_capacity(1),
        }
    }

    /// Takes in what is known of a sweep's jobs. Dependants come before their inputs: what is done already is never ready
    /// in between. What is stale shows only when all of it is in.
    fn take_in(&mut self, place: u32, facts: &Facts, turn: &mut Turn) {
        let jobs = self.jobs_of(place);
        let keyed = |state: &Self, job: u32| state.board.node(job).key;
        let mut news = Vec::new();
        for &job in jobs.iter().rev() {
            if let Some(fact) = facts.outcomes.get(&keyed(self, job))
                && self.commit(job, *fact, turn)
            {
                news.push(job);
            }
        }
        for &job in &jobs {
            let key = keyed(self, job);
            if let Some(lost) = facts.generations.get(&key).and_then(|next| next.checked_sub(1)) {
                self.lose(job, lost, turn);
            }
            if let Some(history) = facts.histories.get(&key) {
                self.record(job, history.clone(), turn);
            }
        }
        for job in news {
            self.revoke_stale(job, turn);
        }
        for &job in &jobs {
            self.reconsider(job, turn);
        }
        self.board.touch(place);
    }

    /// The nodes of a sweep in the plan's order, each once.
    fn jobs_of(&self, place: u32) -> Vec<u32> {
        let nodes = (0_u32..).zip(&self.board.sweep(place).nodes);
        let first = |(job, node): &(u32, &u32)| {
            self.board.node(**node).wants.iter().find(|want| want.sweep == place).is_some_and(|want| want.job == *job)
        };
        nodes.filter(first).map(|(_, node)| *node).collect()
    }

    pub(super) fn controlled(&mut self, sweep: &SweepId, action: Action, turn: &mut Turn) {
        let Some(&place) = self.board.by_id.get(sweep) else { return };
        let cancelled = self.board.sweep(place).cancelled;
        match action {
            Action::Cancel if !cancelled => self.cancel(place, turn),
            Action::Resume if cancelled => self.resume(place, turn),
            Action::Cancel | Action::Resume => return,
            Action::Retry { .. } => self.retry(place, action, turn),
            Action::Budget { .. } => self.limit(place, action),
            Action::Reported => self.board.sweep_mut(place).note(action),
        }
        // Whoever waits for what was decided hears when nothing is left that could run, also where nothing was.
        self.board.sweep_mut(place).finished = false;
        self.board.touch(place);
    }

    fn cancel(&mut self, place: u32, turn: &mut Turn) {
        let jobs = self.jobs_of(place);
        self.off_the_board(place, &jobs, |sweep| sweep.note(Action::Cancel));
        for job in jobs {
            self.drop_unwanted(job, turn);
        }
    }

    fn resume(&mut self, place: u32, turn: &mut Turn) {
        let jobs = self.jobs_of(place);
        self.off_the_board(place, &jobs, |sweep| sweep.note(Action::Resume));
        for job in jobs {
            if self.board.node(job).state == JobState::Cancelled {
                self.rest(job, turn);
            }
        }
    }

    /// What was given up or held one by one is tried again, as far as that was for attempts that are forgiven now, for
    /// workers that could not run it, or for outcomes that were lost.
    fn retry(&mut self, place: u32, action: Action, turn: &mut Turn) {
        self.board.sweep_mut(place).note(action);
        for job in self.jobs_of(place) {
            self.unserved.remove(&job);
            if self.verdicts.get(&job).is_some_and(|verdict| verdict.cause == Cause::Refused) {
                self.decide(job, None);
            }
            self.reconsider(job, turn);
        }
    }

    /// Decides anew about a job, for what is forgiven may have changed.
    fn reconsider(&mut self, job: u32, turn: &mut Turn) {
        let node = self.board.node(job);
        if node.state == JobState::Done {
            return;
        }
        if node.tried || self.verdicts.contains_key(&job) {
            self.judge(job);
        }
        self.follow(job, turn);
    }

    fn limit(&mut self, place: u32, action: Action) {
        let jobs = self.jobs_of(place);
        let mut groups = Vec::new();
        for &job in &jobs {
            self.board.take_off(job);
        }
        let sweep = self.board.sweep_mut(place);
        sweep.note(action);
        groups.append(&mut sweep.regroup());
        for &job in &jobs {
            for want in self.board.node_mut(job).wants.iter_mut().filter(|want| want.sweep == place) {
                want.group = groups[want.job as usize];
            }
            self.board.put_on(job);
        }
    }

    /// Changes what decides where the jobs of a sweep stand.
    fn off_the_board(&mut self, place: u32, jobs: &[u32], change: impl FnOnce(&mut Sweep)) {
        for &job in jobs {
            self.board.take_off(job);
        }
        change(self.board.sweep_mut(place));
        for &job in jobs {
            self.board.put_on(job);
        }
    }

    /// A job that is not decided and that nobody wants any more stops.
    fn drop_unwanted(&mut self, job: u32, turn: &mut Turn) {
        let node = self.board.node(job);
        let decided = matches!(node.state, JobState::Done | JobState::Failed | JobState::Cancelled);
        if decided || self.board.is_wanted(job) {
            return;
        }
        if node.state.in_flight() {
            turn.effects.push(Effect::Withdraw { key: node.key });
        }
        self.unserved.remove(&job);
        self.go(job, (JobState::Cancelled, 0), turn);
    }

    pub(super) fn forget(&mut self, sweep: &SweepId, turn: &mut Turn) {
        let Some(&place) = self.board.by_id.get(sweep) else { return };
        let (mut gone, mut stay) = (Vec::new(), Vec::new());
        for job in self.jobs_of(place) {
            self.board.take_off(job);
            let node = self.board.node_mut(job);
            node.wants.retain(|want| want.sweep != place);
            if node.wants.is_empty() {
                if node.state.in_flight() {
                    turn.effects.push(Effect::Withdraw { key: node.key });
                }
                self.verdicts.remove(&job);
                self.unserved.remove(&job);
                self.holders.remove(&job);
                gone.push(job);
            } else {
                self.board.put_on(job);
                stay.push(job);
            }
        }
        self.board.drop_nodes(&gone);
        self.board.drop_sweep(place);
        for job in stay {
            self.drop_unwanted(job, turn);
            // What it forgave counts again.
            self.reconsider(job, turn);
        }
    }
}
