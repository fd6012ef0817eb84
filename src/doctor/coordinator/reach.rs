//! The coordinators answer.

use bitsweep_backends::Address;

use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::doctor::patient::Patient;

pub(crate) const CHECK: Check = Check {
    name: "coordinator-reach",
    subject: Subject::Coordinator,
    why: "sweeps are submitted to the coordinator, and it alone gives out jobs",
    look: Look::Patient(look),
};

fn look(patient: &Patient) -> Running<'_> {
    let verdict = patient.coordinator.reached(|side| {
        let names: Vec<String> = side.replies.iter().map(|reply| reply.address.to_string()).collect();
        format!("{} answers", names.join(", "))
    });
    Box::pin(std::future::ready(verdict))
}

pub(crate) fn unreachable(address: &Address, error: reqwest::Error) -> Verdict {
    if let Some(status) = error.status() {
        return Verdict::wrong(
            format!("{address} answers {status} to /healthz: that is no coordinator"),
            "give the address of the coordinator itself, without /api/v1",
        );
    }
    // Its own words would repeat the URL.
    let words = crate::exit::chain(&error.without_url());
    Verdict::unreachable(
        format!("{address} cannot be reached: {words}"),
        "start it (bitsweep coordinator …), or correct host and port; it listens on 127.0.0.1 unless told otherwise (--listen)",
    )
}
