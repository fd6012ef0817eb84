//! `hf:` sources: repositories of the Hugging Face hub, or of a mirror (`HF_ENDPOINT`).
//!
//! A revision is resolved to a commit once; files are asked for at that commit. A file that the hub's local cache has
//! is taken from there. The hub answers 401 both for private repositories and for those that do not exist, so a
//! refusal counts as absence: the next source is tried.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tempfile::TempDir;

use crate::download::Ask;
use crate::error::Problem;
use crate::http::{Get, Token, Trouble, encode_path};
use crate::hub_cache::{self, Cache};
use crate::origin::{Origin, Place, Want};
use crate::session::Session;
use crate::{checksum, folder};

const ENDPOINT: &str = "https://huggingface.co";

/// An opened repository at one commit.
pub(crate) struct Hub {
    /// The folder of the commit in the hub's cache.
    snapshot: Option<PathBuf>,
    /// Where files are downloaded from; `None` offline.
    remote: Option<Remote>,
}

/// A repository on the hub.
struct Remote {
    endpoint: String,
    /// `models` or `datasets`.
    kind: &'static str,
    repo: String,
    token: Option<Token>,
    commit: String,
    downloaded: TempDir,
}

/// What the hub says of a revision.
#[derive(Deserialize)]
struct Info {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// Opens a repository at `revision` (`main` where none is named).
pub(crate) fn open(
    repo: &str,
    revision: Option<&str>,
    want: Want,
    session: &mut Session<'_>,
) -> Result<Origin, Problem> {
    let revision = revision.unwrap_or("main");
    let cache = Cache::of(repo, want, session.options);
    if hub_cache::is_offline(session.options) {
        let why = format!("offline, and revision {revision} is not in {}", cache.place());
        return cached(&cache, revision)?.ok_or(Problem::Unreachable(why));
    }
    let mut remote = Remote::new(repo, want, session)?;
    match remote.info(revision, session) {
        Ok(info) => {
            let names = info.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
            remote.commit.clone_from(&info.sha);
            let hub = Hub { snapshot: cache.snapshot(&info.sha), remote: Some(remote) };
            Ok(Origin::new(Some(info.sha), names, Place::Hub(hub)))
        }
        Err(Problem::Unreachable(why)) => match cached(&cache, revision)? {
            Some(origin) => {
                session.report.line(&format!("hf:{repo} is taken from the hub's cache: {why}"));
                Ok(origin)
            }
            None => Err(Problem::Unreachable(why)),
        },
        Err(problem) => Err(problem),
    }
}

fn cached(cache: &Cache, revision: &str) -> Result<Option<Origin>, Problem> {
    let Some((commit, snapshot)) = cache.find(revision) else { return Ok(None) };
    let names: BTreeSet<String> = folder::list(&snapshot)?;
    Ok(Some(Origin::new(Some(commit), names, Place::Hub(Hub { snapshot: Some(snapshot), remote: None }))))
}

impl Hub {
    /// A local copy of a file.
    pub(crate) fn get(&mut self, name: &str, session: &mut Session<'_>) -> Result<PathBuf, Problem> {
        if let Some(path) = self.snapshot.as_ref().map(|snapshot| snapshot.join(name)).filter(|path| path.is_file()) {
            hub_cache::verify(&path)?;
            return Ok(path);
        }
        match &self.remote {
            Some(remote) => remote.get(name, session),
            None => Err(Problem::Unreachable(format!("offline, and {name} is not in the hub's cache"))),
        }
    }
}

impl Remote {
    fn new(repo: &str, want: Want, session: &Session<'_>) -> Result<Self, Problem> {
        let endpoint = session.options.variable("HF_ENDPOINT").unwrap_or(ENDPOINT).trim_end_matches('/').to_owned();
        let kind = match want {
            Want::Model => "models",
            Want::Dataset => "datasets",
        };
        let token = hub_cache::token(session.options)?;
        let downloaded = session.temporary()?;
        Ok(Self { endpoint, kind, repo: repo.to_owned(), token, commit: String::new(), downloaded })
    }

    /// Resolves a revision.
    fn info(&self, revision: &str, session: &mut Session<'_>) -> Result<Info, Problem> {
        let revision_part = encode_path(revision).replace('/', "%2F");
        let url = format!("{}/api/{}/{}/revision/{revision_part}", self.endpoint, self.kind, encode_path(&self.repo));
        let get = Get { url: &url, token: self.token.as_ref(), headers: Vec::new() };
        let text = session.http.text(&get, session.report).map_err(|trouble| match trouble {
            Trouble::Absent(why) => Problem::Absent(format!("no such repository, or no revision {revision}: {why}")),
            other => other.problem(|status, code| self.denied(status, code)),
        })?;
        let strange = |why: &str| Problem::Broken(format!("{url} answered something unexpected: {why}"));
        let info: Info = serde_json::from_str(&text).map_err(|error| strange(&error.to_string()))?;
        if info.sha.is_empty() || !info.sha.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(strange("its sha is not a commit"));
        }
        Ok(info)
    }

    fn get(&self, name: &str, session: &mut Session<'_>) -> Result<PathBuf, Problem> {
        let target = self.downloaded.path().join(name);
        if target.exists() {
            return Ok(target);
        }
        let parent = target.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(parent).map_err(Problem::local("making the folder", parent))?;
        let prefix = if self.kind == "datasets" { "datasets/" } else { "" };
        let (repo, name_part) = (encode_path(&self.repo), encode_path(name));
        let url = format!("{}/{prefix}{repo}/resolve/{}/{name_part}", self.endpoint, self.commit);
        let shown = format!("{}/{name}", self.repo);
        let ask = Ask { url: &url, name: &shown, token: self.token.as_ref() };
        let expected = ask
            .download(&target, session)
            .map_err(|trouble| trouble.problem(|status, code| self.denied(status, code)))?;
        let Some(expected) = expected else { return Ok(target) };
        let found = checksum::of_file(&target)?;
        if found == expected {
            return Ok(target);
        }
        Err(Problem::Broken(format!(
            "{name} came damaged: the hub says sha256 {expected}, what came has {found}; try again"
        )))
    }

    /// What 401 and 403 mean.
    fn denied(&self, status: u16, code: &str) -> String {
        let Self { endpoint, repo, .. } = self;
        if code == "GatedRepo" {
            return format!(
                "the repository is gated ({status}): accept its terms at {endpoint}/{repo}, then set HF_TOKEN to a \
                 token of that account"
            );
        }
        match self.token {
            Some(_) => {
                format!("the hub refused the token ({status}): check HF_TOKEN, and that its account may read {repo}")
            }
            None => format!(
                "needs a token: set HF_TOKEN ({status}; the hub says so of repositories that do not exist, too)"
            ),
        }
    }
}
