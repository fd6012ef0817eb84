//! What surrounds a resolution: paths, environment, and whom to tell.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of a resolution.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of the manifest: `file:` paths are relative to it.
    pub manifest_folder: PathBuf,
    /// The process environment. Read: variables in `file:` paths, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`,
    /// `HF_HOME`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE`, `XDG_CACHE_HOME`, `HOME`, `BITSWEEP_BEIR_ENDPOINT`,
    /// `BITSWEEP_PYTHON`, `SSL_CERT_FILE`; pip gets all of it. (Proxies come from the real environment.)
    pub environment: BTreeMap<String, String>,
    /// Never use the network. What is in the hub's local cache is still found.
    pub offline: bool,
    /// A folder for downloads and unpacked archives; made where missing. What was cut off stays in it and is resumed
    /// by the next run; everything else is removed.
    pub scratch: PathBuf,
    /// Resolve every source anew and accept what is found, whatever the lock says.
    pub update_lock: bool,
}

impl Options {
    /// An environment variable; one that is empty counts as unset.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Whom to tell what happens.
pub trait Report {
    /// A step worth a line: a download begins, a source is skipped.
    fn line(&mut self, message: &str);
    /// Something odd but usable.
    fn warning(&mut self, message: &str);
    /// Bytes of a download so far, and in all where that is known.
    fn progress(&mut self, name: &str, bytes: u64, total_bytes: Option<u64>);
    /// Waits before a server is asked again. Sleeps; tests override it.
    fn wait(&mut self, reason: &str, time: Duration) {
        self.line(&format!("{reason}; asking again in {} s", time.as_secs()));
        std::thread::sleep(time);
    }
}
