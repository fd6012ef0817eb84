//! A sweep on real services and real processes, and everything that can happen to them: kills, stops, restarts, wiped and
//! rolled-back services, a store in trouble. The table is the one of an embedded run, byte for byte.
//!
//! `scripts/chaos` runs 70 faults for each of three seeds, or one seed with 20.

#[path = "../support/mod.rs"]
mod support;

mod checks;
mod faults;
mod site;

use std::time::{Duration, Instant};

use site::Site;
use support::random::Random;

/// Seeds of the full run; the first is the one of CI.
const SEEDS: [u64; 3] = [11, 22, 33];
const FAULTS: u32 = 20;
const FAULTS_IN_FULL: u32 = 70;
/// A sweep that is not done so long after the last fault is stuck.
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_sweep_on_real_services_gives_the_embedded_table() {
    let mut site = Site::start(1, 2).await;
    site.submit().await;
    site.wait_until_done(PATIENCE).await;
    site.check_table();
    let report = checks::check(&site, &[]).await;
    assert_eq!((report.vanished, report.revoked), (0, 0), "{report:?}");
}

// The table held in every run so far. One run in three says that an attempt began seconds after another's commit, which is
// to be understood before CI relies on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "scripts/chaos runs it: why an attempt can begin so late after a commit is not understood yet"]
async fn chaos_changes_no_byte_of_the_table() {
    let full = std::env::var_os("BITSWEEP_FULL").is_some();
    let seeds = if full { &SEEDS[..] } else { &SEEDS[..1] };
    for seed in seeds {
        chaos(*seed, if full { FAULTS_IN_FULL } else { FAULTS }).await;
    }
}

async fn chaos(seed: u64, count: u32) {
    let started = Instant::now();
    let mut random = Random(seed);
    let mut site = Site::start(2, 4).await;
    site.submit().await;
    let mut done = Vec::new();
    while done.len() < count as usize {
        tokio::time::sleep(Duration::from_millis(200 + random.below(1_500))).await;
        let fault = faults::next(&mut random);
        println!("{:6.1} s: {fault:?}", started.elapsed().as_secs_f64());
        faults::inflict(fault, &mut site, &mut random).await;
        done.push(fault);
        site.revive();
        if site.is_done().await && done.len() < count as usize {
            // The sweep was faster than the faults: more of the same work.
            site.submit_more().await;
        }
    }
    site.calm_down();
    site.wait_until_done(PATIENCE).await;
    site.check_table();
    let report = checks::check(&site, &done).await;
    println!("seed {seed}: {} faults in {:.0} s; {report:#?}", done.len(), started.elapsed().as_secs_f64());
}
