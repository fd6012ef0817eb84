//! Checksums of local files.

use std::fs::File;
use std::io;
use std::path::Path;

use bitsweep_proto::Digest;
use bitsweep_proto::digest::Hasher;

use crate::error::Problem;

/// SHA-256 of a file.
pub(crate) fn of_file(path: &Path) -> Result<Digest, Problem> {
    let mut hasher = Hasher::new();
    let mut file = File::open(path).map_err(Problem::local("opening", path))?;
    io::copy(&mut file, &mut hasher).map_err(Problem::local("reading", path))?;
    Ok(hasher.finish())
}
