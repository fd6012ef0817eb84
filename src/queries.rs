//! The texts of queries.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use bitsweep_proto::lock::LockedFile;
use bitsweep_report::Answers;
use bitsweep_report::html::Texts;
use serde_json::Value;

use crate::exit::{Exit, Failure};
use crate::sweep::Found;

/// The texts of the queries that a report shows; none of a dataset whose file is damaged or lost, which is said.
pub(crate) async fn shown(found: &Found, answers: &Answers) -> Result<Texts, Failure> {
    let mut shown = Texts::new();
    for (name, wanted) in answers.hard_queries() {
        if let Some(file) = found.plan.lock.queries(name).filter(|_| !wanted.is_empty()) {
            match texts(found, file, &wanted).await {
                Ok(texts) => drop(shown.insert(name.to_owned(), texts)),
                Err(failure) if failure.exit == Exit::Wrong => {
                    eprintln!("note: the report shows no texts of queries of {name}: {}", failure.message);
                }
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(shown)
}

/// The texts of some queries of a dataset with this file of them, by id.
pub(crate) async fn texts(
    found: &Found,
    queries: &LockedFile,
    wanted: &BTreeSet<&str>,
) -> Result<BTreeMap<String, String>, Failure> {
    let file = found.place.blob(&queries.sha256).await?;
    let lines = fs::read_to_string(&*file).map_err(|error| Failure::wrong(format!("{}: {error}", file.display())))?;
    let mut texts = BTreeMap::new();
    for line in lines.lines() {
        let Ok(query) = serde_json::from_str::<Value>(line) else { continue };
        if let (Some(id), Some(text)) = (query["_id"].as_str(), query["text"].as_str())
            && wanted.contains(id)
        {
            texts.entry(id.to_owned()).or_insert_with(|| text.to_owned());
        }
    }
    Ok(texts)
}
