//! The suite for queues.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bitsweep_proto::job::Class;
use futures::FutureExt;

use super::samples::ticket;
use crate::queue::Queue;

const BOTH: [Class; 2] = [Class::Gpu, Class::Cpu];

/// Runs the suite. Panics where `make`'s queues misbehave.
pub async fn queue(make: impl AsyncFn() -> Arc<dyn Queue>) {
    order_and_classes(&*make().await).await;
    requeued_goes_last(&*make().await).await;
    waiting_is_woken(make().await).await;
    abandoned_receive_loses_nothing(&*make().await).await;
    each_ticket_once(make().await).await;
}

async fn order_and_classes(queue: &dyn Queue) {
    for (number, class) in [(0, Class::Cpu), (1, Class::Gpu), (2, Class::Cpu), (3, Class::Gpu)] {
        queue.publish(ticket(number, class)).await.unwrap();
    }
    assert_eq!(queue.waiting(Class::Cpu).await.unwrap(), 2);
    for number in [0, 2] {
        let delivery = queue.receive(&[Class::Cpu]).await.unwrap();
        assert_eq!(delivery.ticket, ticket(number, Class::Cpu));
        queue.ack(delivery).await.unwrap();
    }
    assert_eq!(queue.waiting(Class::Cpu).await.unwrap(), 0);
    assert_eq!(queue.waiting(Class::Gpu).await.unwrap(), 2);
    let delivery = queue.receive(&BOTH).await.unwrap();
    assert_eq!(delivery.ticket, ticket(1, Class::Gpu));
    assert_eq!(queue.waiting(Class::Gpu).await.unwrap(), 1, "a delivery does not wait");
    queue.ack(delivery).await.unwrap();
}

async fn requeued_goes_last(queue: &dyn Queue) {
    for number in [0, 1] {
        queue.publish(ticket(number, Class::Cpu)).await.unwrap();
    }
    let delivery = queue.receive(&BOTH).await.unwrap();
    queue.requeue(delivery).await.unwrap();
    assert_eq!(queue.waiting(Class::Cpu).await.unwrap(), 2);
    for number in [1, 0] {
        let delivery = queue.receive(&BOTH).await.unwrap();
        assert_eq!(delivery.ticket, ticket(number, Class::Cpu));
        queue.ack(delivery).await.unwrap();
    }
}

async fn waiting_is_woken(queue: Arc<dyn Queue>) {
    let waiter = Arc::clone(&queue);
    let waiting = tokio::spawn(async move { waiter.receive(&[Class::Gpu]).await.unwrap() });
    // One of another class wakes nobody for good.
    queue.publish(ticket(0, Class::Cpu)).await.unwrap();
    tokio::task::yield_now().await;
    queue.publish(ticket(1, Class::Gpu)).await.unwrap();
    let delivery = waiting.await.unwrap();
    assert_eq!(delivery.ticket, ticket(1, Class::Gpu));
    queue.ack(delivery).await.unwrap();
}

async fn abandoned_receive_loses_nothing(queue: &dyn Queue) {
    // Polled once while nothing is there, dropped after something came.
    let mut abandoned = queue.receive(&BOTH);
    poll_fn(|context| {
        assert!(abandoned.poll_unpin(context).is_pending());
        Poll::Ready(())
    })
    .await;
    queue.publish(ticket(0, Class::Cpu)).await.unwrap();
    drop(abandoned);
    let delivery = queue.receive(&BOTH).await.unwrap();
    assert_eq!(delivery.ticket, ticket(0, Class::Cpu));
    queue.ack(delivery).await.unwrap();
}

async fn each_ticket_once(queue: Arc<dyn Queue>) {
    const TICKETS: u64 = 100;
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut keys = Vec::new();
                for _ in 0..TICKETS / 4 {
                    let delivery = queue.receive(&BOTH).await.unwrap();
                    keys.push(delivery.ticket.key);
                    queue.ack(delivery).await.unwrap();
                }
                keys
            })
        })
        .collect();
    for number in 0..TICKETS {
        queue.publish(ticket(number, BOTH[number as usize % 2])).await.unwrap();
    }
    let mut seen = Vec::new();
    for worker in workers {
        seen.extend(worker.await.unwrap());
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len() as u64, TICKETS);
    for class in BOTH {
        assert_eq!(queue.waiting(class).await.unwrap(), 0);
    }
}
