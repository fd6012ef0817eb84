//! How intervals are sampled, as commands take it.

use bitsweep_report::compare::{Sampling, Settings};
use clap::Args;

use crate::exit::Failure;

/// Confidence and sampling of intervals and tests.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct SamplingArgs {
    /// Confidence of the intervals.
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(crate) level: f64,
    /// How often intervals and tests sample.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) rounds: u32,
    /// Seed of the sampling.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

impl SamplingArgs {
    /// Fails for a confidence that is none.
    pub(crate) fn settings(self) -> Result<Settings, Failure> {
        let Self { level, rounds, seed } = self;
        if !(0.5..1.0).contains(&level) {
            return Err(Failure::wrong(format!("--level is {level}: it must be at least 0.5 and less than 1")));
        }
        Ok(Settings { level, sampling: Sampling { rounds, seed } })
    }
}
