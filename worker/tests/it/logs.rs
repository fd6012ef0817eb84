//! What is left of what an attempt said.

use std::time::Duration;

use bitsweep_backends::Notice;
use bitsweep_worker::{Logs, Settings};

use crate::site::{Site, child};

#[tokio::test]
async fn what_a_child_says_is_kept_with_the_life_of_its_attempt() {
    let site = Site::new().await;
    let work = site.imported(2).await;
    site.attempt(&work, child(&["talks"])).await;
    let attempt = site.outcome(work.key).await.attempt;
    let log = String::from_utf8(site.store.log(work.key, &attempt).await.unwrap().to_vec()).unwrap();
    let lines: Vec<&str> = log.lines().map(|line| line.split_once("s] ").map_or(line, |(_, text)| text)).collect();
    assert!(lines[0].starts_with("claimed by ") && lines[0].contains(&work.key.to_string()), "{log}");
    assert!(lines[1].starts_with("fetched 1 files, 4 bytes, in "), "{log}");
    assert!(lines.contains(&"I make chunk 0") && lines.contains(&"I make chunk 1"), "{log}");
    assert!(lines.iter().any(|line| line.starts_with("kept the checkpoint chunk/000000001, 19 bytes")), "{log}");
    assert_eq!(lines.last(), Some(&"ended: committed"), "{log}");
}

#[tokio::test]
async fn an_attempt_that_does_not_commit_says_why() {
    let site = Site::new().await;
    let work = site.imported(2).await;
    site.attempt(&work, child(&["fails"])).await;
    let attempt = site.ends(work.key).await[0].attempt.clone();
    let log = String::from_utf8(site.store.log(work.key, &attempt).await.unwrap().to_vec()).unwrap();
    assert!(log.ends_with("] ended: failed: play/fails: as told\n"), "{log}");
}

/// So it survives the machine.
#[tokio::test]
async fn the_log_of_a_running_attempt_is_in_the_store_already() {
    let site = Site::new().await;
    let work = site.imported(2).await;
    let logs = Logs { every: Duration::from_millis(10), ..Logs::default() };
    let worker = site.worker_with(Settings { logs, ..site.settings(child(&["hangs", "1"])) });
    site.offer(&work).await;
    let claimed = |notice: &Notice| match notice {
        Notice::Claimed { attempt, .. } => Some(attempt.clone()),
        _ => None,
    };
    let attempt = site.notice(claimed).await;
    let log = async || site.store.log(work.key, &attempt).await.unwrap();
    while !String::from_utf8_lossy(&log().await).contains("kept the checkpoint") {}
    worker.stop().await.unwrap();
    let log = log().await;
    assert!(String::from_utf8_lossy(&log).ends_with("ended: preempted\n"));
}

#[tokio::test]
async fn a_short_quiet_commit_leaves_no_log() {
    let site = Site::new().await;
    let work = site.imported(2).await;
    let logs = Logs { quiet: Duration::from_secs(60), ..Logs::default() };
    let worker = site.worker_with(Settings { logs, ..site.settings(child(&["plays"])) });
    site.offer(&work).await;
    site.ending(work.key).await;
    worker.stop().await.unwrap();
    assert_eq!(site.store.logs(work.key).await.unwrap(), []);
}
