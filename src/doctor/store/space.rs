//! There is room.

use rustix::fs::statvfs;

use super::StoreSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::print;

pub(crate) const CHECK: Check = Check {
    name: "store-space",
    subject: Subject::Store,
    why: "a full disk stops every job at its commit",
    look: Look::Store(look),
};

const LITTLE: u64 = 5_000_000_000;
const NONE: u64 = 100_000_000;
const FEW_FILES: u64 = 10_000;

fn look(store: &StoreSide) -> Running<'_> {
    let verdict = match &store.folder {
        None => Verdict::skipped("object storage does not tell"),
        Some(folder) => match statvfs(folder) {
            Ok(stat) => judge(stat.f_bavail.saturating_mul(stat.f_frsize), (stat.f_files > 0).then_some(stat.f_favail)),
            Err(error) => Verdict::skipped(format!("the file system does not tell: {error}")),
        },
    };
    Box::pin(std::future::ready(verdict))
}

fn judge(free: u64, files: Option<u64>) -> Verdict {
    let fix = "make room: bitsweep gc --store …, or a larger disk";
    if let Some(files @ ..FEW_FILES) = files {
        return Verdict::wrong(format!("room for {files} more files only"), "make the file system with more inodes");
    }
    let found = format!("{} free", print::bytes(free));
    match free {
        ..NONE => Verdict::wrong(found, fix),
        NONE..LITTLE => Verdict::warning(found, fix),
        LITTLE.. => Verdict::fine(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_judged_in_bytes_and_files() {
        assert!(matches!(judge(6_000_000_000, None), Verdict::Fine(_)));
        assert!(matches!(judge(1_000_000_000, Some(1_000_000)), Verdict::Warning(_)));
        assert!(matches!(judge(1_000_000, None), Verdict::Wrong(_)));
        assert!(matches!(judge(6_000_000_000, Some(10)), Verdict::Wrong(fault) if fault.found.contains("files")));
    }
}
