//! What lies in Redis, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::Commands;

use super::{Place, connection};
use crate::conformance::samples::{digest, heartbeat, nonce, offer, outcome, work, worker};
use crate::error::BackendError;
use crate::ledger::{Claim, Ended, Ledger, Notice, RedisLedger};

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn every_key_expires_and_has_the_tag_of_its_store() {
    let place = Place::new();
    let ledger = place.opened().await;
    ledger.offer((0..8).map(work).collect()).await.unwrap();
    for number in 0..6 {
        ledger.claim(work(number).key, &nonce(number), &offer(), LONG).await.unwrap();
    }
    ledger.heartbeat(&heartbeat(0, 0)).await.unwrap();
    ledger.adopt(&outcome(work(1).key, 0, 1, digest(0))).await.unwrap();
    let verdict = bitsweep_proto::Verdict::Preempted;
    ledger.end(&Ended { key: work(2).key, attempt: nonce(2), verdict, checkpoints_made: 0 }).await.unwrap();
    ledger.revoked(work(3).key, 0).await.unwrap();
    ledger.withdraw(&[work(4).key, work(6).key]).await.unwrap();
    ledger.announce(&worker(0), LONG).await.unwrap();
    ledger.pulse(&nonce(99), LONG).await.unwrap();
    let keys = place.keys();
    assert!(keys.len() > 12, "{keys:?}");
    for key in keys {
        let expires_in_ms: i64 = connection(&Place::address()).pttl(&key).unwrap();
        assert!(expires_in_ms > 0, "{key} stays for ever");
        assert!(key.starts_with(&format!("{{bitsweep:{}}}:", place.store)), "{key}");
    }
}

#[tokio::test]
async fn a_job_that_is_over_leaves_little() {
    let place = Place::new();
    let ledger = place.opened().await;
    ledger.offer(vec![work(0), work(1)]).await.unwrap();
    let verdict = bitsweep_proto::Verdict::Preempted;
    for number in 0..2 {
        ledger.claim(work(number).key, &nonce(number), &offer(), LONG).await.unwrap();
    }
    ledger.adopt(&outcome(work(0).key, 0, 0, digest(0))).await.unwrap();
    ledger.end(&Ended { key: work(1).key, attempt: nonce(1), verdict, checkpoints_made: 0 }).await.unwrap();
    let job = |number: u64| format!("{{bitsweep:{}}}:job:{}", place.store, work(number).key);
    let mut connection = connection(&Place::address());
    assert_eq!(connection.get::<_, String>(job(0)).unwrap(), "done 0 wanted -\n\n");
    assert!(!connection.exists::<_, bool>(job(1)).unwrap(), "as if it had never been offered");
    let leases = format!("{{bitsweep:{}}}:leases", place.store);
    assert_eq!(connection.zcard::<_, u64>(leases).unwrap(), 0);
}

