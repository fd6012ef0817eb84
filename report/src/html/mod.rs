//! The report: one HTML file that needs nothing else, neither network nor scripts.
//!
//! Owns the page's content and looks. All names, texts and messages are escaped; a content policy in the page forbids
//! every request besides. Light and dark follow the reader's system; plots shrink with the page and tables scroll
//! inside their boxes, so that a phone can show it.

mod contrast;
mod failures;
mod geometry;
pub(crate) mod page;
mod rescoring;
mod setup;

use std::collections::BTreeMap;

use bitsweep_proto::{JobKey, Plan};
use minijinja::Environment;

use crate::{Answers, Outcomes, ReportError};

/// Texts of queries: by dataset, then by id.
pub type Texts = BTreeMap<String, BTreeMap<String, String>>;

/// The page's frame.
const TEMPLATE: &str = include_str!("../../templates/report.html");

/// What a report is made from.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The newest outcome of each finished job.
    pub outcomes: &'a Outcomes,
    /// What codecs answer query by query; the default where that is not known: then there are no intervals.
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

/// Fills in the page. Times do not enter it; CPUs and hosts do.
pub fn render(report: &Report<'_>) -> Result<String, ReportError> {
    let page = page::Page::of(report)?;
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.add_template("report.html", TEMPLATE)?;
    Ok(environment.get_template("report.html")?.render(page)?)
}
