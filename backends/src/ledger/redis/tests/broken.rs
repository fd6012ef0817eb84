//! Servers that die, stop, forget, go back in time, or refuse.

use std::path::Path;
use std::time::{Duration, Instant};

use super::connection;
use crate::conformance::samples::{heartbeat, nonce, offer, work};
use crate::conformance::servers::Redis;
use crate::error::BackendError;
use crate::ledger::{Beat, Claim, Ledger, Notice, Pulse, RedisLedger};

const LONG: Duration = Duration::from_secs(3600);
const STORE: &str = "0123456789abcdef";

/// A server of its own with an open ledger, a job that is claimed and one that is offered.
async fn at_work(appendonly: bool) -> (Redis, RedisLedger) {
    let server = Redis::start(appendonly).await;
    let ledger = RedisLedger::connect(&server.address(), STORE).await.unwrap();
    assert_eq!(pulse(&ledger).await, Pulse::Rebuild);
    ledger.open(&leader()).await.unwrap();
    ledger.offer(vec![work(0), work(1)]).await.unwrap();
    assert!(matches!(claim(&ledger, 0, 0).await, Claim::Granted(_)));
    assert_eq!(pulse(&ledger).await, Pulse::Leads);
    (server, ledger)
}

fn leader() -> bitsweep_proto::Nonce {
    nonce(99)
}

async fn pulse(ledger: &RedisLedger) -> Pulse {
    ledger.pulse(&leader(), LONG).await.unwrap()
}

async fn claim(ledger: &RedisLedger, key: u64, attempt: u64) -> Claim {
    ledger.claim(work(key).key, &nonce(attempt), &offer(), LONG).await.unwrap()
}

/// Rebuilds as a leader does, while the attempt of before works on.
async fn rebuild(ledger: &RedisLedger) {
    assert_eq!(claim(ledger, 1, 1).await, Claim::Closed);
    assert_eq!(pulse(ledger).await, Pulse::Rebuild);
    ledger.close(&leader()).await.unwrap();
    assert_eq!(ledger.heartbeat(&heartbeat(0, 0)).await.unwrap(), Beat::Held);
    ledger.offer(vec![work(0), work(1)]).await.unwrap();
    assert_eq!(claim(ledger, 1, 1).await, Claim::Closed);
    ledger.open(&leader()).await.unwrap();
    assert_eq!(pulse(ledger).await, Pulse::Leads);
    assert_eq!(claim(ledger, 0, 2).await, Claim::Held, "the attempt of before holds it");
    assert!(matches!(claim(ledger, 1, 1).await, Claim::Granted(_)));
}

#[tokio::test]
async fn emptied() {
    let (server, ledger) = at_work(false).await;
    redis::cmd("FLUSHALL").exec(&mut connection(&server.address())).unwrap();
    rebuild(&ledger).await;
}

#[tokio::test]
async fn emptied_and_its_scripts_forgotten() {
    let (server, ledger) = at_work(false).await;
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut connection(&server.address())).unwrap();
    assert_eq!(pulse(&ledger).await, Pulse::Leads);
    assert!(matches!(claim(&ledger, 1, 1).await, Claim::Granted(_)));
}

#[tokio::test]
async fn restarted_without_its_data() {
    let (mut server, ledger) = at_work(false).await;
    server.restart().await;
    rebuild(&ledger).await;
}

#[tokio::test]
async fn restarted_with_its_data() {
    let (mut server, ledger) = at_work(true).await;
    server.restart().await;
    // What it had written may lack the last second: the ledger is closed though it still holds its incarnation.
    rebuild(&ledger).await;
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn rolled_back_to_an_older_copy() {
    let (mut server, ledger) = at_work(true).await;
    let snapshot = tempfile::tempdir().unwrap();
    copy(server.folder(), snapshot.path());
    // After the snapshot the job is done, and another one was claimed.
    assert!(matches!(claim(&ledger, 1, 7).await, Claim::Granted(_)));
    pulse(&ledger).await;
    server.kill();
    std::fs::remove_dir_all(server.folder().join("appendonlydir")).unwrap();
    copy(snapshot.path(), server.folder());
    server.restart().await;
    rebuild(&ledger).await;
}

#[tokio::test]
async fn rolled_back_without_a_restart() {
    let (server, ledger) = at_work(false).await;
    let pulses = format!("{{bitsweep:{STORE}}}:pulses");
    let mut connection = connection(&server.address());
    let count: u64 = redis::cmd("GET").arg(&pulses).query(&mut connection).unwrap();
    assert_eq!(pulse(&ledger).await, Pulse::Leads);
    redis::cmd("SET").arg(&pulses).arg(count).exec(&mut connection).unwrap();
    assert_eq!(pulse(&ledger).await, Pulse::Rebuild);
    rebuild(&ledger).await;
}

#[tokio::test]
async fn its_connections_cut() {
    let (server, ledger) = at_work(false).await;
    for _ in 0..3 {
        redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).exec(&mut connection(&server.address())).unwrap();
        assert_eq!(ledger.heartbeat(&heartbeat(0, 0)).await.unwrap(), Beat::Held, "nobody notices");
    }
    assert_eq!(pulse(&ledger).await, Pulse::Leads);
}

