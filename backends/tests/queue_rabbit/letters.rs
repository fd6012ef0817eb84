//! What is in the line: garbage, tickets that came back often, tickets that a busy worker holds.

use std::time::Duration;

use bitsweep_backends::conformance::samples::ticket;
use bitsweep_backends::queue::{Queue, Tuning};
use bitsweep_proto::job::Class;
use bitsweep_proto::wire;

use crate::broker::{Store, receive_all, shared, soon, tickets};

#[tokio::test]
async fn garbage_is_set_aside_and_counted() {
    let store = Store::new(shared());
    let queue = store.open().await;
    let (raw, line) = (store.raw().await, store.queue_name("cpu"));
    let of_next_version = [wire::WIRE_VERSION + 1, 0, 0];
    let of_other_class = wire::encode(&ticket(0, Class::Gpu)).unwrap();
    let huge = vec![wire::WIRE_VERSION; 1 << 20];
    let endless = [&[wire::WIRE_VERSION][..], &[0xfd; 64]].concat();
    let garbage = [&b""[..], b"\0", b"garbage", &of_next_version, &of_other_class, &huge, &endless];
    for message in garbage {
        raw.publish(&line, message).await;
    }
    raw.comes_to_hold(&line, garbage.len() as u32).await;
    queue.publish(&tickets(1..2)).await.unwrap();
    soon(receive_all(&queue, &tickets(1..2))).await;
    assert_eq!(queue.dead_letters(), garbage.len() as u64);
    raw.comes_to_hold(&store.queue_name("dead"), garbage.len() as u32).await;
    raw.comes_to_hold(&line, 0).await;
}

#[tokio::test]
async fn busy_workers_hold_nothing_back() {
    let store = Store::new(shared());
    let (busy, idle, raw) = (store.open().await, store.open().await, store.raw().await);
    let all = tickets(0..20);
    busy.publish(&all).await.unwrap();
    // All were sent ahead to the first who asked; it takes one and works on it.
    let taken = soon(busy.receive(&[Class::Cpu])).await.unwrap();
    raw.comes_to_hold(&store.queue_name("cpu"), 19).await;
    // Another has all the others, in their order.
    for expected in &all[1..] {
        let delivery = soon(idle.receive(&[Class::Cpu])).await.unwrap();
        assert_eq!(delivery.ticket, *expected);
        idle.ack(delivery).await.unwrap();
    }
    // The delivery outlived the consumer that it came by.
    assert_eq!(taken.ticket, all[0]);
    busy.ack(taken).await.unwrap();
    drop(busy);
    raw.comes_to_hold(&store.queue_name("cpu"), 0).await;
}

#[tokio::test]
async fn what_is_held_is_there_again_when_the_worker_is_gone() {
    let store = Store::new(shared());
    let gone = store.open_with(Tuning { linger: Duration::from_secs(3600), ..Tuning::default() }).await.unwrap();
    gone.publish(&tickets(0..20)).await.unwrap();
    let unsettled = soon(gone.receive(&[Class::Cpu])).await.unwrap();
    drop(gone);
    let queue = store.open().await;
    soon(receive_all(&queue, &tickets(0..20))).await;
    // Of another queue, it settles nothing here.
    assert!(queue.ack(unsettled).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn tickets_may_come_back_often() {
    let store = Store::new(shared());
    let queue = store.open().await;
    queue.publish(&tickets(0..1)).await.unwrap();
    // Idle workers give tickets back; twenty times, the limit of brokers since 4.0, is nothing.
    for _ in 0..100 {
        let delivery = soon(queue.receive(&[Class::Cpu])).await.unwrap();
        queue.requeue(delivery).await.unwrap();
    }
    assert_eq!(soon(queue.receive(&[Class::Cpu])).await.unwrap().ticket, tickets(0..1)[0]);
}

#[tokio::test]
async fn dead_letters_are_bounded() {
    let store = Store::new(shared());
    let queue = store.open().await;
    let (raw, line) = (store.raw().await, store.queue_name("cpu"));
    for _ in 0..1100 {
        raw.publish(&line, b"garbage").await;
    }
    raw.comes_to_hold(&line, 1100).await;
    queue.publish(&tickets(0..1)).await.unwrap();
    soon(receive_all(&queue, &tickets(0..1))).await;
    assert_eq!(queue.dead_letters(), 1100);
    raw.comes_to_hold(&store.queue_name("dead"), 1000).await;
}
