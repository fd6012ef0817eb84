//! The user may write messages.

use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use tokio::time::timeout;

use super::{CONFIRM_LIMIT, QueueSide, amqp_error, configure, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "queue-write",
    subject: Subject::Queue,
    why: "the coordinator publishes tickets through the default exchange; RabbitMQ calls this right write",
    look: Look::Queue(|queue| Box::pin(look(queue)) as Running<'_>),
};

async fn look(queue: &QueueSide) -> Verdict {
    if queue.blocked.is_some() {
        return Verdict::skipped("the broker takes no messages now");
    }
    let tried = timeout(CONFIRM_LIMIT, publish_to_nobody(queue)).await;
    match tried {
        Err(_) => Verdict::unreachable(
            format!("{} did not confirm a message within {CONFIRM_LIMIT:?}", queue.address),
            "look at the broker's load and log",
        ),
        Ok(Err(verdict)) => verdict,
        Ok(Ok(Ok(()))) => Verdict::fine(format!("{} may write messages", queue.user())),
        Ok(Ok(Err(error))) => match amqp_error(&error) {
            Some((403, words)) => configure::lacks(queue, "write", &words),
            _ => reach::refused(&queue.address, &error),
        },
    }
}

async fn publish_to_nobody(queue: &QueueSide) -> Result<Result<(), lapin::Error>, Verdict> {
    let channel = queue.channel().await?;
    let publish = async {
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let options = BasicPublishOptions::default();
        let nobody = queue.name(&queue.manner.own_name());
        channel.basic_publish("".into(), nobody.into(), options, b"", BasicProperties::default()).await?.await?;
        Ok(())
    };
    Ok(publish.await)
}
