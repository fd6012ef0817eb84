//! Objects may be written.

use super::{StoreSide, failure};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "store-write",
    subject: Subject::Store,
    why: "results and checkpoints are put there; reading commands alone do without",
    look: Look::Store(look),
};

fn look(store: &StoreSide) -> Running<'_> {
    let verdict = match store.probe() {
        Ok(_) => Verdict::fine("objects may be written"),
        Err(error) => failure::of(&store.name, "written", error),
    };
    Box::pin(std::future::ready(verdict))
}
