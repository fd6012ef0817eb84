//! The broker takes messages.

use super::QueueSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "queue-alarm",
    subject: Subject::Queue,
    why: "a broker that is short of memory or disk takes no messages until it has room again: the sweep stands still",
    look: Look::Queue(look),
};

fn look(queue: &QueueSide) -> Running<'_> {
    let verdict = match &queue.blocked {
        None => Verdict::fine("no memory or disk alarm"),
        Some(reason) => Verdict::wrong(
            format!("the broker takes no messages: {reason}"),
            "give it memory or disk (rabbitmqctl status shows the limits: vm_memory_high_watermark, disk_free_limit), or remove what fills it",
        ),
    };
    Box::pin(std::future::ready(verdict))
}
