//! `bitsweep report`: one HTML, Markdown or PDF file, with the plots beside it as SVG and PNG.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bitsweep_coordinator::End;
use bitsweep_coordinator::api::types::Decided;
use bitsweep_proto::{Action, JobKey, Plan, SweepId};
use bitsweep_report::codes::Inspections;
use bitsweep_report::geometry::Geometries;
use bitsweep_report::plot;
use bitsweep_report::similarity::Similarities;
use bitsweep_report::speed::Speeds;
use bitsweep_report::table::Tidy;
use bitsweep_report::{Answers, Table, export, html, markdown};
use serde_json::json;

use crate::cli::ReportArgs;
use crate::exit::{Exit, Failure};
use crate::place::{Place, Which};
use crate::print::{self, out};
use crate::sweep::{self, Found};
use crate::{ending, pdf, per_query, queries};

/// Where everything was written.
pub(crate) struct Written {
    /// The HTML file.
    pub(crate) page: PathBuf,
    /// The table as CSV.
    pub(crate) table: PathBuf,
}

pub(crate) async fn report(args: ReportArgs) -> Result<Exit, Failure> {
    if ending::is_of_a_manifest(&args.out) {
        let out = args.out.display();
        return Err(Failure::wrong(format!(
            "{out}: this looks like a manifest or a lock; a report is not written over it"
        )));
    }
    if pdf::is_pdf(&args.out) {
        // Before the long way to a page that nothing would print.
        pdf::browser()?;
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
    let tables = write(found, &failed, &command, (&page, &folder.join("report.plots"))).await?;
    put(&tables.results, &table)?;
    if !tables.geometries.all.is_empty() {
        put(&tables.geometries, &folder.join("geometry.csv"))?;
    }
    if !tables.codes.all.is_empty() {
        put(&tables.codes, &folder.join("codes.csv"))?;
    }
    if !tables.speeds.all.is_empty() {
        put(&tables.speeds, &folder.join("speed.csv"))?;
    }
    reported(found).await?;
    Ok(Written { page, table })
}

/// A table as CSV.
fn put(table: &impl Tidy, file: &Path) -> Result<(), Failure> {
    let mut csv = Vec::new();
    export::csv(table, &mut csv)?;
    fs::write(file, csv).map_err(|error| failed_to_write(file, &error))
}

/// The tables that a report shows.
pub(crate) struct Tables {
    results: Table,
    geometries: Geometries,
    codes: Inspections,
    speeds: Speeds,
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
) -> Result<Tables, Failure> {
    let plan = &found.plan;
    // All outcomes, not only the measures: the report names the machines that made each step.
    let outcomes = found.place.outcomes((&found.id, plan), Which::All).await?;
    let per_query = per_query::all(found, &outcomes).await?;
    let pairs = per_query::pairs(found, &outcomes).await?;
    let similarities = Similarities::of(plan, &outcomes, &pairs)?;
    let answers = Answers { similarities, ..Answers::of(plan, &outcomes, &per_query)? };
    let texts = queries::shown(found, &answers).await?;
    let folder = plots.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (answers, texts) = (&answers, &texts);
    let report = html::Report { plan, outcomes: &outcomes, answers, texts, failed, command, plots: &folder };
    let text = if ending::is_one_of(page, &["md"]) { markdown::render(&report)? } else { html::render(&report)? };
    let table = Table::of(plan, &outcomes)?;
    print::withheld(&table);
    // Plots first: a browser that fails does not cost them.
    fs::create_dir_all(plots).map_err(|error| failed_to_write(plots, &error))?;
    let (geometries, codes) = (Geometries::of(plan, &outcomes), Inspections::of(plan, &outcomes));
    for (name, svg) in plot::files((&table, &geometries, &codes), answers)? {
        draw(plots, &name, &svg)?;
    }
    if pdf::is_pdf(page) {
        pdf::print(&text, page).await?;
    } else {
        fs::write(page, text).map_err(|error| failed_to_write(page, &error))?;
    }
    Ok(Tables { results: table, geometries, codes, speeds: Speeds::of(plan, &outcomes) })
}

/// A plot as SVG and PNG.
fn draw(folder: &Path, name: &str, svg: &str) -> Result<(), Failure> {
    let (svg_file, png_file) = (folder.join(format!("{name}.svg")), folder.join(format!("{name}.png")));
    fs::write(&png_file, plot::png(svg)?).map_err(|error| failed_to_write(&png_file, &error))?;
    fs::write(&svg_file, svg).map_err(|error| failed_to_write(&svg_file, &error))
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
