//! The queues of a store: their names, their arguments, and how they are declared.
//!
//! The arguments are those that mean the same from RabbitMQ 3.10 to 4.3:
//!
//! - **A delivery limit of our own.** Since 4.0 the default is 20, and up to 4.2 each requeue counts. Idle workers give
//!   buffered tickets back as a matter of course, so a good ticket may well be requeued 20 times. Tickets are harmless:
//!   how often a *job* may fail is counted elsewhere. The limit only keeps a ticket that nobody can settle from going
//!   round for ever. That there is one at all makes the broker put a requeued ticket near the head of the line, where it
//!   was, and not at its end: the order of publishing holds.
//! - **Dead letters go through the default exchange** straight to their queue, so that there is no exchange and no binding
//!   that could be lost. At most once: a ticket is a hint, the dead ones are kept for a person to look at.
//! - **The dead letters are bounded**: the oldest go first.
//! - No priorities (they differ between the versions): the scheduler publishes in its order. No `x-consumer-timeout`
//!   (an error on some versions): no delivery is held for long.

use std::time::Duration;

use bitsweep_proto::job::Class;
use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::trouble::{Trouble, within};

/// After so many returns to the line a ticket is dead.
pub(super) const DELIVERY_LIMIT: i32 = 10_000;
/// So many dead letters are kept.
pub(super) const DEAD_LETTERS_KEPT: i32 = 1_000;

/// What the queues of a store are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    gpu: ShortString,
    cpu: ShortString,
    dead: ShortString,
}

impl Names {
    pub(super) fn of(store_id: &str) -> Self {
        let name = |line: &str| ShortString::from(format!("bitsweep.{store_id}.{line}"));
        Self { gpu: name("gpu"), cpu: name("cpu"), dead: name("dead") }
    }

    pub(super) fn line(&self, class: Class) -> ShortString {
        match class {
            Class::Gpu => self.gpu.clone(),
            Class::Cpu => self.cpu.clone(),
        }
    }
}

/// Makes sure that all queues of the store are there.
pub(super) async fn declare(channel: &Channel, names: &Names, patience: Duration) -> Result<(), Trouble> {
    declare_one(channel, &names.dead, dead_letters(), patience).await?;
    for name in [&names.gpu, &names.cpu] {
        declare_one(channel, name, line(names), patience).await?;
    }
    Ok(())
}

fn line(names: &Names) -> FieldTable {
    let mut arguments = quorum();
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString("".into()));
    arguments.insert("x-dead-letter-routing-key".into(), AMQPValue::LongString(names.dead.as_str().into()));
    arguments
}

fn dead_letters() -> FieldTable {
    let mut arguments = quorum();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(DEAD_LETTERS_KEPT));
    arguments
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments
}

async fn declare_one(
    channel: &Channel,
    name: &ShortString,
    arguments: FieldTable,
    patience: Duration,
) -> Result<(), Trouble> {
    let declare = channel.queue_declare(name.clone(), QueueDeclareOptions::durable(), arguments);
    let declared = within(patience, &format!("declare the queue {name}"), declare).await;
    declared.map(drop).map_err(|trouble| refusal(name, &trouble).unwrap_or(trouble))
}

/// What to do where the broker does not want to declare this queue.
fn refusal(name: &ShortString, trouble: &Trouble) -> Option<Trouble> {
    let (code, text) = trouble.reply()?;
    let advice = match code {
        406 => format!(
            "exists with other arguments: delete it (rabbitmqctl delete_queue {name}); no work is lost, its tickets are \
             published again"
        ),
        405 => "belongs to another connection alone: delete it, or use another virtual host".to_owned(),
        _ => return None,
    };
    Some(trouble.clone().refuse(format!("the queue {name} {advice} ({text})")))
}
