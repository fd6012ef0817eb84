//! The state, and what can be asked of it.

use std::collections::{BTreeMap, HashMap};

use bitsweep_proto::job::Class;
use bitsweep_proto::{JobKey, Nonce, SweepId};

use super::Settings;
use super::board::Board;
use super::fact::Fact;
use super::limits::{budget_place, gate_place};
use super::spend::Spend;
use super::tally::{Hold, JobState, Tally};

/// What the scheduler knows of all sweeps.
#[derive(Debug)]
pub struct State {
    pub(super) settings: Settings,
    pub(super) board: Board,
    /// Jobs that are given up or held one by one. What else becomes of them decides whether it shows.
    pub(super) verdicts: BTreeMap<u32, Verdict>,
    /// Who holds the leased jobs.
    pub(super) holders: HashMap<u32, Nonce>,
    /// Tickets in a row that did not get a job to an attempt. Not on record: it says nothing about the job.
    pub(super) unserved: HashMap<u32, u32>,
    /// Jobs published so far.
    pub(super) published: u64,
    /// Sweeps submitted so far.
    pub(super) submitted: u64,
}

/// Why a job is given up or held, whatever its inputs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) cause: Cause,
    pub(super) reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its own account is used up: it is failed.
    Errors,
    /// Its infrastructure account is: it is held.
    Infrastructure,
    /// No worker can run it: it is held until there are more.
    Refused,
    /// Its outcome was lost too often: it is held.
    Lost,
}

