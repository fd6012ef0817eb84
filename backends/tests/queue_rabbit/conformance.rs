//! What every queue must do.

use std::sync::{Arc, Mutex};

use bitsweep_backends::conformance;
use bitsweep_backends::queue::{self, Queue};

use crate::broker::{Store, shared};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let stores = Mutex::new(Vec::new());
    conformance::queue(async || {
        let store = Store::new(shared());
        let queue: Arc<dyn Queue> = queue::open(&store.address, &store.id).await.unwrap();
        stores.lock().unwrap().push(store);
        queue
    })
    .await;
}
