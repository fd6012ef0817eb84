//! EC2: `spot/instance-action` is 404 until two minutes before the machine goes; `events/recommendations/rebalance` is
//! 404 until it is likely to. Both need a token (IMDSv2), which runs out.

use std::time::Duration;

use reqwest::Method;

use super::metadata::{Metadata, Question};

const TOKEN: &str = "x-aws-ec2-metadata-token";

const PATHS: [&str; 2] =
    ["/latest/meta-data/spot/instance-action", "/latest/meta-data/events/recommendations/rebalance"];

pub(super) async fn listen(metadata: &Metadata<'_>) -> String {
    loop {
        let token = token(metadata).await;
        if let Some(said) = listen_with(metadata, &token).await {
            return said;
        }
    }
}

async fn token(metadata: &Metadata<'_>) -> String {
    loop {
        let asked = metadata.ask(Question {
            method: Method::PUT,
            path: "/latest/api/token",
            headers: &[("x-aws-ec2-metadata-token-ttl-seconds", "21600")],
            limit: Duration::from_secs(4),
        });
        if let Some(answer) = asked.await {
            match answer.good() {
                Some(token) => return token.to_owned(),
                None => metadata.pause().await,
            }
        }
    }
}

/// Asks until there is something to say; `None` once the token is no longer good.
async fn listen_with(metadata: &Metadata<'_>, token: &str) -> Option<String> {
    loop {
        for path in PATHS {
            let Some(answer) = metadata.ask(Question::get(path, &[(TOKEN, token)])).await else { continue };
            if let Some(said) = answer.good() {
                return Some(format!("{path}: {said}"));
            }
            if answer.status == 401 {
                return None;
            }
        }
        metadata.pause().await;
    }
}
