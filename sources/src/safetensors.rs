//! A first look at a safetensors file: whether it is one, and whole. Tensors are read by the encoder, not here.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::Problem;

/// The format's own limit on its header.
const HEADER_LIMIT: u64 = 100_000_000;

/// One entry of the header. `__metadata__` has no offsets.
#[derive(Deserialize)]
struct Entry {
    data_offsets: Option<(u64, u64)>,
    #[serde(rename = "dtype")]
    _dtype: Option<IgnoredAny>,
}

/// Checks the header and that the file is as long as its header says.
pub(crate) fn check(name: &str, path: &Path) -> Result<(), Problem> {
    let broken = |what: &str| Err(Problem::Broken(format!("{name}: {what}")));
    let mut file = File::open(path).map_err(Problem::local("opening", path))?;
    let bytes = file.metadata().map_err(Problem::local("reading", path))?.len();
    let mut start = Vec::new();
    file.by_ref().take(8).read_to_end(&mut start).map_err(Problem::local("reading", path))?;
    if start == b"version " {
        return broken("is a Git LFS pointer and not the weights; fetch them with `git lfs pull`");
    }
    let Ok(start) = <[u8; 8]>::try_from(start) else {
        return broken(&format!("is cut off: {bytes} bytes, expected a safetensors file"));
    };
    let header_bytes = u64::from_le_bytes(start);
    if header_bytes > HEADER_LIMIT {
        return broken("is not a safetensors file: its first 8 bytes are no header length");
    }
    if header_bytes + 8 > bytes {
        return broken(&format!("is cut off: {bytes} bytes, its header alone has {header_bytes}"));
    }
    let mut header = Vec::new();
    file.take(header_bytes).read_to_end(&mut header).map_err(Problem::local("reading", path))?;
    let entries: BTreeMap<String, Entry> = match serde_json::from_slice(&header) {
        Ok(entries) => entries,
        Err(error) => return broken(&format!("is not a safetensors file: its header is broken JSON: {error}")),
    };
    let ends = entries.values().filter_map(|entry| Some(entry.data_offsets?.1));
    let expected = ends.max().unwrap_or(0).saturating_add(8 + header_bytes);
    match bytes.cmp(&expected) {
        std::cmp::Ordering::Less => broken(&format!("is cut off: {bytes} bytes, its header announces {expected}")),
        std::cmp::Ordering::Greater => broken(&format!("has {bytes} bytes, its header announces only {expected}")),
        std::cmp::Ordering::Equal => Ok(()),
    }
}
