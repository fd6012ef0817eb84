//! A store that fails at every place in turn. Whatever failed, the next attempt ends in the same state.

use bitsweep_backends::store::faults::Fault;
use bitsweep_backends::{BackendError, Notice};
use bitsweep_proto::outcome::Produced;
use bitsweep_proto::work::Work;
use bitsweep_proto::{JobKey, Verdict};
use bitsweep_worker::{WorkerError, WorkerReport};

use crate::site::{Site, child};

/// The one final state: the outcome of an undisturbed run, whole, committed once, and nobody blamed. Every attempt is
/// accounted for.
async fn assert_done(site: &Site, key: JobKey, undisturbed: &Produced) {
    let outcome = site.outcome(key).await;
    assert_eq!(outcome.produced, *undisturbed);
    site.artifact(&outcome).await;
    let attempts = site.store.attempts(key).await.unwrap();
    for end in &attempts.ends {
        assert!(matches!(end.verdict, Verdict::Infrastructure { .. }), "nobody is to blame but the store: {end:?}");
        assert_ne!(end.attempt, outcome.attempt);
    }
    assert!(attempts.starts.iter().any(|start| start.attempt == outcome.attempt));
}

/// One attempt while the store fails. How it ended, where that was told; else the worker stopped with an error.
async fn disturbed(site: &Site, work: &Work) -> (Option<Notice>, Result<WorkerReport, WorkerError>) {
    let mut worker = site.worker(child(&["plays"]));
    site.offer(work).await;
    tokio::select! {
        biased;
        ended = worker.ended() => (None, ended),
        ending = site.ending(work.key) => (Some(ending), worker.stop().await),
    }
}

#[tokio::test]
async fn any_operation_may_fail() {
    let whole = Site::new().await;
    let work = whole.imported(2).await;
    whole.attempt(&work, child(&["plays"])).await;
    let undisturbed = whole.outcome(work.key).await.produced;
    let last = 40;
    for nth in 1..=last {
        let (site, faulty) = Site::faulty().await;
        let work = site.imported(2).await;
        faulty.set(vec![Fault::FailNth(nth)]);
        let (ending, report) = disturbed(&site, &work).await;
        faulty.set(Vec::new());
        let report = report.unwrap_or_else(|error| panic!("operation {nth}: a retry mends it, but: {error}"));
        let adopted = Notice::Adopted { key: work.key, generation: 0 };
        if ending == Some(adopted) {
            assert_eq!(report.committed, 1, "operation {nth}");
        } else {
            assert_eq!(report.infrastructure, 1, "operation {nth}");
            site.another().await.attempt(&work, child(&["plays"])).await;
        }
        assert_done(&site, work.key, &undisturbed).await;
        if nth == last {
            let ends = site.ends(work.key).await;
            assert_eq!((report.committed, ends.len()), (1, 0), "there are more operations than were made to fail");
        }
    }
}

#[tokio::test]
async fn a_full_store_stops_the_worker_and_nothing_is_lost() {
    let whole = Site::new().await;
    let work = whole.imported(2).await;
    whole.attempt(&work, child(&["plays"])).await;
    let undisturbed = whole.outcome(work.key).await.produced;
    for puts in 0..9 {
        let (site, faulty) = Site::faulty().await;
        let work = site.imported(2).await;
        faulty.set(vec![Fault::FullAfter(puts)]);
        let (ending, report) = disturbed(&site, &work).await;
        faulty.set(Vec::new());
        match report {
            Ok(_) => assert_eq!(ending, Some(Notice::Adopted { key: work.key, generation: 0 }), "full after {puts}"),
            Err(error) => {
                assert!(matches!(error, WorkerError::Backend(BackendError::Refused { .. })), "{error}");
                assert!(error.to_string().contains("no space left"), "{error}");
                site.another().await.attempt(&work, child(&["plays"])).await;
            }
        }
        assert_done(&site, work.key, &undisturbed).await;
    }
}
