//! The crash table: harm before and after every effect of a coordinator or a worker, of three kinds, the first and the
//! second time; and always the same final ledger, one outcome for each key, the same table.
//!
//! Which effects there are is found out by a run without harm ([`points`](bitsweep_backends::conformance::points)), and
//! compared with the source of the traits and of the store's layout: a new one is in the table by itself, or the test
//! fails and says so. Everything is real but the services, which are in this process, and what children compute.
//!
//! `scripts/crash-table` runs all cases, and those of crashes once more with queue and ledger on RabbitMQ and Redis; CI runs
//! those of crashes and a sample of the others, in this process. `BITSWEEP_CASE` runs those whose names hold it:
//! `worker ledger.claim,before,crash,1`.

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod checks;
mod child;
mod effects;
mod story;
mod sweeps;
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use bitsweep_backends::conformance::points::{Board, Harm, Trap};
use bitsweep_backends::conformance::servers::{Rabbit, Redis};
use libtest_mimic::{Arguments, Failed, Trial};

use cases::Played;
use support::random::Random;
use world::Place;

/// Of the cases that are no crashes, one in so many is in the sample.
const SAMPLE: u64 = 5;
const SEED: u64 = 2;

/// Runs without harm: what is come by depends a little on who is first.
const QUIET: usize = 3;

/// Tasks that a fault may cost at most: what its worker was at, and what a lease that ran out meanwhile leads to.
const LOST: usize = 3;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "child") {
        let folder = arguments.next().expect("the folder of the case");
        return child::main(Path::new(&folder));
    }
    if std::env::var_os("BITSWEEP_LOG").is_some() {
        tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_env("BITSWEEP_LOG")).init();
    }
    let trials = vec![
        Trial::test("every_effect_with_every_harm", || crash_table("crash-table.txt", &Place::Here, choose)),
        Trial::test("every_crash_on_rabbit_and_redis", on_servers).with_ignored_flag(true),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Crashes alone: the servers answer late and wrong in the chaos test.
fn on_servers() -> Result<(), Failed> {
    let runtime = tokio::runtime::Runtime::new()?;
    let (rabbit, redis) = runtime.block_on(async { tokio::join!(Rabbit::start(), Redis::start(false)) });
    let place = Place::Servers { queue: rabbit.address(), ledger: redis.address() };
    let crashes = |all: &[Trap]| choose(all).into_iter().filter(|trap| trap.harm == Harm::Crash).collect();
    crash_table("crash-table-on-servers.txt", &place, crashes)
}

fn crash_table(file: &str, place: &Place, choose: impl Fn(&[Trap]) -> Vec<Trap>) -> Result<(), Failed> {
    let began = Instant::now();
    let quiet: Vec<Played> = (0..QUIET).map(|_| cases::run(None, place)).collect();
    let most = LOST + quiet.iter().map(|run| run.tasks).max().unwrap_or(0);
    let mut boards: Vec<Board> = Vec::new();
    let mut reference = None;
    for run in quiet {
        let found = run.found.map_err(|why| format!("without a fault: {why}"))?;
        println!("without a fault: {:.1} s, {} tasks", run.took.as_secs_f64(), run.tasks);
        boards.push(run.board);
        let first = reference.get_or_insert_with(|| found.clone());
        same(first, &found)?;
    }
    let reference = reference.expect("there was a run");
    let seen: BTreeSet<String> = boards.iter().flat_map(Board::seen).map(|(effect, _)| effect.to_string()).collect();
    let missing = effects::missing(&seen);
    if !missing.is_empty() {
        return Err(format!("nobody came by {missing:?}: have the story need it, or say why nobody can").into());
    }
    let all = cases::traps(&boards);
    let chosen = choose(&all);
    println!("{} effects, {} cases, {} of them are run", seen.len(), all.len(), chosen.len());
    let played = cases::run_all((&chosen, place), |one| {
        if one.found.is_err() || chosen.len() < 10 {
            println!("{one}");
        }
    });
    let (mut wrong, mut table) = (Vec::new(), String::new());
    for one in &played {
        table += &format!("{one}\n");
        let sound = one.found.as_ref().map_err(Clone::clone).and_then(|found| same(&reference, found));
        let sound = sound.and_then(|()| match one.tasks > most {
            true => Err(format!("{} tasks were begun, {most} at most are to be", one.tasks)),
            false => Ok(()),
        });
        if let (Err(why), Some(trap)) = (sound, &one.trap) {
            wrong.push(format!("{}: {why}", cases::case_name(trap)));
        }
    }
    let not_come_by = played.iter().filter(|one| !one.sprung).count();
    let summary = format!(
        "{} effects, {} cases in {:.0} s: {} wrong, {not_come_by} not come by",
        seen.len(),
        played.len(),
        began.elapsed().as_secs_f64(),
        wrong.len()
    );
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    fs::write(&file, format!("{table}{summary}\n"))?;
    println!("{summary}; {}", file.display());
    if not_come_by * 20 > played.len() {
        wrong.push(format!("{not_come_by} of {} harms were not done", played.len()));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn same(reference: &checks::Final, found: &checks::Final) -> Result<(), String> {
    if reference == found { Ok(()) } else { Err(format!("the end is another one: {found:?}\nand not {reference:?}")) }
}

/// The cases to run.
fn choose(all: &[Trap]) -> Vec<Trap> {
    if let Ok(wanted) = std::env::var("BITSWEEP_CASE") {
        return all.iter().filter(|trap| cases::case_name(trap).contains(&wanted)).cloned().collect();
    }
    let (full, mut random) = (std::env::var_os("BITSWEEP_FULL").is_some(), Random(SEED));
    let chosen = all.iter().filter(|trap| trap.harm == Harm::Crash || random.below(SAMPLE) == 0 || full);
    chosen.cloned().collect()
}