#[tokio::test]
async fn stopped_and_going_on() {
    let (server, ledger) = at_work(false).await;
    server.pause();
    let begun = Instant::now();
    let error = ledger.heartbeat(&heartbeat(0, 0)).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    server.resume();
    assert_eq!(ledger.heartbeat(&heartbeat(0, 0)).await.unwrap(), Beat::Held);
    assert_eq!(pulse(&ledger).await, Pulse::Leads);
}

#[tokio::test]
async fn dead_and_back() {
    let (mut server, ledger) = at_work(false).await;
    server.kill();
    for _ in 0..3 {
        assert!(pulse_fails(&ledger).await.is_retryable());
    }
    server.restart().await;
    assert_eq!(pulse(&ledger).await, Pulse::Rebuild);
    // Who was not there at first comes later.
    server.kill();
    let error = RedisLedger::connect(&server.address(), STORE).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
}

async fn pulse_fails(ledger: &RedisLedger) -> BackendError {
    ledger.pulse(&leader(), LONG).await.unwrap_err()
}

#[tokio::test]
async fn notices_come_again_after_a_restart() {
    let (mut server, ledger) = at_work(false).await;
    let ledger = std::sync::Arc::new(ledger);
    assert_eq!(ledger.notices().await.unwrap().len(), 1);
    let reader = std::sync::Arc::clone(&ledger);
    let reading = tokio::spawn(async move {
        loop {
            // As a coordinator does: an error is said, and the call made again.
            match reader.notices().await {
                Ok(notices) => return notices,
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        }
    });
    server.restart().await;
    ledger.revoked(work(5).key, 0).await.unwrap();
    assert_eq!(reading.await.unwrap(), [Notice::Revoked { key: work(5).key, generation: 0 }]);
}

#[tokio::test]
async fn full() {
    let (server, ledger) = at_work(false).await;
    let mut admin = connection(&server.address());
    redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).exec(&mut admin).unwrap();
    let error = pulse_fails(&ledger).await;
    assert!(error.is_retryable() && error.to_string().contains("maxmemory"), "{error}");
    redis::cmd("CONFIG").arg(&["SET", "maxmemory", "0"]).exec(&mut admin).unwrap();
    assert_eq!(pulse(&ledger).await, Pulse::Leads);
}

#[tokio::test]
async fn a_replica() {
    let (server, ledger) = at_work(false).await;
    let mut admin = connection(&server.address());
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg(1).exec(&mut admin).unwrap();
    let error = pulse_fails(&ledger).await;
    assert!(error.is_retryable() && error.to_string().contains("replica"), "{error}");
    redis::cmd("REPLICAOF").arg("NO").arg("ONE").exec(&mut admin).unwrap();
    assert_eq!(pulse(&ledger).await, Pulse::Leads);
}

#[tokio::test]
async fn passwords_and_permissions() {
    let (server, _) = at_work(false).await;
    let mut admin = connection(&server.address());
    let set =
        |user: &[&str], admin: &mut redis::Connection| redis::cmd("ACL").arg("SETUSER").arg(user).exec(admin).unwrap();
    set(&["weak", "on", ">geheim", "~*", "+info", "+ping", "+evalsha", "+script"], &mut admin);
    set(&["foreign", "on", ">geheim", "~other:*", "+@all"], &mut admin);
    // As the error message asks.
    set(&["enough", "on", ">geheim", "~{bitsweep:*", "+@all", "-@admin"], &mut admin);
    redis::cmd("CONFIG").arg(&["SET", "requirepass", "geheim"]).exec(&mut admin).unwrap();
    let at = |user: &str| -> crate::Address {
        server.address().to_string().replace("redis://", &format!("redis://{user}@")).parse().unwrap()
    };
    let tried = async |user: &str| {
        let ledger = RedisLedger::connect(&at(user), STORE).await?;
        ledger.pulse(&leader(), LONG).await
    };
    assert_eq!(tried("enough:geheim").await.unwrap(), Pulse::Leads);
    assert_eq!(tried(":geheim").await.unwrap(), Pulse::Leads);
    let words = [
        (":wrong", "password"),
        ("nobody:geheim", "password"),
        ("weak:geheim", "permission"),
        ("foreign:geheim", "permission"),
    ];
    for (user, word) in words {
        let error = tried(user).await.unwrap_err();
        assert!(matches!(error, BackendError::Refused { .. }), "{user}: {error:?}");
        assert!(error.to_string().contains(word), "{user}: {error}");
        assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
    }
    // Without any.
    let error = RedisLedger::connect(&server.address(), STORE).await.unwrap_err();
    assert!(matches!(error, BackendError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("password"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls() {
    let server = Redis::start(false).await;
    let address = server.address().to_string().replace("redis:", "rediss:").parse().unwrap();
    let error = RedisLedger::connect(&address, STORE).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn addresses_that_lead_nowhere() {
    let refused = async |address: &str| {
        let error = crate::ledger::open(&address.parse().unwrap(), STORE).await.err().expect(address);
        assert!(matches!(error, BackendError::Refused { .. }), "{address}: {error:?}");
        assert!(!format!("{error:?} {error}").contains("geheim"), "{error:?}");
        error.to_string()
    };
    assert!(refused("amqp://u:geheim@127.0.0.1/").await.contains("redis://"));
    assert!(refused("redis://:geheim@127.0.0.1/nonsense").await.contains("database"));
    assert!(refused("redis://127.0.0.1:6379/999").await.contains("database"));
}
