//! What a slot computes on.
//!
//! A device is a name that goes to the child, which alone knows what to do with it, and into claims and records. A child
//! of this build computes on the processor and refuses any other name at its start.

use std::fmt;
use std::str::FromStr;

/// The environment variable that names a child's device.
pub(crate) const DEVICE_VARIABLE: &str = "BITSWEEP_DEVICE";

const CPU: &str = "cpu";

/// A device: `cpu`, or `cuda:0`, `cuda:1` …
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    name: String,
    /// Its own memory, where it is not the machine's and is known: what claims are measured against.
    pub memory_bytes: Option<u64>,
}

impl Device {
    /// The processor.
    pub fn cpu() -> Self {
        Self { name: CPU.to_owned(), memory_bytes: None }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Device {
    type Err = NotADevice;
    fn from_str(text: &str) -> Result<Self, NotADevice> {
        let number = text.strip_prefix("cuda:").map(|number| number.parse::<u16>().is_ok());
        if text == CPU || number == Some(true) {
            return Ok(Self { name: text.to_owned(), memory_bytes: None });
        }
        Err(NotADevice(text.to_owned()))
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// The text names no device.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not a device: write cpu, or cuda: with its number, like cuda:0")]
pub struct NotADevice(String);

/// Whether a child of this build can compute on the device that the environment names.
pub(crate) fn check_own() -> Result<(), String> {
    match std::env::var(DEVICE_VARIABLE) {
        Ok(name) if name != CPU => Err(format!(
            "it is to compute on {name}, but this build has only {CPU}: name {CPU}, or use a build for CUDA"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for name in ["cpu", "cuda:0", "cuda:15"] {
            assert_eq!(name.parse::<Device>().unwrap().to_string(), name);
        }
        for wrong in ["", "gpu", "cuda", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            let error = wrong.parse::<Device>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("\"{wrong}\" is not a device")), "{error}");
        }
    }
}
