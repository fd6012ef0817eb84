//! The report: one HTML file that needs nothing else, neither network nor scripts.
//!
//! Owns the page's content and looks. All names, texts and messages are escaped; a content policy in the page forbids
//! every request besides. Light and dark follow the reader's system; plots shrink with the page and tables scroll
//! inside their boxes, so that a phone can show it.

mod codes;
mod contrast;
mod draws;
mod failures;
mod geometry;
pub(crate) mod page;
mod relation;
mod rescoring;
mod setup;
mod similarity;
mod slopes;
mod speed;
mod truncated;

use std::collections::BTreeMap;

use bitsweep_proto::{JobKey, Plan};
use minijinja::Environment;

use crate::{Answers, Outcomes, ReportError};

/// Texts of queries: by dataset, then by id.
pub type Texts = BTreeMap<String, BTreeMap<String, String>>;

/// The page's frame.
const TEMPLATE: &str = include_str!("../../templates/report.html");
/// What it includes, by name.
const PARTS: [(&str, &str); 5] = [
    ("print.css", include_str!("../../templates/print.css")),
    ("hamming.html", include_str!("../../templates/hamming.html")),
    ("relation.html", include_str!("../../templates/relation.html")),
    ("similarity.html", include_str!("../../templates/similarity.html")),
    ("slopes.html", include_str!("../../templates/slopes.html")),
];

/// What a report is made from.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The newest outcome of each finished job.
    pub outcomes: &'a Outcomes,
    /// What codecs answer query by query and pair by pair; the default where that is not known: then there are no intervals.
    pub answers: &'a Answers,
    /// Texts of the queries of [`Answers::hard_queries`], as far as they are at hand.
    pub texts: &'a Texts,
    /// Jobs that failed, with what they say.
    pub failed: &'a BTreeMap<JobKey, String>,
    /// The command that makes this report, for readers who want to make it again: shown as it is given.
    pub command: &'a str,
    /// The folder of the plots' files, as the report may link to it.
    pub plots: &'a str,
}

/// Fills in the page. When and for how long jobs ran does not enter it; CPUs and hosts do, and times of searches where the sweep
/// measures them.
pub fn render(report: &Report<'_>) -> Result<String, ReportError> {
    let page = page::Page::of(report)?;
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    for (name, text) in PARTS {
        environment.add_template(name, text)?;
    }
    environment.add_template("report.html", TEMPLATE)?;
    Ok(environment.get_template("report.html")?.render(page)?)
}
