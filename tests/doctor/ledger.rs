//! Faults of Redis, planted in private servers and in one that is made up.

use bitsweep_backends::conformance::servers::Redis;
use redis::aio::MultiplexedConnection;

use crate::fakes::{self, FakeRedis};
use crate::visit;

async fn connect(redis: &Redis) -> MultiplexedConnection {
    let client = redis::Client::open(redis.address().with_secrets().clone()).expect("an address");
    client.get_multiplexed_async_connection().await.expect("the server answers")
}

async fn tell(connection: &mut MultiplexedConnection, words: &str) {
    let mut words = words.split(' ');
    let mut command = redis::cmd(words.next().expect("a command"));
    for word in words {
        command.arg(word);
    }
    command.query_async::<redis::Value>(connection).await.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn faults_of_the_server_are_told_apart() {
    let redis = Redis::start(true).await;
    let mut connection = connect(&redis).await;
    let address = redis.address().with_secrets().to_string();
    visit(&["--ledger", &address], &[]).await.finds(&[]);
    for (plant, undo, found) in [
        (
            "CONFIG SET maxmemory-policy allkeys-lru maxmemory 100mb",
            "CONFIG SET maxmemory-policy noeviction maxmemory 0",
            ("ledger-eviction", "wrong"),
        ),
        (
            "CONFIG SET maxmemory-policy allkeys-lru",
            "CONFIG SET maxmemory-policy noeviction",
            ("ledger-eviction", "warning"),
        ),
        ("CONFIG SET timeout 10", "CONFIG SET timeout 0", ("ledger-timeout", "warning")),
        ("CONFIG SET appendonly no", "CONFIG SET appendonly yes", ("ledger-persistence", "warning")),
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", ("ledger-memory", "wrong")),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", ("ledger-replica", "wrong")),
    ] {
        tell(&mut connection, plant).await;
        visit(&["--ledger", &address], &[]).await.finds(&[found]);
        tell(&mut connection, undo).await;
    }
    visit(&["--ledger", &address], &[]).await.finds(&[]);
}

#[tokio::test]
async fn rights_and_passwords_are_told_apart() {
    let redis = Redis::start(true).await;
    let mut connection = connect(&redis).await;
    let port = redis.address().with_secrets().port().expect("a port");
    tell(&mut connection, "ACL SETUSER short on >short-secret ~bitsweep:* +@all").await;
    tell(&mut connection, "ACL SETUSER few on >few-secret ~* +@all -@scripting").await;
    tell(&mut connection, "ACL SETUSER enough on >enough-secret ~{bitsweep:* +@all -@admin -@dangerous +info").await;
    for (user, found) in [("short", Some("ledger-rights")), ("few", Some("ledger-rights")), ("enough", None)] {
        let found: Vec<_> = found.into_iter().map(|check| (check, "wrong")).collect();
        let address = format!("redis://{user}:{user}-secret@127.0.0.1:{port}");
        visit(&["--ledger", &address], &[]).await.finds(&found).hides("-secret");
    }
    tell(&mut connection, "CONFIG SET requirepass the-secret").await;
    for address in [format!("redis://127.0.0.1:{port}"), format!("redis://:wrong-secret@127.0.0.1:{port}")] {
        let visit = visit(&["--ledger", &address], &[]).await;
        visit.finds(&[("ledger-reach", "wrong")]).says("ledger-reach", "refuses the login").hides("wrong-secret");
    }
}

#[tokio::test]
async fn a_server_that_cannot_write_its_disk_is_told() {
    let redis = Redis::start(false).await;
    let mut connection = connect(&redis).await;
    let address = redis.address().with_secrets().to_string();
    std::fs::remove_dir_all(redis.folder()).expect("its folder goes");
    let save: Result<(), _> = redis::cmd("CONFIG").arg(&["SET", "save", "3600 1"]).query_async(&mut connection).await;
    save.expect("it is set");
    tell(&mut connection, "SET a b").await;
    tell(&mut connection, "BGSAVE").await;
    let failed = async {
        loop {
            let info: String =
                redis::cmd("INFO").arg("persistence").query_async(&mut connection).await.expect("it answers");
            if info.contains("rdb_last_bgsave_status:err") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), failed).await.expect("the save fails");
    let visit = visit(&["--ledger", &address], &[]).await;
    visit.finds(&[("ledger-persistence", "wrong")]).says("ledger-persistence", "cannot write to its disk");
    std::fs::create_dir_all(redis.folder()).expect("it is removed at the end");
}

#[tokio::test]
async fn clusters_old_servers_and_wrong_clocks_are_told() {
    let cluster = fakes::redis(FakeRedis { cluster: true, ..FakeRedis::default() }).await;
    let cluster = visit(&["--ledger", &cluster], &[]).await;
    cluster.finds(&[("ledger-cluster", "wrong")]).says("ledger-cluster", "does not hold the slot");
    let old = fakes::redis(FakeRedis { version: "6.2.14", ..FakeRedis::default() }).await;
    visit(&["--ledger", &old], &[]).await.finds(&[("ledger-version", "wrong")]);
    let slow = fakes::redis(FakeRedis { behind: 90, ..FakeRedis::default() }).await;
    let slow = visit(&["--ledger", &slow], &[]).await;
    slow.finds(&[("ledger-clock", "warning")]).says("ledger-clock", "behind");
    let fine = fakes::redis(FakeRedis::default()).await;
    visit(&["--ledger", &fine], &[]).await.finds(&[]);
    let nobody = visit(&["--ledger", &format!("redis://127.0.0.1:{}", fakes::closed_port())], &[]).await;
    nobody.finds(&[("ledger-reach", "unreachable")]);
    let http = fakes::coordinator(Vec::new()).await.replace("http://", "redis://");
    let other = visit(&["--ledger", &http], &[]).await;
    assert!(["wrong", "unreachable"].contains(&other.findings["ledger-reach"]["level"].as_str().expect("a level")));
}
