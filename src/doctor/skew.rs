//! Clocks compared.

use std::time::{Duration, SystemTime};

use super::check::Verdict;

/// Beyond this, times in records of different machines are misleading.
const NOTICEABLE: Duration = Duration::from_secs(5);

/// Beyond this, S3 and its like refuse requests (their limit is 15 minutes; Azure has the same).
const REFUSED: Duration = Duration::from_secs(600);

/// Judges a foreign time that was told at some moment between the two of ours, exact to `grain`.
pub(crate) fn judge(whose: &str, theirs: SystemTime, ours: (SystemTime, SystemTime), grain: Duration) -> Verdict {
    let off = outside(theirs, ours).saturating_sub(grain);
    let direction = if theirs < ours.0 { "behind" } else { "ahead of" };
    let found = format!("the clock of {whose} is {off:.1?} {direction} this machine's");
    let fix = "let a time service (chrony, systemd-timesyncd) set the clocks of all machines";
    match off {
        _ if off > REFUSED => Verdict::wrong(found, fix),
        _ if off > NOTICEABLE => Verdict::warning(found, fix),
        _ => Verdict::fine(format!("the clock of {whose} and this machine's agree within {NOTICEABLE:?}")),
    }
}

fn outside(theirs: SystemTime, (from, to): (SystemTime, SystemTime)) -> Duration {
    let late = theirs.duration_since(to).unwrap_or_default();
    let early = from.duration_since(theirs).unwrap_or_default();
    late.max(early)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn clocks_are_judged_by_their_distance() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let judge = |theirs| judge("x", at(theirs), (at(10_000), at(10_002)), Duration::from_secs(1));
        assert!(matches!(judge(10_001), Verdict::Fine(_)));
        assert!(matches!(judge(9_995), Verdict::Fine(_)));
        assert!(matches!(judge(9_980), Verdict::Warning(fault) if fault.found.contains("behind")));
        assert!(matches!(judge(20_000), Verdict::Wrong(fault) if fault.found.contains("ahead")));
    }
}
