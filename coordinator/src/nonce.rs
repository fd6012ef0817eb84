//! Random names and random waits: what keeps two coordinators from being taken for one, and from acting in step.

use std::time::Duration;

use bitsweep_proto::Nonce;
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

/// A name that nobody else has.
pub(crate) fn fresh() -> Nonce {
    Nonce(format!("{:032x}", u128::from_be_bytes(random())))
}

/// `around`, give or take a fifth.
pub(crate) fn jittered(around: Duration) -> Duration {
    let [byte] = random();
    around.mul_f64(0.8 + 0.4 * f64::from(byte) / 255.0)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(error) => assert_eq!(error, Errno::INTR, "the kernel has random bytes"),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_waits_stay_near() {
        assert_ne!(fresh(), fresh());
        assert_eq!(fresh().0.len(), 32);
        for _ in 0..100 {
            let wait = jittered(Duration::from_secs(10));
            assert!((Duration::from_secs(8)..=Duration::from_secs(12)).contains(&wait), "{wait:?}");
        }
    }
}
