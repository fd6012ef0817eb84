//! What is looked at in coordinators: what they answer over HTTP.

use std::time::Duration;

use bitsweep_backends::Address;
use reqwest::{Client, StatusCode};

use super::check::Verdict;

pub(crate) mod leader;
pub(crate) mod reach;
pub(crate) mod token;

/// Coordinators that answer.
pub(crate) struct CoordinatorSide {
    /// One each, in the order in which they were named.
    pub(crate) replies: Vec<Reply>,
}

/// What one coordinator answers.
pub(crate) struct Reply {
    /// Which.
    pub(crate) address: Address,
    /// To `/readyz`: 200 for the one that leads.
    pub(crate) ready: StatusCode,
    /// To a question that needs the token.
    pub(crate) asked: StatusCode,
    /// Whether a token was sent.
    pub(crate) with_token: bool,
}

impl CoordinatorSide {
    /// Asks each, or says which does not answer.
    pub(crate) async fn open(to: &[Address], token: Option<&str>, limit: Duration) -> Result<Self, Verdict> {
        let client = Client::builder().timeout(limit).build();
        let client = client.map_err(|error| Verdict::skipped(format!("no HTTP client: {error}")))?;
        let mut replies = Vec::new();
        for address in to {
            replies.push(ask(&client, address, token).await.map_err(|error| reach::unreachable(address, error))?);
        }
        Ok(Self { replies })
    }
}

async fn ask(client: &Client, address: &Address, token: Option<&str>) -> Result<Reply, reqwest::Error> {
    let base = address.with_secrets().as_str().trim_end_matches('/');
    client.get(format!("{base}/healthz")).send().await?.error_for_status()?;
    let ready = client.get(format!("{base}/readyz")).send().await?.status();
    let mut question = client.get(format!("{base}/api/v1/workers"));
    if let Some(token) = token {
        question = question.bearer_auth(token);
    }
    let asked = question.send().await?.status();
    Ok(Reply { address: address.clone(), ready, asked, with_token: token.is_some() })
}