#[tokio::test]
async fn the_stream_of_results_is_as_documented() {
    let place = Place::new();
    let ledger = place.ledger().await;
    let mut measuring = outcome(work(1).key, 2, 7, digest(0));
    measuring.kind = bitsweep_proto::Kind::Measure;
    measuring.provenance.committed_at = 1_790_000_000;
    measuring.produced.measures = vec![bitsweep_proto::outcome::Measured {
        measure: bitsweep_proto::Measure::Ndcg { k: 10 },
        value: 0.1,
        value_min: 0.0,
        value_max: 1.0 / 3.0,
        value_trec_eval: None,
        queries: 300,
    }];
    ledger.adopt(&outcome(work(0).key, 0, 3, digest(0))).await.unwrap();
    ledger.adopt(&measuring).await.unwrap();
    let stream = format!("{{bitsweep:{}}}:results", place.store);
    type Entries = Vec<(String, BTreeMap<String, String>)>;
    let entries: Entries =
        redis::cmd("XRANGE").arg(stream).arg("-").arg("+").query(&mut connection(&Place::address())).unwrap();
    let shown: Vec<_> = entries.iter().map(|(_, fields)| fields).collect();
    let key = |number| work(number).key.to_string();
    let attempt = |number| nonce(number).0;
    let field = |name: &str, value: String| (name.to_owned(), value);
    let simple = [
        field("key", key(0)),
        field("kind", "compress".to_owned()),
        field("generation", "0".to_owned()),
        field("attempt", attempt(3)),
        field("committed_at", "0".to_owned()),
    ];
    assert_eq!(*shown[0], BTreeMap::from(simple));
    let measures = r#"[{"measure":"nDCG@10","value":0.1,"value_min":0.0,"value_max":0.3333333333333333,"value_trec_eval":null,"queries":300}]"#;
    let full = [
        field("key", key(1)),
        field("kind", "measure".to_owned()),
        field("generation", "2".to_owned()),
        field("attempt", attempt(7)),
        field("committed_at", "1790000000".to_owned()),
        field("measures", measures.to_owned()),
    ];
    assert_eq!(*shown[1], BTreeMap::from(full));
}

#[tokio::test]
async fn names_of_results_are_checked() {
    let place = Place::new();
    let ledger = place.ledger().await;
    for name in ["-", "+", "5", "5-", "-5", "5-5-5", "(5-5", "x", "1-1 COUNT 1", "99999999999999999999999-1"] {
        let error = ledger.results(name, 10).await.unwrap_err();
        assert!(matches!(error, BackendError::Refused { .. }), "{name}: {error}");
    }
    assert_eq!(ledger.results("18446744073709551-0", 10).await.unwrap(), []);
}

#[tokio::test]
async fn another_format_of_records_is_refused() {
    let place = Place::new();
    let ledger = place.opened().await;
    ledger.offer(vec![work(0)]).await.unwrap();
    let open = format!("{{bitsweep:{}}}:open", place.store);
    connection(&Place::address()).hset::<_, _, _, ()>(open, "format", 2).unwrap();
    let error = ledger.claim(work(0).key, &nonce(0), &offer(), LONG).await.unwrap_err();
    assert!(error.to_string().contains("format 2"), "{error}");
}

/// A kind that came after the worker's version: the coordinator is told why, and the worker goes on.
#[tokio::test]
async fn work_of_a_newer_version_is_refused() {
    let place = Place::new();
    let ledger = place.opened().await;
    ledger.offer(vec![work(0), work(1)]).await.unwrap();
    let mut newer = serde_json::to_value(work(0)).unwrap();
    newer["spec"] = serde_json::json!({ "newer": {} });
    let job = format!("{{bitsweep:{}}}:job:{}", place.store, work(0).key);
    let record = format!("offered 0 wanted -\nnewer/1 0 -\n{newer}");
    connection(&Place::address()).set::<_, _, ()>(job, record).unwrap();
    let claim = ledger.claim(work(0).key, &nonce(0), &offer(), LONG).await.unwrap();
    let Claim::Unfit(reason) = claim else { panic!("no version of ours runs it, and this was granted: {claim:?}") };
    assert!(reason.contains("`newer`") && reason.contains("update bitsweep"), "{reason}");
    assert_eq!(ledger.notices().await.unwrap(), [Notice::Refused { key: work(0).key, reason }]);
    let next = ledger.claim(work(1).key, &nonce(1), &offer(), LONG).await.unwrap();
    assert!(matches!(next, Claim::Granted(_)), "{next:?}");
}

#[tokio::test]
async fn stores_on_one_server_know_nothing_of_each_other() {
    let (one, other) = (Place::new(), Place::new());
    let (one, other): (RedisLedger, RedisLedger) = (one.opened().await, other.opened().await);
    one.offer(vec![work(0)]).await.unwrap();
    let claim = other.claim(work(0).key, &nonce(0), &offer(), LONG).await.unwrap();
    assert_eq!(claim, Claim::NotOffered);
}
