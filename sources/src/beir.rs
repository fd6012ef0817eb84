//! `beir:` sources: the public archives of the BEIR benchmark.

use crate::archive::{Archive, folders_with};
use crate::download::Ask;
use crate::error::Problem;
use crate::origin::{Origin, Place};
use crate::session::Session;

/// Where the archives are, as in the BEIR project's own table of datasets.
const ENDPOINT: &str = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets";

/// Fetches and opens the archive of dataset `name`.
pub(crate) fn open(name: &str, session: &mut Session<'_>) -> Result<Origin, Problem> {
    if session.options.offline {
        return Err(Problem::Unreachable("not asked: offline".into()));
    }
    let endpoint = session.options.variable("BITSWEEP_BEIR_ENDPOINT").unwrap_or(ENDPOINT).trim_end_matches('/');
    let url = format!("{endpoint}/{name}.zip");
    let folder = session.temporary()?;
    let path = folder.path().join("archive.zip");
    let ask = Ask { url: &url, name: &format!("{name}.zip"), token: None };
    let denied = |status: u16, _: &str| format!("{url} answered {status}: it may not be read");
    ask.download(&path, session).map_err(|trouble| trouble.problem(denied))?;
    let mut archive = Archive::open(&path, folder)?;
    let homes: Vec<String> = folders_with("corpus.jsonl", &archive.all()).into_iter().collect();
    let home = match homes.as_slice() {
        [home] => home,
        [] => return Err(Problem::Broken(format!("{url} holds no corpus.jsonl, so it is not a BEIR dataset"))),
        several => {
            let several = several.join(", ");
            return Err(Problem::Broken(format!(
                "{url} holds several datasets ({several}): unpack it and name one with file:"
            )));
        }
    };
    let names = archive.enter(home);
    Ok(Origin::new(None, names, Place::Archive(archive)))
}
