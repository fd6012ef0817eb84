//! The loop of one sweep, from facts to the last outcome.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::{BackendError, Ledger, Notice, Queue, Store};
use bitsweep_plan::scheduler::{Effect, Event, Facts, JobState, Settings, State, step};
use bitsweep_proto::job::Class;
use bitsweep_proto::plan::From;
use bitsweep_proto::wire::Ticket;
use bitsweep_proto::{Cell, JobKey, Kind, Plan};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::standing::{Observer, Watch};

/// Leases are looked at this often.
const REAP_EVERY: Duration = Duration::from_secs(5);

/// What a service could not do is tried again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why a sweep cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// A service refuses, or what it holds cannot be read. A person must act.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether it was told to stop before everything was decided.
    pub interrupted: bool,
    /// Jobs given up of themselves, with the reason, in the plan's order.
    pub failed: Vec<(JobKey, String)>,
    /// Jobs put aside because services failed them, with the reason, in the plan's order.
    pub held: Vec<(JobKey, String)>,
}

/// Drives one plan over the three services.
pub struct Coordinator {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// What is true.
    pub store: Store,
    /// Where tickets go.
    pub queue: Arc<dyn Queue>,
    /// Where work is offered and notices come from.
    pub ledger: Arc<dyn Ledger>,
    /// Jobs that can run at once.
    pub slots: usize,
    /// True (or closed) once it has to stop.
    pub stop: watch::Receiver<bool>,
}

/// The moving parts of one run.
struct Round<'o> {
    state: State,
    events: VecDeque<Event>,
    watch: Watch,
    kinds: HashMap<JobKey, (Kind, u32)>,
    observer: &'o mut dyn Observer,
    started: Instant,
    /// What a service could not do just now.
    again: Vec<Effect>,
    /// Made when the first name is asked for.
    first_cells: Option<Vec<Option<usize>>>,
}

impl Coordinator {
    /// Runs until nothing is left that could run, or until told to stop. `facts` is what the store knew at the start.
    pub async fn drive(mut self, facts: Facts, observer: &mut dyn Observer) -> Result<End, CoordinatorError> {
        let watch = Watch::new(&self.plan);
        let kinds = (0..).zip(&self.plan.jobs).map(|(index, job)| (job.key, (job.spec.kind(), index))).collect();
        let slots = |class| Event::Slots { class, live: self.slots };
        let events = VecDeque::from([slots(Class::Gpu), slots(Class::Cpu), Event::Start]);
        let state = State::new(&self.plan, facts, Settings::default());
        let (started, again, first_cells) = (Instant::now(), Vec::new(), None);
        let mut round = Round { state, events, watch, kinds, observer, started, again, first_cells };
        let mut first = true;
        loop {
            let finished = self.settle(&mut round).await?;
            if std::mem::take(&mut first) {
                for job in &self.plan.jobs {
                    round.watch.moved(job.key, &round.state);
                }
            }
            round.observer.standing(round.watch.standing());
            if finished {
                return Ok(round.end(false));
            }
            let due = round.state.next_due().map(|due| round.started + Duration::from_millis(due));
            let most = if round.again.is_empty() { REAP_EVERY } else { AGAIN_AFTER };
            let wake = due.unwrap_or(Instant::now() + most).min(Instant::now() + most);
            let heard = tokio::select! {
                biased;
                _ = self.stop.wait_for(|stop| *stop) => return Ok(round.end(true)),
                notices = self.ledger.notices() => Some(notices?),
                () = tokio::time::sleep_until(wake) => {
                    self.ledger.reap().await?;
                    round.events.push_back(Event::Tick);
                    None
                }
            };
            match heard {
                Some(notices) => {
                    for notice in notices {
                        self.hear(notice, &mut round).await?;
                    }
                }
                None => {
                    for effect in std::mem::take(&mut round.again) {
                        self.carry_out(effect, &mut round).await?;
                    }
                }
            }
        }
    }

