//! A reproducibility pack: what its texts say. The command puts the files side by side; see `docs/export.md`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bitsweep_proto::digest::Hasher;
use bitsweep_proto::{Kind, Plan, Profile};
use serde_json::json;

use crate::number::grouped;
use crate::{Outcomes, ReportError, Table, makers};

/// Version of the pack's layout: names and meaning of its files.
pub const PACK_VERSION: u32 = 1;

/// The manifest in a pack. Its lock stands beside it, as `bitsweep run` looks for it.
pub const MANIFEST: &str = "manifest.yaml";

/// The file of checksums in a pack.
pub const SUMS: &str = "SHA256SUMS";

/// A sweep that is packed.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// All its outcomes.
    pub outcomes: &'a Outcomes,
    /// The table of them.
    pub table: &'a Table,
}

/// What a file or folder of a pack is, by its name, in the order of the README.
const CONTENTS: &[(&str, &str)] = &[
    (MANIFEST, "the manifest as it was submitted"),
    ("manifest.yaml.lock", "what its sources turned out to be: revisions, sizes, SHA-256"),
    ("results.csv", "the results table: one row for each cell and measure"),
    ("results.parquet", "the same"),
    ("per_query.parquet", "one row for each cell, measure and query"),
    ("geometry.csv", "the geometry of the embeddings"),
    ("geometry.parquet", "the same"),
    ("codes.csv", "what the binary codes are like, and Hamming distances beside theory"),
    ("codes.parquet", "the same"),
    ("speed.csv", "how long searches took on the machines that ran them"),
    ("speed.parquet", "the same"),
    ("runs", "TREC runs, one for each cell, and judgements"),
    ("report.html", "the report, for a browser"),
    ("report.plots", "its plots as SVG and PNG"),
    ("pack.json", "this page for programs"),
];

/// `README.md` of a pack whose files lie in `folder`.
pub fn pack_readme(packed: Packed<'_>, folder: &Path) -> String {
    let Packed { plan, outcomes, table } = packed;
    let mut text = format!("# Reproducibility pack: {}\n\nSweep `{}`. {}\n", plan.name, plan.id(), progress(table));
    text += "\n## What is here\n\n| file | what it is |\n|---|---|\n";
    for (name, what) in CONTENTS.iter().filter(|(name, _)| *name == "pack.json" || folder.join(name).exists()) {
        let _ = writeln!(text, "| `{name}` | {what} |");
    }
    let _ = writeln!(text, "| `{SUMS}` | checksums of all other files: `sha256sum --check {SUMS}` |");
    text += &again(plan, folder);
    text += &sources(plan);
    text += "\n## Numerics profiles\n\nThey decide the bits of embeddings, and of Faiss's indexes and scores; all else is exact.\n\n";
    text += "| of | device | precision | kernels | self-test |\n|---|---|---|---|---|\n";
    for (of, profile) in [("encoder", &plan.profiles.encoder), ("search", &plan.profiles.search)] {
        let Profile { device, precision, kernels, self_test } = profile;
        let _ = writeln!(text, "| {of} | {device} | {precision} | {kernels} | `{self_test}` |");
    }
    text += "\n## Machines that made it\n\n| bitsweep | CPU | host | jobs |\n|---|---|---|---|\n";
    for maker in makers(plan, outcomes) {
        let [version, cpu, host] = [&maker.version, &maker.cpu, &maker.host].map(|name| cell(name));
        let _ = writeln!(text, "| {version} | {cpu} | {host} | {} |", grouped(maker.jobs));
    }
    text
}

/// How much of the sweep is there.
fn progress(table: &Table) -> String {
    let done = table.cells - table.missing;
    let mut text = format!("{done} of {} cells have a result.", table.cells);
    if table.withheld > 0 {
        let _ = writeln!(text, " {} of them are withheld:", table.withheld);
        for missed in &table.missed {
            let _ = write!(text, "\n- {missed}");
        }
    }
    text
}

