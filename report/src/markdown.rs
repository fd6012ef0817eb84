//! The report as Markdown, for repositories and papers: what the page says, with links to the plots' files in place of the plots.
//!
//! Owns the text's form. All names, texts and messages are escaped, so that they stay text; nothing but the links leads out of it.

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, Output, State};

use crate::ReportError;
use crate::html::Report;
use crate::html::page::Page;

/// The frame.
const TEMPLATE: &str = include_str!("../templates/report.md");
/// What it includes, by name.
const PARTS: [(&str, &str); 4] = [
    ("hamming.md", include_str!("../templates/hamming.md")),
    ("relation.md", include_str!("../templates/relation.md")),
    ("similarity.md", include_str!("../templates/similarity.md")),
    ("slopes.md", include_str!("../templates/slopes.md")),
];

/// Fills in the text. What enters it is what enters the page of [`crate::html::render`].
pub fn render(report: &Report<'_>) -> Result<String, ReportError> {
    let page = Page::of(report)?;
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("markdown"));
    environment.set_formatter(put);
    environment.add_filter("block", |text: String| Value::from_safe_string(block(&text)));
    environment.add_filter("code", |text: String| Value::from_safe_string(code(&text)));
    environment.add_filter("path", |text: String| Value::from_safe_string(path(&text)));
    for (name, text) in PARTS {
        environment.add_template(name, text)?;
    }
    environment.add_template("report.md", TEMPLATE)?;
    Ok(environment.get_template("report.md")?.render(page)?)
}

/// Writes a value of the template: escaped, unless a macro or a filter made it.
fn put(out: &mut Output<'_>, _: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = if value.is_undefined() || value.is_none() { String::new() } else { value.to_string() };
    let text = if value.is_safe() { text } else { escaped(&text) };
    out.write_str(&text).map_err(|_| Error::new(minijinja::ErrorKind::WriteFailure, "the text could not be written"))
}

/// A text on one line without any sign that Markdown would act upon.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' => escaped.extend(['\\', c]),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A text as a block of code: fenced by more backticks than it has in a row.
fn block(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}\n{text}{end}{fence}\n")
}

/// A text inside backticks.
fn code(text: &str) -> String {
    text.chars().filter(|c| *c != '`' && !c.is_control()).collect()
}

/// A part of a link's target, percent-encoded where it could end the link or mean something else there.
fn path(text: &str) -> String {
    let mut path = String::new();
    for c in text.chars() {
        match c {
            '<' | '>' | '%' | '?' | '#' | '\\' | '"' | ' ' => path.push_str(&format!("%{:02X}", u32::from(c))),
            c if c.is_control() => path.push_str("%20"),
            c => path.push(c),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        assert_eq!(escaped("a|b <i>*x*</i>\n# [y](z)"), "a\\|b &lt;i&gt;\\*x\\*&lt;/i&gt; \\# \\[y\\](z)");
        assert_eq!(block("x ``` y"), "````\nx ``` y\n````\n");
        assert_eq!(block("x\n"), "```\nx\n```\n");
        assert_eq!(path("a b>#c"), "a%20b%3E%23c");
    }
}
