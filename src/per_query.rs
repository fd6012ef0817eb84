//! The values of cells query by query, read from where their measuring jobs left them.

use std::collections::BTreeSet;
use std::fs;

use bitsweep_proto::plan::PlannedCell;
use bitsweep_proto::{Digest, JobKey};
use bitsweep_report::per_query::{Measured, PerQuery, PerQueryTable};
use bitsweep_report::{Outcomes, PerQueries};
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
        read.push(Measured { cell: planned.cell.clone(), values: one(found, &item.blob).await? });
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
    let retrieval = found.plan.cells.iter().filter(|planned| planned.cell.is_retrieval());
    let keys: BTreeSet<JobKey> = retrieval.map(|planned| found.plan.jobs[planned.job as usize].key).collect();
    let blobs = keys.into_iter().filter_map(|key| {
        let item = outcomes.get(&key)?.produced.artifact.iter().find(|item| item.name == "per_query")?;
        Some((key, item.blob))
    });
    let read = stream::iter(blobs.collect::<Vec<_>>())
        .map(|(key, blob)| async move {
            match one(found, &blob).await {
                Ok(values) => Ok(Ok((key, values))),
                Err(failure) if failure.exit == Exit::Wrong => Ok(Err(failure.message)),
                Err(failure) => Err(failure),
            }
        })
        .buffer_unordered(READS_AT_A_TIME);
    let read: Vec<Result<(JobKey, PerQuery), String>> = read.try_collect().await?;
    let (values, lost): (Vec<_>, Vec<_>) = read.into_iter().partition(Result::is_ok);
    let lost: Vec<String> = lost.into_iter().filter_map(Result::err).collect();
    if let Some(first) = lost.iter().min() {
        let cells = print::count(lost.len(), "cell has", "cells have");
        eprintln!("note: {cells} no values by query, and no intervals in the report: {first}");
    }
    Ok(values.into_iter().filter_map(Result::ok).collect())
}

/// The values in one file.
async fn one(found: &Found, blob: &Digest) -> Result<PerQuery, Failure> {
    let file = found.place.blob(blob).await?;
    let text = fs::read_to_string(&*file).map_err(|error| Failure::wrong(format!("{}: {error}", file.display())))?;
    Ok(PerQuery::read(&text)?)
}
