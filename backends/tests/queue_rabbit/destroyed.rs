//! What is destroyed under the queue's feet: queues, connections, the broker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bitsweep_backends::conformance::servers::Rabbit;
use bitsweep_backends::queue::{Queue, RabbitQueue, Tuning};
use bitsweep_proto::job::Class;
use bitsweep_proto::wire::Ticket;

use crate::broker::{Store, receive_all, shared, soon, tickets};

/// Publishes as the coordinator does: again, until it is done.
async fn publish(queue: &RabbitQueue, tickets: &[Ticket]) {
    while let Err(error) = queue.publish(tickets).await {
        assert!(error.is_retryable(), "{error}");
    }
}

#[tokio::test]
async fn deleted_queues_are_made_again() {
    let store = Store::new(shared());
    let (publisher, worker, raw) = (store.open().await, store.open().await, store.raw().await);
    for round in 0..3 {
        let batch = tickets(round * 10..round * 10 + 10);
        // The worker waits while the queues are deleted: its consumer is cancelled.
        let waiting = async { soon(receive_all(&worker, &batch)).await };
        let deleting = async {
            for line in ["cpu", "gpu", "dead"] {
                raw.delete(&store.queue_name(line)).await;
            }
            // Where no queue takes them, the broker confirms all the same, and that is noticed. (Where the worker was
            // quicker to declare it again, it takes them; where it is just being deleted, the broker may say no.)
            publish(&publisher, &batch).await;
        };
        tokio::join!(waiting, deleting);
    }
}

#[tokio::test]
async fn returned_tickets_are_published_again() {
    let store = Store::new(shared());
    let (queue, raw) = (store.open().await, store.raw().await);
    queue.publish(&tickets(0..1)).await.unwrap();
    raw.delete(&store.queue_name("cpu")).await;
    assert_eq!(queue.waiting(Class::Cpu).await.unwrap(), 0, "a queue that is not there holds nothing");
    // Nobody receives, so nobody but the publisher makes the queue.
    let batch = tickets(0..300);
    queue.publish(&batch).await.unwrap();
    assert_eq!(queue.waiting(Class::Cpu).await.unwrap(), 300);
    soon(receive_all(&queue, &batch)).await;
}

#[tokio::test]
async fn tickets_of_a_deleted_queue_are_settled() {
    let store = Store::new(shared());
    let tuning = Tuning { quiet: Duration::from_secs(1), ..Tuning::default() };
    let (queue, raw) = (store.open_with(tuning).await.unwrap(), store.raw().await);
    queue.publish(&tickets(0..3)).await.unwrap();
    let (first, second) = (queue.receive(&[Class::Cpu]).await.unwrap(), queue.receive(&[Class::Cpu]).await.unwrap());
    raw.delete(&store.queue_name("cpu")).await;
    queue.ack(first).await.unwrap();
    queue.requeue(second).await.unwrap();
    // RabbitMQ 3.10 then forgets to say that the queue is deleted, and takes the old consumer for one of the new queue.
    queue.publish(&tickets(5..6)).await.unwrap();
    soon(receive_all(&queue, &tickets(5..6))).await;
}

/// All that a private broker can suffer, one after the other: starting one takes seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_suffers_loses_no_ticket() {
    let mut rabbit = Rabbit::start().await;
    let store = Store::new(rabbit.address());
    let patience = Duration::from_secs(2);
    let tuning = Tuning { patience, ..Tuning::default() };
    let publisher = Arc::new(store.open_with(tuning).await.unwrap());
    let worker = Arc::new(store.open_with(tuning).await.unwrap());
    killed_connections(&rabbit, &publisher, &worker).await;
    paused(&rabbit, &publisher, &worker, patience).await;
    restarted(&mut rabbit, &publisher, &worker).await;
    away(&mut rabbit, &publisher, &worker, patience).await;
    returned_too_often(&rabbit, &store, &worker).await;
}

fn in_the_background(publisher: &Arc<RabbitQueue>, all: &[Ticket]) -> tokio::task::JoinHandle<()> {
    let (publisher, all) = (Arc::clone(publisher), all.to_vec());
    tokio::spawn(async move {
        for batch in all.chunks(10) {
            publish(&publisher, batch).await;
        }
    })
}

