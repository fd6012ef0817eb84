//! The queue of many machines: RabbitMQ (3.10 and later).
//!
//! One durable quorum queue per class and store, `bitsweep.<store id>.gpu` and `.cpu`; what is not a ticket goes to
//! `bitsweep.<store id>.dead`. They may be deleted at any moment, and the broker restarted: they are declared again, and
//! the scheduler publishes again what it misses.
//!
//! | file | answers |
//! |---|---|
//! | `link` | how is a connection made and kept up? |
//! | `topology` | what are the queues called, and which arguments have they? |
//! | `publisher` | how do tickets get there for sure? |
//! | `line` | when do we consume, and when do we give back? |
//! | `intake` | who waits, what came, what was handed out? |
//! | `trouble` | what went wrong, and what can a person do? |

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bitsweep_proto::job::Class;
use bitsweep_proto::wire::Ticket;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use self::intake::Intake;
use self::line::Line;
use self::link::Link;
use self::publisher::Publisher;
use self::topology::Names;
use self::trouble::{Trouble, within};
use super::{Delivery, Queue};
use crate::address::Address;
use crate::error::BackendError;

mod backoff;
mod intake;
mod line;
mod link;
mod publisher;
mod topology;
mod trouble;

/// What was found by measuring (the ignored test `measure_the_queue` prints the tables). Tests choose others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// So many tickets of a class the broker sends ahead of their acks.
    pub prefetch: u16,
    /// When nobody has waited for so long, what came ahead goes back.
    pub linger: Duration,
    /// A consumer that somebody waits for and that hears nothing for so long is replaced. Brokers lose consumers: one whose
    /// queue is deleted and made again under the same name may never be told.
    pub quiet: Duration,
    /// No call but [`Queue::receive`] waits longer for any one answer of the broker; twice as long for a connection.
    pub patience: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            prefetch: 32,
            linger: Duration::from_millis(100),
            quiet: Duration::from_secs(15),
            patience: Duration::from_secs(5),
        }
    }
}

/// The queues of one store on a RabbitMQ broker.
pub struct RabbitQueue {
    names: Names,
    tuning: Tuning,
    link: Arc<Link>,
    publisher: Publisher,
    intake: Arc<Intake>,
    dead_letters: Arc<AtomicU64>,
    /// The channel that counts; taken out while it is used.
    counting: Mutex<Option<Channel>>,
    lines: [JoinHandle<()>; 2],
}

impl std::fmt::Debug for RabbitQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RabbitQueue").field("names", &self.names).field("tuning", &self.tuning).finish_non_exhaustive()
    }
}

impl RabbitQueue {
    /// Connects, and makes sure that the queues are there. From then on the connection is kept up for ever.
    pub async fn open(address: &Address, store_id: &str, tuning: Tuning) -> Result<Self, BackendError> {
        let names = Names::of(store_id);
        let link = Arc::new(Link::start(address, format!("bitsweep {store_id}"), tuning.patience * 2)?);
        link.first().await?;
        let channel = Self::channel(&link, tuning.patience).await?;
        topology::declare(&channel, &names, tuning.patience).await?;
        let (intake, dead_letters) = (Arc::new(Intake::default()), Arc::new(AtomicU64::new(0)));
        let lines = [Class::Gpu, Class::Cpu].map(|class| {
            let line = Line {
                class,
                link: Arc::clone(&link),
                names: names.clone(),
                intake: Arc::clone(&intake),
                dead_letters: Arc::clone(&dead_letters),
                tuning,
            };
            tokio::spawn(line.keep())
        });
        let publisher = Publisher::new(address, &names, tuning.patience);
        let counting = Mutex::new(Some(channel));
        Ok(Self { names, tuning, link, publisher, intake, dead_letters, counting, lines })
    }

    async fn channel(link: &Link, patience: Duration) -> Result<Channel, Trouble> {
        let connection = link.within(patience).await?;
        within(patience, "open a channel", connection.create_channel()).await
    }

    async fn count(&self, class: Class) -> Result<usize, Trouble> {
        let patience = self.tuning.patience;
        let mut place = self.counting.lock().await;
        let channel = match place.take().filter(|channel| channel.status().connected()) {
            Some(channel) => channel,
            None => Self::channel(&self.link, patience).await?,
        };
        let queue = self.names.line(class);
        let doing = format!("count {queue}");
        let look = channel.queue_declare(queue, QueueDeclareOptions::durable().passive(), FieldTable::default());
        match within(patience, &doing, look).await {
            Ok(queue) => {
                *place = Some(channel);
                Ok(queue.message_count() as usize)
            }
            // Deleted: nothing waits in it.
            Err(trouble) if trouble.reply().is_some_and(|(code, _)| code == 404) => Ok(0),
            Err(trouble) => Err(trouble),
        }
    }

    /// Why a delivery cannot be acked.
    fn lost() -> Trouble {
        Trouble::unavailable("the channel that brought this ticket is gone: the broker hands it out again")
    }
}

#[async_trait]
impl Queue for RabbitQueue {
    async fn publish(&self, tickets: &[Ticket]) -> Result<(), BackendError> {
        Ok(self.publisher.publish(tickets).await?)
    }

    async fn receive(&self, classes: &[Class]) -> Result<Delivery, BackendError> {
        Ok(self.intake.receive(classes).await)
    }

    async fn ack(&self, delivery: Delivery) -> Result<(), BackendError> {
        let acker = self.intake.settle(&delivery).ok_or_else(Self::lost)?;
        match within(self.tuning.patience, "ack a ticket", acker.ack(BasicAckOptions::default())).await? {
            true => Ok(()),
            false => Err(Self::lost().into()),
        }
    }

    async fn requeue(&self, delivery: Delivery) -> Result<(), BackendError> {
        let Some(acker) = self.intake.settle(&delivery) else { return Ok(()) };
        let back = BasicNackOptions { requeue: true, multiple: false };
        // Where the channel is gone the broker has done it.
        within(self.tuning.patience, "requeue a ticket", acker.nack(back)).await?;
        Ok(())
    }

    async fn waiting(&self, class: Class) -> Result<usize, BackendError> {
        Ok(self.count(class).await?)
    }

    fn dead_letters(&self) -> u64 {
        self.dead_letters.load(Ordering::Relaxed)
    }
}

impl Drop for RabbitQueue {
    fn drop(&mut self) {
        self.lines.iter().for_each(JoinHandle::abort);
    }
}
