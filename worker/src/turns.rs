//! Who computes when: a job whose result is a time computes alone.
//!
//! Owns: the turns of one worker's slots. An attempt of such a job has its turn once nothing else of the worker computes, and
//! until its child is done nothing else begins: no input is fetched, no child started, nothing committed. All others compute
//! beside one another, and keep their turn until they are committed, for what is put into the store is hashed on the way. Turns
//! are given in the order in which they were asked for, so a job that waits to be alone is not passed by; and a slot takes no
//! ticket where it would have to wait for its turn, for another worker may begin at once. Does not own: what else the machine
//! does, other workers on it among that.

use std::sync::Arc;

use bitsweep_proto::Kind;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::kinds::computes_alone;

/// The turns of one worker.
#[derive(Default)]
pub(crate) struct Turns(Arc<RwLock<()>>);

/// A turn, until it is dropped.
pub(crate) struct Turn {
    _beside: Option<OwnedRwLockReadGuard<()>>,
    _alone: Option<OwnedRwLockWriteGuard<()>>,
}

impl Turns {
    /// Waits for the turn of an attempt of this kind. Whoever gives up waiting has lost nothing but its place in the line.
    pub(crate) async fn of(&self, kind: Kind) -> Turn {
        if computes_alone(kind) {
            Turn { _beside: None, _alone: Some(Arc::clone(&self.0).write_owned().await) }
        } else {
            self.beside().await
        }
    }

    /// Waits until others may compute.
    pub(crate) async fn beside(&self) -> Turn {
        Turn { _beside: Some(Arc::clone(&self.0).read_owned().await), _alone: None }
    }

    /// Whether others may compute now: nobody computes alone, or waits to.
    pub(crate) fn are_open(&self) -> bool {
        self.0.try_read().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Whether there is a turn at once. The clock goes on only where all wait.
    async fn at_once(turns: &Turns, kind: Kind) -> Option<Turn> {
        timeout(Duration::from_secs(1), turns.of(kind)).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_is_timed_is_alone() {
        let turns = Turns::default();
        let first = at_once(&turns, Kind::Retrieve).await.expect("nobody computes");
        let second = at_once(&turns, Kind::Noop).await.expect("they compute beside one another");
        assert!(turns.are_open());
        assert!(at_once(&turns, Kind::Speed).await.is_none());
        drop(first);
        assert!(at_once(&turns, Kind::Speed).await.is_none());
        drop(second);
        let alone = at_once(&turns, Kind::Speed).await.expect("nobody computes");
        for kind in [Kind::Speed, Kind::Embed] {
            assert!(at_once(&turns, kind).await.is_none());
        }
        assert!(timeout(Duration::from_secs(1), turns.beside()).await.is_err());
        assert!(!turns.are_open());
        drop(alone);
        assert!(turns.are_open());
        assert!(at_once(&turns, Kind::Embed).await.is_some());
    }

    /// Others that come later wait behind it; once it gives up, they go on.
    #[tokio::test(start_paused = true)]
    async fn a_job_that_waits_to_be_alone_is_not_passed_by() {
        let turns = Turns::default();
        let first = turns.beside().await;
        let waiting = async { timeout(Duration::from_secs(10), turns.of(Kind::Speed)).await.is_err() };
        let later = async {
            assert!(!turns.are_open());
            assert!(at_once(&turns, Kind::Embed).await.is_none());
            turns.of(Kind::Embed).await
        };
        let (gave_up, turn) = tokio::join!(waiting, later);
        assert!(gave_up);
        assert!(turns.are_open());
        drop((first, turn));
    }
}
