//! The check that this CPU can run the compiled Faiss.
//!
//! Faiss has no run-time dispatch in this build; the workspace's `.cargo/config.toml` compiles its C++ for x86-64-v3 through
//! `CXXFLAGS`. On an older CPU it would die of an illegal instruction in the middle of a job; this says so before.

use crate::error::VectorError;

/// The flags that Faiss was compiled with: Cargo hands the same environment to its build script and to this crate.
pub(crate) const CXXFLAGS: Option<&str> = option_env!("CXXFLAGS");

/// Fails where this CPU lacks what the build needs, and names it. A build with other `CXXFLAGS` is not checked.
pub fn baseline() -> Result<(), VectorError> {
    if CXXFLAGS.is_some_and(|flags| flags.contains("x86-64-v3")) { check(&features()) } else { Ok(()) }
}

fn check(features: &[(&'static str, bool)]) -> Result<(), VectorError> {
    let missing: Vec<_> = features.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
    if missing.is_empty() { Ok(()) } else { Err(VectorError::Baseline { missing }) }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<(&'static str, bool)> {
    vec![
        ("AVX", is_x86_feature_detected!("avx")),
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("BMI1", is_x86_feature_detected!("bmi1")),
        ("BMI2", is_x86_feature_detected!("bmi2")),
        ("F16C", is_x86_feature_detected!("f16c")),
        ("FMA", is_x86_feature_detected!("fma")),
        ("LZCNT", is_x86_feature_detected!("lzcnt")),
        ("MOVBE", is_x86_feature_detected!("movbe")),
        ("POPCNT", is_x86_feature_detected!("popcnt")),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<(&'static str, bool)> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert!(check(&[("AVX2", true)]).is_ok());
        let message = check(&[("AVX", true), ("AVX2", false), ("FMA", false)]).unwrap_err().to_string();
        assert!(message.starts_with("this CPU has no AVX2, FMA: this build needs x86-64-v3"), "{message}");
        assert!(message.contains("-march=x86-64\""), "{message}");
    }
}
