//! `bitsweep report`: one HTML or Markdown file, with the plots beside it as SVG and PNG.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bitsweep_coordinator::End;
use bitsweep_coordinator::api::types::Decided;
use bitsweep_proto::{Action, JobKey, Plan, SweepId};
use bitsweep_report::geometry::Geometries;
use bitsweep_report::plot::{self, Figure};
use bitsweep_report::{Answers, Table, export, html, markdown};
use serde_json::json;

use crate::cli::ReportArgs;
use crate::exit::{Exit, Failure};
use crate::per_query;
use crate::place::{Place, Which};
use crate::print::{self, out};
use crate::queries;
use crate::sweep::{self, Found};

/// Where everything was written.
pub(crate) struct Written {
    /// The HTML file.
    pub(crate) page: PathBuf,
    /// The table as CSV.
    pub(crate) table: PathBuf,
}

pub(crate) async fn report(args: ReportArgs) -> Result<Exit, Failure> {
    if args.out.extension().is_some_and(|ending| ending == "yaml" || ending == "yml" || ending == "lock") {
        let out = args.out.display();
        return Err(Failure::wrong(format!(
            "{out}: this looks like a manifest or a lock; a report is not written over it"
        )));
    }
    let found = sweep::find(&args.sweep).await?;
    let failed = found.place.failures((&found.id, &found.plan)).await?;
    let plots = args.out.with_extension("plots");
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| failed_to_write(folder, &error))?;
    let manifest = args.sweep.sweep.as_deref().map(Path::new).filter(|path| path.is_file());
    let command = command(manifest, &args.out);
    write(&found, &failed, &command, (&args.out, &plots)).await?;
    reported(&found).await?;
    if args.json {
        out(&format!("{:#}\n", json!({ "report": args.out, "plots": plots, "sweep": found.id })))?;
    } else {
        out(&format!("report: {}\nplots:  {}\n", args.out.display(), plots.display()))?;
    }
    Ok(Exit::Done)
}

/// Table, report and plots of a run that has just ended, in `folder`.
pub(crate) async fn write_all(
    found: &Found,
    (manifest, folder): (&Path, &Path),
    end: &End,
) -> Result<Written, Failure> {
    let failed: BTreeMap<JobKey, String> = end.failed.iter().chain(&end.held).cloned().collect();
    fs::create_dir_all(folder).map_err(|error| failed_to_write(folder, &error))?;
    let (page, table) = (folder.join("report.html"), folder.join("table.csv"));
    let command = command(Some(manifest), &page);
    let (rows, geometries) = write(found, &failed, &command, (&page, &folder.join("report.plots"))).await?;
    let mut csv = Vec::new();
    export::csv(&rows, &mut csv)?;
    fs::write(&table, csv).map_err(|error| failed_to_write(&table, &error))?;
    if !geometries.all.is_empty() {
        let (file, mut csv) = (folder.join("geometry.csv"), Vec::new());
        export::csv(&geometries, &mut csv)?;
        fs::write(&file, csv).map_err(|error| failed_to_write(&file, &error))?;
    }
    reported(found).await?;
    Ok(Written { page, table })
}

/// Tells whoever schedules that there is a report: gates may wait for one.
async fn reported(found: &Found) -> Result<(), Failure> {
    let awaited = found.plan.gates.iter().any(|gate| gate.until.report.is_some());
    match &found.place {
        Place::Store(store) if awaited => drop(store.control(found.id, Action::Reported).await?),
        Place::Store(_) => {}
        Place::Api(client) => {
            client.tell::<Decided>(&format!("/api/v1/sweeps/{}/reported", found.id)).await?;
        }
    }
    Ok(())
}

/// The page and its plots; returns the tables that they show.
pub(crate) async fn write(
    found: &Found,
    failed: &BTreeMap<JobKey, String>,
    command: &str,
    (page, plots): (&Path, &Path),
) -> Result<(Table, Geometries), Failure> {
    let plan = &found.plan;
    // All outcomes, not only the measures: the report names the machines that made each step.
    let outcomes = found.place.outcomes((&found.id, plan), Which::All).await?;
    let per_query = per_query::all(found, &outcomes).await?;
    let answers = Answers::of(plan, &outcomes, &per_query)?;
    let texts = queries::shown(found, &answers).await?;
    let folder = plots.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (answers, texts) = (&answers, &texts);
    let report = html::Report { plan, outcomes: &outcomes, answers, texts, failed, command, plots: &folder };
    let as_markdown = page.extension().is_some_and(|ending| ending == "md");
    let text = if as_markdown { markdown::render(&report)? } else { html::render(&report)? };
    fs::write(page, text).map_err(|error| failed_to_write(page, &error))?;
    let table = Table::of(plan, &outcomes)?;
    print::withheld(&table);
    fs::create_dir_all(plots).map_err(|error| failed_to_write(plots, &error))?;
    for figure in Figure::all(&table, answers) {
        let svg = plot::svg(&figure)?;
        let name = figure.file_name();
        let (svg_file, png_file) = (plots.join(format!("{name}.svg")), plots.join(format!("{name}.png")));
        fs::write(&png_file, plot::png(&svg)?).map_err(|error| failed_to_write(&png_file, &error))?;
        fs::write(&svg_file, svg).map_err(|error| failed_to_write(&svg_file, &error))?;
    }
    Ok((table, Geometries::of(plan, &outcomes)))
}

/// What makes the report again, as one types it in the same folder.
fn command(manifest: Option<&Path>, page: &Path) -> String {
    let manifest = manifest.map_or("MANIFEST".to_owned(), quoted);
    format!("bitsweep run {manifest} && bitsweep report {manifest} --out {}", quoted(page))
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|c| c.is_alphanumeric() || "._-/+=:@%".contains(c));
    if plain && !text.is_empty() { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn failed_to_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::wrong(format!("failed to write {}: {error}", path.display()))
}

/// The name of a sweep's folder: readable and unique.
pub(crate) fn folder_name(id: &SweepId, plan: &Plan) -> String {
    format!("{}-{}", plan.name, id.0.short())
}
