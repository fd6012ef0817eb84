//! What a person must act on is told at once, with what to do, and without secrets.

use std::time::{Duration, Instant};

use bitsweep_backends::conformance::servers::Rabbit;
use bitsweep_backends::queue::{self, Queue, RabbitQueue, Tuning};
use bitsweep_backends::{Address, BackendError};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use crate::broker::{Store, shared, tickets};

async fn refused(address: &Address) -> String {
    let Err(error) = queue::open(address, "test").await else { panic!("it is refused") };
    assert!(matches!(error, BackendError::Refused { .. }), "{error}");
    let message = error.to_string();
    assert!(!message.contains("hunter2"), "{message}");
    message
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

#[tokio::test]
async fn other_schemes() {
    for scheme in ["http", "redis", "amqpx"] {
        let message = refused(&address(&format!("{scheme}://u:hunter2@host/"))).await;
        assert!(message.contains("amqp://"), "{message}");
    }
}

#[tokio::test]
async fn queues_with_other_arguments() {
    let store = Store::new(shared());
    let raw = store.raw().await;
    let name = store.queue_name("gpu");
    let options = QueueDeclareOptions::durable();
    raw.channel.queue_declare(name.as_str().into(), options, FieldTable::default()).await.unwrap();
    let error = store.open_with(Tuning::default()).await.unwrap_err();
    let message = error.to_string();
    assert!(!error.is_retryable() && message.contains(&format!("rabbitmqctl delete_queue {name}")), "{message}");
    raw.delete(&name).await;
    store.open().await;
}

#[tokio::test]
async fn nobody_listens() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Err(error) = queue::open(&address(&format!("amqp://u:hunter2@127.0.0.1:{port}")), "test").await else {
        panic!("nobody listens");
    };
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains(&port.to_string()) && !error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn permissions() {
    let rabbit = Rabbit::start().await;
    // As it must be, to be told from what follows.
    let store = Store::new(rabbit.address());
    store.open().await.publish(&tickets(0..1)).await.unwrap();
    let wrong = refused(&rabbit.address_of("guest:hunter2", "%2f")).await;
    assert!(wrong.contains("user and password"), "{wrong}");
    let nowhere = refused(&rabbit.address_of("guest:guest", "nowhere")).await;
    assert!(nowhere.contains("virtual host \"nowhere\"") && nowhere.contains("add_vhost"), "{nowhere}");
    // A slash too many is the virtual host without a name.
    let slash = refused(&rabbit.address_of("guest:guest", "")).await;
    assert!(slash.contains("virtual host \"\"") && slash.contains("%2f"), "{slash}");
    rabbit.ctl(&["add_user", "limited", "hunter2"]).await;
    let kept_out = refused(&rabbit.address_of("limited:hunter2", "%2f")).await;
    assert!(kept_out.contains("set_permissions"), "{kept_out}");
    rabbit.ctl(&["set_permissions", "limited", "^$", "^$", "^$"]).await;
    let idle = refused(&rabbit.address_of("limited:hunter2", "%2f")).await;
    assert!(idle.contains("bitsweep.test.dead") && idle.contains("set_permissions"), "{idle}");
    // What the message says is enough.
    rabbit.ctl(&["set_permissions", "limited", r"^bitsweep\.", r"^(bitsweep\..*|amq\.default)$", r"^bitsweep\."]).await;
    let queue = queue::open(&rabbit.address_of("limited:hunter2", "%2f"), "test").await.unwrap();
    queue.publish(&tickets(0..1)).await.unwrap();
    let delivery = queue.receive(&[tickets(0..1)[0].class]).await.unwrap();
    queue.ack(delivery).await.unwrap();
}

#[tokio::test]
async fn a_silent_listener_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let since = Instant::now();
    let tuning = Tuning { patience: Duration::from_secs(1), ..Tuning::default() };
    let address = address(&format!("amqp://127.0.0.1:{port}"));
    let error = RabbitQueue::open(&address, "test", tuning).await.unwrap_err();
    assert!(error.is_retryable() && since.elapsed() < tuning.patience * 10, "{error}");
    // Nobody is left who waits: the connection is closed.
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    std::io::copy(&mut stream, &mut std::io::sink()).expect("it was closed");
}
