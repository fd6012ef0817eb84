//! Against real servers: a shared one, where each test has a store of its own and deletes its keys, and private ones for
//! what destroys. The shared one is at `redis://127.0.0.1:6379`, or where `BITSWEEP_TEST_REDIS` says: so the suite runs
//! against Valkey, TLS or a service of a cloud too.

mod against_the_other;
mod broken;
mod figures;
mod stored;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};

use crate::address::Address;
use crate::conformance::samples::nonce;
use crate::ledger::{Ledger, RedisLedger};

/// A store of its own on the shared server; its keys go with the value.
struct Place {
    store: String,
}

impl Place {
    fn new() -> Self {
        Self { store: format!("{:016x}", RandomState::new().hash_one(())) }
    }

    fn address() -> Address {
        std::env::var("BITSWEEP_TEST_REDIS").as_deref().unwrap_or("redis://127.0.0.1:6379").parse().unwrap()
    }

    async fn ledger(&self) -> RedisLedger {
        RedisLedger::connect(&Self::address(), &self.store).await.expect("the shared Redis runs")
    }

    async fn opened(&self) -> RedisLedger {
        let ledger = self.ledger().await;
        ledger.open(&nonce(99)).await.unwrap();
        ledger
    }

    fn keys(&self) -> Vec<String> {
        let mut connection = connection(&Self::address());
        let mut scan = redis::cmd("SCAN");
        let pattern = format!("{{bitsweep:{}}}:*", self.store);
        let keys = scan.cursor_arg(0).arg("MATCH").arg(pattern).arg("COUNT").arg(1000).clone().iter(&mut connection);
        keys.unwrap().map(Result::unwrap).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Perhaps because there is no server. What is left expires.
            return;
        }
        let keys = self.keys();
        for keys in keys.chunks(1000) {
            redis::cmd("UNLINK").arg(keys).exec(&mut connection(&Self::address())).unwrap();
        }
    }
}

fn connection(address: &Address) -> redis::Connection {
    redis::Client::open(address.with_secrets().as_str()).unwrap().get_connection().unwrap()
}

#[tokio::test]
async fn conforms() {
    let places = Mutex::new(Vec::new());
    crate::conformance::ledger(async || {
        let place = Place::new();
        let ledger = Arc::new(place.ledger().await);
        places.lock().unwrap().push(place);
        ledger as Arc<dyn Ledger>
    })
    .await;
}
