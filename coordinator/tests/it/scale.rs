//! What must stay quick when there is much.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bitsweep_coordinator::What;

use crate::plans::flat;
use crate::worker::{Deed, Workers};
use crate::world::World;

/// The issue asks for a status in less than 100 ms with 100,000 jobs.
#[tokio::test]
async fn the_status_of_100_000_jobs_is_quick() {
    let world = World::new().await;
    let mut coordinator = world.coordinator();
    let began = Instant::now();
    let sweep = coordinator.desk.submit(flat("large", 0..100_000)).await.unwrap();
    coordinator.hears(|news| news.what == What::Submitted).await;
    let submitted = began.elapsed();
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let began = Instant::now();
        let status = coordinator.status(sweep).await;
        assert_eq!(status.line.cells, 100_000);
        coordinator.desk.sweeps().await.unwrap();
        slowest = slowest.max(began.elapsed());
    }
    println!("submitted in {submitted:?}, slowest status and list {slowest:?}");
    assert!(slowest < Duration::from_millis(100), "{slowest:?}");
}

/// `cargo nextest run -p bitsweep-coordinator --run-ignored only --no-capture jobs_a_second`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn jobs_a_second() {
    for jobs in [1_000, 10_000, 50_000] {
        let world = World::new().await;
        let coordinator = world.coordinator();
        let shop = Arc::new(world.shop(Arc::new(|_, _| Deed::Commit(Duration::ZERO))));
        let _workers = Workers::start(&shop, 16);
        let began = Instant::now();
        let sweep = coordinator.desk.submit(flat("many", 0..jobs)).await.unwrap();
        // News come faster than this test reads them, and it may miss the last.
        while coordinator.desk.status(sweep).await.unwrap().total.done < jobs {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let seconds = began.elapsed().as_secs_f64();
        println!("{jobs} jobs in {seconds:.2} s: {:.0} a second", jobs as f64 / seconds);
    }
}
