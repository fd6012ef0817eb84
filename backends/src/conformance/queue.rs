//! The suite for queues.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bitsweep_proto::job::Class;
use bitsweep_proto::wire::Ticket;
use futures::FutureExt;

use super::samples::ticket;
use crate::queue::Queue;

const BOTH: [Class; 2] = [Class::Gpu, Class::Cpu];
/// What a queue promises to happen soon has happened by then.
const SOON: Duration = Duration::from_secs(20);

/// Runs the suite. Panics where `make`'s queues misbehave.
pub async fn queue(make: impl AsyncFn() -> Arc<dyn Queue>) {
    order_and_classes(&*make().await).await;
    batches_keep_their_order(&*make().await).await;
    requeued_is_in_the_line_again(&*make().await).await;
    waiting_is_woken(make().await).await;
    abandoned_receive_loses_nothing(&*make().await).await;
    impatient_receivers_lose_nothing(make().await).await;
    each_ticket_once(make().await).await;
}

/// Waits until so many tickets are waiting: a queue may have sent some ahead, to a worker that had asked.
async fn comes_to_wait(queue: &dyn Queue, class: Class, expected: usize) {
    let since = Instant::now();
    loop {
        let waiting = queue.waiting(class).await.unwrap();
        if waiting == expected {
            return;
        }
        assert!(since.elapsed() < SOON, "{waiting} tickets wait for {class:?}, not {expected}");
        tokio::task::yield_now().await;
    }
}

/// Receives and settles one.
async fn taken(queue: &dyn Queue, classes: &[Class]) -> Ticket {
    let delivery = queue.receive(classes).await.unwrap();
    let ticket = delivery.ticket.clone();
    queue.ack(delivery).await.unwrap();
    ticket
}

async fn order_and_classes(queue: &dyn Queue) {
    for class in BOTH {
        assert_eq!(queue.waiting(class).await.unwrap(), 0);
    }
    for (number, class) in [(0, Class::Cpu), (1, Class::Gpu), (2, Class::Cpu), (3, Class::Gpu)] {
        queue.publish(&[ticket(number, class)]).await.unwrap();
    }
    assert_eq!(queue.waiting(Class::Cpu).await.unwrap(), 2);
    for number in [0, 2] {
        assert_eq!(taken(queue, &[Class::Cpu]).await, ticket(number, Class::Cpu));
    }
    comes_to_wait(queue, Class::Cpu, 0).await;
    comes_to_wait(queue, Class::Gpu, 2).await;
    let delivery = queue.receive(&BOTH).await.unwrap();
    assert_eq!(delivery.ticket, ticket(1, Class::Gpu));
    // A delivery does not wait.
    comes_to_wait(queue, Class::Gpu, 1).await;
    queue.ack(delivery).await.unwrap();
    assert_eq!(taken(queue, &BOTH).await, ticket(3, Class::Gpu));
    assert_eq!(queue.dead_letters(), 0);
}

async fn batches_keep_their_order(queue: &dyn Queue) {
    queue.publish(&[]).await.unwrap();
    // Of two classes in turn; more than is sent ahead.
    let tickets: Vec<_> = (0..300).map(|number| ticket(number, BOTH[number as usize % 2])).collect();
    queue.publish(&tickets).await.unwrap();
    for class in BOTH {
        let expected: Vec<_> = tickets.iter().filter(|ticket| ticket.class == class).collect();
        assert_eq!(queue.waiting(class).await.unwrap(), expected.len());
        for ticket in expected {
            assert_eq!(taken(queue, &[class]).await, *ticket);
        }
    }
}

async fn requeued_is_in_the_line_again(queue: &dyn Queue) {
    queue.publish(&[ticket(0, Class::Cpu), ticket(1, Class::Cpu)]).await.unwrap();
    let delivery = queue.receive(&BOTH).await.unwrap();
    queue.requeue(delivery).await.unwrap();
    comes_to_wait(queue, Class::Cpu, 2).await;
    let mut seen = [taken(queue, &BOTH).await.key, taken(queue, &BOTH).await.key];
    seen.sort_unstable();
    let mut expected = [0, 1].map(|number| ticket(number, Class::Cpu).key);
    expected.sort_unstable();
    assert_eq!(seen, expected);
    comes_to_wait(queue, Class::Cpu, 0).await;
}

async fn waiting_is_woken(queue: Arc<dyn Queue>) {
    let waiter = Arc::clone(&queue);
    let waiting = tokio::spawn(async move { waiter.receive(&[Class::Gpu]).await.unwrap() });
    // One of another class wakes nobody for good.
    queue.publish(&[ticket(0, Class::Cpu)]).await.unwrap();
    tokio::task::yield_now().await;
    queue.publish(&[ticket(1, Class::Gpu)]).await.unwrap();
    let delivery = waiting.await.unwrap();
    assert_eq!(delivery.ticket, ticket(1, Class::Gpu));
    queue.ack(delivery).await.unwrap();
    comes_to_wait(&*queue, Class::Cpu, 1).await;
}

async fn abandoned_receive_loses_nothing(queue: &dyn Queue) {
    // Polled once while nothing is there, dropped after something came.
    let mut abandoned = queue.receive(&BOTH);
    poll_fn(|context| {
        assert!(abandoned.poll_unpin(context).is_pending());
        Poll::Ready(())
    })
    .await;
    queue.publish(&[ticket(0, Class::Cpu)]).await.unwrap();
    drop(abandoned);
    assert_eq!(taken(queue, &BOTH).await, ticket(0, Class::Cpu));
}

async fn impatient_receivers_lose_nothing(queue: Arc<dyn Queue>) {
    const TICKETS: u64 = 200;
    let publisher = Arc::clone(&queue);
    let publishing = tokio::spawn(async move {
        for number in 0..TICKETS {
            publisher.publish(&[ticket(number, BOTH[number as usize % 2])]).await.unwrap();
        }
    });
    let mut keys = Vec::new();
    for patience in (0..40).cycle() {
        let turns = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            delivery = queue.receive(&BOTH) => {
                let delivery = delivery.unwrap();
                keys.push(delivery.ticket.key);
                queue.ack(delivery).await.unwrap();
            }
            () = turns => {}
        }
        if keys.len() as u64 == TICKETS {
            break;
        }
    }
    publishing.await.unwrap();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len() as u64, TICKETS);
}

async fn each_ticket_once(queue: Arc<dyn Queue>) {
    const TICKETS: u64 = 100;
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut keys = Vec::new();
                for _ in 0..TICKETS / 4 {
                    keys.push(taken(&*queue, &BOTH).await.key);
                }
                keys
            })
        })
        .collect();
    for number in 0..TICKETS {
        queue.publish(&[ticket(number, BOTH[number as usize % 2])]).await.unwrap();
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
