//! Asking a metadata server. They speak plain HTTP on the machine's own network, so never through a proxy.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Client, Method, redirect};
use tokio::time::sleep;

use super::notice::NoticeSource;
use crate::error::with_causes;

/// A metadata server.
pub(super) struct Metadata<'s> {
    source: &'s NoticeSource,
    client: Client,
    /// Whether its silence was told already: once is enough.
    told: AtomicBool,
}

/// A question.
pub(super) struct Question<'q> {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: &'q str,
    pub(super) headers: &'q [(&'q str, &'q str)],
    /// How long the answer may take.
    pub(super) limit: Duration,
}

impl<'q> Question<'q> {
    /// A question that is answered at once.
    pub(super) fn get(path: &'q str, headers: &'q [(&'q str, &'q str)]) -> Self {
        Self { method: Method::GET, path, headers, limit: Duration::from_secs(4) }
    }
}

/// An answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) etag: Option<String>,
    pub(super) body: String,
}

impl Answer {
    /// The body of a good answer.
    pub(super) fn good(&self) -> Option<&str> {
        (self.status == 200).then(|| self.body.trim())
    }
}

impl<'s> Metadata<'s> {
    pub(super) fn new(source: &'s NoticeSource) -> Self {
        // The client wants one even for plain HTTP. Whoever was first to install one chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build();
        Self { source, client: client.expect("nothing of this depends on the machine"), told: false.into() }
    }

    /// Asks; `None` where there is no answer, after the pause between two questions. The first time that is told.
    pub(super) async fn ask(&self, question: Question<'_>) -> Option<Answer> {
        match self.try_to_ask(&question).await {
            Ok(answer) => {
                self.told.store(false, Ordering::Relaxed);
                Some(answer)
            }
            Err(error) => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    let (cloud, base) = (self.source.cloud, &self.source.base);
                    tracing::warn!("no answer of {cloud}'s metadata server at {base}: {}", with_causes(&error));
                }
                self.pause().await;
                None
            }
        }
    }

    async fn try_to_ask(&self, question: &Question<'_>) -> Result<Answer, reqwest::Error> {
        let url = format!("{}{}", self.source.base, question.path);
        let mut request = self.client.request(question.method.clone(), url).timeout(question.limit);
        for (name, value) in question.headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        let etag = response.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        Ok(Answer { status: response.status().as_u16(), etag, body: response.text().await? })
    }

    /// The pause between two questions.
    pub(super) async fn pause(&self) {
        sleep(self.source.every).await;
    }
}
