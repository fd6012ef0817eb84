//! The two lanes on which work leaves: offers and withdrawals to the ledger, and behind it tickets to the queue.
//!
//! Owns: the order (what is published was offered before; an offer and a withdrawal of one job stay in order; tickets go
//! in the scheduler's order), and that whatever has gathered goes as one batch. Does not own: what is offered.
//!
//! **A lane waits for its service.** What cannot be offered or published now stays where it is and is tried again: a broker
//! that is away for an hour says nothing about the jobs, so no account is charged for it. The scheduler's window bounds
//! what gathers; a job that it publishes again meanwhile replaces itself.

use std::collections::HashSet;

use bitsweep_backends::Service;
use bitsweep_proto::wire::Ticket;
use bitsweep_proto::{JobKey, Work};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::hands::Hands;

/// At most so many jobs in one call.
const BATCH: usize = 256;

/// The entrance of the lanes. They end when it is dropped, or with the set of tasks that they run in.
#[derive(Debug)]
pub(crate) struct Lanes {
    offers: mpsc::UnboundedSender<Offer>,
}

#[derive(Debug)]
enum Offer {
    Work(Box<Work>),
    Withdraw(JobKey),
    Mark(oneshot::Sender<()>),
}

#[derive(Debug)]
enum Send {
    Ticket(Ticket),
    Mark(oneshot::Sender<()>),
}

impl Lanes {
    /// Starts both lanes among `tasks`.
    pub(crate) fn start(hands: &Hands, tasks: &mut JoinSet<()>) -> Self {
        let (offers, offered) = mpsc::unbounded_channel();
        let (tickets, ticketed) = mpsc::unbounded_channel();
        tasks.spawn(offer_all(hands.clone(), offered, tickets));
        tasks.spawn(publish_all(hands.clone(), ticketed));
        Self { offers }
    }

    /// Offers the work, then publishes its ticket.
    pub(crate) fn publish(&self, work: Work) {
        self.send(Offer::Work(Box::new(work)));
    }

    /// Tells the ledger that nobody wants the job.
    pub(crate) fn withdraw(&self, key: JobKey) {
        self.send(Offer::Withdraw(key));
    }

    /// Answers when all that was given before is offered and published.
    pub(crate) fn mark(&self) -> oneshot::Receiver<()> {
        let (reach, reached) = oneshot::channel();
        self.send(Offer::Mark(reach));
        reached
    }

    /// The lanes end only after this.
    fn send(&self, offer: Offer) {
        let _ = self.offers.send(offer);
    }
}

/// What goes to the ledger in one call.
#[derive(Debug)]
enum Group {
    Works(Vec<Work>),
    Keys(Vec<JobKey>),
    Mark(oneshot::Sender<()>),
}

/// Runs of offers and runs of withdrawals, in order. Of several offers of one job in a run the last stays.
fn groups(offers: impl IntoIterator<Item = Offer>) -> Vec<Group> {
    let mut groups = Vec::new();
    for offer in offers {
        match (offer, groups.last_mut()) {
            (Offer::Work(work), Some(Group::Works(works))) => works.push(*work),
            (Offer::Work(work), _) => groups.push(Group::Works(vec![*work])),
            (Offer::Withdraw(key), Some(Group::Keys(keys))) => keys.push(key),
            (Offer::Withdraw(key), _) => groups.push(Group::Keys(vec![key])),
            (Offer::Mark(mark), _) => groups.push(Group::Mark(mark)),
        }
    }
    for group in &mut groups {
        if let Group::Works(works) = group {
            keep_last(works, |work| work.key);
        }
    }
    groups
}

fn keep_last<T>(items: &mut Vec<T>, key: impl Fn(&T) -> JobKey) {
    let mut seen = HashSet::with_capacity(items.len());
    items.reverse();
    items.retain(|item| seen.insert(key(item)));
    items.reverse();
}

async fn offer_all(hands: Hands, mut offers: mpsc::UnboundedReceiver<Offer>, tickets: mpsc::UnboundedSender<Send>) {
    let mut heard = Vec::with_capacity(BATCH);
    while offers.recv_many(&mut heard, BATCH).await > 0 {
        for group in groups(heard.drain(..)) {
            let began = Instant::now();
            match group {
                Group::Works(works) => {
                    hands.health.insist(Service::Ledger, || hands.ledger.offer(works.clone())).await;
                    hands.metrics.done("offer", began.elapsed());
                    for work in works {
                        let _ = tickets.send(Send::Ticket(Ticket { key: work.key, class: work.class() }));
                    }
                }
                Group::Keys(keys) => {
                    hands.health.insist(Service::Ledger, || hands.ledger.withdraw(&keys)).await;
                    hands.metrics.done("withdraw", began.elapsed());
                }
                Group::Mark(mark) => drop(tickets.send(Send::Mark(mark))),
            }
        }
    }
}

async fn publish_all(hands: Hands, mut sends: mpsc::UnboundedReceiver<Send>) {
    let mut heard = Vec::with_capacity(BATCH);
    while sends.recv_many(&mut heard, BATCH).await > 0 {
        let (mut tickets, mut marks) = (Vec::new(), Vec::new());
        for send in heard.drain(..) {
            match send {
                Send::Ticket(ticket) => tickets.push(ticket),
                Send::Mark(mark) => marks.push(mark),
            }
        }
        keep_last(&mut tickets, |ticket: &Ticket| ticket.key);
        if !tickets.is_empty() {
            let began = Instant::now();
            hands.health.insist(Service::Queue, || hands.queue.publish(&tickets)).await;
            hands.metrics.done("publish", began.elapsed());
        }
        for mark in marks {
            let _ = mark.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use bitsweep_backends::conformance::samples;

    use super::*;

    #[test]
    fn order_is_kept_and_what_comes_again_replaces_itself() {
        let (key, other) = (samples::work(1).key, samples::work(2).key);
        let newer = Work { generation: 1, ..samples::work(1) };
        let work = |number| Offer::Work(Box::new(samples::work(number)));
        let groups = groups([
            work(1),
            work(2),
            Offer::Work(Box::new(newer)),
            Offer::Withdraw(key),
            Offer::Withdraw(other),
            work(1),
            Offer::Mark(oneshot::channel().0),
        ]);
        let shown: Vec<String> = groups
            .iter()
            .map(|group| match group {
                Group::Works(works) => {
                    let works: Vec<(bool, u32)> = works.iter().map(|work| (work.key == key, work.generation)).collect();
                    format!("{works:?}")
                }
                Group::Keys(keys) => format!("{} keys", keys.len()),
                Group::Mark(_) => "mark".to_owned(),
            })
            .collect();
        assert_eq!(shown, ["[(false, 0), (true, 1)]", "2 keys", "[(true, 0)]", "mark"]);
    }
}
