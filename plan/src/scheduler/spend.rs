//! What jobs cost, added up without rounding.

use std::fmt;
use std::ops::{AddAssign, SubAssign};

use bitsweep_proto::outcome::Cost;

/// What attempts and outcomes amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spend {
    /// Hours of an A100.
    pub gpu_hours: f64,
    /// US dollars.
    pub usd: f64,
    /// Bytes of committed artifacts.
    pub bytes: u64,
}

impl Spend {
    /// What an attempt took. It holds no bytes: those are the outcome's.
    pub fn of(cost: &Cost) -> Self {
        Self { gpu_hours: cost.gpu_hours, usd: cost.usd, bytes: 0 }
    }
}

impl fmt::Display for Spend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} GPU-hours, {} USD, {} bytes", self.gpu_hours, self.usd, self.bytes)
    }
}

/// Parts of an hour and of a dollar that are counted.
const PARTS: f64 = 1e9;

/// A sum of spends in whole billionths. What is added can be taken away again and leaves nothing, in any order; so what
/// was kept up to date is what would be counted anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) gpu: u128,
    pub(super) usd: u128,
    pub(super) bytes: u128,
}

/// Billionths of `value`; what is less than nothing or no number is nothing.
pub(super) fn parts(value: f64) -> u128 {
    (value * PARTS).round() as u128
}

impl From<Spend> for Amount {
    fn from(spend: Spend) -> Self {
        Self { gpu: parts(spend.gpu_hours), usd: parts(spend.usd), bytes: spend.bytes.into() }
    }
}

impl Amount {
    pub(super) fn spend(self) -> Spend {
        Spend {
            gpu_hours: self.gpu as f64 / PARTS,
            usd: self.usd as f64 / PARTS,
            bytes: u64::try_from(self.bytes).unwrap_or(u64::MAX),
        }
    }

    /// The share of each of `count`.
    pub(super) fn mean(self, count: u64) -> Self {
        let count = u128::from(count.max(1));
        Self { gpu: self.gpu / count, usd: self.usd / count, bytes: self.bytes / count }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.gpu += other.gpu;
        self.usd += other.usd;
        self.bytes += other.bytes;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        self.gpu -= other.gpu;
        self.usd -= other.usd;
        self.bytes -= other.bytes;
    }
}
