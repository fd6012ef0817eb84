//! Exactly one coordinator leads.

use reqwest::StatusCode;

use super::CoordinatorSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "coordinator-leader",
    subject: Subject::Coordinator,
    why: "without a leader no job is given out; two do no harm, and everything twice",
    look: Look::Coordinator(look),
};

fn look(side: &CoordinatorSide) -> Running<'_> {
    let ready: Vec<StatusCode> = side.replies.iter().map(|reply| reply.ready).collect();
    Box::pin(std::future::ready(judge(&ready)))
}

fn judge(ready: &[StatusCode]) -> Verdict {
    let leaders = ready.iter().filter(|status| status.is_success()).count();
    match (leaders, ready.len()) {
        (0, 1) => Verdict::warning(
            "it does not lead: another one does, or it is starting, or it cannot reach queue, ledger or store",
            "name all replicas (--to A --to B) to see which leads; look at its log",
        ),
        (0, all) => Verdict::wrong(
            format!("none of {all} coordinators leads"),
            "look at their logs: they cannot reach the ledger, or are still reading the store",
        ),
        (1, all) => Verdict::fine(format!("1 of {all} leads")),
        (leaders, all) => Verdict::wrong(
            format!("{leaders} of {all} coordinators lead"),
            "they do not share a ledger: give all of them the same --ledger and the same --store",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leads() {
        let (ok, no) = (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE);
        assert!(matches!(judge(&[ok, no]), Verdict::Fine(_)));
        assert!(matches!(judge(&[no]), Verdict::Warning(_)));
        assert!(matches!(judge(&[no, no]), Verdict::Wrong(fault) if fault.found.contains("none")));
        assert!(matches!(judge(&[ok, ok]), Verdict::Wrong(fault) if fault.found.contains("2 of 2")));
    }
}
