//! There is room.

use super::LedgerSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::print;

pub(crate) const CHECK: Check = Check {
    name: "ledger-memory",
    subject: Subject::Ledger,
    why: "a full server refuses writes: no job can be claimed",
    look: Look::Ledger(look),
};

fn look(ledger: &LedgerSide) -> Running<'_> {
    let machine = ledger.number("total_system_memory");
    let verdict = judge(ledger.number("used_memory"), ledger.number("maxmemory"), machine);
    Box::pin(std::future::ready(verdict))
}

fn judge(used: u64, limit: u64, machine: u64) -> Verdict {
    let room = if limit > 0 { limit } else { machine };
    if room == 0 {
        return Verdict::skipped("the server does not tell its limit");
    }
    let share = used as f64 / room as f64;
    let of = if limit > 0 { "its limit" } else { "the machine" };
    let found = format!("{} used, {:.0} % of {of}", print::bytes(used), share * 100.0);
    let fix = "raise maxmemory or take a larger server; see whether something else fills it (redis-cli --bigkeys)";
    match share {
        0.95.. => Verdict::wrong(found, fix),
        0.75..0.95 => Verdict::warning(found, fix),
        _ => Verdict::fine(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_judged_by_the_limit_or_the_machine() {
        assert!(matches!(judge(10, 100, 0), Verdict::Fine(_)));
        assert!(matches!(judge(80, 100, 1000), Verdict::Warning(_)));
        assert!(matches!(judge(96, 100, 1000), Verdict::Wrong(_)));
        assert!(matches!(judge(96, 0, 1000), Verdict::Fine(_)));
        assert!(matches!(judge(96, 0, 0), Verdict::Skipped(_)));
    }
}
