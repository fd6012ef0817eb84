//! Finding the sweep that a command is about, in a store or at a coordinator.

use std::path::{Path, PathBuf};

use bitsweep_backends::{BackendError, Store};
use bitsweep_coordinator::api::types::{SweepLine, SweepsWanted};
use bitsweep_coordinator::picture::Picture;
use bitsweep_proto::{Digest, Manifest, Plan, SweepId};

use crate::cli::{PlaceArgs, StoreArg, SweepArg, SweepAt, ToArgs};
use crate::exit::Failure;
use crate::place::Place;
use crate::remote::{Client, PAGE};

/// A sweep that is there.
pub(crate) struct Found {
    /// Where it is.
    pub(crate) place: Place,
    /// Its id.
    pub(crate) id: SweepId,
    /// Its plan.
    pub(crate) plan: Plan,
}

/// Where a reading command reads, before it is opened.
enum Named {
    /// A path or a URL of a store.
    Store(String),
    /// A coordinator.
    To(String),
}

/// `--to`, else `--store`, else `BITSWEEP_TO`, else `BITSWEEP_STORE`, else `.bitsweep` beside the manifest or here.
fn named_place(args: &PlaceArgs, manifest: Option<&Path>) -> Named {
    let said = args.to.to.clone().map(Named::To).or_else(|| args.store.clone().map(Named::Store));
    let store = || StoreArg { store: variable("BITSWEEP_STORE") };
    said.or_else(|| variable("BITSWEEP_TO").map(Named::To))
        .unwrap_or_else(|| Named::Store(store_place(&store(), manifest)))
}

