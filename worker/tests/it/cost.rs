//! What a job costs that is nothing itself.

use std::time::Instant;

use bitsweep_backends::Notice;
use bitsweep_backends::store::faults::Fault;
use bitsweep_worker::Settings;

use crate::site::{Site, child, noop};

/// One read, its outcome: the second can fail, and there is no third.
#[tokio::test]
async fn a_short_attempt_costs_two_operations_of_the_store() {
    for (nth, committed) in [(2, 0), (3, 1)] {
        let (site, faulty) = Site::faulty().await;
        faulty.set(vec![Fault::FailNth(nth)]);
        let (_, report) = site.attempt(&noop(0), child(&["plays"])).await;
        assert_eq!(report.committed, committed);
    }
}

/// `cargo nextest run -p bitsweep-worker --run-ignored all --no-capture jobs_a_second`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn jobs_a_second() {
    const JOBS: u64 = 2_000;
    for (in_memory, slots) in [(true, 1), (true, 2), (true, 8), (false, 1), (false, 2), (false, 8)] {
        let site = if in_memory { Site::in_memory().await } else { Site::new().await };
        for number in 0..JOBS {
            site.offer(&noop(number)).await;
        }
        let worker = site.worker_with(Settings { slots, ..site.settings(child(&["plays"])) });
        site.notice(|notice| matches!(notice, Notice::Adopted { .. }).then_some(())).await;
        let start = Instant::now();
        for _ in 1..JOBS {
            site.notice(|notice| matches!(notice, Notice::Adopted { .. }).then_some(())).await;
        }
        let place = if in_memory { "in memory" } else { "in a folder" };
        println!("store {place}, {slots} slots: {:.0} jobs/s", (JOBS - 1) as f64 / start.elapsed().as_secs_f64());
        worker.stop().await.unwrap();
    }
}
