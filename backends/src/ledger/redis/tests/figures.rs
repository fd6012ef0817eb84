//! Figures for the documentation, on demand:
//! `cargo test -p bitsweep-backends --lib -- --ignored --nocapture ledger::redis::tests::figures`

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection;
use crate::conformance::samples::{digest, nonce, offer, outcome, work};
use crate::conformance::servers::Redis;
use crate::ledger::{Claim, Ledger, RedisLedger};

const JOBS: u64 = 100_000;
const LONG: Duration = Duration::from_secs(3600);

fn used_bytes(server: &Redis) -> u64 {
    let info: redis::InfoDict = redis::cmd("INFO").arg("memory").query(&mut connection(&server.address())).unwrap();
    info.get("used_memory").unwrap()
}

#[tokio::test]
#[ignore = "measures for a minute"]
async fn what_100_000_jobs_occupy() {
    let server = Redis::start(false).await;
    let ledger = RedisLedger::connect(&server.address(), "0123456789abcdef").await.unwrap();
    ledger.open(&nonce(0)).await.unwrap();
    let before = used_bytes(&server);
    let say = |what: &str| {
        let bytes = used_bytes(&server) - before;
        println!("{JOBS} jobs {what}: {:.1} MB, {} bytes each", bytes as f64 / 1e6, bytes / JOBS);
    };
    println!("work as JSON: {} bytes", serde_json::to_string(&work(0)).unwrap().len());
    println!("work as bincode: {} bytes", bitsweep_proto::wire::encode(&work(0)).unwrap().len());
    let begun = Instant::now();
    ledger.offer((0..JOBS).map(work).collect()).await.unwrap();
    println!("offered in {:?}", begun.elapsed());
    say("offered");
    for number in 0..JOBS {
        ledger.adopt(&outcome(work(number).key, 0, number, digest(0))).await.unwrap();
    }
    say("done, with notices and results");
    while tokio::time::timeout(Duration::from_millis(200), ledger.notices()).await.is_ok() {}
    say("done, notices read");
    redis::cmd("DEL").arg("{bitsweep:0123456789abcdef}:results").exec(&mut connection(&server.address())).unwrap();
    say("done, without the stream of results");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for a minute"]
async fn claims_and_adoptions_in_a_second() {
    let server = Redis::start(true).await;
    let ledger = Arc::new(RedisLedger::connect(&server.address(), "0123456789abcdef").await.unwrap());
    ledger.open(&nonce(0)).await.unwrap();
    for tasks in [1, 4, 16, 64] {
        let jobs = 20_000 / 4;
        let first = 1_000_000 * tasks;
        ledger.offer((0..jobs).map(|number| work(first + number)).collect()).await.unwrap();
        let begun = Instant::now();
        let running: Vec<_> = (0..tasks)
            .map(|task| {
                let ledger = Arc::clone(&ledger);
                tokio::spawn(async move {
                    for number in (task..jobs).step_by(tasks as usize) {
                        let (key, attempt) = (work(first + number).key, nonce(number));
                        let claim = ledger.claim(key, &attempt, &offer(), LONG).await.unwrap();
                        assert!(matches!(claim, Claim::Granted(_)), "{claim:?}");
                        ledger.adopt(&outcome(key, 0, number, digest(0))).await.unwrap();
                    }
                })
            })
            .collect();
        for task in running {
            task.await.unwrap();
        }
        let rate = jobs as f64 / begun.elapsed().as_secs_f64();
        println!("{tasks} at once: {rate:.0} jobs claimed and adopted in a second");
    }
    let stats: redis::InfoDict =
        redis::cmd("INFO").arg("commandstats").query(&mut connection(&server.address())).unwrap();
    println!("the server's time: {}", stats.get::<String>("cmdstat_evalsha").unwrap());
}
