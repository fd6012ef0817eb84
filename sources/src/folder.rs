//! `file:` sources: a folder on this machine.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Problem;
use crate::options::Options;

/// Depth to which a folder is listed: `qrels/test.tsv`, `1_Pooling/config.json`.
const DEPTH: usize = 2;

/// The folder that a `file:` source names: `${VAR}` replaced, relative to the manifest.
pub(crate) fn locate(path: &str, options: &Options) -> Result<PathBuf, Problem> {
    let expanded = options.manifest_folder.join(expand(path, options)?);
    match fs::metadata(&expanded) {
        Ok(found) if found.is_dir() => Ok(expanded),
        Ok(_) => Err(Problem::Broken(format!("{} is a file, expected a folder", expanded.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Problem::Absent(format!("there is no folder {}", expanded.display())))
        }
        Err(error) => Err(Problem::Absent(format!("the folder {} cannot be read: {error}", expanded.display()))),
    }
}

/// The file that a manifest names: `${VAR}` replaced, relative to the manifest.
pub(crate) fn locate_file(path: &str, options: &Options) -> Result<PathBuf, Problem> {
    let expanded = options.manifest_folder.join(expand(path, options)?);
    if expanded.is_file() {
        Ok(expanded)
    } else {
        Err(Problem::Absent(format!("there is no file {}", expanded.display())))
    }
}

fn expand(path: &str, options: &Options) -> Result<String, Problem> {
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            return Err(Problem::Broken(format!("\"${{\" without \"}}\" in \"{path}\", expected ${{NAME}}")));
        };
        let value = options.variable(name).ok_or_else(|| {
            Problem::Absent(format!("the environment variable {name} is not set; set it to the folder that is meant"))
        })?;
        out.push_str(before);
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The files in `folder` and its direct subfolders, as paths with `/`.
pub(crate) fn list(folder: &Path) -> Result<BTreeSet<String>, Problem> {
    let mut names = BTreeSet::new();
    list_into(folder, "", DEPTH, &mut names)?;
    Ok(names)
}

fn list_into(folder: &Path, prefix: &str, depth: usize, names: &mut BTreeSet<String>) -> Result<(), Problem> {
    let failed = || Problem::local("listing the folder", folder);
    for entry in fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Links are followed: the hub's cache consists of them. A dangling one counts as missing.
        let Ok(found) = fs::metadata(entry.path()) else { continue };
        let name = format!("{prefix}{name}");
        if found.is_file() {
            names.insert(name);
        } else if depth > 1 {
            list_into(&entry.path(), &format!("{name}/"), depth - 1, names)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced() {
        let environment = [("A".to_owned(), "x".to_owned()), ("EMPTY".to_owned(), String::new())].into();
        let options = Options {
            manifest_folder: "/m".into(),
            environment,
            offline: false,
            scratch: "/s".into(),
            update_lock: false,
        };
        let expanded = |path| expand(path, &options).map_err(|problem| format!("{problem:?}"));
        assert_eq!(expanded("a/${A}/${A}b$"), Ok("a/x/xb$".to_owned()));
        assert!(expanded("${EMPTY}").unwrap_err().contains("variable EMPTY is not set"));
        assert!(expanded("${B}").unwrap_err().contains("variable B is not set"));
        assert!(expanded("${A").unwrap_err().contains("without"));
    }
}
