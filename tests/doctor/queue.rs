//! Faults of RabbitMQ, planted in a private node.

use bitsweep_backends::conformance::servers::Rabbit;

use crate::visit;

const ID: &str = "0123456789abcdef";

/// One node, for it takes seconds to start; a virtual host for each fault.
#[tokio::test]
async fn faults_of_the_broker_are_told_apart() {
    let rabbit = Rabbit::start().await;
    let at = |user: &str, vhost: &str| rabbit.address_of(user, vhost).with_secrets().to_string();
    login(&rabbit).await;
    rights(&rabbit).await;
    queues_of_the_store(&rabbit).await;
    policies(&rabbit).await;
    rabbit.ctl(&["set_vm_memory_high_watermark", "0.0001"]).await;
    let full = visit(&["--queue", &at("guest:guest", "%2f")], &[]).await;
    full.finds(&[("queue-alarm", "wrong")]).says("queue-alarm", "memory");
    rabbit.ctl(&["set_vm_memory_high_watermark", "0.4"]).await;
    rabbit.pause();
    let paused = visit(&["--queue", &at("guest:guest", "%2f"), "--timeout", "1s"], &[]).await;
    paused.finds(&[("queue-reach", "unreachable")]).says("queue-reach", "no answer within 1s");
    rabbit.resume();
}

async fn login(rabbit: &Rabbit) {
    let at = |user: &str, vhost: &str| rabbit.address_of(user, vhost).with_secrets().to_string();
    visit(&["--queue", &at("guest:guest", "%2f")], &[]).await.finds(&[]);
    let stranger = visit(&["--queue", &at("guest:not-the-secret", "%2f")], &[]).await;
    stranger.finds(&[("queue-reach", "wrong")]).says("queue-reach", "refuses the login").hides("not-the-secret");
    let nowhere = visit(&["--queue", &at("guest:guest", "nowhere")], &[]).await;
    nowhere.finds(&[("queue-reach", "wrong")]).says("queue-reach", "refuses the virtual host");
}

/// Each right alone is missed by the check for it, and by no other.
async fn rights(rabbit: &Rabbit) {
    rabbit.ctl(&["add_vhost", "rights"]).await;
    rabbit.ctl(&["add_user", "someone", "secret"]).await;
    let ours = "^bitsweep\\.";
    let write = "^(bitsweep\\..*|amq\\.default)$";
    let address = rabbit.address_of("someone:secret", "rights").with_secrets().to_string();
    for (rights, missing) in [
        ([ours, write, ours], None),
        (["", write, ours], Some("queue-configure")),
        ([ours, "", ours], Some("queue-write")),
        ([ours, write, ""], Some("queue-read")),
    ] {
        rabbit.ctl(&["set_permissions", "-p", "rights", "someone", rights[0], rights[1], rights[2]]).await;
        let visit = visit(&["--queue", &address], &[]).await;
        let found: Vec<_> = missing.into_iter().map(|check| (check, "wrong")).collect();
        visit.finds(&found).hides("secret@");
    }
}

/// Queues that are there already.
async fn queues_of_the_store(rabbit: &Rabbit) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().display().to_string();
    let id = bitsweep_backends::Store::open(&place).await.expect("a store").id().to_owned();
    for vhost in ["ours", "theirs", "dead", "few"] {
        rabbit.ctl(&["add_vhost", vhost]).await;
        rabbit.ctl(&["set_permissions", "-p", vhost, "guest", ".*", ".*", ".*"]).await;
    }
    let address = |vhost: &str| rabbit.address_of("guest:guest", vhost);
    let doctor = async |vhost: &str| {
        let address = address(vhost).with_secrets().to_string();
        visit(&["--queue", &address, "--store", &place], &[]).await
    };
    // As the program itself makes them: the doctor knows the same arguments.
    let queue = bitsweep_backends::queue::open(&address("ours"), &id).await.expect("the node answers");
    doctor("ours").await.finds(&[]).says("queue-existing", "3 queues of this store, as they should be");
    drop(queue);
    declare(&address("theirs"), &format!("bitsweep.{id}.cpu"), "classic", 0).await;
    doctor("theirs").await.finds(&[("queue-existing", "wrong")]).says("queue-existing", "inequivalent arg");
    let queue = bitsweep_backends::queue::open(&address("dead"), &id).await.expect("the node answers");
    drop(queue);
    publish(&address("dead"), &format!("bitsweep.{id}.dead"), 3).await;
    doctor("dead").await.finds(&[("queue-dead-letters", "warning")]).says("queue-dead-letters", "3 dead letters");
    rabbit.ctl(&["set_vhost_limits", "-p", "few", "{\"max-queues\": 0}"]).await;
    doctor("few").await.finds(&[("queue-quorum", "wrong")]).says("queue-quorum", "no further queue");
}

