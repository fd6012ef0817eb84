//! What a process has used, as the kernel counts it. Where it cannot be read (another system, the process is gone),
//! figures are 0: they are for people, nothing depends on them.

use std::fs;

/// CPU seconds that the process has used so far, user and system, all its threads.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return 0.0 };
    cpu_ticks(&stat).unwrap_or_default() as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// utime + stime: fields 14 and 15 of `stat`, counted behind the command's name, which may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// Peak resident memory of the process in bytes since it started or since [`reset_peak_memory`].
pub(crate) fn peak_memory_bytes(pid: u32) -> u64 {
    field_bytes(&status(pid), "VmHWM:")
}

/// Resident memory of the process that is its own, in bytes: what it allocated, without the pages of files that it maps,
/// which the kernel can drop and read again.
pub(crate) fn own_memory_bytes(pid: u32) -> u64 {
    let status = status(pid);
    field_bytes(&status, "RssAnon:") + field_bytes(&status, "RssShmem:")
}

fn status(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default()
}

fn field_bytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

/// Starts the peak of resident memory anew.
pub(crate) fn reset_peak_memory(pid: u32) {
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "12 (a ) b 1) S 1 1 1 0 -1 4194560 90 0 0 0 7 5 0 0 20 0 1 0 100 1 1";
        assert_eq!(cpu_ticks(stat), Some(12));
        assert_eq!(cpu_ticks(""), None);
    }

    #[test]
    fn this_process_uses_memory() {
        let pid = std::process::id();
        assert!(peak_memory_bytes(pid) > 100_000);
        assert!((1..=peak_memory_bytes(pid)).contains(&own_memory_bytes(pid)));
        assert!(cpu_seconds(pid) >= 0.0);
        assert_eq!(peak_memory_bytes(u32::MAX), 0);
    }
}
