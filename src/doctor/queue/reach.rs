//! The broker answers, and lets us in.

use bitsweep_backends::Address;

use super::amqp_error;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::doctor::patient::Patient;

pub(crate) const CHECK: Check = Check {
    name: "queue-reach",
    subject: Subject::Queue,
    why: "claim tickets go through the queue: without it no worker learns of a job",
    look: Look::Patient(look),
};

fn look(patient: &Patient) -> Running<'_> {
    let verdict = patient.queue.reached(|queue| format!("{} answers and lets {} in", queue.address, queue.user()));
    Box::pin(std::future::ready(verdict))
}

pub(crate) fn unreachable(address: &Address, how: &str) -> Verdict {
    Verdict::unreachable(
        format!("{address} cannot be reached: {how}"),
        "start RabbitMQ, or correct host and port; look at firewalls, network policies and TLS (amqps:// on 5671)",
    )
}

pub(crate) fn not_an_address(address: &Address) -> Verdict {
    Verdict::wrong(format!("{address} is not the address of a queue"), "write amqp://user:password@host:5672/vhost")
}

/// Sorts an error of a broker that has answered already.
pub(crate) fn refused(address: &Address, error: &lapin::Error) -> Verdict {
    match amqp_error(error) {
        Some((403, words)) => Verdict::wrong(
            format!("{address} refuses the login: {words}"),
            "correct user and password (percent-encoded in the URL). The user guest may log in from the broker's own host only",
        ),
        Some((530, words)) => Verdict::wrong(
            format!("{address} refuses the virtual host: {words}"),
            "make it (rabbitmqctl add_vhost NAME), let the user in (rabbitmqctl set_permissions -p NAME USER '^bitsweep\\.' '^(bitsweep\\..*|amq\\.default)$' '^bitsweep\\.'), or correct the end of the URL; / is written %2f",
        ),
        Some((code, words)) => {
            Verdict::wrong(format!("{address} refuses: {code} {words}"), "see the broker's log for the reason")
        }
        None => unreachable(address, &error.to_string()),
    }
}
