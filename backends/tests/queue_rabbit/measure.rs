//! How fast the queue is, and with which prefetch. Not a test: it prints a table.
//!
//! `cargo nextest run -p bitsweep-backends --run-ignored only --no-capture measure_the_queue`

use std::sync::Arc;
use std::time::Instant;

use bitsweep_backends::queue::{Queue, RabbitQueue, Tuning};
use bitsweep_proto::job::Class;

use crate::broker::{Store, shared, tickets};

const TICKETS: u64 = 8192;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints a table"]
async fn measure_the_queue() {
    for batch in [1, 32, 256, 1024] {
        let store = Store::new(shared());
        let queue = store.open().await;
        let all = tickets(0..if batch == 1 { 1024 } else { TICKETS });
        let since = Instant::now();
        for batch in all.chunks(batch) {
            queue.publish(batch).await.unwrap();
        }
        println!("publish, batches of {batch:4}: {:6.0} tickets/s", all.len() as f64 / since.elapsed().as_secs_f64());
    }
    cold().await;
    println!("receive + ack, tickets/s   1 slot  2 slots  4 slots  2 workers of 2 slots");
    for prefetch in [1, 4, 16, 32, 64, 256] {
        let mut line = format!("prefetch {prefetch:4}             ");
        for (workers, slots) in [(1, 1), (1, 2), (1, 4), (2, 2)] {
            line += &format!(" {:8.0}", received(prefetch, workers, slots).await);
        }
        println!("{line}");
    }
}

/// How long a worker waits for a ticket when it comes from a job and has given all others back.
async fn cold() {
    let store = Store::new(shared());
    let queue = store.open().await;
    queue.publish(&tickets(0..200)).await.unwrap();
    let mut waits = Vec::new();
    for left in (0..100).rev() {
        let since = Instant::now();
        let delivery = queue.receive(&[Class::Cpu]).await.unwrap();
        waits.push(since.elapsed());
        queue.ack(delivery).await.unwrap();
        while queue.waiting(Class::Cpu).await.unwrap() < 100 + left {}
    }
    waits.sort();
    println!("receive after all was given back: p50 {:?}, p99 {:?}", waits[50], waits[98]);
}

/// Tickets a second that so many workers of so many slots receive and ack.
async fn received(prefetch: u16, workers: usize, slots: usize) -> f64 {
    let store = Store::new(shared());
    let tuning = Tuning { prefetch, ..Tuning::default() };
    let mut queues: Vec<Arc<RabbitQueue>> = Vec::new();
    for _ in 0..workers {
        queues.push(Arc::new(store.open_with(tuning).await.unwrap()));
    }
    queues[0].publish(&tickets(0..TICKETS)).await.unwrap();
    let since = Instant::now();
    let share = TICKETS as usize / workers / slots;
    let slots: Vec<_> = queues
        .iter()
        .flat_map(|queue| (0..slots).map(|_| Arc::clone(queue)))
        .map(|queue| {
            tokio::spawn(async move {
                for _ in 0..share {
                    let delivery = queue.receive(&[Class::Cpu]).await.unwrap();
                    queue.ack(delivery).await.unwrap();
                }
            })
        })
        .collect();
    for slot in slots {
        slot.await.unwrap();
    }
    TICKETS as f64 / since.elapsed().as_secs_f64()
}
