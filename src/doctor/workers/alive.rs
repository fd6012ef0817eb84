//! Somebody is there for the jobs that wait.

use bitsweep_proto::{Class, WorkerCard};

use super::cards;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict, class_name};
use crate::doctor::patient::Patient;

pub(crate) const CHECK: Check = Check {
    name: "workers-alive",
    subject: Subject::Workers,
    why: "jobs of a class wait until a worker of that class lives",
    look: Look::Patient(|patient| Box::pin(look(patient)) as Running<'_>),
};

async fn look(patient: &Patient) -> Verdict {
    let cards = match cards(patient).await {
        Ok(cards) => cards,
        Err(verdict) => return verdict,
    };
    let mut waiting = Vec::new();
    for class in [Class::Gpu, Class::Cpu] {
        let tickets = match patient.queue.open() {
            Some(queue) => queue.waiting(class).await,
            None => None,
        };
        waiting.push((class, tickets.unwrap_or(0)));
    }
    judge(&cards, &waiting)
}

fn judge(cards: &[WorkerCard], waiting: &[(Class, u32)]) -> Verdict {
    let of = |class| cards.iter().filter(|card| card.classes.contains(&class)).count();
    for (waiting_class, tickets) in waiting {
        let class = class_name(*waiting_class);
        if *tickets > 0 && of(*waiting_class) == 0 {
            return Verdict::warning(
                format!("{tickets} jobs of class {class} wait, and no worker of that class lives"),
                format!(
                    "start one: bitsweep worker --class {class} …; with KEDA, see why it starts none (kubectl describe scaledjob)"
                ),
            );
        }
    }
    let count = |class| format!("{} for {}", of(class), class_name(class));
    Verdict::fine(format!("workers: {}, {}", count(Class::Gpu), count(Class::Cpu)))
}

#[cfg(test)]
pub(crate) mod tests {
    use bitsweep_proto::worker::Offer;
    use bitsweep_proto::{Digest, Nonce, Profile, Profiles};

    use super::*;

    pub(crate) fn card(class: Class, kernels: &str) -> WorkerCard {
        let profile = Profile {
            device: "cpu".into(),
            precision: "f32".into(),
            kernels: kernels.into(),
            self_test: Digest::of(kernels.as_bytes()),
        };
        let profiles = Profiles { encoder: profile.clone(), search: profile };
        WorkerCard {
            id: Nonce("0".repeat(32)),
            host: "h".into(),
            process: 1,
            version: "0.1.0".into(),
            classes: vec![class],
            slots: 1,
            busy: 0,
            offer: Offer { kinds: Vec::new(), profiles, device: "cpu".into(), device_memory_bytes: None },
            leaving: false,
        }
    }

    #[test]
    fn a_class_that_waits_needs_a_worker() {
        let cpu = [card(Class::Cpu, "k")];
        assert!(matches!(judge(&cpu, &[(Class::Gpu, 0), (Class::Cpu, 9)]), Verdict::Fine(_)));
        let verdict = judge(&cpu, &[(Class::Gpu, 3), (Class::Cpu, 0)]);
        assert!(matches!(verdict, Verdict::Warning(fault) if fault.found.contains("3 jobs of class gpu")));
    }
}
