//! Publishing with confirms. Has a connection of its own: the broker may block one that publishes (it runs out of memory
//! or disk), and acks must not be stuck behind that.

use std::time::Duration;

use bitsweep_proto::wire::{self, Ticket};
use futures::future::try_join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, PublisherConfirm};
use tokio::sync::{Mutex, OnceCell};

use super::link::Link;
use super::topology::{self, Names};
use super::trouble::{Trouble, within};
use crate::address::Address;

/// So many are on their way before confirms are awaited.
const MOST_UNCONFIRMED: usize = 1024;
/// A persistent message. (Quorum queues keep all; a person may look at it and wonder.)
const PERSISTENT: u8 = 2;

/// Publishes tickets, one batch at a time.
pub(super) struct Publisher {
    address: Address,
    names: Names,
    patience: Duration,
    /// Made by the first who publishes: a worker never does.
    link: OnceCell<Link>,
    /// One batch at a time, for lapin gives a returned message to whichever confirm comes next. A channel is taken out
    /// while it is used: where a batch is given up in the middle it is not put back, and nothing of it is left behind.
    channel: Mutex<Option<Channel>>,
}

impl Publisher {
    pub(super) fn new(address: &Address, names: &Names, patience: Duration) -> Self {
        let (address, names) = (address.clone(), names.clone());
        Self { address, names, patience, link: OnceCell::new(), channel: Mutex::new(None) }
    }

    /// Publishes in order. When this returns, the broker has them all.
    pub(super) async fn publish(&self, tickets: &[Ticket]) -> Result<(), Trouble> {
        let mut place = self.channel.lock().await;
        for batch in tickets.chunks(MOST_UNCONFIRMED) {
            let channel = match place.take().filter(|channel| channel.status().connected()) {
                Some(channel) => channel,
                None => self.channel().await?,
            };
            let returned = self.send(&channel, batch).await?;
            if !returned.is_empty() {
                tracing::warn!(tickets = returned.len(), "a queue was gone; it is declared again");
                topology::declare(&channel, &self.names, self.patience).await?;
                let again = self.send(&channel, &returned).await?.len();
                if again > 0 {
                    return Err(Trouble::unavailable(format!("{again} tickets find no queue: something deletes it")));
                }
            }
            *place = Some(channel);
        }
        Ok(())
    }

    async fn channel(&self) -> Result<Channel, Trouble> {
        let link = self
            .link
            .get_or_try_init(async || Link::start(&self.address, "bitsweep publishes".to_owned(), self.patience * 2));
        let connection = link.await?.within(self.patience).await?;
        let channel = within(self.patience, "open a channel", connection.create_channel()).await?;
        let confirm = channel.confirm_select(ConfirmSelectOptions::default());
        within(self.patience, "ask for confirms", confirm).await?;
        topology::declare(&channel, &self.names, self.patience).await?;
        Ok(channel)
    }

    /// Sends all, then awaits all confirms. The answer is what no queue took: the broker confirms that too.
    async fn send(&self, channel: &Channel, batch: &[Ticket]) -> Result<Vec<Ticket>, Trouble> {
        let send = async {
            let mut confirms = Vec::with_capacity(batch.len());
            for ticket in batch {
                confirms.push(self.send_one(channel, ticket).await?);
            }
            try_join_all(confirms).await
        };
        let mut returned = Vec::new();
        for confirmation in within(self.patience, "publish", send).await? {
            if confirmation.is_nack() {
                return Err(Trouble::unavailable("the broker did not take a ticket"));
            }
            // Which confirm carries it says nothing: what it holds does.
            if let Some(message) = confirmation.take_message() {
                returned.extend(wire::decode::<Ticket>(&message.data).ok());
            }
        }
        Ok(returned)
    }

    async fn send_one(&self, channel: &Channel, ticket: &Ticket) -> Result<PublisherConfirm, lapin::Error> {
        let message = wire::encode(ticket).expect("a ticket is small");
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        channel.basic_publish("".into(), self.names.line(ticket.class), options, &message, properties).await
    }
}
