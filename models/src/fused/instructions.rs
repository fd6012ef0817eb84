//! The choice of instruction sets for the encoder. All give the same bits; the choice is about speed.

#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::simd::{Scalar, Simd};
use crate::error::ModelError;

/// The environment variable that forces a set: `scalar`, `avx2` or `avx512` (with VNNI where the machine has it). It is that of the kernels of `bitsweep_vectors`.
const VARIABLE: &str = "BITSWEEP_KERNELS";

/// A set that this machine has.
#[derive(Clone, Copy)]
pub(crate) enum Instructions {
    /// Portable code.
    Scalar(Scalar),
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// AVX-512 F and BW.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512<false>),
    /// These, and VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512<true>),
}

/// What is done with whichever set was chosen.
pub(super) trait With {
    type Output;

    fn with<S: Simd>(self, simd: S) -> Self::Output;
}

impl Instructions {
    /// All that this machine has, slowest first.
    pub(crate) fn available() -> Vec<Self> {
        let mut sets = vec![Self::Scalar(Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            sets.extend(Avx2::find().map(Self::Avx2));
            sets.extend(Avx512::find().map(Self::Avx512));
            sets.extend(Avx512::find().map(Self::Avx512Vnni));
        }
        sets
    }

    /// The fastest, or the one that the variable names.
    pub(crate) fn chosen() -> Result<Self, ModelError> {
        let wanted = std::env::var_os(VARIABLE);
        Self::choose(wanted.map(|wanted| wanted.to_string_lossy().into_owned()).as_deref())
    }

    fn choose(wanted: Option<&str>) -> Result<Self, ModelError> {
        let available = Self::available();
        let Some(wanted) = wanted else { return Ok(available[available.len() - 1]) };
        available
            .iter()
            .rev()
            .copied()
            .find(|set| set.name() == wanted)
            .ok_or_else(|| ModelError::Kernels { found: wanted.to_owned(), available: names(&available).join(", ") })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scalar(_) => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => "avx512",
        }
    }

    pub(super) fn run<W: With>(self, work: W) -> W::Output {
        match self {
            Self::Scalar(simd) => work.with(simd),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => work.with(simd),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => work.with(simd),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(simd) => work.with(simd),
        }
    }
}

/// Each name once.
fn names(sets: &[Instructions]) -> Vec<&'static str> {
    let mut names: Vec<_> = sets.iter().map(|set| set.name()).collect();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_forces_a_set_and_an_unknown_one_is_an_error() {
        for set in Instructions::available() {
            assert_eq!(Instructions::choose(Some(set.name())).unwrap().name(), set.name());
        }
        let fastest = *Instructions::available().last().unwrap();
        assert_eq!(Instructions::choose(None).unwrap().name(), fastest.name());
        let message = Instructions::choose(Some("sse9")).err().unwrap().to_string();
        assert!(message.starts_with("BITSWEEP_KERNELS is \"sse9\", this machine has: scalar"), "{message}");
    }
}
