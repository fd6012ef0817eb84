//! What came from the broker: tickets that nobody has taken yet, and deliveries that were handed out and are not settled.
//!
//! Joins the tasks that consume ([`super::line`]) and those who wait in [`crate::queue::Queue::receive`]. Knows no
//! connection: a delivery carries lapin's acker, which knows whether its channel is still the one it came over. A delivery
//! of a channel that is gone is never settled on another.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use bitsweep_proto::job::Class;
use bitsweep_proto::wire::Ticket;
use lapin::Acker;
use tokio::sync::{Notify, watch};

use crate::queue::Delivery;

/// See the module.
#[derive(Default)]
pub(super) struct Intake {
    inner: Mutex<Inner>,
    arrived: Notify,
    gpu: Waiters,
    cpu: Waiters,
}

#[derive(Default)]
struct Inner {
    /// Of all classes, in the order of arrival.
    buffer: VecDeque<Arrived>,
    handed_out: HashMap<u64, Acker>,
    next_tag: u64,
}

/// A ticket that came.
pub(super) struct Arrived {
    pub(super) ticket: Ticket,
    pub(super) acker: Acker,
}

/// How many wait for a ticket of a class.
struct Waiters(watch::Sender<usize>);

impl Default for Waiters {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Intake {
    /// Waits for a ticket of one of `classes`. Cancel-safe.
    pub(super) async fn receive(&self, classes: &[Class]) -> Delivery {
        let _waiting = Waiting::new(self, classes);
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            // From here on no arrival is missed.
            arrived.as_mut().enable();
            // Nothing is awaited between taking a ticket and returning it: that is what makes this cancel-safe.
            if let Some(delivery) = self.take(classes) {
                return delivery;
            }
            arrived.await;
        }
    }

    fn take(&self, classes: &[Class]) -> Option<Delivery> {
        let mut inner = self.lock();
        loop {
            let at = inner.buffer.iter().position(|arrived| classes.contains(&arrived.ticket.class))?;
            let Arrived { ticket, acker } = inner.buffer.remove(at)?;
            // One of a channel that is gone comes again by another.
            if acker.usable() {
                let tag = inner.next_tag;
                inner.next_tag += 1;
                inner.handed_out.insert(tag, acker);
                return Some(Delivery { ticket, tag });
            }
        }
    }

    pub(super) fn put(&self, arrived: Arrived) {
        self.lock().buffer.push_back(arrived);
        self.arrived.notify_waiters();
    }

    /// Takes all tickets of a class that nobody has taken.
    pub(super) fn untaken(&self, class: Class) -> Vec<Arrived> {
        let mut inner = self.lock();
        let (of_class, others) = inner.buffer.drain(..).partition(|arrived| arrived.ticket.class == class);
        inner.buffer = others;
        Vec::from(of_class)
    }

    /// The acker of a delivery that was handed out; `None` if its channel is gone.
    pub(super) fn settle(&self, delivery: &Delivery) -> Option<Acker> {
        self.lock().handed_out.remove(&delivery.tag).filter(Acker::usable)
    }

    /// Forgets what can no longer be settled.
    pub(super) fn forget_lost(&self) {
        let mut inner = self.lock();
        inner.buffer.retain(|arrived| arrived.acker.usable());
        inner.handed_out.retain(|_, acker| acker.usable());
    }

    /// How many wait for a class, as it changes between none and some.
    pub(super) fn waiters(&self, class: Class) -> watch::Receiver<usize> {
        self.of(class).0.subscribe()
    }

    fn of(&self, class: Class) -> &Waiters {
        match class {
            Class::Gpu => &self.gpu,
            Class::Cpu => &self.cpu,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics while it holds the intake")
    }
}

/// One who waits, counted as long as it lives.
struct Waiting<'a> {
    intake: &'a Intake,
    classes: &'a [Class],
}

impl<'a> Waiting<'a> {
    fn new(intake: &'a Intake, classes: &'a [Class]) -> Self {
        for class in classes {
            intake.of(*class).0.send_if_modified(|waiters| {
                *waiters += 1;
                *waiters == 1
            });
        }
        Self { intake, classes }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        for class in self.classes {
            self.intake.of(*class).0.send_if_modified(|waiters| {
                *waiters -= 1;
                *waiters == 0
            });
        }
    }
}
