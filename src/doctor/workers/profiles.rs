//! The workers compute as the sweeps were planned.

use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::{Class, Plan, Profile, WorkerCard};

use super::cards;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict, class_name};
use crate::doctor::patient::Patient;
use crate::exit::chain;

pub(crate) const CHECK: Check = Check {
    name: "workers-profiles",
    subject: Subject::Workers,
    why: "a job runs only where the kernels give the bits that it was planned with: other machines are refused",
    look: Look::Patient(|patient| Box::pin(look(patient)) as Running<'_>),
};

async fn look(patient: &Patient) -> Verdict {
    let cards = match cards(patient).await {
        Ok(cards) => cards,
        Err(verdict) => return verdict,
    };
    let Some(store) = patient.store.open().and_then(|store| store.store.as_ref()) else {
        return Verdict::skipped("there is no store yet");
    };
    match newest_plan(store).await {
        Ok(Some(plan)) => judge(&plan, &cards),
        Ok(None) => Verdict::skipped("no sweep was submitted yet"),
        Err(error) => Verdict::skipped(chain(&error)),
    }
}

async fn newest_plan(store: &Store) -> Result<Option<Plan>, BackendError> {
    match store.sweeps_newest_first().await?.first() {
        Some(sweep) => store.plan(sweep).await.map(Some),
        None => Ok(None),
    }
}

fn judge(plan: &Plan, cards: &[WorkerCard]) -> Verdict {
    let wanted = [(Class::Gpu, &plan.profiles.encoder), (Class::Cpu, &plan.profiles.search)];
    for (class, profile) in wanted {
        let offered: Vec<&Profile> =
            cards.iter().filter(|card| card.classes.contains(&class)).map(|card| offer(card, class)).collect();
        if let Some(other) = offered.first().filter(|_| !offered.contains(&profile)) {
            return Verdict::warning(
                format!(
                    "the newest sweep, {}, was planned for {profile}, and no worker of class {} offers that (one offers {other})",
                    plan.name,
                    class_name(class)
                ),
                "start workers on machines like the one that planned it, or plan it on a machine like the workers: submit it from there",
            );
        }
    }
    match cards.len() {
        0 => Verdict::skipped("no worker lives"),
        count => Verdict::fine(format!("{count} workers fit the newest sweep, {}", plan.name)),
    }
}

fn offer(card: &WorkerCard, class: Class) -> &Profile {
    match class {
        Class::Gpu => &card.offer.profiles.encoder,
        Class::Cpu => &card.offer.profiles.search,
    }
}
