//! What identifies this machine and this moment: host, processor, random names, the clock.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use bitsweep_proto::attempt::Nonce;
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

/// A fresh name for an attempt: 128 random bits of the operating system.
pub(crate) fn fresh_nonce() -> Nonce {
    let mut bytes = [0u8; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(error) => assert_eq!(error, Errno::INTR, "the kernel has random bytes"),
        }
    }
    Nonce(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// The host's name.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The processor's name, or `unknown` where the kernel does not tell.
pub(crate) fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned())
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ() {
        let (a, b) = (fresh_nonce(), fresh_nonce());
        assert_ne!(a, b);
        assert_eq!(a.0.len(), 32);
    }
}
