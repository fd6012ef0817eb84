//! What happens, and how it comes to rest.

use bitsweep_plan::retry::Ending;
use bitsweep_plan::scheduler::{Event, State};
use bitsweep_proto::{Action, Class};

use super::super::oracle::Oracle;
use super::super::services::Ledger;
use super::{Act, Coordinator, World, settings, sweep_id};

impl World<'_> {
    pub(crate) fn act(&mut self, act: Act) {
        let pick = |i: u16, len: usize| (len > 0).then(|| usize::from(i) % len);
        let sweep = |i: u8| usize::from(i) % self.universe.sweeps.len();
        match act {
            Act::Hear(who, i) => {
                if let Some(i) = pick(i, self.coordinators[who].inbox.len()) {
                    let event = self.coordinators[who].inbox.remove(i);
                    self.hear(who, event);
                }
            }
            Act::HearAndKeep(who, i) => {
                if let Some(i) = pick(i, self.coordinators[who].inbox.len()) {
                    let event = self.coordinators[who].inbox[i].clone();
                    self.hear(who, event);
                }
            }
            Act::Lose(who, i) => {
                if let Some(i) = pick(i, self.coordinators[who].inbox.len()) {
                    self.coordinators[who].inbox.remove(i);
                }
            }
            Act::Work(i) => {
                if let Some(i) = pick(i, self.tickets.len()) {
                    self.work(i);
                }
            }
            Act::LoseTicket(i) => {
                if let Some(i) = pick(i, self.tickets.len()) {
                    self.tickets.remove(i);
                }
            }
            Act::DoubleTicket(i) => {
                if let Some(i) = pick(i, self.tickets.len()) {
                    self.tickets.push(self.tickets[i]);
                }
            }
            Act::Succeed(i, told) => {
                if let Some(i) = pick(i, self.alive.len()) {
                    let attempt = self.alive.remove(i);
                    self.succeed(attempt, told);
                }
            }
            Act::End(i, how) => {
                if let Some(i) = pick(i, self.alive.len()) {
                    let attempt = self.alive.remove(i);
                    let away = Ending::Infrastructure("store away".to_owned());
                    match how % 4 {
                        0 => self.over(&attempt, Ending::Preempted, (0, true)),
                        1 => self.over(&attempt, away, (1, true)),
                        2 => self.over(&attempt, away, (0, true)),
                        _ => self.over(&attempt, away, (0, false)),
                    }
                }
            }
            Act::Expire(i, heard) => {
                if let Some(i) = pick(i, self.alive.len()) {
                    let attempt = self.alive.remove(i);
                    if self.ledger.leases[attempt.job].as_ref() == Some(&attempt.nonce) {
                        (self.ledger.leases[attempt.job], self.ledger.offers[attempt.job]) = (None, None);
                    }
                    if heard {
                        self.close(attempt.job);
                        self.tell(Some(self.store.recall(attempt.job)));
                    }
                    self.late.push(attempt);
                }
            }
            Act::Beat(i) => {
                if let Some(i) = pick(i, self.alive.len()) {
                    self.beat(i);
                }
            }
            Act::CommitLate(i) => {
                if let Some(i) = pick(i, self.late.len()) {
                    let attempt = self.late.remove(i);
                    self.commit(&attempt, true); // Of a doomed job too, after it was given up.
                }
            }
            act => self.act_on_all(act, &sweep),
        }
    }

    pub(super) fn act_on_all(&mut self, act: Act, sweep: &dyn Fn(u8) -> usize) {
        match act {
            Act::LoseOutcome(i) => {
                let job = usize::from(i) % self.universe.jobs.len();
                if let Some(outcome) = self.store.outcomes[job].iter_mut().rfind(|outcome| !outcome.revoked) {
                    outcome.revoked = true;
                    self.tell(self.store.look(job));
                }
            }
            Act::SaveLedger => self.saved = self.ledger.clone(),
            Act::RollLedgerBack => {
                self.ledger = self.saved.clone();
                self.tell(Some(Event::LedgerLost));
            }
            Act::WipeLedger => {
                self.ledger = Ledger::new(self.universe.jobs.len());
                self.tell(Some(Event::LedgerLost));
            }
            Act::WipeQueue => self.tickets.clear(),
            Act::Restart(who) => self.restart(who),
            Act::Submit(i) => self.submit(sweep(i)),
            Act::Cancel(i) => self.decide(sweep(i), Action::Cancel),
            Act::Resume(i) => self.decide(sweep(i), Action::Resume),
            Act::Retry(i) => {
                let jobs = self.universe.sweeps[sweep(i)].jobs.iter();
                let ended = jobs.flat_map(|job| &self.store.attempts[*job]).filter(|tried| tried.ending.is_some());
                let forgiven = ended.map(|tried| tried.attempt.clone()).collect();
                self.decide(sweep(i), Action::Retry { forgiven });
            }
            Act::Limit(i, more, budget) => {
                let given = self.universe.sweeps[sweep(i)].plan.budgets.len();
                let index = if more { given } else { 0 };
                self.decide(sweep(i), Action::Budget { index: u32::try_from(index).unwrap(), budget });
            }
            Act::Report(i) => self.decide(sweep(i), Action::Reported),
            Act::Forget(i) => {
                let sweep = sweep(i);
                self.store.controls[sweep] = None;
                for who in [0, 1] {
                    self.hear(who, Event::Forget { sweep: sweep_id(sweep) });
                }
            }
            Act::Pass(ms) => {
                self.now += u64::from(ms);
                for who in [0, 1] {
                    self.hear(who, Event::Tick);
                }
            }
            Act::Slots(gpu, live) => {
                let class = if gpu { Class::Gpu } else { Class::Cpu };
                self.slots[class as usize] = usize::from(live % 4);
                for who in [0, 1] {
                    self.hear(who, Event::Slots { class, live: self.slots[class as usize] });
                }
            }
            _ => unreachable!("handled before"),
        }
    }

    /// The first coordinator is asked; the second hears of it, if it does, as a reader of the store.
    pub(super) fn submit(&mut self, sweep: usize) {
        self.store.controls[sweep].get_or_insert_default();
        let event = self.submission(sweep);
        self.hear(0, event.clone());
        self.coordinators[1].inbox.push(event);
    }

    pub(super) fn submission(&self, sweep: usize) -> Event {
        let plan = self.universe.sweeps[sweep].plan.clone();
        let facts = self.store.facts(&self.universe.sweeps[sweep].jobs);
        let controls = self.store.controls[sweep].clone().unwrap();
        Event::Submitted { sweep: sweep_id(sweep), plan, facts, controls }
    }

    pub(super) fn decide(&mut self, sweep: usize, action: Action) {
        let Some(controls) = &mut self.store.controls[sweep] else { return };
        controls.push(action.clone());
        let event = Event::Controlled { sweep: sweep_id(sweep), action };
        self.hear(0, event.clone());
        self.coordinators[1].inbox.push(event);
    }

    /// A coordinator dies, and another begins with what the store says. What that counts is what the records say.
    pub(super) fn restart(&mut self, who: usize) {
        let state = State::new(settings());
        self.coordinators[who] = Coordinator { state, oracle: Oracle::new(self.universe), inbox: Vec::new() };
        for class in [Class::Gpu, Class::Cpu] {
            self.hear(who, Event::Slots { class, live: self.slots[class as usize] });
        }
        for sweep in 0..self.universe.sweeps.len() {
            if self.store.controls[sweep].is_some() {
                let event = self.submission(sweep);
                self.hear(who, event);
            }
        }
    }

    /// Nothing gets lost any more, nobody decides anything, and every attempt that can succeed does.
    pub(crate) fn settle(&mut self) {
        self.late.clear();
        self.restart(1);
        self.coordinators[0].inbox.clear();
        for _ in 0..200 {
            for job in 0..self.universe.jobs.len() {
                if self.alive.iter().all(|attempt| attempt.job != job) {
                    self.ledger.leases[job] = None; // It has run out.
                }
                self.close(job);
            }
            for who in [0, 1] {
                for sweep in 0..self.universe.sweeps.len() {
                    if self.store.controls[sweep].is_some() {
                        let event = self.submission(sweep);
                        self.hear(who, event);
                    }
                }
            }
            self.quiesce();
            let active = |who| (0..self.universe.jobs.len()).any(|job| self.is_active(who, job));
            if !active(0) && !active(1) {
                return;
            }
            // Longer than every pause, lease and ticket.
            self.now += 400_000;
            for who in [0, 1] {
                self.hear(who, Event::Tick);
            }
        }
        panic!("it never ends");
    }

    /// Goes on until nobody has anything to do but wait.
    pub(super) fn quiesce(&mut self) {
        for _ in 0..10_000 {
            if let Some(who) = [0, 1].into_iter().find(|who| !self.coordinators[*who].inbox.is_empty()) {
                let event = self.coordinators[who].inbox.remove(0);
                self.hear(who, event);
            } else if let Some(attempt) = self.alive.pop() {
                self.succeed(attempt, true);
            } else if !self.tickets.is_empty() {
                self.work(0);
            } else {
                return;
            }
        }
        panic!("it never rests");
    }
}
