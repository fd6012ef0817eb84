//! What is looked at in RabbitMQ: over AMQP alone, with the rights that bitsweep has.

use std::collections::BTreeMap;
use std::time::Duration;

use bitsweep_backends::Address;
use bitsweep_proto::Class;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::tcp::AMQPUriTcpExt;
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Event};
use tokio::time::timeout;

use super::check::{Verdict, class_name};
use super::patient::Manner;

pub(crate) mod alarm;
pub(crate) mod configure;
pub(crate) mod dead_letters;
pub(crate) mod delivery_limit;
pub(crate) mod existing;
pub(crate) mod hold;
pub(crate) mod latency;
pub(crate) mod quorum;
pub(crate) mod reach;
pub(crate) mod read;
mod trial;
pub(crate) mod version;
pub(crate) mod write;

/// For a blocked broker to say so, and for a message to be confirmed.
const CONFIRM_LIMIT: Duration = Duration::from_secs(3);

/// An open connection to the queue.
pub(crate) struct QueueSide {
    /// The connection.
    connection: Connection,
    /// Its address, for messages.
    pub(crate) address: Address,
    /// What the broker says of itself: `product`, `version`, `cluster_name` …
    pub(crate) broker: BTreeMap<String, String>,
    /// Why the broker takes no messages, if it does not.
    pub(crate) blocked: Option<String>,
    /// What all sides are told.
    pub(crate) manner: Manner,
}

impl QueueSide {
    /// Connects, or says why not.
    pub(crate) async fn open(address: Address, manner: Manner) -> Result<Self, Verdict> {
        let limit = manner.timeout;
        let slow = |_| reach::unreachable(&address, &format!("no answer within {limit:?}"));
        let uri: AMQPUri = address.with_secrets().as_str().parse().map_err(|_| reach::not_an_address(&address))?;
        let broker = timeout(limit, hello(&uri)).await.map_err(slow)?;
        let broker = broker.map_err(|error| reach::unreachable(&address, &error.to_string()))?;
        let connection = timeout(limit, connect(&uri)).await.map_err(slow)?;
        let connection = connection.map_err(|error| reach::refused(&address, &error))?;
        // A connection that was blocked answers nothing more, so this is tried on one of its own.
        let blocked = timeout(limit, blocked(&uri)).await.unwrap_or_default();
        Ok(Self { connection, address, broker, blocked, manner })
    }

    /// A fresh channel: an error closes the channel it comes on.
    pub(crate) async fn channel(&self) -> Result<Channel, Verdict> {
        self.connection.create_channel().await.map_err(|error| reach::refused(&self.address, &error))
    }

    /// The name of a queue of this store.
    pub(crate) fn name(&self, line: &str) -> String {
        format!("bitsweep.{}.{line}", self.manner.id)
    }

    /// The lines of this store: one per class, and the dead letters.
    pub(crate) fn lines(&self) -> [String; 3] {
        ["gpu", "cpu", "dead"].map(|line| self.name(line))
    }

    /// Tickets that wait in the line of a class; `None` where that cannot be told.
    pub(crate) async fn waiting(&self, class: Class) -> Option<u32> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let channel = self.channel().await.ok()?;
        let declared = channel.queue_declare(self.name(class_name(class)).into(), passive, FieldTable::default()).await;
        declared.ok().map(|queue| queue.message_count())
    }

    /// The virtual host, for commands in fixes.
    pub(crate) fn vhost(&self) -> String {
        self.connection.status().vhost().to_string()
    }

    /// The user, for commands in fixes.
    pub(crate) fn user(&self) -> String {
        self.connection.status().username()
    }
}

/// How a line of a store is declared, and where its dead letters go: as `bitsweep_backends` does it. A test of the command
/// declares queues there and looks at them here.
fn line_arguments(dead: &str) -> FieldTable {
    let mut arguments = quorum();
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(10_000));
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString("".into()));
    arguments.insert("x-dead-letter-routing-key".into(), AMQPValue::LongString(dead.into()));
    arguments
}

/// How the queue of the dead letters is declared.
fn dead_letter_arguments() -> FieldTable {
    let mut arguments = quorum();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1_000));
    arguments
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments
}

async fn connect(uri: &AMQPUri) -> Result<Connection, lapin::Error> {
    let properties = ConnectionProperties::default().with_connection_name("bitsweep doctor".into());
    Connection::connect_uri(uri.clone(), properties).await
}

/// What the broker says of itself before anybody has logged in. The client library keeps it to itself.
async fn hello(uri: &AMQPUri) -> std::io::Result<BTreeMap<String, String>> {
    let garbled =
        || std::io::Error::new(std::io::ErrorKind::InvalidData, "what answers there does not speak AMQP 0.9.1");
    let runtime = lapin::runtime::default_runtime().map_err(std::io::Error::other)?;
    let mut stream = uri.connect_async(&runtime).await?;
    stream.write_all(b"AMQP\0\0\x09\x01").await?;
    stream.flush().await?;
    // Frame: type, channel (2), size (4); then the method 10.10, two bytes of version, and the table.
    let mut head = [0; 7];
    stream.read_exact(&mut head).await.map_err(|_| garbled())?;
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
    if head[0] != 1 || !(8..65_536).contains(&size) {
        return Err(garbled());
    }
    let mut body = vec![0; size as usize];
    stream.read_exact(&mut body).await.map_err(|_| garbled())?;
    let (_, table) = lapin::types::parsing::parse_field_table(&body[6..]).map_err(|_| garbled())?;
    Ok(texts(&table))
}

fn texts(table: &FieldTable) -> BTreeMap<String, String> {
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    };
    table.inner().iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?))).collect()
}

/// Publishes a message that leads nowhere. A broker that is short of memory or disk blocks the connection instead of
/// confirming it, and says why.
async fn blocked(uri: &AMQPUri) -> Option<String> {
    let connection = connect(uri).await.ok()?;
    let mut events = Box::pin(connection.events_listener());
    let channel = connection.create_channel().await.ok()?;
    channel.confirm_select(ConfirmSelectOptions::default()).await.ok()?;
    let (nowhere, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let confirm =
        channel.basic_publish("".into(), "bitsweep.doctor.nowhere".into(), nowhere, b"", properties).await.ok()?;
    let reason = async {
        while let Some(event) = events.next().await {
            if let Event::ConnectionBlocked(reason) = event {
                return Some(reason);
            }
        }
        None
    };
    tokio::select! {
        biased;
        reason = reason => reason,
        _ = confirm => None,
        () = tokio::time::sleep(CONFIRM_LIMIT) => None,
    }
}

/// The code and the words of an AMQP error: `(403, "ACCESS_REFUSED - …")`.
pub(crate) fn amqp_error(error: &lapin::Error) -> Option<(u16, String)> {
    match error.kind() {
        lapin::ErrorKind::ProtocolError(error) => Some((error.get_id(), error.get_message().to_string())),
        _ => None,
    }
}
