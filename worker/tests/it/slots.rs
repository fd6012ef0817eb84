//! Slots: their children, their devices, what they cost.

use bitsweep_backends::Notice;
use bitsweep_proto::outcome::Rates;
use bitsweep_worker::{Settings, WorkerReport};

use crate::site::{Site, child};

#[tokio::test]
async fn a_child_that_ends_with_nothing_to_do_is_replaced() {
    let site = Site::new().await;
    let marker = site.folder.path().join("left");
    let worker = site.worker(child(&["leaves", marker.to_str().unwrap()]));
    while site.counted("child_starts_total") < 2.0 {
        tokio::task::yield_now().await;
    }
    let work = site.imported(2).await;
    site.offer(&work).await;
    assert_eq!(site.ending(work.key).await, Notice::Adopted { key: work.key, generation: 0 });
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { committed: 1, ..WorkerReport::default() });
    assert_eq!(site.counted("child_starts_total"), 2.0);
}

#[tokio::test]
async fn a_slot_has_a_device_and_a_price() {
    let site = Site::new().await;
    let work = site.imported(2).await;
    let devices = vec!["cuda:1".parse().unwrap()];
    let rates = Rates { a100: 0.5, usd_per_hour: 3600.0 };
    let worker = site.worker_with(Settings { devices, rates, ..site.settings(child(&["plays"])) });
    site.offer(&work).await;
    site.ending(work.key).await;
    worker.stop().await.unwrap();
    let start = site.store.attempts(work.key).await.unwrap().starts.remove(0);
    assert_eq!((start.device.as_str(), start.rates), ("cuda:1", rates));
    let cost = site.outcome(work.key).await.cost;
    assert!(cost.seconds > 0.0);
    assert!((cost.usd - cost.seconds).abs() < 1e-9 * cost.seconds);
    assert!((cost.gpu_hours - cost.seconds / 7200.0).abs() < 1e-9);
}

#[tokio::test]
async fn a_device_that_this_build_lacks_is_refused() {
    let site = Site::new().await;
    let devices = vec!["cuda:0".parse().unwrap()];
    let mut worker = site.worker_with(Settings { devices, ..site.settings(child(&["real", "1"])) });
    let error = worker.ended().await.unwrap_err().to_string();
    assert!(error.contains("it is to compute on cuda:0, but this build has only cpu"), "{error}");
}
