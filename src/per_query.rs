//! The values of cells query by query, and the scores of pairs, read from where their jobs left them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use bitsweep_proto::plan::PlannedCell;
use bitsweep_proto::{Digest, JobKey};
use bitsweep_report::per_query::{Measured, PerQuery, PerQueryTable};
use bitsweep_report::similarity::{PairScores, PairsByJob};
use bitsweep_report::{Outcomes, PerQueries, ReportError};
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::exit::{Exit, Failure};
use crate::print;
use crate::sweep::Found;

/// Files read at a time.
const READS_AT_A_TIME: usize = 16;

/// The values of `cells`, in their order, and how many of them have none yet. What a parity gate withholds is the caller's
/// business.
pub(crate) async fn read<'p>(
    found: &Found,
    outcomes: &Outcomes,
    cells: impl IntoIterator<Item = &'p PlannedCell>,
) -> Result<(Vec<Measured>, usize), Failure> {
    let (mut read, mut missing) = (Vec::new(), 0);
    for planned in cells {
        let outcome = outcomes.get(&found.plan.jobs[planned.job as usize].key);
        let item = outcome.and_then(|outcome| outcome.produced.artifact.iter().find(|item| item.name == "per_query"));
        let Some(item) = item else {
            missing += 1;
            continue;
        };
        read.push(Measured { cell: planned.cell.clone(), values: one(found, &item.blob, PerQuery::read).await? });
    }
    Ok((read, missing))
}

/// The values of every retrieval cell that has any and that no parity gate withholds.
pub(crate) async fn shown(found: &Found, outcomes: &Outcomes) -> Result<Vec<Measured>, Failure> {
    let missed = bitsweep_report::missed(&found.plan, outcomes);
    let retrieval = found.plan.cells.iter().filter(|planned| planned.cell.is_retrieval());
    let cells = retrieval.filter(|planned| !missed.iter().any(|missed| missed.withholds(&planned.cell)));
    Ok(read(found, outcomes, cells).await?.0)
}

/// Those as a table.
pub(crate) async fn table(found: &Found, outcomes: &Outcomes) -> Result<PerQueryTable, Failure> {
    Ok(PerQueryTable { cells: shown(found, outcomes).await?, measures: found.plan.measures.clone() })
}

/// The values of all cells that have results. Where a file is damaged or lost the cell is left out, and that is said: a report
/// is worth having without it.
pub(crate) async fn all(found: &Found, outcomes: &Outcomes) -> Result<PerQueries, Failure> {
    let (values, lost) = left(found, outcomes, ("per_query", PerQuery::read)).await?;
    if let Some(first) = lost.iter().min() {
        let cells = print::count(lost.len(), "cell has", "cells have");
        eprintln!("note: {cells} no values by query, and no intervals in the report: {first}");
    }
    Ok(values)
}

/// The same of the scores of pairs.
pub(crate) async fn pairs(found: &Found, outcomes: &Outcomes) -> Result<PairsByJob, Failure> {
    let (scores, lost) = left(found, outcomes, ("pairs", PairScores::read)).await?;
    if let Some(first) = lost.iter().min() {
        let cells = print::count(lost.len(), "cell has", "cells have");
        eprintln!("note: {cells} no scores of pairs, and no intervals in the report: {first}");
    }
    Ok(scores)
}

/// How a file is read.
type Read<T> = fn(&str) -> Result<T, ReportError>;

/// What the jobs of cells left under this name, and of files that cannot be read what is wrong with them.
async fn left<T>(
    found: &Found,
    outcomes: &Outcomes,
    (name, read): (&str, Read<T>),
) -> Result<(BTreeMap<JobKey, T>, Vec<String>), Failure> {
    let retrieval = found.plan.cells.iter().filter(|planned| planned.cell.is_retrieval());
    let keys: BTreeSet<JobKey> = retrieval.map(|planned| found.plan.jobs[planned.job as usize].key).collect();
    let blobs = keys.into_iter().filter_map(|key| {
        let item = outcomes.get(&key)?.produced.artifact.iter().find(|item| item.name == name)?;
        Some((key, item.blob))
    });
    let files = stream::iter(blobs.collect::<Vec<_>>())
        .map(|(key, blob)| async move {
            match one(found, &blob, read).await {
                Ok(values) => Ok(Ok((key, values))),
                Err(failure) if failure.exit == Exit::Wrong => Ok(Err(failure.message)),
                Err(failure) => Err(failure),
            }
        })
        .buffer_unordered(READS_AT_A_TIME);
    let files: Vec<Result<(JobKey, T), String>> = files.try_collect().await?;
    let (values, lost): (Vec<_>, Vec<_>) = files.into_iter().partition(Result::is_ok);
    let lost = lost.into_iter().filter_map(Result::err).collect();
    Ok((values.into_iter().filter_map(Result::ok).collect(), lost))
}

/// What one file holds.
async fn one<T>(found: &Found, blob: &Digest, read: Read<T>) -> Result<T, Failure> {
    let file = found.place.blob(blob).await?;
    let text = fs::read_to_string(&*file).map_err(|error| Failure::wrong(format!("{}: {error}", file.display())))?;
    Ok(read(&text)?)
}
