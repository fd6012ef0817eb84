//! The findings, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::check::{Finding, Subject, Verdict};
use crate::exit::Exit;
use crate::print;

/// Version of the JSON.
const JSON_VERSION: u32 = 1;

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    /// The exit code.
    exit: i32,
    findings: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    check: &'a str,
    subject: Subject,
    level: &'a str,
    found: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'a str>,
    why: &'a str,
}

fn parts(verdict: &Verdict) -> (&'static str, &str, Option<&str>) {
    match verdict {
        Verdict::Fine(found) => ("fine", found, None),
        Verdict::Warning(fault) => ("warning", &fault.found, Some(&fault.fix)),
        Verdict::Wrong(fault) => ("wrong", &fault.found, Some(&fault.fix)),
        Verdict::Unreachable(fault) => ("unreachable", &fault.found, Some(&fault.fix)),
        Verdict::Skipped(found) => ("skipped", found, None),
    }
}

/// One JSON object.
pub(crate) fn json(findings: &[Finding], exit: Exit) -> String {
    let findings = findings
        .iter()
        .map(|finding| {
            let (level, found, fix) = parts(&finding.verdict);
            let Finding { check, .. } = finding;
            Line { check: check.name, subject: check.subject, level, found, fix, why: check.why }
        })
        .collect();
    let report = Report { version: JSON_VERSION, exit: exit as i32, findings };
    format!("{}\n", serde_json::to_string_pretty(&report).expect("findings are plain data"))
}

/// A line for each check; what is wrong also says why it matters and what to do.
pub(crate) fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for subject in Subject::ALL {
        let of: Vec<&Finding> = findings.iter().filter(|finding| finding.check.subject == subject).collect();
        if of.iter().all(|finding| finding.verdict == Verdict::skipped("not named") || is_away(finding)) {
            continue;
        }
        let _ = writeln!(text, "{}", subject.name());
        for finding in of.iter().filter(|finding| !is_away(finding)) {
            lines(&mut text, finding);
        }
        let away = of.iter().filter(|finding| is_away(finding)).count();
        if away > 0 {
            let _ = writeln!(text, "  -            {} not made: not reached", print::count(away, "check", "checks"));
        }
    }
    text.push_str(&summary(findings));
    text
}

fn is_away(finding: &Finding) -> bool {
    finding.verdict == Verdict::skipped("not reached")
}

fn lines(text: &mut String, finding: &Finding) {
    let (level, found, fix) = parts(&finding.verdict);
    let mark = match finding.verdict {
        Verdict::Fine(_) => "ok",
        Verdict::Skipped(_) => "-",
        Verdict::Warning(_) | Verdict::Wrong(_) | Verdict::Unreachable(_) => level,
    };
    let name = finding.check.name;
    let _ = writeln!(text, "  {mark:<11}  {name}: {found}");
    if let Some(fix) = fix {
        let _ = writeln!(text, "  {:<11}    why: {}", "", finding.check.why);
        let _ = writeln!(text, "  {:<11}    fix: {fix}", "");
    }
}

fn summary(findings: &[Finding]) -> String {
    let count = |test: fn(&Verdict) -> bool| findings.iter().filter(|finding| test(&finding.verdict)).count();
    let wrong = count(|verdict| matches!(verdict, Verdict::Wrong(_)));
    let away = count(|verdict| matches!(verdict, Verdict::Unreachable(_)));
    let warnings = count(|verdict| matches!(verdict, Verdict::Warning(_)));
    let fine = count(|verdict| matches!(verdict, Verdict::Fine(_)));
    format!("{fine} ok, {warnings} to be warned of, {wrong} wrong, {away} unreachable\n")
}
