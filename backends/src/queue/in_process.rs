//! The queue of one process.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bitsweep_proto::job::Class;
use bitsweep_proto::wire::Ticket;
use tokio::sync::Notify;

use super::{Delivery, Queue};
use crate::error::BackendError;

/// Tickets in memory. They end with the process, as its workers do.
///
/// Deliveries are not remembered: one that is dropped unsettled is a lost ticket.
#[derive(Debug, Default)]
pub struct InProcessQueue {
    /// All classes in one line, so that a worker of several takes the oldest. Short: the scheduler publishes a window.
    line: Mutex<VecDeque<Ticket>>,
    changed: Notify,
    next_tag: AtomicU64,
}

impl InProcessQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    fn with_line<T>(&self, act: impl FnOnce(&mut VecDeque<Ticket>) -> T) -> T {
        act(&mut self.line.lock().expect("nothing panics while it holds the line"))
    }

    fn push(&self, ticket: Ticket) {
        self.with_line(|line| line.push_back(ticket));
        self.changed.notify_waiters();
    }

    fn take(&self, classes: &[Class]) -> Option<Ticket> {
        self.with_line(|line| {
            let at = line.iter().position(|ticket| classes.contains(&ticket.class))?;
            line.remove(at)
        })
    }
}

#[async_trait]
impl Queue for InProcessQueue {
    async fn publish(&self, tickets: &[Ticket]) -> Result<(), BackendError> {
        tickets.iter().for_each(|ticket| self.push(ticket.clone()));
        Ok(())
    }

    async fn receive(&self, classes: &[Class]) -> Result<Delivery, BackendError> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            // Nothing is awaited between taking a ticket and returning it: that is what makes this cancel-safe.
            if let Some(ticket) = self.take(classes) {
                return Ok(Delivery { ticket, tag: self.next_tag.fetch_add(1, Ordering::Relaxed) });
            }
            changed.await;
        }
    }

    async fn ack(&self, _delivery: Delivery) -> Result<(), BackendError> {
        Ok(())
    }

    async fn requeue(&self, delivery: Delivery) -> Result<(), BackendError> {
        self.push(delivery.ticket);
        Ok(())
    }

    async fn waiting(&self, class: Class) -> Result<usize, BackendError> {
        Ok(self.with_line(|line| line.iter().filter(|ticket| ticket.class == class).count()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn conforms() {
        crate::conformance::queue(async || Arc::new(InProcessQueue::new()) as Arc<dyn Queue>).await;
    }
}
