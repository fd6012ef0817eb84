//! What must hold after every event, and at the end.

use std::cmp::Reverse;

use bitsweep_plan::scheduler::{JobState, Settings};
use bitsweep_proto::{Class, Digest, SweepId, Track};

use super::{Coordinator, World, settings, sweep_id};

impl World<'_> {
    pub(super) fn check_published(&self, who: usize, job: usize, generation: u32) {
        let oracle = &self.coordinators[who].oracle;
        assert!(!oracle.done(job) && !oracle.failed(job) && !oracle.blocked(job), "published though it cannot run");
        assert!(oracle.live(job).next().is_some(), "published though nobody wants it");
        assert_eq!(generation, oracle.generation(job));
    }

    pub(super) fn check_finished(&self, who: usize, id: SweepId, (done, failed, held): (usize, usize, usize)) {
        let sweep = (0..self.universe.sweeps.len()).find(|sweep| sweep_id(*sweep) == id).unwrap();
        let jobs = &self.universe.sweeps[sweep].jobs;
        let oracle = &self.coordinators[who].oracle;
        assert_eq!(done, jobs.iter().filter(|job| oracle.done(**job)).count());
        assert_eq!(failed, jobs.iter().filter(|job| oracle.failed(**job)).count());
        assert_eq!(done + failed + held, jobs.len());
        if !oracle.sweeps[&sweep].cancelled {
            assert!(jobs.iter().all(|job| !self.is_active(who, *job)), "finished while jobs run");
        }
    }

    pub(super) fn is_active(&self, who: usize, job: usize) -> bool {
        use JobState::{Leased, Published, Ready, Waiting};
        matches!(self.state_of(who, job), Some(Ready | Waiting | Published | Leased))
    }

    /// One job stands where the oracle says.
    pub(super) fn check_state(&self, who: usize, job: usize) {
        let Coordinator { oracle, .. } = &self.coordinators[who];
        let Some(state) = self.state_of(who, job) else {
            assert!(!oracle.known(job));
            return;
        };
        assert!(oracle.known(job));
        let wanted = oracle.live(job).next().is_some();
        let expected = match (oracle.done(job), oracle.failed(job), wanted, oracle.blocked(job)) {
            (true, ..) => state == JobState::Done,
            (_, true, ..) => state == JobState::Failed,
            (_, _, false, _) => state == JobState::Cancelled,
            (.., true) => state == JobState::Blocked,
            _ if oracle.put_aside(job) => matches!(state, JobState::Held | JobState::Leased),
            _ => match state {
                JobState::Held => {
                    oracle.live(job).all(|sweep| oracle.shut(sweep, job) || oracle.is_limited(sweep, job))
                }
                JobState::Ready => oracle.live(job).any(|sweep| !oracle.shut(sweep, job)),
                JobState::Waiting | JobState::Published | JobState::Leased => true,
                _ => false,
            },
        };
        let (done, failed, blocked) = (oracle.done(job), oracle.failed(job), oracle.blocked(job));
        assert!(expected, "{job} is {state:?}: done {done}, failed {failed}, wanted {wanted}, blocked {blocked}");
    }

    /// What is kept up to date is what would be counted.
    pub(super) fn check_sums(&self, who: usize) {
        let Coordinator { state, oracle, .. } = &self.coordinators[who];
        assert_eq!(state.sweeps().count(), oracle.sweeps.len());
        for &sweep in oracle.sweeps.keys() {
            let jobs = &self.universe.sweeps[sweep].jobs;
            let tally = state.tally(&sweep_id(sweep)).unwrap();
            let count = |wanted: &[JobState]| {
                jobs.iter().filter(|job| wanted.contains(&self.state_of(who, **job).unwrap())).count()
            };
            for alone in [
                JobState::Blocked,
                JobState::Waiting,
                JobState::Published,
                JobState::Leased,
                JobState::Done,
                JobState::Failed,
                JobState::Cancelled,
            ] {
                assert_eq!(tally.total.of(alone), count(&[alone]), "{alone:?}");
            }
            let open = tally.total.of(JobState::Ready) + tally.total.of(JobState::Held);
            assert_eq!(open, count(&[JobState::Ready, JobState::Held]));
            assert_eq!(tally.jobs.values().map(|counts| counts.all()).sum::<usize>(), jobs.len());
            assert_eq!(state.spent(&sweep_id(sweep)), oracle.spent(sweep), "sweep {sweep}");
            let cells = &self.universe.sweeps[sweep].plan.cells;
            let done = cells.iter().filter(|cell| oracle.done(jobs[cell.job as usize])).count();
            assert_eq!(state.cells_done(&sweep_id(sweep)), (done, cells.len()));
        }
        for class in [Class::Gpu, Class::Cpu] {
            let count = |wanted| {
                let of_class = (0..self.universe.jobs.len()).filter(|job| self.universe.kind(*job).class() == class);
                of_class.filter(|job| self.state_of(who, *job) == Some(wanted)).count()
            };
            assert_eq!(state.in_queue(class), count(JobState::Published));
            assert_eq!(state.leased(class), count(JobState::Leased));
            assert_eq!(state.ready(class), count(JobState::Ready));
        }
    }

    /// What was published for the first time was next.
    pub(super) fn check_order(&self, who: usize, fresh: &[(usize, usize)]) {
        let Coordinator { oracle, state, .. } = &self.coordinators[who];
        let ready = |job: &usize| self.state_of(who, *job) == Some(JobState::Ready);
        let rank = |job: usize| (self.universe.jobs[job].shape.tier, Reverse(self.universe.level(job)), job);
        for &(sweep, job) in fresh {
            let (class, track) = oracle.place(job);
            let Settings { window_per_slot, window_spare, most_extra_per_slot, .. } = settings();
            let window = (window_per_slot + most_extra_per_slot) * self.slots[class as usize] + window_spare;
            assert!(state.in_queue(class) <= window, "the window is full");
            assert!(oracle.lets(sweep, job), "job {job} is beyond a limit of sweep {sweep}");
            let left = || (0..self.universe.jobs.len()).filter(ready).filter(|other| oracle.place(*other).0 == class);
            if track == Track::Exploratory {
                assert!(left().all(|other| oracle.place(other).1 == Track::Exploratory), "core work was left");
            }
            let own = left().filter(|other| self.universe.sweeps[sweep].jobs.contains(other));
            let own = own.filter(|other| oracle.place(*other).1 == track);
            let own = own.filter(|other| !oracle.shut(sweep, *other) && !oracle.is_limited(sweep, *other));
            assert!(own.into_iter().all(|other| rank(job) < rank(other)), "a better one was left");
            // Fair share, where there is nobody else to share with.
            let others: Vec<usize> = oracle.sweeps.keys().copied().filter(|other| *other != sweep).collect();
            if let [other] = others[..]
                && !oracle.sweeps[&other].cancelled
            {
                let waits = left().filter(|job| oracle.place(*job).1 == track);
                let mut waits = waits.filter(|job| self.universe.sweeps[other].jobs.contains(job));
                let under_way = |sweep: usize| {
                    let jobs = self.universe.sweeps[sweep].jobs.iter().filter(|job| oracle.place(**job).0 == class);
                    jobs.filter(|job| matches!(self.state_of(who, **job), Some(JobState::Published | JobState::Leased)))
                        .count()
                };
                if waits.any(|job| !oracle.shut(other, job) && !oracle.is_limited(other, job)) {
                    assert!(under_way(sweep) <= under_way(other) + 1, "the other had a right to it");
                }
            }
        }
    }

    pub(crate) fn check_end(&mut self) {
        for who in [0, 1] {
            for job in 0..self.universe.jobs.len() {
                self.check_job_at_end(who, job);
            }
        }
        // What a new coordinator counts is what those that went through all of it have counted.
        let spent = |world: &Self| -> Vec<_> {
            let oracle = &world.coordinators[0].oracle;
            oracle.sweeps.keys().map(|sweep| world.coordinators[0].state.spent(&sweep_id(*sweep))).collect()
        };
        let states = |world: &Self, who| -> Vec<_> {
            (0..world.universe.jobs.len()).map(|job| world.state_of(who, job)).collect()
        };
        let (before, stood) = (spent(self), states(self, 0));
        for (job, (one, other)) in stood.iter().zip(states(self, 1)).enumerate() {
            let decided =
                |state| [Some(JobState::Done), Some(JobState::Failed), Some(JobState::Cancelled)].contains(state);
            if decided(one) || decided(&other) {
                assert_eq!(*one, other, "the coordinators differ about job {job}");
            }
        }
        self.restart(0);
        assert_eq!(before, spent(self));
    }

    pub(super) fn check_job_at_end(&self, who: usize, job: usize) {
        let Some(state) = self.state_of(who, job) else { return };
        let oracle = &self.coordinators[who].oracle;
        let inputs = self.universe.inputs(job);
        let held: Option<Vec<Digest>> =
            inputs.iter().map(|input| self.store.current(*input).map(|outcome| outcome.artifact)).collect();
        if let Some(outcome) = self.store.current(job) {
            assert_eq!(state, JobState::Done, "job {job}");
            if let Some(held) = held {
                assert_eq!(outcome.read, held, "job {job} was made from what its inputs hold");
            }
            return;
        }
        match state {
            JobState::Failed => {
                assert!(self.universe.jobs[job].doomed || held.is_none(), "job {job} could have run");
            }
            JobState::Cancelled => assert_eq!(oracle.live(job).next(), None),
            JobState::Blocked => assert_eq!(held, None),
            JobState::Held if oracle.put_aside(job) => {}
            JobState::Held => {
                assert!(oracle.live(job).all(|sweep| !oracle.lets(sweep, job)), "job {job} is held for nothing");
            }
            other => panic!("job {job} is {other:?}"),
        }
    }
}
