//! `bitsweep export`: the results table for other programs, values by query, the geometry, what binary codes are like, the
//! time of searches, the runs in TREC format, or a pack of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use bitsweep_jobs::{run_file, texts};
use bitsweep_proto::lock::LockedDataset;
use bitsweep_proto::plan::{From, PlannedCell, PlannedJob};
use bitsweep_proto::{Digest, Kind, Plan, Study};
use bitsweep_report::codes::Inspections;
use bitsweep_report::geometry::Geometries;
use bitsweep_report::speed::Speeds;
use bitsweep_report::table::Tidy;
use bitsweep_report::{Outcomes, Table, export};

use crate::cli::{ExportArgs, Format};
use crate::exit::{Exit, Failure};
use crate::place::Which;
use crate::sweep::{self, Found};
use crate::{ending, pack, per_query, print};

pub(crate) async fn export(args: ExportArgs) -> Result<Exit, Failure> {
    if let Some(folder) = &args.pack {
        return pack::pack(&args, folder).await;
    }
    let found = sweep::find(&args.sweep).await?;
    let json = args.json.then_some(Format::Json);
    let format = args.format.or(json).unwrap_or_else(|| of_ending(args.out.as_deref()));
    if format == Format::Trec && (args.geometry || args.codes || args.speed || args.per_query) {
        return Err(Failure::wrong("trec is for runs; all other tables are written as csv, json or parquet"));
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
        lacking(&found.plan, &outcomes, (Study::Geometry, "geometry: true"));
        return Ok(Exit::Done);
    }
    if args.codes {
        put(&Inspections::of(&found.plan, &outcomes), format, args.out.as_deref())?;
        lacking(&found.plan, &outcomes, (Study::Codes, "codes: true"));
        return Ok(Exit::Done);
    }
    if args.speed {
        put(&Speeds::of(&found.plan, &outcomes), format, args.out.as_deref())?;
        lacking(&found.plan, &outcomes, (Study::Speed, "speed: {}"));
        return Ok(Exit::Done);
    }
    let table = Table::of(&found.plan, &outcomes)?;
    if args.per_query {
        put(&per_query::table(&found, &outcomes).await?, format, args.out.as_deref())?;
    } else {
        put(&table, format, args.out.as_deref())?;
    }
    print::withheld(&table);
    print::missing(&table);
    Ok(Exit::Done)
}

/// Says on standard error what the table of a study lacks, or that the manifest does not ask for it.
fn lacking(plan: &Plan, outcomes: &Outcomes, (study, asked): (Study, &str)) {
    let cells: Vec<&PlannedCell> = plan.cells.iter().filter(|planned| planned.cell.study() == Some(study)).collect();
    let is_missing = |planned: &&&PlannedCell| !outcomes.contains_key(&plan.jobs[planned.job as usize].key);
    if cells.is_empty() {
        eprintln!("note: the manifest does not say `{asked}`, so the table has no rows");
    }
    print::missing_of(cells.iter().filter(is_missing).count(), cells.len());
}

/// Writes a table into the file, or to standard output.
pub(crate) fn put(table: &impl Tidy, format: Format, path: Option<&Path>) -> Result<(), Failure> {
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
    let is = |name: &str| path.is_some_and(|path| ending::is_one_of(path, &[name]));
    if is("json") {
        Format::Json
    } else if is("parquet") {
        Format::Parquet
    } else {
        Format::Csv
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    if ending::is_of_a_manifest(path) {
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

/// One run file per cell, one qrels file per dataset, and the ids of the documents of a dataset that is a sample.
pub(crate) async fn trec(found: &Found, folder: &Path) -> Result<Exit, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::wrong(format!("{}: {error}", folder.display())))?;
    let mut missing = 0;
    // Ids of documents and queries, read once for each dataset.
    let mut ids: BTreeMap<&str, (Vec<String>, Vec<String>)> = BTreeMap::new();
    let outcomes = found.place.outcomes((&found.id, &found.plan), Which::Measured).await?;
    let missed = bitsweep_report::missed(&found.plan, &outcomes);
    for missed in &missed {
        eprintln!("note: {missed}");
    }
    let is_of_pairs = |planned: &&PlannedCell| found.plan.lock.similarity.contains_key(planned.cell.dataset());
    let pairs = found.plan.cells.iter().filter(is_of_pairs).count();
    if pairs > 0 {
        let cells = print::count(pairs, "cell is of pairs of sentences", "cells are of pairs of sentences");
        eprintln!("note: {cells}: pairs have no ranking, so there is no run");
    }
    let is_of_labels = |planned: &&PlannedCell| found.plan.lock.classification.contains_key(planned.cell.dataset());
    let labelled = found.plan.cells.iter().filter(is_of_labels).count();
    if labelled > 0 {
        let cells = print::count(labelled, "cell is of labelled texts", "cells are of labelled texts");
        eprintln!("note: {cells}: they have labels and no judgements, so their runs are left out");
    }
    let is_ranking = |planned: &&PlannedCell| !is_of_pairs(planned) && !is_of_labels(planned);
    let retrieval = found.plan.cells.iter().filter(|planned| planned.cell.is_retrieval() && is_ranking(planned));
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
        if dataset.sample.is_some() {
            let ids = texts::ids(&found.place.blob(&dataset.document_ids.sha256).await?).map_err(job_failure)?;
            export::trec_ids(folder, name, &ids)?;
        }
    }
    if missing > 0 {
        eprintln!(
            "note: {} no result yet and no run; see `bitsweep status`",
            print::count(missing, "cell has", "cells have")
        );
    }
    Ok(Exit::Done)
}

/// What the lock says of a cell's dataset.
pub(crate) fn dataset<'f>(found: &'f Found, planned: &PlannedCell) -> Result<&'f LockedDataset, Failure> {
    let name = planned.cell.dataset();
    found.plan.lock.datasets.get(name).ok_or_else(|| Failure::wrong(format!("the plan's lock has no dataset {name:?}")))
}

/// The run that a cell's measures were taken from.
pub(crate) async fn run_of(found: &Found, planned: &PlannedCell) -> Result<Option<Digest>, Failure> {
    let Some(job) = run_job(found, planned) else { return Ok(None) };
    let (outcome, _) = found.place.job(job.key).await?;
    Ok(outcome
        .and_then(|outcome| outcome.produced.artifact.iter().find(|item| item.name == "run").map(|item| item.blob)))
}

/// The search that made the run of a cell; `None` where none did, or where its documents were ranked again.
pub(crate) fn retrieving<'f>(found: &'f Found, planned: &PlannedCell) -> Option<&'f PlannedJob> {
    run_job(found, planned).filter(|job| job.spec.kind() == Kind::Retrieve)
}

/// The job that made the run of a cell.
fn run_job<'f>(found: &'f Found, planned: &PlannedCell) -> Option<&'f PlannedJob> {
    let run = found.plan.jobs[planned.job as usize].inputs.iter().find_map(|input| match input.from {
        From::Job(job) if input.name == "run" => Some(job),
        From::Job(_) | From::Blob(_) => None,
    });
    run.map(|job| &found.plan.jobs[job as usize])
}

/// A stored file that cannot be read as what it should be.
pub(crate) fn job_failure(error: bitsweep_jobs::JobError) -> Failure {
    Failure::wrong(crate::exit::chain(&error))
}
