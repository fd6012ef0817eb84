//! What the tests need of a broker beside the queue that is tested.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bitsweep_backends::conformance::samples::ticket;
use bitsweep_backends::queue::{Queue, RabbitQueue, Tuning};
use bitsweep_backends::{Address, BackendError};
use bitsweep_proto::JobKey;
use bitsweep_proto::job::Class;
use bitsweep_proto::wire::Ticket;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

/// What should happen soon has happened by then.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The broker that all tests share. `BITSWEEP_TEST_AMQP` names another.
pub(crate) fn shared() -> Address {
    let address = std::env::var("BITSWEEP_TEST_AMQP");
    address.as_deref().unwrap_or("amqp://guest:guest@127.0.0.1:5672/%2f").parse().expect("this is a URL")
}

/// A store of this test alone. Its queues are deleted in the end.
pub(crate) struct Store {
    pub(crate) id: String,
    pub(crate) address: Address,
}

impl Store {
    pub(crate) fn new(address: Address) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id: format!("test{:x}x{number:x}", std::process::id()), address }
    }

    pub(crate) fn queue_name(&self, line: &str) -> String {
        format!("bitsweep.{}.{line}", self.id)
    }

    pub(crate) async fn open(&self) -> RabbitQueue {
        self.open_with(Tuning::default()).await.expect("the broker is there")
    }

    pub(crate) async fn open_with(&self, tuning: Tuning) -> Result<RabbitQueue, BackendError> {
        RabbitQueue::open(&self.address, &self.id, tuning).await
    }

    /// A connection of the test's own.
    pub(crate) async fn raw(&self) -> Raw {
        let url = self.address.with_secrets().as_str();
        let connection = Connection::connect(url, ConnectionProperties::default()).await.expect("the broker is there");
        let channel = connection.create_channel().await.expect("a channel can be opened");
        Raw { _connection: connection, channel }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let address = self.address.with_secrets().as_str().to_owned();
        let names = ["gpu", "cpu", "dead"].map(|line| self.queue_name(line));
        // The runtime of the test may be the one that is unwinding.
        let deleted = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let connection = Connection::connect(&address, ConnectionProperties::default()).await?;
                let channel = connection.create_channel().await?;
                for name in names {
                    channel.queue_delete(name.into(), QueueDeleteOptions::default()).await?;
                }
                connection.close(200, "".into()).await
            })
        });
        // A private broker may be gone already.
        let _ = deleted.join().expect("deleting does not panic");
    }
}

/// lapin, as it is.
pub(crate) struct Raw {
    _connection: Connection,
    pub(crate) channel: Channel,
}

impl Raw {
    pub(crate) async fn publish(&self, queue: &str, message: &[u8]) {
        let options = BasicPublishOptions::default();
        let sent =
            self.channel.basic_publish("".into(), queue.into(), options, message, BasicProperties::default()).await;
        sent.expect("a message can be sent");
    }

    pub(crate) async fn delete(&self, queue: &str) {
        self.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.expect("it can be deleted");
    }

    pub(crate) async fn count(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions::durable().passive();
        let queue = self.channel.queue_declare(queue.into(), options, FieldTable::default()).await;
        queue.expect("the queue is there").message_count()
    }

    /// Waits until a queue has so many messages ready.
    pub(crate) async fn comes_to_hold(&self, queue: &str, expected: u32) {
        soon(async {
            while self.count(queue).await != expected {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

pub(crate) async fn soon<T>(act: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, act).await.expect("it happens soon")
}

pub(crate) fn tickets(numbers: std::ops::Range<u64>) -> Vec<Ticket> {
    numbers.map(|number| ticket(number, Class::Cpu)).collect()
}

/// Receives and acks until all of `expected` came; others and doubles are fine. An ack may fail: then the ticket comes
/// again.
pub(crate) async fn receive_all(queue: &dyn Queue, expected: &[Ticket]) {
    let mut missing: BTreeSet<JobKey> = expected.iter().map(|ticket| ticket.key).collect();
    while !missing.is_empty() {
        let delivery = queue.receive(&[Class::Cpu]).await.expect("receive waits");
        missing.remove(&delivery.ticket.key);
        let _ = queue.ack(delivery).await;
    }
}
