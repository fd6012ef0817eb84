//! What processes use, as the kernel says it.

use std::collections::BTreeMap;
use std::fs;

/// What a process and its descendants use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Resident memory of all of them. What they share counts for each.
    pub(crate) rss_bytes: u64,
    /// Most resident memory that they had, each at its own time.
    pub(crate) peak_bytes: u64,
    /// Seconds of processors, of those that live.
    pub(crate) cpu_seconds: f64,
    /// Open files.
    pub(crate) files: u64,
    /// Threads.
    pub(crate) threads: u64,
}

impl Usage {
    /// Of one process.
    pub(crate) fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        Self {
            rss_bytes: field("VmRSS") * 1024,
            peak_bytes: field("VmHWM") * 1024,
            cpu_seconds: seconds(pid, 2),
            files: fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |entries| entries.count() as u64),
            threads: field("Threads"),
        }
    }

    /// Of a process and all its descendants.
    pub(crate) fn of_tree(pid: u32) -> Self {
        tree(pid).into_iter().map(Self::of).fold(Self::default(), Self::and)
    }

    /// Seconds of processors of a process and its descendants, with those that have ended and were waited for.
    pub(crate) fn cpu_so_far(pid: u32) -> f64 {
        // Of each: its own in user space and in the kernel, then those of its children that it waited for.
        tree(pid).into_iter().map(|pid| seconds(pid, 4)).sum()
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            rss_bytes: self.rss_bytes + other.rss_bytes,
            peak_bytes: self.peak_bytes + other.peak_bytes,
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            files: self.files + other.files,
            threads: self.threads + other.threads,
        }
    }
}

/// The first so many of a process's times: in user space and in the kernel, the same of the children that it waited for.
fn seconds(pid: u32, times: usize) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let ticks: u64 = stat.rsplit_once(") ").map_or(0, |(_, rest)| {
        rest.split(' ').skip(11).take(times).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    });
    // Linux gives user space hundredths of seconds, whatever its own clock does.
    ticks as f64 / 100.0
}

/// A process and its descendants.
fn tree(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").expect("Linux has it").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let (mut found, mut at) = (vec![root], 0);
    while at < found.len() {
        found.extend(children.remove(&found[at]).unwrap_or_default());
        at += 1;
    }
    found
}