impl State {
    /// A state without sweeps.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            board: Board::default(),
            verdicts: BTreeMap::new(),
            holders: HashMap::new(),
            unserved: HashMap::new(),
            published: 0,
            submitted: 0,
        }
    }

    /// The sweeps, cancelled ones too.
    pub fn sweeps(&self) -> impl Iterator<Item = SweepId> {
        self.board.sweeps().map(|(_, sweep)| sweep.id)
    }

    /// How many jobs of a sweep are in each state, by kind and tier; `None` where the sweep is unknown. A job that is ready
    /// but held by a gate or a budget *of this sweep* counts as held, also where another sweep lets it run. Costs
    /// O(kinds × tiers).
    pub fn tally(&self, sweep: &SweepId) -> Option<Tally> {
        Some(self.board.sweep(*self.board.by_id.get(sweep)?).tally())
    }

    /// The state of a job; `None` where no sweep has such a job. One that is ready is held where a gate or a budget of every
    /// sweep that wants it holds it.
    pub fn job_state(&self, key: &JobKey) -> Option<JobState> {
        let job = *self.board.by_key.get(key)?;
        Some(match self.board.node(job).state {
            JobState::Ready if !self.board.may_run(job) => JobState::Held,
            state => state,
        })
    }

    /// The outcome of a job, where it is done.
    pub fn fact(&self, key: &JobKey) -> Option<&Fact> {
        let node = self.board.node(*self.board.by_key.get(key)?);
        (node.state == JobState::Done).then_some(&node.fact)
    }

    /// The attempt that holds a job, where it is leased.
    pub fn attempt_of(&self, key: &JobKey) -> Option<&Nonce> {
        self.holders.get(self.board.by_key.get(key)?)
    }

    /// The jobs of a sweep that failed of themselves and those that are held one by one, with the reason, in the plan's
    /// order. Empty where the sweep is unknown. Costs O(such jobs of all sweeps).
    pub fn reasons(&self, sweep: &SweepId) -> Vec<(JobKey, JobState, String)> {
        let Some(&place) = self.board.by_id.get(sweep) else { return Vec::new() };
        let mut reasons = Vec::new();
        for (job, verdict) in &self.verdicts {
            let node = self.board.node(*job);
            let shows = match verdict.cause {
                Cause::Errors => JobState::Failed,
                Cause::Infrastructure | Cause::Refused | Cause::Lost => JobState::Held,
            };
            let want = node.wants.iter().find(|want| want.sweep == place);
            if let Some(want) = want.filter(|_| node.state == shows) {
                reasons.push((want.job, (node.key, node.state, verdict.reason.clone())));
            }
        }
        reasons.sort_by_key(|(job, _)| *job);
        reasons.into_iter().map(|(_, reason)| reason).collect()
    }

    /// What holds jobs of a sweep as a whole: gates that are shut, then budgets that are used up, in the order of the
    /// manifest. Empty where the sweep is unknown or cancelled. Costs O((gates + budgets) × kinds × tiers).
    pub fn holds(&self, sweep: &SweepId) -> Vec<Hold> {
        let Some(&place) = self.board.by_id.get(sweep) else { return Vec::new() };
        let sweep = self.board.sweep(place);
        let mut holds = Vec::new();
        if sweep.cancelled {
            return holds;
        }
        for (place, gate) in (0_u32..).zip(&sweep.gates).filter(|(_, gate)| gate.opened_at.is_none()) {
            let held = sweep.groups.iter().filter(|group| group.common.gates.contains(&place));
            let jobs = held.map(|group| group.counts.resting()).sum();
            holds.push(Hold { place: gate_place(place), words: gate.words(sweep.reported), jobs });
        }
        for place in (0_u32..).take(sweep.budgets.len()) {
            let (mut jobs, mut example) = (0, None);
            for (index, group) in (0_u32..).zip(&sweep.groups) {
                if sweep.is_held_by(index, place) && group.counts.resting() > 0 {
                    jobs += group.counts.resting();
                    example.get_or_insert(index);
                }
            }
            holds.push(Hold { place: budget_place(place), words: sweep.budget_words(place, example), jobs });
        }
        holds.retain(|hold| hold.jobs > 0);
        holds
    }

    /// What a sweep was charged so far; what is set aside for jobs under way not counted.
    pub fn spent(&self, sweep: &SweepId) -> Spend {
        let place = self.board.by_id.get(sweep);
        place.map_or_else(Spend::default, |place| self.board.sweep(*place).charged.spend())
    }

    /// What each budget of a sweep was charged so far, in the order of the manifest, those that were added later behind.
    /// A budget without a limit of GPU-hours, money or bytes is charged nothing.
    pub fn budgets_spent(&self, sweep: &SweepId) -> Vec<Spend> {
        let Some(place) = self.board.by_id.get(sweep) else { return Vec::new() };
        self.board.sweep(*place).budgets.iter().map(|budget| budget.charged.spend()).collect()
    }

    /// Cells of a sweep whose measures are done, and all its cells.
    pub fn cells_done(&self, sweep: &SweepId) -> (usize, usize) {
        let Some(&place) = self.board.by_id.get(sweep) else { return (0, 0) };
        let sweep = self.board.sweep(place);
        (sweep.cells_done, sweep.plan.cells.len())
    }

    /// When the job that waits longest for a worker became ready, in the `now` of [`super::step`]. Jobs that gates and
    /// budgets hold do not wait for a worker.
    pub fn oldest_ready(&self) -> Option<u64> {
        let live = self.board.sweeps().filter(|(_, sweep)| !sweep.cancelled);
        let ready = live.flat_map(|(_, sweep)| sweep.open_lines().filter_map(|group| sweep.oldest(group)));
        ready.chain(self.board.oldest_published()).min()
    }

    /// When the next [`super::Event::Tick`] is of use; `None` where no timer runs.
    pub fn next_due(&self) -> Option<u64> {
        self.board.next_due()
    }

    /// Jobs of a class whose tickets are in the queue.
    pub fn in_queue(&self, class: Class) -> usize {
        self.board.classes[class as usize].published
    }

    /// Jobs of a class that attempts hold.
    pub fn leased(&self, class: Class) -> usize {
        self.board.classes[class as usize].leased
    }

    /// Jobs of a class that wait for their turn to be published. What no worker has yet is these and [`Self::in_queue`].
    /// Costs O(sweeps × kinds × tiers + ready jobs that several sweeps want).
    pub fn ready(&self, class: Class) -> usize {
        let live = self.board.sweeps().filter(|(_, sweep)| !sweep.cancelled);
        let wanted: usize = live
            .flat_map(|(_, sweep)| sweep.open_lines().map(move |group| (sweep, group)))
            .filter(|(sweep, group)| sweep.groups[*group as usize].common.kind.class() == class)
            .map(|(sweep, group)| sweep.in_line(group))
            .sum();
        let shared = self.board.shared().filter(|job| self.board.node(*job).class() == class);
        let twice: usize = shared
            .map(|job| {
                let open = |want: &&super::node::Want| self.board.sweep(want.sweep).shut(want.group).is_none();
                self.board.live(job).filter(open).count().saturating_sub(1)
            })
            .sum();
        wanted - twice
    }
}

impl super::sweep::Sweep {
    /// Whether this budget holds jobs of the group now, be it the first that does or not.
    fn is_held_by(&self, group: u32, budget: u32) -> bool {
        let left_out = self.groups[group as usize].common.left_out;
        left_out == Some(budget) || self.is_used_up(group, budget)
    }

    /// Groups with ready jobs that may run.
    fn open_lines(&self) -> impl Iterator<Item = u32> {
        let with_jobs = (0_u32..).zip(&self.groups).filter(|(index, _)| self.in_line(*index) > 0);
        with_jobs.map(|(index, _)| index).filter(|index| self.shut(*index).is_none())
    }
}