async fn killed_connections(rabbit: &Rabbit, publisher: &Arc<RabbitQueue>, worker: &RabbitQueue) {
    publisher.publish(&tickets(0..1)).await.unwrap();
    let stale = soon(worker.receive(&[Class::Cpu])).await.unwrap();
    let all = tickets(0..2000);
    let publishing = in_the_background(publisher, &all);
    tokio::join!(soon(receive_all(worker, &all)), rabbit.ctl(&["close_all_connections", "of the test"]));
    publishing.await.unwrap();
    // It came over a connection that is gone. It is not acked on the new one, where another has its number.
    assert!(worker.ack(stale).await.unwrap_err().is_retryable());
}

async fn paused(rabbit: &Rabbit, publisher: &Arc<RabbitQueue>, worker: &RabbitQueue, patience: Duration) {
    publisher.publish(&tickets(0..1)).await.unwrap();
    let held = soon(worker.receive(&[Class::Cpu])).await.unwrap();
    rabbit.pause();
    let since = Instant::now();
    assert!(publisher.publish(&tickets(1..2)).await.unwrap_err().is_retryable());
    assert!(worker.waiting(Class::Cpu).await.unwrap_err().is_retryable());
    // Whether it hears of it or not, it answers.
    let _ = worker.ack(held).await;
    assert!(since.elapsed() < patience * 8, "calls answer within a few seconds");
    rabbit.resume();
    let all = tickets(0..100);
    let publishing = in_the_background(publisher, &all);
    soon(receive_all(worker, &all)).await;
    publishing.await.unwrap();
}

async fn restarted(rabbit: &mut Rabbit, publisher: &Arc<RabbitQueue>, worker: &Arc<RabbitQueue>) {
    let all = tickets(0..5000);
    let publishing = in_the_background(publisher, &all);
    let receiver = Arc::clone(worker);
    let expected = all.clone();
    let receiving = tokio::spawn(async move { receive_all(&*receiver, &expected).await });
    rabbit.restart().await;
    soon(publishing).await.unwrap();
    soon(receiving).await.unwrap();
}

async fn away(rabbit: &mut Rabbit, publisher: &Arc<RabbitQueue>, worker: &Arc<RabbitQueue>, patience: Duration) {
    let kept = tickets(0..50);
    publish(publisher, &kept).await;
    let held = soon(worker.receive(&[Class::Cpu])).await.unwrap();
    rabbit.kill();
    let since = Instant::now();
    assert!(publisher.publish(&kept).await.unwrap_err().is_retryable());
    assert!(worker.waiting(Class::Cpu).await.unwrap_err().is_retryable());
    // Where nothing can be settled, requeueing is what the broker does by itself.
    worker.requeue(held).await.unwrap();
    assert!(since.elapsed() < patience * 8, "calls answer within a few seconds");
    let waiting = worker.receive(&[Class::Gpu]);
    assert!(tokio::time::timeout(patience, waiting).await.is_err(), "receive waits");
    rabbit.restart().await;
    // What was confirmed is there still.
    soon(receive_all(&**worker, &kept)).await;
}

/// There is a limit. Here the operator has set a lower one: ours takes as many returns as a test has no time for.
async fn returned_too_often(rabbit: &Rabbit, store: &Store, worker: &RabbitQueue) {
    rabbit.ctl(&["set_policy", "limit", "^bitsweep", r#"{"delivery-limit": 5}"#, "--apply-to", "queues"]).await;
    worker.publish(&tickets(7000..7001)).await.unwrap();
    let (raw, dead) = (store.raw().await, store.queue_name("dead"));
    let returning = async {
        loop {
            let delivery = worker.receive(&[Class::Cpu]).await.unwrap();
            worker.requeue(delivery).await.unwrap();
        }
    };
    tokio::select! {
        () = returning => unreachable!("it never ends"),
        () = raw.comes_to_hold(&dead, 1) => {}
    }
    assert_eq!(worker.waiting(Class::Cpu).await.unwrap(), 0);
}