/// The store that a command reads; `None` where it asks a coordinator.
pub(crate) fn local_place(args: &PlaceArgs, manifest: Option<&Path>) -> Option<String> {
    match named_place(args, manifest) {
        Named::Store(place) => Some(place),
        Named::To(_) => None,
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Opens the place that a command reads.
pub(crate) async fn place(args: &PlaceArgs, manifest: Option<&Path>) -> Result<Place, Failure> {
    match named_place(args, manifest) {
        Named::Store(place) => Ok(Place::Store(open(&place).await?)),
        Named::To(to) => Ok(Place::Api(Client::new(&to, args.to.token_file.as_deref())?)),
    }
}

/// The coordinator that a command is for: `what` needs one.
pub(crate) fn coordinator(args: &ToArgs, what: &str) -> Result<Client, Failure> {
    let to = args.to.clone().or_else(|| variable("BITSWEEP_TO")).ok_or_else(|| {
        Failure::wrong(format!(
            "{what} is for what a coordinator runs: name it with --to http://HOST:PORT, or in BITSWEEP_TO. What \
             `bitsweep run` runs is stopped with Ctrl-C, and continued by running it again"
        ))
    })?;
    Client::new(&to, args.token_file.as_deref())
}

/// The sweep at a coordinator that a command is about; `what` the command does.
pub(crate) async fn find_at(args: &SweepAt, what: &str) -> Result<(Client, SweepLine), Failure> {
    let client = coordinator(&args.to, what)?;
    let line = at(&client, args.sweep.as_deref()).await?;
    Ok((client, line))
}

/// The store: as said, or `.bitsweep` beside the manifest, or in this folder.
pub(crate) fn store_place(store: &StoreArg, manifest: Option<&Path>) -> String {
    match (&store.store, manifest.and_then(Path::parent)) {
        (Some(place), _) => place.clone(),
        (None, Some(beside)) => beside.join(".bitsweep").to_string_lossy().into_owned(),
        (None, None) => ".bitsweep".to_owned(),
    }
}

/// Opens the store of a reading command: it must be there already.
pub(crate) async fn open(place: &str) -> Result<Store, Failure> {
    if !place.contains("://") && !Path::new(place).is_dir() {
        return Err(Failure::wrong(format!(
            "there is no store at {place}: run a sweep first (bitsweep run MANIFEST), or name the store with --store"
        )));
    }
    Ok(Store::open(place).await?)
}

/// Opens the store of a command that writes; makes it where there is none. Where that cannot be, the path is wrong.
pub(crate) async fn open_or_make(place: &str) -> Result<Store, Failure> {
    let store = Store::open(place).await.map_err(|error| match error {
        BackendError::Refused { .. } => Failure::wrong(crate::exit::chain(&error)),
        error => error.into(),
    })?;
    // A store beside a manifest lies in somebody's repository.
    if let Some(ignore) = store.folder().map(|folder| folder.join(".gitignore"))
        && !ignore.exists()
    {
        let _ = std::fs::write(ignore, "*\n");
    }
    Ok(store)
}

/// A folder on this machine for what is cut off and resumed: downloads, and what jobs read and write. In the store where
/// that is a folder, else in the user's cache.
pub(crate) fn scratch(store: Option<&Store>) -> PathBuf {
    if let Some(folder) = store.and_then(Store::folder) {
        return folder.to_owned();
    }
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("bitsweep")
}

/// The sweeps that `text` names: the one whose id begins with it, or all of that name.
pub(crate) async fn named(store: &Store, text: &str) -> Result<Vec<SweepId>, Failure> {
    let mut found = Vec::new();
    for id in store.sweeps_newest_first().await? {
        let name = match Picture::indexed(store, &id).await {
            Some(picture) => Some(picture.name),
            None => store.plan(&id).await.ok().map(|plan| plan.name),
        };
        if name.is_some_and(|name| name == text) {
            found.push(id);
        }
    }
    if found.is_empty() { Ok(vec![store.find_sweep(text).await?]) } else { Ok(found) }
}

/// The sweep that `args` name, with its plan; the newest one where they name none.
pub(crate) async fn find(args: &SweepArg) -> Result<Found, Failure> {
    let manifest = manifest_of(args.sweep.as_deref())?;
    match place(&args.place, manifest).await? {
        Place::Store(store) => {
            let (id, plan) = in_store(&store, (manifest, args.sweep.as_deref())).await?;
            Ok(Found { place: Place::Store(store), id, plan })
        }
        Place::Api(client) => {
            let id = at(&client, args.sweep.as_deref()).await?.id;
            let place = Place::Api(client);
            let plan = place.plan(&id).await?;
            Ok(Found { place, id, plan })
        }
    }
}

/// The manifest that `text` names, where it names one.
pub(crate) fn manifest_of(text: Option<&str>) -> Result<Option<&Path>, Failure> {
    let manifest = text.map(Path::new).filter(|path| path.is_file());
    let named_file = text.filter(|text| text.contains(['/', '.']));
    match (manifest, named_file) {
        (None, Some(path)) => Err(Failure::wrong(format!("{path}: there is no such manifest"))),
        _ => Ok(manifest),
    }
}

/// The sweep of a store that a manifest or a text names, with its plan; the newest one where neither is given.
pub(crate) async fn in_store(store: &Store, wanted: (Option<&Path>, Option<&str>)) -> Result<(SweepId, Plan), Failure> {
    let id = id_in_store(store, wanted).await?;
    Ok((id, store.plan(&id).await?))
}

/// The id of that sweep. Where the store's index knows its sweeps, no plan is read.
pub(crate) async fn id_in_store(
    store: &Store,
    (manifest, text): (Option<&Path>, Option<&str>),
) -> Result<SweepId, Failure> {
    match (manifest, text) {
        (Some(path), _) => of_manifest(store, path).await,
        (None, Some(prefix)) => Ok(named(store, prefix).await?[0]),
        (None, None) => store.newest_sweep().await?.ok_or_else(|| {
            let name = store.folder().map_or_else(String::new, |folder| format!(" {}", shown(folder)));
            Failure::wrong(format!("the store{name} holds no sweep yet"))
        }),
    }
}

/// A path as it was most likely given: relative to where we are.
fn shown(folder: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let short = here.ok().and_then(|here| folder.strip_prefix(here).ok().map(Path::to_owned));
    short.unwrap_or_else(|| folder.to_owned()).display().to_string()
}

/// The sweep at a coordinator that `text` names: a manifest, an id, a name; the newest one where it names none.
pub(crate) async fn at(client: &Client, text: Option<&str>) -> Result<SweepLine, Failure> {
    let wanted = SweepsWanted { limit: Some(2), ..SweepsWanted::default() };
    let name = client.name();
    if let Some(path) = manifest_of(text)? {
        let (manifest, _) = crate::prepare::read_manifest(path)?;
        let manifest = Some(manifest_digest(&manifest).to_string());
        let found = client.sweeps(&SweepsWanted { manifest, ..wanted }).await?;
        let file = path.display();
        return found.items.into_iter().next().ok_or_else(|| {
            Failure::wrong(format!(
                "{file} was not submitted to {name} as it is now: `bitsweep submit {file} --to {name}` does, `bitsweep \
                 status --all --to {name}` lists what was"
            ))
        });
    }
    let found = client.sweeps(&SweepsWanted { named: text.map(str::to_owned), ..wanted }).await?;
    let Some(text) = text else {
        let none = || Failure::wrong(format!("{name} has no sweep yet: `bitsweep submit MANIFEST --to {name}`"));
        return found.items.into_iter().next().ok_or_else(none);
    };
    let several = found.items.len() > 1 && found.items.iter().any(|line| line.name != text);
    if several {
        return Err(Failure::wrong(format!("several sweeps begin with \"{text}\": give more digits")));
    }
    found.items.into_iter().next().ok_or_else(|| {
        Failure::wrong(format!(
            "{name} has no sweep whose name is \"{text}\", and none whose id begins with it: `bitsweep status --all --to \
             {name}` lists those it has"
        ))
    })
}

/// All sweeps of a coordinator, the last submitted first.
pub(crate) async fn all_at(client: &Client, named: Option<&str>) -> Result<Vec<SweepLine>, Failure> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let named = named.map(str::to_owned);
        let page = client.sweeps(&SweepsWanted { after, limit: Some(PAGE), named, manifest: None }).await?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

fn manifest_digest(manifest: &Manifest) -> Digest {
    bitsweep_coordinator::api::manifest_digest(manifest)
}

/// The newest plan made from a manifest that says the same. Any other of its name would be another sweep's results.
async fn of_manifest(store: &Store, path: &Path) -> Result<SweepId, Failure> {
    let (manifest, _) = crate::prepare::read_manifest(path)?;
    let file = path.display().to_string();
    let mut others = Vec::new();
    for id in store.sweeps_newest_first().await? {
        let (is_it, name) = match Picture::indexed(store, &id).await {
            Some(picture) => (picture.manifest == Some(manifest_digest(&manifest)), picture.name),
            None => match store.plan(&id).await {
                Ok(plan) => {
                    let was = bitsweep_proto::manifest::read(&plan.manifest, &file);
                    (was.is_ok_and(|was| was == manifest), plan.name)
                }
                Err(error @ BackendError::Damaged { .. }) => {
                    eprintln!("note: {error}");
                    continue;
                }
                Err(error) => return Err(error.into()),
            },
        };
        if is_it {
            return Ok(id);
        }
        others.push(format!("\n  {} {name}", id.0.short()));
    }
    Err(Failure::wrong(format!(
        "{file} was not run in this store as it is now: `bitsweep run {file}` runs it. What was run can be read by its id \
         or name:{}",
        others.concat()
    )))
}
