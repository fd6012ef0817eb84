//! `bitsweep doctor` tells planted misconfigurations from one another: of each test exactly the checks that it names find
//! something, at the level that it names.
//!
//! Servers are private ones or fakes in this process; nothing that is shared is changed.

mod coordinator;
mod fakes;
mod ledger;
mod queue;
mod store;
mod workers;

use std::collections::BTreeMap;
use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

/// What `bitsweep doctor --json` says.
struct Visit {
    exit: i32,
    findings: BTreeMap<String, Value>,
    text: String,
}

/// Runs the doctor with `args`, with nothing in the environment but `variables`.
async fn visit(args: &[&str], variables: &[(&str, &str)]) -> Visit {
    let output = run(args, variables).await;
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}\n{text}\n{errors}"));
    let findings = report["findings"].as_array().expect("findings").iter();
    let findings =
        findings.map(|finding| (finding["check"].as_str().expect("a name").to_owned(), finding.clone())).collect();
    let exit = output.status.code().expect("it ends by itself");
    assert_eq!(report["exit"], exit);
    Visit { exit, findings, text: format!("{text}{errors}") }
}

async fn run(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitsweep"));
    command.arg("doctor").args(args).arg("--json").kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["BITSWEEP_", "AWS_", "GOOGLE_", "AZURE_", "OTEL_"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.envs(variables.iter().copied()).output().await.expect("bitsweep starts")
}

impl Visit {
    /// Exactly these checks found something, and the exit code follows.
    fn finds(&self, wanted: &[(&str, &str)]) -> &Self {
        let level = |finding: &Value| finding["level"].as_str().expect("a level").to_owned();
        let found: Vec<(String, String)> =
            self.findings.iter().map(|(check, finding)| (check.clone(), level(finding))).collect();
        let found: Vec<(&str, &str)> = found
            .iter()
            .filter(|(_, level)| !["fine", "skipped"].contains(&level.as_str()))
            .map(|(check, level)| (check.as_str(), level.as_str()))
            .collect();
        let mut sorted = wanted.to_vec();
        sorted.sort_unstable();
        assert_eq!(found, sorted, "{}", self.text);
        let any = |level: &str| wanted.iter().any(|(_, wanted)| *wanted == level);
        let exit = if any("wrong") {
            2
        } else if any("unreachable") {
            3
        } else {
            i32::from(any("warning"))
        };
        assert_eq!(self.exit, exit, "{}", self.text);
        for (check, _) in wanted {
            let fix = self.findings[*check]["fix"].as_str().unwrap_or_default();
            assert!(!fix.is_empty(), "{check} says what to do");
        }
        self
    }

    /// What a check found has these words.
    fn says(&self, check: &str, words: &str) -> &Self {
        let found = self.findings[check]["found"].as_str().expect("words");
        assert!(found.contains(words), "{check}: {found}");
        self
    }

    /// A check found all well.
    fn is_fine(&self, check: &str) -> &Self {
        assert_eq!(self.findings[check]["level"], "fine", "{}", self.text);
        self
    }

    /// Neither output has these words.
    fn hides(&self, secret: &str) -> &Self {
        assert!(!self.text.contains(secret), "{}", self.text);
        self
    }
}

#[tokio::test]
async fn nothing_named_is_wrong_usage() {
    let output = run(&[], &[]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("name --queue, --ledger, --store or --to"));
}
