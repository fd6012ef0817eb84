//! The one list of checks, in the order of the report.

use super::check::Check;
use super::{coordinator, ledger, queue, store, workers};

/// Every check. A new one is a file of its own and a line here.
pub(crate) const CHECKS: [&Check; 39] = [
    &queue::reach::CHECK,
    &queue::version::CHECK,
    &queue::alarm::CHECK,
    &queue::configure::CHECK,
    &queue::write::CHECK,
    &queue::read::CHECK,
    &queue::quorum::CHECK,
    &queue::existing::CHECK,
    &queue::delivery_limit::CHECK,
    &queue::hold::CHECK,
    &queue::dead_letters::CHECK,
    &queue::latency::CHECK,
    &ledger::reach::CHECK,
    &ledger::version::CHECK,
    &ledger::cluster::CHECK,
    &ledger::replica::CHECK,
    &ledger::rights::CHECK,
    &ledger::eviction::CHECK,
    &ledger::memory::CHECK,
    &ledger::persistence::CHECK,
    &ledger::idle::CHECK,
    &ledger::clock::CHECK,
    &ledger::latency::CHECK,
    &store::reach::CHECK,
    &store::format::CHECK,
    &store::list::CHECK,
    &store::write::CHECK,
    &store::read::CHECK,
    &store::put_if_absent::CHECK,
    &store::delete::CHECK,
    &store::clock::CHECK,
    &store::flush::CHECK,
    &store::space::CHECK,
    &store::latency::CHECK,
    &workers::alive::CHECK,
    &workers::profiles::CHECK,
    &coordinator::reach::CHECK,
    &coordinator::leader::CHECK,
    &coordinator::token::CHECK,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::doctor::check::Subject;

    #[test]
    fn names_are_unique_and_say_their_subject() {
        let names: HashSet<&str> = CHECKS.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), CHECKS.len());
        for check in CHECKS {
            assert!(check.name.starts_with(check.subject.name()), "{}", check.name);
        }
    }

    #[test]
    fn subjects_stand_together() {
        let order: Vec<Subject> = CHECKS.iter().map(|check| check.subject).collect();
        assert!(order.is_sorted());
        assert!(Subject::ALL.iter().all(|subject| order.contains(subject)));
    }
}
