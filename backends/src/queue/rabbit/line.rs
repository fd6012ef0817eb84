//! The task that consumes one class, while somebody waits for it.
//!
//! The broker pushes up to a prefetch of tickets, so that a worker of short jobs never waits for one. When nobody has
//! waited for a while, all slots are busy: the consumer is cancelled and what nobody took goes back to the broker, for
//! workers that have time. So no ticket is held while a job runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bitsweep_proto::job::Class;
use bitsweep_proto::wire::{self, Ticket};
use futures::StreamExt;
use futures::future::join_all;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions};
use lapin::types::FieldTable;
use lapin::{Acker, Channel};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Tuning;
use super::backoff::Backoff;
use super::intake::{Arrived, Intake};
use super::link::Link;
use super::topology::{self, Names};
use super::trouble::{Trouble, within};

/// What the task needs.
pub(super) struct Line {
    pub(super) class: Class,
    pub(super) link: Arc<Link>,
    pub(super) names: Names,
    pub(super) intake: Arc<Intake>,
    pub(super) dead_letters: Arc<AtomicU64>,
    pub(super) tuning: Tuning,
}

/// Why consuming ended while the channel is good.
enum End {
    /// Nobody waits.
    Idle,
    /// The broker ended it: the queue was deleted, or moved to another node.
    Cancelled,
    /// Nothing came for long.
    Quiet,
}

impl Line {
    /// Consumes for ever.
    pub(super) async fn keep(self) {
        let mut backoff = Backoff::new();
        loop {
            self.wanted().await;
            let Ok(connection) = self.link.up().await else { return };
            let served = match self.channel(&connection).await {
                // With the channel ends what it delivered and was not settled: it is in the line again.
                Ok(channel) => self.serve(&channel, &mut backoff).await,
                Err(trouble) => Err(trouble),
            };
            self.intake.forget_lost();
            if let Err(trouble) = served {
                let (queue, wait) = (self.names.line(self.class), backoff.next());
                tracing::warn!(%queue, ?wait, "no tickets come for now: {}", trouble.message);
                tokio::time::sleep(wait).await;
            }
        }
    }

    async fn channel(&self, connection: &lapin::Connection) -> Result<Channel, Trouble> {
        let patience = self.tuning.patience;
        let channel = within(patience, "open a channel", connection.create_channel()).await?;
        let qos = channel.basic_qos(self.tuning.prefetch, BasicQosOptions::default());
        within(patience, "set the prefetch", qos).await?;
        Ok(channel)
    }

    /// Consumes by one channel, until it is better to have another.
    async fn serve(&self, channel: &Channel, backoff: &mut Backoff) -> Result<(), Trouble> {
        loop {
            topology::declare(channel, &self.names, self.tuning.patience).await?;
            loop {
                self.wanted().await;
                let end = self.consume(channel).await?;
                *backoff = Backoff::new();
                match end {
                    End::Idle => {}
                    End::Cancelled => break,
                    End::Quiet => {
                        return within(self.tuning.patience, "close a channel", channel.close(200, "".into())).await;
                    }
                }
            }
        }
    }

    /// Consumes until nobody waits, or nothing comes.
    async fn consume(&self, channel: &Channel) -> Result<End, Trouble> {
        let (queue, patience) = (self.names.line(self.class), self.tuning.patience);
        let doing = format!("consume {queue}");
        let consume = channel.basic_consume(queue, "".into(), BasicConsumeOptions::default(), FieldTable::default());
        let mut consumer = within(patience, &doing, consume).await?;
        let mut idle = std::pin::pin!(idle(self.intake.waiters(self.class), self.tuning.linger));
        let mut quiet = std::pin::pin!(tokio::time::sleep(self.tuning.quiet));
        loop {
            tokio::select! {
                next = consumer.next() => match next {
                    Some(Ok(delivery)) => self.take_in(&delivery.data, delivery.acker).await,
                    Some(Err(error)) => return Err(Trouble::of(&doing, error)),
                    None if channel.status().connected() => return Ok(End::Cancelled),
                    None => return Err(Trouble::unavailable(format!("failed to {doing}: the channel is gone"))),
                },
                () = &mut idle => break,
                () = &mut quiet => return Ok(End::Quiet),
            }
            quiet.as_mut().reset(Instant::now() + self.tuning.quiet);
        }
        let cancel = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
        within(patience, &format!("stop to {doing}"), cancel).await?;
        let mut back: Vec<_> = self.intake.untaken(self.class).into_iter().map(|arrived| arrived.acker).collect();
        // What was on its way: the stream ends where the broker knew that we stopped.
        while let Some(Ok(delivery)) = consumer.next().await {
            back.push(delivery.acker);
        }
        give_back(&back).await;
        Ok(End::Idle)
    }

    /// Waits until somebody waits.
    async fn wanted(&self) {
        // The other end lives as long as this.
        let _ = self.intake.waiters(self.class).wait_for(|waiters| *waiters > 0).await;
    }

    async fn take_in(&self, message: &[u8], acker: Acker) {
        let error = match wire::decode::<Ticket>(message) {
            Ok(ticket) if ticket.class == self.class => return self.intake.put(Arrived { ticket, acker }),
            Ok(ticket) => format!("a ticket of class {:?}", ticket.class),
            Err(error) => error.to_string(),
        };
        let queue = self.names.line(self.class);
        self.dead_letters.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%queue, bytes = message.len(), "not a ticket of this line, put with the dead letters: {error}");
        // If this fails the channel is gone, and the message comes again.
        let _ = acker.reject(BasicRejectOptions { requeue: false }).await;
    }
}

/// Puts them into the line again, in their order. One that fails is of a channel that is gone: it is there already.
async fn give_back(ackers: &[Acker]) {
    let requeue = BasicNackOptions { requeue: true, multiple: false };
    join_all(ackers.iter().map(|acker| acker.nack(requeue))).await;
}

/// Waits until nobody has waited for `linger`.
async fn idle(mut waiters: watch::Receiver<usize>, linger: Duration) {
    loop {
        let _ = waiters.wait_for(|waiters| *waiters == 0).await;
        let again = waiters.wait_for(|waiters| *waiters > 0);
        if tokio::time::timeout(linger, again).await.is_err() {
            return;
        }
    }
}
