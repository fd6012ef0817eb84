//! Finding the sweep that a reading command is about.

use std::path::{Path, PathBuf};

use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::{Plan, SweepId};

use crate::cli::{StoreArg, SweepArg};
use crate::exit::Failure;

/// A sweep that is in the store.
pub(crate) struct Found {
    /// The store it is in.
    pub(crate) store: Store,
    /// Its id.
    pub(crate) id: SweepId,
    /// Its plan.
    pub(crate) plan: Plan,
}

/// The folder of the store: as said, or `.bitsweep` beside the manifest, or in this folder.
pub(crate) fn store_folder(store: &StoreArg, manifest: Option<&Path>) -> PathBuf {
    match (&store.store, manifest.and_then(Path::parent)) {
        (Some(folder), _) => folder.clone(),
        (None, Some(beside)) => beside.join(".bitsweep"),
        (None, None) => PathBuf::from(".bitsweep"),
    }
}

/// Opens the store of a reading command: it must be there already.
pub(crate) async fn open(folder: &Path) -> Result<Store, Failure> {
    if !folder.is_dir() {
        return Err(Failure::wrong(format!(
            "there is no store at {}: run a sweep first (bitsweep run MANIFEST), or name the store with --store",
            folder.display()
        )));
    }
    Ok(Store::open(&folder.to_string_lossy()).await?)
}

/// Opens the store of a command that writes; makes it where there is none. Where that cannot be, the path is wrong.
pub(crate) async fn open_or_make(folder: &Path) -> Result<Store, Failure> {
    let store = Store::open(&folder.to_string_lossy()).await.map_err(|error| match error {
        BackendError::Refused { .. } => Failure::wrong(crate::exit::chain(&error)),
        error => error.into(),
    })?;
    // A store beside a manifest lies in somebody's repository.
    let ignore = folder.join(".gitignore");
    if !ignore.exists() {
        let _ = std::fs::write(ignore, "*\n");
    }
    Ok(store)
}

/// The sweeps that `text` names: the one whose id begins with it, or all of that name.
pub(crate) async fn named(store: &Store, text: &str) -> Result<Vec<SweepId>, Failure> {
    let mut found = Vec::new();
    for id in store.sweeps_newest_first().await? {
        if store.plan(&id).await.is_ok_and(|plan| plan.name == text) {
            found.push(id);
        }
    }
    if found.is_empty() { Ok(vec![store.find_sweep(text).await?]) } else { Ok(found) }
}

/// The sweep that `args` name; the newest one where they name none.
pub(crate) async fn find(args: &SweepArg) -> Result<Found, Failure> {
    let manifest = args.sweep.as_deref().map(Path::new).filter(|path| path.is_file());
    let folder = store_folder(&args.store, manifest);
    let named_file = args.sweep.as_deref().filter(|text| text.contains(['/', '.']));
    if let (None, Some(path)) = (manifest, named_file) {
        return Err(Failure::wrong(format!("{path}: there is no such manifest")));
    }
    let store = open(&folder).await?;
    let (id, plan) = match (manifest, &args.sweep) {
        (Some(path), _) => of_manifest(&store, path).await?,
        (None, Some(prefix)) => {
            let id = named(&store, prefix).await?[0];
            (id, store.plan(&id).await?)
        }
        (None, None) => {
            let newest = store.newest_sweep().await?;
            let id =
                newest.ok_or_else(|| Failure::wrong(format!("the store {} holds no sweep yet", folder.display())))?;
            (id, store.plan(&id).await?)
        }
    };
    Ok(Found { store, id, plan })
}

/// The newest plan made from a manifest that says the same. Any other of its name would be another sweep's results.
async fn of_manifest(store: &Store, path: &Path) -> Result<(SweepId, Plan), Failure> {
    let (manifest, _) = crate::prepare::read_manifest(path)?;
    let file = path.display().to_string();
    let mut others = Vec::new();
    for id in store.sweeps_newest_first().await? {
        let plan = match store.plan(&id).await {
            Ok(plan) => plan,
            Err(error @ BackendError::Damaged { .. }) => {
                eprintln!("note: {error}");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if bitsweep_proto::manifest::read(&plan.manifest, &file).is_ok_and(|was| was == manifest) {
            return Ok((id, plan));
        }
        others.push(format!("\n  {} {}", id.0.short(), plan.name));
    }
    Err(Failure::wrong(format!(
        "{file} was not run in this store as it is now: `bitsweep run {file}` runs it. What was run can be read by its id \
         or name:{}",
        others.concat()
    )))
}
