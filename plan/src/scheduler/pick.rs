//! What is published next, which gates open, and when a sweep is finished.
//!
//! **Order.** An exploratory job goes only where no core job of its class could. Of the sweeps with such a job the one goes
//! with fewest jobs of the class in flight; of several the one that was served longest ago. Within a sweep the lowest tier
//! goes first, then the job with most levels of inputs below it (a measure before a retrieval: cells finish early, and
//! little is under way), then the plan's order.

use bitsweep_proto::Track;
use bitsweep_proto::job::Class;

use super::Turn;
use super::effect::Effect;
use super::limits::{What, budget_place, gate_place};
use super::state::State;
use super::sweep::Sweep;
use super::tally::JobState;

/// A job that could be published for a sweep.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    sweep: u32,
    job: u32,
}

impl State {
    /// Opens the gates that wait for nothing any more. Only a sweep of which something moved can have one.
    pub(super) fn open_gates(&mut self, turn: &mut Turn) {
        for place in self.board.take_touched() {
            let sweep = self.board.sweep_mut(place);
            for gate in sweep.open_gates(turn.now) {
                turn.effects.push(Effect::GateOpened { sweep: sweep.id, place: gate_place(gate) });
            }
            self.board.touch(place); // It has to be looked at again when all is published.
        }
    }

    /// Fills the windows.
    pub(super) fn publish(&mut self, turn: &mut Turn) {
        for class in [Class::Gpu, Class::Cpu] {
            while let Some(candidate) = self.next(class, turn) {
                self.published += 1;
                let sweep = self.board.sweep_mut(candidate.sweep);
                sweep.served = self.published;
                let (id, job) = (sweep.id, sweep.nodes[candidate.job as usize]);
                let node = self.board.node(job);
                let (key, generation) = (node.key, node.generation);
                turn.effects.push(Effect::Publish { sweep: id, job: candidate.job, key, generation });
                let due = turn.now.saturating_add(self.settings.ticket_ms);
                self.board.set(job, JobState::Published, (due, turn.now));
            }
        }
    }

    fn next(&mut self, class: Class, turn: &mut Turn) -> Option<Candidate> {
        let line = &self.board.classes[class as usize];
        if line.published >= line.window(&self.settings) {
            return None;
        }
        [Track::Core, Track::Exploratory].into_iter().find_map(|track| self.fairest((class, track), turn))
    }

    /// The first job of the sweep whose turn it is.
    fn fairest(&mut self, (class, track): (Class, Track), turn: &mut Turn) -> Option<Candidate> {
        let mut best = None;
        let (mut candidate, mut told) = (None, Vec::new());
        for (place, sweep) in self.board.sweeps().filter(|(_, sweep)| !sweep.cancelled) {
            let rank = (sweep.in_flight[class as usize], sweep.served, sweep.number);
            if best.is_some_and(|best| best < rank) {
                continue;
            }
            if let Some(job) = sweep.candidate((class, track), &mut |budget, group| told.push((place, budget, group))) {
                best = Some(rank);
                candidate = Some(Candidate { sweep: place, job });
            }
        }
        for (place, budget, group) in told {
            self.tell(place, (budget, group), turn);
        }
        candidate
    }

    /// Says that a budget holds jobs, once.
    fn tell(&mut self, place: u32, (budget, group): (u32, u32), turn: &mut Turn) {
        let sweep = self.board.sweep_mut(place);
        if !std::mem::replace(&mut sweep.budgets[budget as usize].told, true) {
            let (id, words) = (sweep.id, sweep.budget_words(budget, Some(group)));
            turn.effects.push(Effect::BudgetReached { sweep: id, place: budget_place(budget), words });
        }
    }

    /// Says of which sweeps nothing is left that could run.
    pub(super) fn finish(&mut self, turn: &mut Turn) {
        for place in self.board.take_touched() {
            let finished = self.is_finished(place, turn);
            let sweep = self.board.sweep_mut(place);
            if finished && !std::mem::replace(&mut sweep.finished, finished) {
                let counts = sweep.counts();
                let (done, failed) = (counts.of(JobState::Done), counts.of(JobState::Failed));
                let held = counts.all() - done - failed;
                turn.effects.push(Effect::Finished { sweep: sweep.id, done, failed, held });
            }
            sweep.finished = finished;
        }
    }

    fn is_finished(&mut self, place: u32, turn: &mut Turn) -> bool {
        let sweep = self.board.sweep(place);
        if sweep.cancelled {
            return true;
        }
        if sweep.moves() {
            return false;
        }
        let (mut told, mut open, mut ready) = (Vec::new(), false, false);
        for class in [Class::Gpu, Class::Cpu] {
            for track in [Track::Core, Track::Exploratory] {
                ready |= sweep.lane(class, track).next().is_some();
                open |= sweep.candidate((class, track), &mut |budget, group| told.push((budget, group))).is_some();
            }
        }
        // What only its own gates and budgets hold may still run for another sweep.
        let elsewhere = ready && !open && {
            let wants = |job: &u32| self.board.node(*job).wants.iter().any(|want| want.sweep == place);
            self.board.shared().filter(wants).any(|job| self.board.may_run(job))
        };
        for held in told {
            self.tell(place, held, turn);
        }
        !open && !elsewhere
    }
}

impl Sweep {
    /// The job of this class and track that goes next. `held` hears of the budgets that hold jobs of a group.
    fn candidate(&self, (class, track): (Class, Track), held: &mut dyn FnMut(u32, u32)) -> Option<u32> {
        let mut best: Option<(u32, (u32, u32))> = None;
        for (tier, group) in self.lane(class, track) {
            if best.is_some_and(|(best, _)| best < tier) {
                break;
            }
            match self.shut(group) {
                Some(shut) if shut.what == What::Budget => held(shut.place, group),
                Some(_) => {}
                None => {
                    let first = self.first(group).map(|first| (tier, first));
                    best = best.into_iter().chain(first).min();
                }
            }
        }
        best.map(|(_, (_, job))| job)
    }
}
