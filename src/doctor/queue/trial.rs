//! A queue made as those of the store are, to try something with, and removed again.

use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Consumer};

use super::{QueueSide, line_arguments};
use crate::doctor::check::Verdict;

/// For a message to be in a quorum queue once it is confirmed or given back.
const APPEARS_WITHIN: Duration = Duration::from_secs(2);
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// A queue of our own.
pub(crate) struct Trial {
    channel: Channel,
    name: String,
}

impl Trial {
    /// Makes it. The outer error is one of the connection.
    pub(crate) async fn make(queue: &QueueSide) -> Result<Result<Self, lapin::Error>, Verdict> {
        let channel = queue.channel().await?;
        let name = queue.name(&queue.manner.own_name());
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declared =
            channel.queue_declare(name.as_str().into(), durable, line_arguments("bitsweep.doctor.nowhere")).await;
        Ok(declared.map(|_| Self { channel, name }))
    }

    /// Puts one message into it, confirmed.
    pub(crate) async fn publish(&self) -> Result<(), lapin::Error> {
        self.channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let options = BasicPublishOptions::default();
        let (name, properties) = (self.name.as_str().into(), BasicProperties::default());
        self.channel.basic_publish("".into(), name, options, b"doctor", properties).await?.await?;
        Ok(())
    }

    /// Takes the message; `None` where there is none any more.
    pub(crate) async fn take(&self) -> Result<Option<BasicGetMessage>, lapin::Error> {
        let give_up = tokio::time::Instant::now() + APPEARS_WITHIN;
        loop {
            let got = self.channel.basic_get(self.name.as_str().into(), BasicGetOptions::default()).await?;
            if got.is_some() || tokio::time::Instant::now() >= give_up {
                return Ok(got);
            }
            tokio::time::sleep(LOOKS_EVERY).await;
        }
    }

    /// Lets its messages come by themselves.
    pub(crate) async fn consume(&self) -> Result<Consumer, lapin::Error> {
        let (name, tag) = (self.name.as_str().into(), "bitsweep-doctor".into());
        self.channel.basic_consume(name, tag, BasicConsumeOptions::default(), FieldTable::default()).await
    }

    /// Removes it, message and all. Its own channel may be closed by now.
    pub(crate) async fn remove(self, queue: &QueueSide) {
        let Ok(channel) = queue.channel().await else { return };
        if let Err(error) = channel.queue_delete(self.name.as_str().into(), QueueDeleteOptions::default()).await {
            tracing::warn!("the queue {} that was made for a trial could not be removed: {error}", self.name);
        }
    }
}
