//! Children that hang, and children that eat too much.

use std::time::Duration;

use bitsweep_proto::Verdict;
use bitsweep_worker::{Settings, WorkerReport};

use crate::site::{Site, child, verdict};

/// What is said of a child that a worker with these settings kills.
async fn broke(site: &Site, settings: Settings) -> String {
    let work = site.imported(3).await;
    let worker = site.worker_with(settings);
    site.offer(&work).await;
    let Verdict::Broke { message } = verdict(site.ending(work.key).await) else { panic!("it was not killed") };
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { broke: 1, ..WorkerReport::default() });
    assert_eq!(site.ends(work.key).await[0].verdict, Verdict::Broke { message: message.clone() });
    message
}

/// One that waits for ever, and one that is stopped by a signal.
#[tokio::test]
async fn a_child_without_progress_is_killed() {
    for part in ["deaf", "freezes"] {
        let site = Site::new().await;
        // Of a quarter of an hour.
        let settings = Settings { patience: 1e-3, ..site.settings(child(&[part, "1"])) };
        let message = broke(&site, settings).await;
        assert!(message.starts_with("no progress for 0.9 s"), "{message}");
        assert_eq!(site.ends(site.imported(3).await.key).await[0].checkpoints_made, 1);
    }
}

#[tokio::test]
async fn a_child_that_uses_too_much_memory_is_killed() {
    let site = Site::new().await;
    let settings = Settings {
        memory_limit_bytes: Some(100 << 20),
        beat: Duration::from_millis(5),
        ..site.settings(child(&["eats", "200"]))
    };
    let message = broke(&site, settings).await;
    let used = message.strip_prefix("used ").and_then(|rest| rest.split_once(" bytes, limit 104857600"));
    let (used, _) = used.unwrap_or_else(|| panic!("{message}"));
    assert!(used.parse::<u64>().unwrap() > 100 << 20, "{message}");
}
