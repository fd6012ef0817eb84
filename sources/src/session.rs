//! What one resolution carries along.

use std::fs;
use std::path::{Path, PathBuf};

use bitsweep_proto::lock::LockedFile;
use tempfile::TempDir;

use crate::content::Content;
use crate::error::Problem;
use crate::http::Http;
use crate::options::{Options, Report};

/// One resolution: where content goes, the settings, whom to tell, and the HTTP client.
pub(crate) struct Session<'a> {
    pub(crate) content: &'a dyn Content,
    pub(crate) options: &'a Options,
    pub(crate) report: &'a mut dyn Report,
    pub(crate) http: Http,
    /// The entry of the manifest that is being resolved.
    pub(crate) what: String,
}

impl<'a> Session<'a> {
    pub(crate) fn new(content: &'a dyn Content, options: &'a Options, report: &'a mut dyn Report) -> Self {
        Self { content, options, report, http: Http::new(options), what: String::new() }
    }

    /// Warns of something in the entry that is being resolved.
    pub(crate) fn warn(&mut self, message: &str) {
        self.report.warning(&format!("{}: {message}", self.what));
    }

    /// A fresh folder in the scratch folder, removed when dropped.
    pub(crate) fn temporary(&self) -> Result<TempDir, Problem> {
        let scratch = &self.options.scratch;
        fs::create_dir_all(scratch).map_err(Problem::local("making the folder", scratch))?;
        tempfile::Builder::new()
            .prefix("source-")
            .tempdir_in(scratch)
            .map_err(Problem::local("making a folder in", scratch))
    }

    /// The folder of downloads that are not complete yet; it outlives the process.
    pub(crate) fn downloads(&self) -> Result<PathBuf, Problem> {
        let folder = self.options.scratch.join("downloads");
        fs::create_dir_all(&folder).map_err(Problem::local("making the folder", &folder))?;
        Ok(folder)
    }

    /// Imports a file under `name`.
    pub(crate) fn import(&self, name: &str, path: &Path) -> Result<LockedFile, Problem> {
        let (sha256, bytes) = self.content.put_file(path)?;
        Ok(LockedFile { name: name.to_owned(), bytes, sha256 })
    }
}
