//! The queues of the store are as we make them.

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use super::{QueueSide, amqp_error, dead_letter_arguments, line_arguments, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "queue-existing",
    subject: Subject::Queue,
    why: "RabbitMQ refuses to declare a queue that exists in another form: coordinator and workers would not start",
    look: Look::Queue(|queue| Box::pin(look(queue)) as Running<'_>),
};

async fn look(queue: &QueueSide) -> Verdict {
    let (mut fine, mut absent) = (0, 0);
    let [gpu, cpu, dead] = queue.lines();
    let wanted = [(gpu, line_arguments(&dead)), (cpu, line_arguments(&dead)), (dead, dead_letter_arguments())];
    for (name, arguments) in wanted {
        match form(queue, &name, arguments).await {
            Ok(Form::Ours) => fine += 1,
            Ok(Form::Absent) => absent += 1,
            Ok(Form::Other(words)) => {
                return Verdict::wrong(
                    format!("the queue {name} exists in another form: {words}"),
                    format!(
                        "delete it, bitsweep makes it anew and publishes again what is wanted: rabbitmqctl delete_queue -p {} {name}",
                        queue.vhost()
                    ),
                );
            }
            Err(verdict) => return verdict,
        }
    }
    Verdict::fine(match absent {
        0 => format!("{fine} queues of this store, as they should be"),
        _ => format!("{fine} queues of this store; {absent} are not there yet, the coordinator makes them"),
    })
}

enum Form {
    Absent,
    Ours,
    Other(String),
}

/// To declare a queue as it is changes nothing; so that none is made, it is first looked for.
async fn form(queue: &QueueSide, name: &str, arguments: FieldTable) -> Result<Form, Verdict> {
    let passive = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
    let channel = queue.channel().await?;
    match channel.queue_declare(name.into(), passive, FieldTable::default()).await {
        Ok(_) => {}
        Err(error) => {
            return match amqp_error(&error) {
                Some((404, _)) => Ok(Form::Absent),
                Some((405 | 406, words)) => Ok(Form::Other(words)),
                _ => Err(reach::refused(&queue.address, &error)),
            };
        }
    }
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    match channel.queue_declare(name.into(), durable, arguments).await {
        Ok(_) => Ok(Form::Ours),
        Err(error) => match amqp_error(&error) {
            Some((405 | 406, words)) => Ok(Form::Other(words)),
            Some((403, _)) => Err(Verdict::skipped("the user may not make queues")),
            _ => Err(reach::refused(&queue.address, &error)),
        },
    }
}
