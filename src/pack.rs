//! `bitsweep export --pack`: a folder with all that is needed to check and repeat a sweep.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use bitsweep_report::Table;
use bitsweep_report::codes::Inspections;
use bitsweep_report::export::{self, Packed};
use bitsweep_report::geometry::Geometries;
use bitsweep_report::speed::Speeds;
use bitsweep_report::table::Tidy;

use crate::cli::{ExportArgs, Format};
use crate::exit::{Exit, Failure};
use crate::export::{put, trec};
use crate::place::Which;
use crate::sweep::{self, Found};
use crate::{per_query, prepare, print, report};

/// Writes the pack beside the folder's place and moves it there in one step: a pack that is there is whole.
pub(crate) async fn pack(args: &ExportArgs, folder: &Path) -> Result<Exit, Failure> {
    let half = new_folder(folder)?;
    let found = sweep::find(&args.sweep).await?;
    fs::create_dir_all(&half).map_err(|error| failed(&half, &error))?;
    let written = match fill(&found, args, &half).await {
        Ok(table) => fs::rename(&half, folder).map_err(|error| failed(folder, &error)).map(|()| table),
        Err(failure) => Err(failure),
    };
    if written.is_err() {
        let _ = fs::remove_dir_all(&half);
    }
    let table = written?;
    print::missing(&table);
    print::out(&format!("pack: {}\n", folder.display()))?;
    Ok(Exit::Done)
}

/// Where a pack is written before it is moved to `folder`, which must be new or empty.
fn new_folder(folder: &Path) -> Result<PathBuf, Failure> {
    let shown = folder.display();
    let name = folder.file_name().ok_or_else(|| Failure::wrong(format!("--pack {shown}: name a new folder")))?;
    let text = name.to_string_lossy();
    for (ending, command) in [
        (".tar.gz", "tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -czf"),
        (".tgz", "tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -czf"),
        (".zip", "zip -X -r"),
    ] {
        if let Some(stem) = text.strip_suffix(ending) {
            let at = folder.with_file_name(stem);
            let at = at.display();
            return Err(Failure::wrong(format!(
                "{shown}: a pack is a folder. Write it, then put it into an archive:\n  bitsweep export … --pack {at}\n  \
                 {command} {shown} {at}"
            )));
        }
    }
    if folder.is_file() || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::wrong(format!(
            "{shown} is there already: a pack holds nothing but what its checksums name. Name another folder, or remove this one"
        )));
    }
    let mut half = OsString::from(".");
    half.push(name);
    half.push(format!(".{}", std::process::id()));
    Ok(folder.with_file_name(half))
}

/// All files of the pack; returns the table.
async fn fill(found: &Found, args: &ExportArgs, folder: &Path) -> Result<Table, Failure> {
    let plan = &found.plan;
    let outcomes = found.place.outcomes((&found.id, plan), Which::All).await?;
    let table = Table::of(plan, &outcomes)?;
    let manifest = folder.join(export::MANIFEST);
    write(&manifest, &plan.manifest)?;
    write(&prepare::lock_path(&manifest), &bitsweep_sources::write_lock(&plan.lock))?;
    both(&table, &folder.join("results"))?;
    let by_query = per_query::table(found, &outcomes).await?;
    put(&by_query, Format::Parquet, Some(&folder.join("per_query.parquet")))?;
    let geometries = Geometries::of(plan, &outcomes);
    if !geometries.all.is_empty() {
        both(&geometries, &folder.join("geometry"))?;
    }
    let codes = Inspections::of(plan, &outcomes);
    if !codes.all.is_empty() {
        both(&codes, &folder.join("codes"))?;
    }
    let speeds = Speeds::of(plan, &outcomes);
    if !speeds.all.is_empty() {
        both(&speeds, &folder.join("speed"))?;
    }
    if args.runs {
        trec(found, &folder.join("runs")).await?;
    }
    if args.no_report {
        print::withheld(&table);
    } else {
        let failures = found.place.failures((&found.id, plan)).await?;
        let page = folder.join("report.html");
        let command = format!("bitsweep run {0} && bitsweep report {0} --out report.html", export::MANIFEST);
        report::write(found, &failures, &command, (&page, &page.with_extension("plots"))).await?;
    }
    let packed = Packed { plan, outcomes: &outcomes, table: &table };
    write(&folder.join("README.md"), &export::pack_readme(packed, folder))?;
    write(&folder.join("pack.json"), &export::pack_json(packed))?;
    write(&folder.join(export::SUMS), &export::pack_sums(folder)?)?;
    Ok(table)
}

/// A table as CSV and as Parquet.
fn both(table: &impl Tidy, stem: &Path) -> Result<(), Failure> {
    put(table, Format::Csv, Some(&stem.with_extension("csv")))?;
    put(table, Format::Parquet, Some(&stem.with_extension("parquet")))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::wrong(format!("failed to write {}: {error}", path.display()))
}
