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
    /// Said when the plan is not quite what was asked for.
    pub(crate) note: Option<String>,
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
    let (id, plan, note) = match (manifest, &args.sweep) {
        (Some(path), _) => of_manifest(&store, path).await?,
        (None, Some(prefix)) => {
            let id = named(&store, prefix).await?[0];
            (id, store.plan(&id).await?, None)
        }
        (None, None) => {
            let newest = store.newest_sweep().await?;
            let id =
                newest.ok_or_else(|| Failure::wrong(format!("the store {} holds no sweep yet", folder.display())))?;
            (id, store.plan(&id).await?, None)
        }
    };
    Ok(Found { store, id, plan, note })
}

/// The newest plan made from this manifest: from one that says the same if there is one, else from one of the same name.
async fn of_manifest(store: &Store, path: &Path) -> Result<(SweepId, Plan, Option<String>), Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::wrong(format!("{}: {error}", path.display())))?;
    let file = path.display().to_string();
    let manifest =
        bitsweep_proto::manifest::read(&text, &file).map_err(|mistakes| Failure::wrong(mistakes.to_string()))?;
    let (mut same_name, mut names) = (None, std::collections::BTreeSet::new());
    for id in store.sweeps_newest_first().await? {
        let plan = store.plan(&id).await?;
        let says_the_same = |was| bitsweep_proto::manifest::read(was, &file).is_ok_and(|was| was == manifest);
        if plan.manifest == text || says_the_same(&plan.manifest) {
            return Ok((id, plan, None));
        }
        names.insert(plan.name.clone());
        if same_name.is_none() && plan.name == manifest.sweep {
            same_name = Some((id, plan));
        }
    }
    let names: Vec<String> = names.into_iter().collect();
    let never = || {
        let (sweep, names) = (&manifest.sweep, names.join(", "));
        Failure::wrong(format!(
            "{file}: no sweep \"{sweep}\" was run in this store (it has: {names}): bitsweep run {file}"
        ))
    };
    let (id, plan) = same_name.ok_or_else(never)?;
    let note = format!("{file} has changed since it was run; this is the plan as it was run last");
    Ok((id, plan, Some(note)))
}
