//! The deadline: whatever the reason why a worker has to go, there is one moment from which on it goes.
//!
//! Owns: that moment, and what brings it: being told (a signal, which the command turns into a flag), the limit of a
//! session, a cloud that takes the machine away. Does not own: what is done about it. From then on no job is claimed and
//! no child started; running jobs are told to stop and have `stop_limit` for it.

mod aws;
mod azure;
mod gcp;
mod metadata;
mod notice;

use std::time::Duration;

use futures::future::{pending, select_all};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::settings::Settings;

pub use notice::{Cloud, NotACloud, NoticeSource};

/// Why a worker went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was told to.
    Told,
    /// The time that it was given is over.
    StopAfter,
    /// This cloud takes the machine away.
    Notice(Cloud),
}

/// Waits for the first cause to go.
pub(crate) async fn come(settings: &Settings, mut told: watch::Receiver<bool>) -> Cause {
    let over = async {
        match settings.stop_after {
            Some(time) => sleep(time).await,
            None => pending().await,
        }
    };
    let noticed = async {
        let listening: Vec<_> = settings.notices.iter().map(|source| Box::pin(source.listen())).collect();
        if listening.is_empty() { pending().await } else { select_all(listening).await.0 }
    };
    tokio::select! {
        // Whoever could tell being gone is as good as being told.
        _ = told.wait_for(|told| *told) => Cause::Told,
        () = over => {
            tracing::info!("the worker's time is over");
            Cause::StopAfter
        }
        (cloud, said) = noticed => {
            tracing::warn!("{cloud} takes this machine away: {said}");
            Cause::Notice(cloud)
        }
    }
}

/// The moment from which on the worker goes, once it has come. Clones wait for the same.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<Option<Instant>>);

/// Brings the moment. Clones bring the same.
#[derive(Clone)]
pub(crate) struct Raise(watch::Sender<Option<Instant>>);

impl Stop {
    pub(crate) fn new() -> (Raise, Self) {
        let (raise, stop) = watch::channel(None);
        (Raise(raise), Self(stop))
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits for the moment.
    pub(crate) async fn raised(&self) -> Instant {
        let mut stop = self.0.clone();
        let raised = stop.wait_for(Option::is_some).await.ok().and_then(|moment| *moment);
        // Nobody who could raise it is left: go.
        raised.unwrap_or_else(Instant::now)
    }

    /// Waits until `limit` after the moment.
    pub(crate) async fn past(&self, limit: Duration) {
        let moment = self.raised().await;
        sleep_until(moment + limit).await;
    }

    /// What comes of `work`, if it is done before the moment comes.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.or_past(Duration::ZERO, work).await
    }

    /// What comes of `work`, if it is done before `limit` after the moment.
    pub(crate) async fn or_past<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.past(limit) => None,
        }
    }
}

impl Raise {
    /// The moment is now, unless it has come already.
    pub(crate) fn raise(&self) {
        self.0.send_if_modified(|moment| {
            let first = moment.is_none();
            moment.get_or_insert_with(Instant::now);
            first
        });
    }
}
