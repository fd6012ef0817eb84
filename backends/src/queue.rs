//! The queue: hands claim tickets to workers, at least once, roughly in the order of publishing.

use async_trait::async_trait;
use bitsweep_proto::job::Class;
use bitsweep_proto::wire::Ticket;

use crate::error::BackendError;

mod in_process;

pub use in_process::InProcessQueue;

/// Claim tickets, one line per class. A ticket is a hint: it may be lost, doubled or late, and nothing but speed
/// suffers. A delivery is never held while a job runs.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Puts a ticket at the end of its class's line. When this returns, the ticket survives the caller.
    async fn publish(&self, ticket: Ticket) -> Result<(), BackendError>;

    /// Waits for the next ticket of one of `classes`. Cancel-safe: a ticket is either returned or stays in the line.
    async fn receive(&self, classes: &[Class]) -> Result<Delivery, BackendError>;

    /// Settles a delivery: the ticket is gone.
    async fn ack(&self, delivery: Delivery) -> Result<(), BackendError>;

    /// Gives a delivery back: the ticket is at the end of the line again.
    async fn requeue(&self, delivery: Delivery) -> Result<(), BackendError>;

    /// Tickets waiting in the line of `class`, deliveries not counted.
    async fn waiting(&self, class: Class) -> Result<usize, BackendError>;
}

/// A ticket that was handed out and must be settled.
#[derive(Debug)]
pub struct Delivery {
    /// The ticket.
    pub ticket: Ticket,
    /// The queue's own name for this delivery.
    pub tag: u64,
}
