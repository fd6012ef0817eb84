//! `bitsweep export`: the results table for other programs, or the runs in TREC format.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use bitsweep_jobs::{run_file, texts};
use bitsweep_proto::lock::LockedDataset;
use bitsweep_proto::plan::{From, PlannedCell};
use bitsweep_proto::{Digest, Kind};
use bitsweep_report::geometry::Geometries;
use bitsweep_report::table::Tidy;
use bitsweep_report::{Table, export};

use crate::cli::{ExportArgs, Format};
use crate::exit::{Exit, Failure};
use crate::place::Which;
use crate::print;
use crate::sweep::{self, Found};

pub(crate) async fn export(args: ExportArgs) -> Result<Exit, Failure> {
    let found = sweep::find(&args.sweep).await?;
    let json = args.json.then_some(Format::Json);
    let format = args.format.or(json).unwrap_or_else(|| of_ending(args.out.as_deref()));
    if format == Format::Trec && args.geometry {
        return Err(Failure::wrong("trec is for runs; the geometry is written as csv, json or parquet"));
    }
    if format == Format::Trec {
        let folder = args
            .out
            .as_deref()
            .ok_or_else(|| Failure::wrong("trec is a folder of files: name it with --out FOLDER"))?;
        return trec(&found, folder).await;
    }
    let outcomes = found.place.outcomes((&found.id, &found.plan), Which::Measured).await?;
    if args.geometry {
        put(&Geometries::of(&found.plan, &outcomes), format, args.out.as_deref())?;
        return Ok(Exit::Done);
    }
    let table = Table::of(&found.plan, &outcomes)?;
    put(&table, format, args.out.as_deref())?;
    print::withheld(&table);
    if table.missing > 0 {
        eprintln!(
            "note: {} of {} cells have no result yet and no rows; see `bitsweep status`",
            table.missing, table.cells
        );
    }
    Ok(Exit::Done)
}

/// Writes a table into the file, or to standard output.
fn put(table: &impl Tidy, format: Format, path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else {
        let mut bytes = Vec::new();
        write(table, format, &mut bytes)?;
        return print::out_bytes(&bytes);
    };
    let mut file = BufWriter::new(create(path)?);
    write(table, format, &mut file)?;
    file.flush().map_err(|error| Failure::wrong(format!("{}: {error}", path.display())))
}

fn of_ending(path: Option<&Path>) -> Format {
    match path.and_then(Path::extension).and_then(|ending| ending.to_str()) {
        Some("json") => Format::Json,
        Some("parquet") => Format::Parquet,
        _ => Format::Csv,
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml" || ending == "lock") {
        return Err(Failure::wrong(format!(
            "{}: this looks like a manifest or a lock; a table is not written over it",
            path.display()
        )));
    }
    File::create(path).map_err(|error| Failure::wrong(format!("{}: {error}", path.display())))
}

fn write(table: &impl Tidy, format: Format, out: &mut (impl Write + Send)) -> Result<(), Failure> {
    match format {
        Format::Csv => export::csv(table, out)?,
        Format::Json => export::json(table, out)?,
        Format::Parquet => export::parquet(table, out)?,
        Format::Trec => return Err(Failure::wrong("trec is a folder of files: name it with --out FOLDER")),
    }
    Ok(())
}

/// One run file per cell and one qrels file per dataset.
async fn trec(found: &Found, folder: &Path) -> Result<Exit, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::wrong(format!("{}: {error}", folder.display())))?;
    let mut missing = 0;
    // Ids of documents and queries, read once for each dataset.
    let mut ids: BTreeMap<&str, (Vec<String>, Vec<String>)> = BTreeMap::new();
    let outcomes = found.place.outcomes((&found.id, &found.plan), Which::Measured).await?;
    let missed = bitsweep_report::missed(&found.plan, &outcomes);
    for missed in &missed {
        eprintln!("note: {missed}");
    }
    let retrieval = found.plan.cells.iter().filter(|planned| planned.cell.is_retrieval());
    for planned in retrieval.filter(|planned| !missed.iter().any(|missed| missed.withholds(&planned.cell))) {
        let Some(run) = run_of(found, planned).await? else {
            missing += 1;
            continue;
        };
        let run = run_file::read(&found.place.blob(&run).await?).map_err(job_failure)?;
        let name = planned.cell.dataset();
        if !ids.contains_key(name) {
            let dataset = dataset(found, planned)?;
            let documents = texts::ids(&found.place.blob(&dataset.document_ids.sha256).await?).map_err(job_failure)?;
            let queries = texts::row_ids(&found.place.blob(&dataset.queries.sha256).await?).map_err(job_failure)?;
            ids.insert(name, (documents, queries));
        }
        let (ids, queries) = &ids[name];
        let lists = run.lists().zip(queries).map(|((documents, scores), query)| {
            let hits = documents.iter().zip(scores).map(|(document, score)| (ids[*document as usize].as_str(), *score));
            (query.as_str(), hits.collect())
        });
        export::trec_run(folder, &planned.cell, lists)?;
    }
    let datasets: BTreeSet<&str> = found.plan.cells.iter().map(|planned| planned.cell.dataset()).collect();
    for name in datasets {
        let Some(dataset) = found.plan.lock.datasets.get(name) else { continue };
        let judgements = texts::judgements(&found.place.blob(&dataset.qrels.sha256).await?).map_err(job_failure)?;
        let rows = judgements.iter().map(|row| (row.query.as_str(), row.document.as_str(), i64::from(row.score)));
        export::trec_qrels(folder, name, rows)?;
    }
    if missing > 0 {
        eprintln!(
            "note: {} no result yet and no run; see `bitsweep status`",
            print::count(missing, "cell has", "cells have")
        );
    }
    Ok(Exit::Done)
}

fn dataset<'f>(found: &'f Found, planned: &PlannedCell) -> Result<&'f LockedDataset, Failure> {
    let name = planned.cell.dataset();
    found.plan.lock.datasets.get(name).ok_or_else(|| Failure::wrong(format!("the plan's lock has no dataset {name:?}")))
}

/// The run that a cell's measures were taken from.
async fn run_of(found: &Found, planned: &PlannedCell) -> Result<Option<Digest>, Failure> {
    let run = found.plan.jobs[planned.job as usize].inputs.iter().find_map(|input| match input.from {
        From::Job(job) if input.name == "run" => Some(job),
        From::Job(_) | From::Blob(_) => None,
    });
    let Some(job) = run.map(|job| &found.plan.jobs[job as usize]).filter(|job| job.spec.kind() == Kind::Retrieve)
    else {
        return Ok(None);
    };
    let (outcome, _) = found.place.job(job.key).await?;
    Ok(outcome
        .and_then(|outcome| outcome.produced.artifact.iter().find(|item| item.name == "run").map(|item| item.blob)))
}

fn job_failure(error: bitsweep_jobs::JobError) -> Failure {
    Failure::wrong(crate::exit::chain(&error))
}
