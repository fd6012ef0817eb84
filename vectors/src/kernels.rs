//! The choice of instruction sets for our own kernels (projection and Hamming distances).
//!
//! All paths give the same bits; the choice is about speed. `BITSWEEP_KERNELS=scalar|avx2|avx512` forces one, which is
//! meant for tests and measurements. Faiss does not look at it: its C++ is compiled for one baseline.

use crate::error::VectorError;

/// The environment variable that forces a path: `scalar`, `avx2` or `avx512`.
pub const KERNELS_VARIABLE: &str = "BITSWEEP_KERNELS";

/// A set of kernels that this machine can run: only [`Kernels::available`] makes values, after asking the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernels(Set);

/// The instruction sets there are kernels for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// Portable code.
    Scalar,
    /// AVX2 and POPCNT.
    Avx2,
    /// AVX-512 F, BW, VL and VPOPCNTDQ.
    Avx512,
}

impl Kernels {
    /// The path to take.
    pub(crate) fn set(self) -> Set {
        self.0
    }

    /// All that this machine can run, slowest first; the first is always the scalar reference.
    pub(crate) fn available() -> Vec<Self> {
        let mut sets = vec![Self(Set::Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
                sets.push(Self(Set::Avx2));
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vpopcntdq")
                && is_x86_feature_detected!("popcnt")
            {
                sets.push(Self(Set::Avx512));
            }
        }
        sets
    }

    /// The fastest, or the one that [`KERNELS_VARIABLE`] names.
    pub(crate) fn chosen() -> Result<Self, VectorError> {
        let wanted = std::env::var_os(KERNELS_VARIABLE);
        Self::choose(wanted.map(|wanted| wanted.to_string_lossy().into_owned()).as_deref())
    }

    fn choose(wanted: Option<&str>) -> Result<Self, VectorError> {
        let available = Self::available();
        match wanted {
            None => Ok(available[available.len() - 1]),
            Some(wanted) => {
                available.iter().copied().find(|kernels| kernels.name() == wanted).ok_or_else(|| VectorError::Kernels {
                    found: wanted.to_owned(),
                    available: available.iter().map(|k| k.name()).collect(),
                })
            }
        }
    }

    /// Bits of the registers that its kernels count in.
    fn bits(self) -> u32 {
        match self.0 {
            Set::Scalar => 64,
            Set::Avx2 => 256,
            Set::Avx512 => 512,
        }
    }

    fn name(self) -> &'static str {
        match self.0 {
            Set::Scalar => "scalar",
            Set::Avx2 => "avx2",
            Set::Avx512 => "avx512",
        }
    }
}

/// Bits of the registers that our own kernels count in here: 64 for portable code, 256 for AVX2, 512 for AVX-512. Changes no
/// result, only how long it takes. Fails where [`KERNELS_VARIABLE`] names a path that this machine lacks.
pub fn kernel_bits() -> Result<u32, VectorError> {
    Ok(Kernels::chosen()?.bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_forces_a_path_and_an_unknown_one_is_an_error() {
        assert_eq!(Kernels::choose(Some("scalar")).unwrap().set(), Set::Scalar);
        for kernels in Kernels::available() {
            assert_eq!(Kernels::choose(Some(kernels.name())).unwrap(), kernels);
        }
        assert_eq!(Kernels::choose(None).unwrap(), *Kernels::available().last().unwrap());
        assert!([64, 256, 512].contains(&kernel_bits().unwrap()));
        let message = Kernels::choose(Some("sse9")).unwrap_err().to_string();
        assert!(message.starts_with("BITSWEEP_KERNELS is \"sse9\", this machine has: scalar"), "{message}");
    }
}
