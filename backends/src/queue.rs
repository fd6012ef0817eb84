//! The queue: hands claim tickets to workers, at least once, roughly in the order of publishing.

use std::sync::Arc;

use async_trait::async_trait;
use bitsweep_proto::job::Class;
use bitsweep_proto::wire::Ticket;

use crate::address::Address;
use crate::error::{BackendError, Service};

mod in_process;
mod rabbit;

pub use in_process::InProcessQueue;
pub use rabbit::{RabbitQueue, Tuning};

/// Opens the queue of a store by URL: `amqp://user:password@host:5672/%2f`, or `amqps://`.
///
/// The first connection is made here, so that a wrong address, password or virtual host is told at once. Later ones are
/// made again, for ever.
pub async fn open(address: &Address, store_id: &str) -> Result<Arc<dyn Queue>, BackendError> {
    match address.scheme() {
        "amqp" | "amqps" => Ok(Arc::new(RabbitQueue::open(address, store_id, Tuning::default()).await?)),
        scheme => {
            let message =
                format!("no queue is spoken to by {scheme}: write amqp://user:password@host:5672/%2f, or amqps://");
            Err(BackendError::Refused { service: Service::Queue, message, source: None })
        }
    }
}

/// Claim tickets, one line per class. A ticket is a hint: it may be lost, doubled or late, and nothing but speed
/// suffers. A delivery is never held while a job runs.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Puts tickets at the end of the lines of their classes, in order. When this returns, they survive the caller. An
    /// error may mean that some were put; to publish them again is safe.
    async fn publish(&self, tickets: &[Ticket]) -> Result<(), BackendError>;

    /// Waits for the next ticket of one of `classes`, and for the service where it cannot be reached. Cancel-safe: a
    /// ticket is either returned or stays in the line.
    async fn receive(&self, classes: &[Class]) -> Result<Delivery, BackendError>;

    /// Settles a delivery: the ticket is gone. After an error it comes again.
    async fn ack(&self, delivery: Delivery) -> Result<(), BackendError>;

    /// Gives a delivery back: the ticket is in the line again. Where in the line is not promised.
    async fn requeue(&self, delivery: Delivery) -> Result<(), BackendError>;

    /// Tickets waiting in the line of `class`, deliveries not counted; nor are those, for a moment, that were sent ahead to
    /// a worker that had asked for one.
    async fn waiting(&self, class: Class) -> Result<usize, BackendError>;

    /// Messages that this process set aside because they were not tickets: garbage, or of a version that it does not know.
    fn dead_letters(&self) -> u64 {
        0
    }
}

/// A ticket that was handed out and must be settled.
#[derive(Debug)]
pub struct Delivery {
    /// The ticket.
    pub ticket: Ticket,
    /// The queue's own name for this delivery.
    pub tag: u64,
}
