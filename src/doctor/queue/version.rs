//! The broker is a RabbitMQ that has what we use.

use super::QueueSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::doctor::version::Version;

pub(crate) const CHECK: Check = Check {
    name: "queue-version",
    subject: Subject::Queue,
    why: "quorum queues with at-least-once dead letters came with RabbitMQ 3.10",
    look: Look::Queue(look),
};

fn look(queue: &QueueSide) -> Running<'_> {
    let said = |name| queue.broker.get(name).map_or("", String::as_str);
    Box::pin(std::future::ready(judge(said("product"), said("version"))))
}

fn judge(product: &str, version: &str) -> Verdict {
    let found = format!("{product} {version}");
    if product != "RabbitMQ" {
        return Verdict::warning(
            format!("the broker calls itself {found}"),
            "bitsweep is tested with RabbitMQ alone: quorum queues and confirms may differ elsewhere",
        );
    }
    match Version::parse(version) {
        Some(version) if version < Version::new(3, 10) => Verdict::wrong(found, "upgrade to RabbitMQ 3.10 or newer"),
        Some(_) => Verdict::Fine(found),
        None => Verdict::warning(format!("{found}: not a version that can be read"), "use a released RabbitMQ"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_strange_brokers_are_told_apart() {
        assert!(matches!(judge("RabbitMQ", "3.10.8"), Verdict::Fine(_)));
        assert!(matches!(judge("RabbitMQ", "4.2.0"), Verdict::Fine(_)));
        assert!(matches!(judge("RabbitMQ", "3.9.29"), Verdict::Wrong(_)));
        assert!(matches!(judge("LavinMQ", "2.3.0"), Verdict::Warning(_)));
        assert!(matches!(judge("RabbitMQ", ""), Verdict::Warning(_)));
    }
}
