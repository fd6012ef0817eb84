//! The coordinators know our token, and ask for one.

use reqwest::StatusCode;

use super::{CoordinatorSide, Reply};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "coordinator-token",
    subject: Subject::Coordinator,
    why: "whoever may ask the coordinator may start and cancel sweeps",
    look: Look::Coordinator(look),
};

fn look(side: &CoordinatorSide) -> Running<'_> {
    let worst = side.replies.iter().map(judge).find(|verdict| !matches!(verdict, Verdict::Fine(_)));
    Box::pin(std::future::ready(worst.unwrap_or_else(|| Verdict::fine("the token is known"))))
}

fn judge(reply: &Reply) -> Verdict {
    let address = &reply.address;
    match (reply.asked, reply.with_token) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, true) => Verdict::wrong(
            format!("{address} does not know the token"),
            "use the token of the coordinator's --token-file; all replicas must have the same",
        ),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, false) => {
            Verdict::skipped(format!("{address} asks for a token: give --token-file"))
        }
        (_, false) => Verdict::warning(
            format!("{address} asks for no token"),
            "start it with --token-file, unless nobody else can reach it",
        ),
        (_, true) => Verdict::fine("the token is known"),
    }
}
