//! Points around a queue.

use std::sync::Arc;

use async_trait::async_trait;
use bitsweep_proto::job::Class;
use bitsweep_proto::wire::Ticket;

use super::{Points, Refused};
use crate::error::{BackendError, Service};
use crate::queue::{Delivery, Queue};

/// A queue as one actor sees it.
pub struct PointsQueue {
    inner: Arc<dyn Queue>,
    points: Points,
}

impl PointsQueue {
    /// Wraps `inner`.
    pub fn new(inner: Arc<dyn Queue>, points: Points) -> Self {
        Self { inner, points }
    }
}

fn failed(_: Refused) -> BackendError {
    BackendError::Unavailable { service: Service::Queue, message: "a fail point".to_owned(), source: None }
}

#[async_trait]
impl Queue for PointsQueue {
    async fn publish(&self, tickets: &[Ticket]) -> Result<(), BackendError> {
        self.points.pass("queue.publish", self.inner.publish(tickets)).await.map_err(failed)?
    }

    async fn receive(&self, classes: &[Class]) -> Result<Delivery, BackendError> {
        self.points.pass("queue.receive", self.inner.receive(classes)).await.map_err(failed)?
    }

    async fn ack(&self, delivery: Delivery) -> Result<(), BackendError> {
        self.points.pass("queue.ack", self.inner.ack(delivery)).await.map_err(failed)?
    }

    async fn requeue(&self, delivery: Delivery) -> Result<(), BackendError> {
        self.points.pass("queue.requeue", self.inner.requeue(delivery)).await.map_err(failed)?
    }

    async fn waiting(&self, class: Class) -> Result<usize, BackendError> {
        self.points.pass("queue.waiting", self.inner.waiting(class)).await.map_err(failed)?
    }
}
