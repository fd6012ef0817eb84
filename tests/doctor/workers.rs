//! Faults of workers: what waits with nobody to do it.

use std::time::Duration;

use bitsweep_backends::Store;
use bitsweep_backends::conformance::samples;
use bitsweep_backends::conformance::servers::{Rabbit, Redis};
use bitsweep_proto::{Class, Digest};

use crate::visit;

#[tokio::test]
async fn faults_of_workers_are_told_apart() {
    let (rabbit, redis) = tokio::join!(Rabbit::start(), Redis::start(true));
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().display().to_string();
    let store = Store::open(&place).await.expect("a store");
    let (queue, ledger) = (rabbit.address(), redis.address());
    let addresses = [queue.with_secrets().to_string(), ledger.with_secrets().to_string()];
    let args = ["--queue", &addresses[0], "--ledger", &addresses[1], "--store", &place];
    let queue = bitsweep_backends::queue::open(&queue, store.id()).await.expect("the node answers");
    let ledger = bitsweep_backends::ledger::open(&ledger, store.id()).await.expect("the server answers");
    visit(&args, &[]).await.finds(&[]);

    let mut card = samples::worker(0);
    card.classes = vec![Class::Cpu];
    ledger.announce(&card, Duration::from_secs(600)).await.expect("it is taken");
    queue.publish(&[samples::ticket(0, Class::Gpu)]).await.expect("it is taken");
    let alone = visit(&args, &[]).await;
    alone.finds(&[("workers-alive", "warning")]).says("workers-alive", "1 jobs of class gpu wait");

    card.classes = vec![Class::Gpu, Class::Cpu];
    ledger.announce(&card, Duration::from_secs(600)).await.expect("it is taken");
    visit(&args, &[]).await.finds(&[]);
    let mut plan = samples::plan("a", Digest::of(b""));
    plan.profiles = card.offer.profiles.clone();
    store.put_plan(&plan).await.expect("it is taken");
    visit(&args, &[]).await.finds(&[]).says("workers-profiles", "1 workers fit");
    plan.profiles.encoder.kernels = "others".into();
    plan.name = "b".into();
    store.put_plan(&plan).await.expect("it is taken");
    visit(&args, &[]).await.finds(&[("workers-profiles", "warning")]);
}