    /// Steps through all events and carries out what follows. True once nothing is left that could run.
    async fn settle(&self, round: &mut Round<'_>) -> Result<bool, CoordinatorError> {
        let mut finished = false;
        while let Some(event) = round.events.pop_front() {
            let touched = key_of(&event);
            let now = u64::try_from(round.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let effects = step(&mut round.state, event, now);
            if let Some(key) = touched {
                round.watch.moved(key, &round.state);
            }
            for effect in effects {
                finished = matches!(effect, Effect::Finished { .. });
                self.carry_out(effect, round).await?;
            }
        }
        Ok(finished)
    }

    async fn carry_out(&self, effect: Effect, round: &mut Round<'_>) -> Result<(), CoordinatorError> {
        match effect {
            Effect::Publish { job, key, generation } => {
                round.watch.moved(key, &round.state);
                if let Err(error) = self.publish(job, key, generation).await {
                    round.failed_to_publish(key, error)?;
                }
            }
            Effect::CheckStore { key } => {
                if let Err(error) = self.check_store(key, round).await {
                    round.later(Effect::CheckStore { key }, error)?;
                }
            }
            Effect::Revoke { key, generation, reason } => {
                round.watch.moved(key, &round.state);
                let name = self.name(key, round);
                round.observer.note(&format!("{name} is made again: {reason}"));
                if let Err(error) = self.store.revoke(key, generation, &reason).await {
                    round.later(Effect::Revoke { key, generation, reason }, error)?;
                }
            }
            Effect::JobFailed { key, reason } => {
                round.watch.moved(key, &round.state);
                let name = self.name(key, round);
                round.observer.note(&format!("{name} failed: {reason}"));
            }
            Effect::DependantsFailed { key: _, dependants } => {
                for dependant in dependants {
                    round.watch.moved(dependant, &round.state);
                }
            }
            Effect::JobHeld { key, reason } => {
                round.watch.moved(key, &round.state);
                let name = self.name(key, round);
                round.observer.note(&format!("{name} is put aside: {reason}"));
            }
            Effect::Finished { .. } => {}
        }
        Ok(())
    }

    async fn publish(&self, job: u32, key: JobKey, generation: u32) -> Result<(), BackendError> {
        let work = bitsweep_plan::work(&self.plan, job, generation);
        let class = work.class();
        self.ledger.offer(work).await?;
        self.queue.publish(Ticket { key, class }).await
    }

    /// Reads the fact behind a hint.
    async fn check_store(&self, key: JobKey, round: &mut Round<'_>) -> Result<(), BackendError> {
        if let Some(outcome) = self.store.outcome_or_revoke(key).await? {
            let fact = bitsweep_plan::scheduler::Fact::of(&outcome);
            round.events.push_back(Event::Committed { key, fact });
        } else if let Some(generation) = self.store.next_generation(key).await?.checked_sub(1) {
            round.events.push_back(Event::Revoked { key, generation });
        }
        Ok(())
    }

    async fn hear(&self, notice: Notice, round: &mut Round<'_>) -> Result<(), CoordinatorError> {
        match notice {
            Notice::Claimed { key } => round.events.push_back(Event::Claimed { key }),
            Notice::Progress { key, done, total } => {
                round.events.push_back(Event::Claimed { key });
                if round.state.job_state(&key) == Some(JobState::Leased) {
                    round.watch.units(key, done, total);
                }
            }
            Notice::Adopted { key, .. } => self.carry_out(Effect::CheckStore { key }, round).await?,
            Notice::Ended { key, verdict, checkpoints_made } => {
                round.events.push_back(Event::Ended { key, verdict, checkpoints_made });
            }
            Notice::Expired { key } => {
                // Where they cannot be counted now, none are: that is only the stricter account.
                let checkpoints_made = self.checkpoints_of_last_attempt(key).await.unwrap_or(0);
                round.events.push_back(Event::Expired { key, checkpoints_made });
            }
            Notice::Revoked { key, generation } => {
                let name = self.name(key, round);
                round.observer.note(&format!("{name}: its result was damaged or lost, it is made again"));
                round.events.push_back(Event::Revoked { key, generation });
            }
            Notice::Refused { key, reason } => round.events.push_back(Event::Refused { key, reason }),
        }
        Ok(())
    }

    /// Checkpoints that the newest attempt of a job has added.
    async fn checkpoints_of_last_attempt(&self, key: JobKey) -> Result<u64, BackendError> {
        let now = self.store.checkpoints(key).await?.len() as u64;
        let attempts = self.store.attempts(key).await?;
        Ok(attempts.starts.last().map_or(0, |start| now.saturating_sub(start.checkpoints_found)))
    }

    /// A job as a person knows it: its kind and the first cell that needs it.
    fn name(&self, key: JobKey, round: &mut Round<'_>) -> String {
        let Some(&(kind, index)) = round.kinds.get(&key) else { return key.0.short() };
        let cells = round.first_cells.get_or_insert_with(|| first_cells(&self.plan));
        let cell = cells[index as usize].map(|cell| &self.plan.cells[cell].cell);
        let cell = cell.map_or_else(|| "no cell".to_owned(), Cell::to_string);
        format!("{} of {cell} ({})", kind.name(), key.0.short())
    }
}

/// The first cell that needs each job, directly or not. Jobs stand in the plan after their inputs.
fn first_cells(plan: &Plan) -> Vec<Option<usize>> {
    let mut first: Vec<Option<usize>> = vec![None; plan.jobs.len()];
    for (cell, planned) in plan.cells.iter().enumerate() {
        first[planned.job as usize].get_or_insert(cell);
    }
    for (index, job) in plan.jobs.iter().enumerate().rev() {
        let own = first[index];
        for input in &job.inputs {
            if let From::Job(other) = input.from {
                let known = &mut first[other as usize];
                *known = known.iter().chain(&own).min().copied();
            }
        }
    }
    first
}

impl Round<'_> {
    /// Puts off what a service could not do just now; what it refuses ends the run.
    fn later(&mut self, effect: Effect, error: BackendError) -> Result<(), CoordinatorError> {
        if !error.is_retryable() {
            return Err(error.into());
        }
        tracing::warn!("trying again: {error}");
        self.again.push(effect);
        Ok(())
    }

    fn failed_to_publish(&mut self, key: JobKey, error: BackendError) -> Result<(), CoordinatorError> {
        if !error.is_retryable() {
            return Err(error.into());
        }
        self.events.push_back(Event::PublishFailed { key, message: error.to_string() });
        Ok(())
    }

    fn end(&self, interrupted: bool) -> End {
        let of = |state| {
            self.state
                .reasons()
                .filter(|(_, s, _)| *s == state)
                .map(|(key, _, reason)| (key, reason.to_owned()))
                .collect()
        };
        End { interrupted, failed: of(JobState::Failed), held: of(JobState::Held) }
    }
}

fn key_of(event: &Event) -> Option<JobKey> {
    match event {
        Event::Start | Event::Tick | Event::Slots { .. } => None,
        Event::Claimed { key }
        | Event::Committed { key, .. }
        | Event::Ended { key, .. }
        | Event::Expired { key, .. }
        | Event::Revoked { key, .. }
        | Event::Refused { key, .. }
        | Event::PublishFailed { key, .. } => Some(*key),
    }
}
