//! From a manifest's path to a plan: read, resolve sources, expand. Shared by `plan`,
//! `run` and `submit`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bitsweep_backends::Store;
use bitsweep_proto::{Lock, Manifest, Plan, Profiles};
use bitsweep_sources::{Content, Options};
use tokio::runtime::Handle;

use crate::cli::SourceArgs;
use crate::content::StoreContent;
use crate::exit::{Exit, Failure, chain};
use crate::progress::SourceLines;

/// `sweep.yaml` → `sweep.yaml.lock`.
pub(crate) fn lock_path(manifest: &Path) -> PathBuf {
    let mut name = manifest.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Reads the manifest and reports all its mistakes.
pub(crate) fn read_manifest(path: &Path) -> Result<(Manifest, String), Failure> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::wrong(format!("{file}: there is no such manifest")),
        std::io::ErrorKind::IsADirectory => Failure::wrong(format!("{file} is a folder, a manifest is a YAML file")),
        _ => Failure::wrong(format!("{file}: {error}")),
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line =
            1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        Failure::wrong(format!("{file}:{line}: not UTF-8: a manifest is YAML text in UTF-8"))
    })?;
    match bitsweep_proto::manifest::read(&text, &file) {
        Ok(manifest) => Ok((manifest, text)),
        Err(mistakes) => Err(Failure::wrong(mistakes.to_string())),
    }
}

/// A manifest that was read.
pub(crate) struct Source<'a> {
    /// Its file.
    pub(crate) path: &'a Path,
    /// What it says.
    pub(crate) manifest: Manifest,
    /// Its text.
    pub(crate) text: String,
    /// Where downloads go; what was cut off there is resumed.
    pub(crate) scratch: PathBuf,
}

/// Resolves and plans. Writes the lock file if it changed; imports content into `store`.
pub(crate) async fn prepare(
    source: Source<'_>,
    args: &SourceArgs,
    store: &Store,
    profiles: Profiles,
) -> Result<Plan, Failure> {
    let lock = resolve(&source, args, StoreContent::new(store.clone(), Handle::current())).await?;
    bitsweep_plan::plan(&source.manifest, &source.text, &lock, &profiles)
        .map_err(|errors| Failure::wrong(format!("{}: {errors}", source.path.display())))
}

/// Brings every source into `content`. Writes the lock file if it changed.
pub(crate) async fn resolve(
    source: &Source<'_>,
    args: &SourceArgs,
    content: impl Content + Send + 'static,
) -> Result<Lock, Failure> {
    let lock_file = lock_path(source.path);
    let locked = match std::fs::read_to_string(&lock_file) {
        Ok(text) => Some(bitsweep_sources::read_lock(&text, &lock_file.display().to_string()).map_err(source_failure)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::wrong(format!("{}: {error}", lock_file.display()))),
    };
    let options = Options {
        manifest_folder: source.path.parent().unwrap_or(Path::new("")).to_owned(),
        environment: std::env::vars().collect::<BTreeMap<_, _>>(),
        offline: args.offline,
        scratch: source.scratch.clone(),
        update_lock: args.update_lock,
    };
    let (manifest, before) = (source.manifest.clone(), locked.clone());
    let resolving = tokio::task::spawn_blocking(move || {
        let mut lines = SourceLines::default();
        bitsweep_sources::resolve(&manifest, before.as_ref(), &content, &options, &mut lines)
    });
    let lock = resolving.await.map_err(|error| Failure::wrong(error.to_string()))?.map_err(source_failure)?;
    if locked.as_ref() != Some(&lock) {
        write_lock(&lock_file, &lock)?;
    }
    Ok(lock)
}

/// Replaces the lock file in one step, so that a kill never leaves half of one.
fn write_lock(lock_file: &Path, lock: &Lock) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::wrong(format!("failed to write {}: {error}", lock_file.display()));
    let folder = lock_file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Not a file of `tempfile`: those are private, and a lock is shared with its manifest.
    let beside =
        folder.join(format!(".{}.{}", lock_file.file_name().unwrap_or_default().to_string_lossy(), std::process::id()));
    std::fs::write(&beside, bitsweep_sources::write_lock(lock)).map_err(failed)?;
    std::fs::rename(&beside, lock_file).map_err(failed)?;
    Ok(())
}

fn source_failure(error: bitsweep_sources::SourceError) -> Failure {
    let store_failed = matches!(error, bitsweep_sources::SourceError::Content { .. });
    let exit = if store_failed || error.is_unreachable() { Exit::Unreachable } else { Exit::Wrong };
    Failure { exit, message: chain(&error) }
}
