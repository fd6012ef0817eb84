//! Sweeps on real services and real processes, and everything that can happen to them: kills, stops, restarts, wiped and
//! rolled-back services, a store in trouble, full disks. The tables are those of embedded runs, byte for byte; the budgets
//! and the accounts of jobs that break their process are what the records say.
//!
//! `scripts/chaos` runs SciFact with 70 faults for each of three seeds; CI runs a small sweep with 20.

#[path = "../support/mod.rs"]
mod support;

mod checks;
mod faults;
mod figures;
mod money;
mod process;
mod scifact;
mod site;
mod sweeps;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use faults::{Deck, Fault};
use scifact::Vectors;
use site::Site;
use support::random::Random;
use sweeps::Sweeps;

/// The seed of CI, and those of the full run.
const SEED: u64 = 11;
const SEEDS: [u64; 3] = [11, 22, 33];
const FAULTS: usize = 20;
const FAULTS_IN_FULL: usize = 70;
/// So many faults before the end no more sweeps are submitted.
const TAIL: usize = 5;
/// A sweep that is not done so long after the last fault is stuck.
const PATIENCE: Duration = Duration::from_secs(300);

/// One run.
struct Run {
    seed: u64,
    faults: usize,
    coordinators: usize,
    vectors: Option<Vectors>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_sweep_on_real_services_gives_the_embedded_table() {
    let quiet = Run { seed: 0, faults: 0, coordinators: 1, vectors: None };
    let report = run(quiet).await;
    assert_eq!((report.ends.get("vanished"), report.revoked), (None, 0), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_changes_no_byte_of_the_table() {
    for seed in seeds().unwrap_or_else(|| vec![SEED]) {
        run(Run { seed, faults: FAULTS, coordinators: 2, vectors: None }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half an hour: scripts/chaos"]
async fn chaos_changes_no_byte_of_scifact() {
    for seed in seeds().unwrap_or_else(|| SEEDS.to_vec()) {
        let vectors = Some(Vectors::read().expect("scripts/chaos needs the test data"));
        run(Run { seed, faults: FAULTS_IN_FULL, coordinators: 1, vectors }).await;
    }
}

/// Other seeds than those of the test: `BITSWEEP_SEEDS=1,2,3`.
fn seeds() -> Option<Vec<u64>> {
    let seeds = std::env::var("BITSWEEP_SEEDS").ok()?;
    Some(seeds.split(',').map(|seed| seed.parse().expect("seeds are numbers")).collect())
}

async fn run(run: Run) -> checks::Report {
    let Run { seed, faults, coordinators, vectors } = run;
    let (started, mut random, mut deck) = (Instant::now(), Random(seed), Deck::default());
    let seconds = || started.elapsed().as_secs_f64();
    let mut site = Site::start(coordinators).await;
    let mut sweeps = Sweeps::new(vectors);
    sweeps.submit_round(&mut site).await;
    site.start_workers(4);
    let mut done: BTreeMap<Fault, usize> = BTreeMap::new();
    let mut budgets = 0;
    for number in 1..=faults {
        tokio::time::sleep(Duration::from_millis(200 + random.below(1_500))).await;
        let fault = deck.next(&mut random);
        println!("{:6.1} s: {number}. {fault:?}", seconds());
        faults::inflict(fault, &mut site, &sweeps, &mut random).await;
        *done.entry(fault).or_default() += 1;
        site.revive(Duration::from_secs(1));
        if fault.wipes() {
            let asked = Instant::now();
            money::check_budgets(&mut site, &sweeps).await;
            let sweeps = sweeps.all.len();
            println!("{:6.1} s: budgets of {sweeps} sweeps are right, seen in {:.1?}", seconds(), asked.elapsed());
            budgets += 1;
        }
        if sweeps.are_done(&site.records).await && number + TAIL < faults {
            // The sweeps were faster than the faults: more of the same work.
            sweeps.submit_round(&mut site).await;
        }
    }
    site.calm_down();
    println!("{:6.1} s: all quiet", seconds());
    sweeps.wait_until_done(&mut site, PATIENCE).await;
    println!("{:6.1} s: done", seconds());
    let poison = money::check_poison(&mut site, &sweeps).await;
    let charged = money::check_budgets(&mut site, &sweeps).await;
    println!("{:6.1} s: budgets are right", seconds());
    sweeps.check_tables(&site);
    let report = checks::check(&site, &sweeps).await;
    println!("seed {seed}: {faults} faults in {:.0} s: {done:?}", seconds());
    println!("budgets held {budgets} times and at the end ({charged:.4} USD); {poison:?}");
    println!("{report:#?}");
    report
}