/// The commands that repeat it, and what comes out the same.
fn again(plan: &Plan, folder: &Path) -> String {
    let versions: Vec<String> = versions(plan).iter().map(|(kind, version)| format!("{kind} {version}")).collect();
    let runs = if folder.join("runs").exists() { " --runs" } else { "" };
    let mut tables = "results.csv results.parquet per_query.parquet".to_owned();
    for table in ["geometry.csv", "codes.csv"].into_iter().filter(|table| folder.join(table).exists()) {
        let _ = write!(tables, " {table}");
    }
    let times = if folder.join("speed.csv").exists() {
        " Nor are the times in `speed.csv` and `speed.parquet` the same: they are measured anew."
    } else {
        ""
    };
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "\n## To make it again\n\nWith bitsweep {version} (code versions: {}), in this folder:\n\n```\nsha256sum --check {SUMS}\n\
         mkdir again && cp {MANIFEST} {MANIFEST}.lock again/ && cd again\nbitsweep run {MANIFEST}\n\
         bitsweep export {MANIFEST} --pack pack{runs}\nfor file in {tables}; do cmp ../$file pack/$file; done\n```\n\n\
         `cmp` says nothing where a file is the same. On machines of the numerics profiles below, the same byte for byte are: \
         manifest, lock, results, values by query, geometry, codes, runs, and with the same version of bitsweep the plots, however many \
         machines took part and whatever was interrupted. Not the same: this page, `pack.json`, `report.html` and so `{SUMS}` name \
         the machines.{times} Packed twice from one store, everything is the same. With other profiles the id of the sweep is another, \
         and numbers may differ by what rounding moves.\n",
        versions.join(", ")
    )
}

/// The kinds of job in the plan with the versions of their code.
fn versions(plan: &Plan) -> Vec<(&'static str, u32)> {
    let used = |kind: &Kind| plan.jobs.iter().any(|job| job.spec.kind() == *kind);
    Kind::ALL.into_iter().filter(used).map(|kind| (kind.name(), kind.code_version())).collect()
}

/// Where models and datasets came from. A folder is looked for from where the manifest lies.
fn sources(plan: &Plan) -> String {
    let mut text =
        "\n## Sources\n\nThe lock holds their checksums; other content is refused. What begins with `file:` must lie \
                    where it says, as seen from the manifest (above: from `again`).\n\n| name | source | revision |\n|---|---|---|\n"
            .to_owned();
    for (name, model) in &plan.lock.models {
        let revision = model.revision.as_deref().unwrap_or("–");
        let _ = writeln!(text, "| {} | `{}` | {revision} |", cell(name), model.source);
    }
    for (name, dataset) in &plan.lock.datasets {
        let _ = writeln!(text, "| {} | `{}`, split {} | – |", cell(name), dataset.source, dataset.split);
        for run in dataset.sample.iter().flat_map(|sample| &sample.pool) {
            let _ =
                writeln!(text, "| {}, run of its sample | `{}`, SHA-256 `{}` | – |", cell(name), run.name, run.sha256);
        }
    }
    for (name, pairs) in &plan.lock.similarity {
        let splits = format!("splits {} and {}", pairs.split, pairs.fit);
        let _ = writeln!(text, "| {} | `{}`, {splits} | – |", cell(name), pairs.source);
    }
    for (name, labelled) in &plan.lock.classification {
        let splits = format!("splits {} and {}", labelled.split, labelled.fit);
        let _ = writeln!(text, "| {} | `{}`, {splits} | – |", cell(name), labelled.source);
    }
    text
}

/// A name in a table of Markdown.
fn cell(name: &str) -> String {
    name.replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// `pack.json`.
pub fn pack_json(packed: Packed<'_>) -> String {
    let Packed { plan, outcomes, table } = packed;
    let missed: Vec<String> = table.missed.iter().map(ToString::to_string).collect();
    let versions: serde_json::Map<String, serde_json::Value> =
        versions(plan).into_iter().map(|(kind, version)| (kind.to_owned(), version.into())).collect();
    let value = json!({
        "pack": PACK_VERSION,
        "sweep": plan.id().to_string(),
        "name": plan.name,
        "bitsweep": env!("CARGO_PKG_VERSION"),
        "measures": plan.measures,
        "cells": table.cells,
        "missing": table.missing,
        "withheld": table.withheld,
        "missed": missed,
        "code_versions": versions,
        "profiles": plan.profiles,
        "makers": makers(plan, outcomes),
    });
    format!("{value:#}\n")
}

/// `SHA256SUMS` of all files below `folder`, but for such a file itself: a line for each, by name, as `sha256sum` reads it.
pub fn pack_sums(folder: &Path) -> Result<String, ReportError> {
    let mut names = Vec::new();
    list(folder, Path::new(""), &mut names).map_err(ReportError::write(SUMS))?;
    names.sort();
    let mut text = String::new();
    for name in names.iter().filter(|name| *name != SUMS) {
        let mut hasher = Hasher::new();
        let hash = |mut file| io::copy(&mut file, &mut hasher);
        File::open(folder.join(name)).and_then(hash).map_err(ReportError::write(SUMS))?;
        let _ = writeln!(text, "{}  {name}", hasher.finish());
    }
    Ok(text)
}

/// Names of all files below `folder`, with `/`.
fn list(folder: &Path, below: &Path, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder.join(below))? {
        let entry = entry?;
        let name: PathBuf = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(folder, &name, names)?;
        } else {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(())
}
