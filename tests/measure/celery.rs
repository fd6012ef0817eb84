//! Celery on the same broker and Redis: `scripts/scale.celery.py` does the work.

use std::process::Command;

use serde_json::Value;

use crate::site::Site;
use crate::support::repository;

/// What it did.
pub(crate) struct Celery {
    pub(crate) version: String,
    pub(crate) tasks_per_second: f64,
    pub(crate) hop_p50_ms: f64,
    pub(crate) hop_p99_ms: f64,
}

/// Runs so many tasks, then chains; `None` where `scripts/scale` has installed no Celery.
pub(crate) fn run(site: &Site, tasks: u32) -> Option<Celery> {
    let python = repository().join("target/celery/bin/python");
    if !python.exists() {
        println!("SKIPPED: Celery is not installed in target/celery (scripts/scale does that)");
        return None;
    }
    let mut command = Command::new(python);
    command.arg(repository().join("scripts/scale.celery.py")).arg(tasks.to_string());
    command.env("CELERY_BROKER", site.rabbit.address().with_secrets().as_str());
    command.env("CELERY_RESULTS", format!("{}/1", site.redis.address().with_secrets().as_str().trim_end_matches('/')));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |name: &str| said[name].as_f64().unwrap();
    Some(Celery {
        version: said["version"].as_str().unwrap().to_owned(),
        tasks_per_second: number("tasks_per_second"),
        hop_p50_ms: number("hop_p50_ms"),
        hop_p99_ms: number("hop_p99_ms"),
    })
}