/// What a policy does to the queues.
async fn policies(rabbit: &Rabbit) {
    rabbit.ctl(&["add_vhost", "policies"]).await;
    rabbit.ctl(&["set_permissions", "-p", "policies", "guest", ".*", ".*", ".*"]).await;
    let address = rabbit.address_of("guest:guest", "policies").with_secrets().to_string();
    rabbit
        .ctl(&["set_policy", "-p", "policies", "short", "^bitsweep", "{\"delivery-limit\": 2}", "--apply-to", "queues"])
        .await;
    let short = visit(&["--queue", &address], &[]).await;
    short.finds(&[("queue-delivery-limit", "wrong")]).says("queue-delivery-limit", "given back 3 times");
    rabbit.ctl(&["clear_policy", "-p", "policies", "short"]).await;
    visit(&["--queue", &address, "--hold", "1s"], &[]).await.finds(&[]).is_fine("queue-consumer-timeout");
    for (setting, value) in [("consumer_timeout", "100"), ("channel_tick_interval", "200")] {
        rabbit.ctl(&["eval", &format!("application:set_env(rabbit, {setting}, {value}).")]).await;
    }
    let hasty = visit(&["--queue", &address, "--hold", "20s"], &[]).await;
    hasty.finds(&[("queue-consumer-timeout", "wrong")]);
    rabbit.ctl(&["eval", "application:set_env(rabbit, consumer_timeout, 1800000)."]).await;
}

async fn declare(address: &bitsweep_backends::Address, name: &str, kind: &str, messages: usize) {
    use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
    use lapin::types::{AMQPValue, FieldTable};
    let connection = lapin::Connection::connect(address.with_secrets().as_str(), Default::default()).await;
    let channel = connection.expect("the node answers").create_channel().await.expect("a channel");
    if !kind.is_empty() {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await.expect("a queue");
    }
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    for _ in 0..messages {
        let publish =
            channel.basic_publish("".into(), name.into(), BasicPublishOptions::default(), b"?", Default::default());
        publish.await.expect("it goes out").await.expect("it is confirmed");
    }
}

async fn publish(address: &bitsweep_backends::Address, name: &str, messages: usize) {
    declare(address, name, "", messages).await;
}

#[tokio::test]
async fn who_is_not_there_and_who_speaks_otherwise() {
    let silent = crate::fakes::closed_port();
    let nobody = visit(&["--queue", &format!("amqp://guest:secret@127.0.0.1:{silent}")], &[]).await;
    nobody.finds(&[("queue-reach", "unreachable")]).hides("secret");
    let http = crate::fakes::coordinator(Vec::new()).await;
    let other = visit(&["--queue", &http.replace("http://", "amqp://")], &[]).await;
    other.finds(&[("queue-reach", "unreachable")]).says("queue-reach", "does not speak AMQP");
    let old = crate::fakes::old_rabbit().await;
    let old = visit(&["--queue", &old, "--timeout", "2s"], &[]).await;
    // It says hello and no more.
    assert_eq!(old.findings["queue-reach"]["level"], "unreachable", "{} {ID}", old.text);
}
