//! Zip archives (BEIR's, and wheels): files are unpacked one by one, when they are asked for.
//!
//! Nothing is ever written under a name that the archive chose by itself: names that could leave a folder are not
//! listed, and only listed names that a reader asks for are unpacked.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zip::ZipArchive;

use crate::error::Problem;

/// An opened archive, seen from one of its folders.
pub(crate) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// Put before every name: the folder, with `/` at the end, or nothing.
    prefix: String,
    unpacked: TempDir,
}

impl Archive {
    /// Opens the archive at `path`; `folder` becomes the home of what is unpacked.
    pub(crate) fn open(path: &Path, folder: TempDir) -> Result<Self, Problem> {
        let file = File::open(path).map_err(Problem::local("opening", path))?;
        let zip = ZipArchive::new(BufReader::new(file))
            .map_err(|error| Problem::Broken(format!("the file fetched is not a usable zip archive: {error}")))?;
        Ok(Self { zip, prefix: String::new(), unpacked: folder })
    }

    /// All files with safe names, from the root of the archive.
    pub(crate) fn all(&self) -> BTreeSet<String> {
        let names = self.zip.file_names().filter_map(Result::ok);
        names.filter(|name| is_safe(name)).map(|name| name.into_owned()).collect()
    }

    /// Looks at `folder` alone (with `/` at the end; empty for the root) and returns its files.
    pub(crate) fn enter(&mut self, folder: &str) -> BTreeSet<String> {
        self.prefix = folder.to_owned();
        self.all().iter().filter_map(|name| name.strip_prefix(folder)).map(str::to_owned).collect()
    }

    /// Unpacks one file; its checksum in the archive is verified.
    pub(crate) fn get(&mut self, name: &str) -> Result<PathBuf, Problem> {
        let target = self.unpacked.path().join(name);
        if target.exists() {
            return Ok(target);
        }
        let parent = target.parent().expect("a file in a folder has a parent");
        fs::create_dir_all(parent).map_err(Problem::local("making the folder", parent))?;
        let broken =
            |error: &dyn std::fmt::Display| Problem::Broken(format!("{name} in the archive is damaged: {error}"));
        let mut entry = self.zip.by_name(&format!("{}{name}", self.prefix)).map_err(|error| broken(&error))?;
        let mut file = File::create(&target).map_err(Problem::local("creating", &target))?;
        match io::copy(&mut entry, &mut file) {
            Ok(_) => Ok(target),
            Err(error) if is_local(&error) => Err(Problem::Local { doing: "writing", path: target, source: error }),
            Err(error) => Err(broken(&error)),
        }
    }
}

/// Whether copying failed for a reason of this machine, not of the archive.
fn is_local(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied)
}

/// Whether a name stays inside the folder it is unpacked into, on every system.
pub(crate) fn is_safe(name: &str) -> bool {
    !name.contains(['\\', ':', '\0']) && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// The folders (with `/` at the end; empty for the root) that hold a file called `file`.
pub(crate) fn folders_with(file: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    let folder_of = |name: &String| name.strip_suffix(file).map(str::to_owned);
    names.iter().filter_map(folder_of).filter(|folder| folder.is_empty() || folder.ends_with('/')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_folder_are_not_safe() {
        for name in ["a", "a/b.json", "a/.b"] {
            assert!(is_safe(name), "{name}");
        }
        for name in ["", "/a", "../a", "a/../b", "a/./b", "a//b", "a/", "C:/a", "a\\b", "a\0"] {
            assert!(!is_safe(name), "{name}");
        }
    }

    #[test]
    fn folders_are_found_by_a_file() {
        let names = ["x/corpus.jsonl", "corpus.jsonl", "__MACOSX/x/._corpus.jsonl", "y/z"].map(str::to_owned).into();
        assert_eq!(folders_with("corpus.jsonl", &names), ["".to_owned(), "x/".to_owned()].into());
    }
}
