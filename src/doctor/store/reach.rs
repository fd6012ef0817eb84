//! The store answers.

use std::time::Duration;

use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::doctor::patient::Patient;

pub(crate) const CHECK: Check = Check {
    name: "store-reach",
    subject: Subject::Store,
    why: "the store alone is durable: plans, results and checkpoints are there and nowhere else",
    look: Look::Patient(look),
};

fn look(patient: &Patient) -> Running<'_> {
    Box::pin(std::future::ready(patient.store.reached(|store| format!("{} answers", store.name))))
}

pub(crate) fn slow(name: &str, limit: Duration) -> Verdict {
    Verdict::unreachable(
        format!("{name} cannot be reached: no answer within {limit:?}"),
        "start it, or correct AWS_ENDPOINT_URL; look at firewalls and network policies",
    )
}
