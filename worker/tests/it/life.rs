//! Attempts of every ending.

use std::fs;
use std::time::Duration;

use bitsweep_backends::{Ended, Ledger, Notice};
use bitsweep_proto::Verdict;
use bitsweep_proto::work::WorkSource;
use bitsweep_worker::{Settings, WorkerError, WorkerReport};

use crate::site::{Site, child, embed, verdict};

#[tokio::test]
async fn a_job_is_run_committed_and_cleaned_up_after() {
    let site = Site::new().await;
    let work = site.imported(3).await;
    let (ending, report) = site.attempt(&work, child(&["plays"])).await;
    assert_eq!(ending, Notice::Adopted { key: work.key, generation: 0 });
    assert_eq!(report, WorkerReport { committed: 1, ..WorkerReport::default() });

    let outcome = site.outcome(work.key).await;
    let expected: Vec<(String, String)> =
        (0..3).map(|row| (format!("chunk/{row:09}"), format!("chunk/{row:09}text"))).collect();
    assert_eq!(site.artifact(&outcome).await, expected);
    assert_eq!((outcome.generation, &outcome.fields), (0, &work.fields));
    assert_eq!(outcome.produced.facts["rows"], 3);
    let WorkSource::Blob(blob) = work.inputs[0].from else { panic!("texts are imported") };
    assert_eq!((outcome.inputs[0].name.as_str(), outcome.inputs[0].blob), ("texts", blob));
    assert!(outcome.cost.peak_memory_bytes > 0 && outcome.cost.seconds > 0.0);
    assert!(!outcome.provenance.host.is_empty() && outcome.provenance.committed_at > 0);

    // The outcome is the end record.
    let attempts = site.store.attempts(work.key).await.unwrap();
    assert_eq!((attempts.starts.len(), attempts.ends.len()), (1, 0));
    assert_eq!(attempts.starts[0].attempt, outcome.attempt);
    assert_eq!(site.store.checkpoints(work.key).await.unwrap(), []);
    assert_eq!(fs::read_dir(site.scratch()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_job_that_is_done_is_adopted_and_not_run() {
    let site = Site::new().await;
    let work = site.imported(2).await;
    site.attempt(&work, child(&["plays"])).await;
    let other = site.another().await;
    let (ending, report) = other.attempt(&work, child(&["fails"])).await;
    assert_eq!(ending, Notice::Adopted { key: work.key, generation: 0 });
    assert_eq!(report, WorkerReport { adopted: 1, ..WorkerReport::default() });
    assert_eq!(site.store.attempts(work.key).await.unwrap().starts.len(), 1);
}

#[tokio::test]
async fn a_killed_child_costs_one_chunk() {
    let (site, undisturbed) = (Site::new().await, Site::new().await);
    let work = site.imported(4).await;
    undisturbed.imported(4).await;
    undisturbed.attempt(&work, child(&["plays"])).await;

    let marker = site.folder.path().join("died");
    let worker = site.worker(child(&["dies", marker.to_str().unwrap(), "2"]));
    site.offer(&work).await;
    let Notice::Ended(Ended { verdict, checkpoints_made, .. }) = site.ending(work.key).await else {
        panic!("it cannot be done")
    };
    let Verdict::Broke { message } = verdict else { panic!("expected a broken child, got {verdict:?}") };
    assert!(message.starts_with("ended by SIGKILL") && message.ends_with("it last said: about to die"), "{message}");
    assert_eq!(checkpoints_made, 2);

    // The same worker, with a fresh child, goes on where the first one died.
    site.offer(&work).await;
    assert_eq!(site.ending(work.key).await, Notice::Adopted { key: work.key, generation: 0 });
    let report = worker.stop().await.unwrap();
    assert_eq!(report, WorkerReport { committed: 1, broke: 1, ..WorkerReport::default() });
    let attempts = site.store.attempts(work.key).await.unwrap();
    let mut found: Vec<u64> = attempts.starts.iter().map(|start| start.checkpoints_found).collect();
    found.sort_unstable();
    assert_eq!(found, [0, 2]);
    assert_eq!(attempts.ends.iter().map(|end| end.checkpoints_made).collect::<Vec<_>>(), [2]);
    assert_eq!(site.outcome(work.key).await.produced, undisturbed.outcome(work.key).await.produced);
}

#[tokio::test]
async fn a_deadline_preempts_at_the_next_safe_point() {
    let site = Site::new().await;
    let work = site.imported(3).await;
    let worker = site.worker(child(&["hangs", "1"]));
    site.offer(&work).await;
    site.notice(|notice| matches!(notice, Notice::Progress { done: 1, total: 3, .. }).then_some(())).await;
    let report = worker.stop().await.unwrap();
    assert_eq!(report, WorkerReport { preempted: 1, ..WorkerReport::default() });
    let ends = site.ends(work.key).await;
    assert_eq!((&ends[0].verdict, ends[0].checkpoints_made), (&Verdict::Preempted, 1));
    let attempt = ends[0].attempt.clone();
    let ended = Ended { key: work.key, attempt, verdict: Verdict::Preempted, checkpoints_made: 1 };
    assert_eq!(site.ending(work.key).await, Notice::Ended(ended));

    // The next one finds the checkpoint and finishes.
    let (ending, _) = site.attempt(&work, child(&["plays"])).await;
    assert_eq!(ending, Notice::Adopted { key: work.key, generation: 0 });
    let attempts = site.store.attempts(work.key).await.unwrap();
    assert_eq!(attempts.starts.iter().map(|start| start.checkpoints_found).max(), Some(1));
}

#[tokio::test]
async fn a_child_that_does_not_stop_is_killed() {
    let site = Site::new().await;
    let work = site.imported(3).await;
    let settings = Settings { stop_limit: Duration::from_millis(20), ..site.settings(child(&["deaf", "1"])) };
    let worker = site.worker_with(settings);
    site.offer(&work).await;
    site.notice(|notice| matches!(notice, Notice::Progress { done: 1, .. }).then_some(())).await;
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { preempted: 1, ..WorkerReport::default() });
    assert_eq!(site.ends(work.key).await[0].verdict, Verdict::Preempted);
}

#[tokio::test]
async fn what_nobody_wants_any_more_is_stopped() {
    let site = Site::new().await;
    let work = site.imported(3).await;
    let worker = site.worker(child(&["hangs", "0"]));
    site.offer(&work).await;
    site.notice(|notice| matches!(notice, Notice::Claimed { .. }).then_some(())).await;
    site.ledger.withdraw(&[work.key]).await.unwrap();
    // The slot is free for another job only when the first has stopped.
    let empty = embed(0, ("", work.inputs[0].from));
    site.offer(&empty).await;
    assert_eq!(site.ending(empty.key).await, Notice::Adopted { key: empty.key, generation: 0 });
    let report = worker.stop().await.unwrap();
    assert_eq!(report, WorkerReport { preempted: 1, committed: 1, ..WorkerReport::default() });
    assert_eq!(site.ends(work.key).await[0].verdict, Verdict::Preempted);
}

#[tokio::test]
async fn the_childs_own_verdicts_are_kept_apart() {
    let infrastructure = Verdict::Infrastructure { message: "no space".to_owned() };
    let failed = Verdict::Failed { code: "play/fails".to_owned(), message: "as told".to_owned() };
    for (part, expected) in [("unable", infrastructure), ("fails", failed)] {
        let site = Site::new().await;
        let work = site.imported(3).await;
        let (ending, _) = site.attempt(&work, child(&[part])).await;
        assert_eq!(verdict(ending), expected);
        assert_eq!(site.ends(work.key).await[0].verdict, expected);
        assert_eq!(site.store.outcome(work.key).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_panic_is_a_broken_child() {
    let site = Site::new().await;
    let work = site.imported(1).await;
    let (ending, _) = site.attempt(&work, child(&["panics"])).await;
    let Verdict::Broke { message } = verdict(ending) else { panic!("the child did not break") };
    assert!(message.starts_with("panicked (exit code 101); it last said:"), "{message}");
    assert!(message.contains("a bug"), "{message}");
}

#[tokio::test]
async fn slots_share_the_line() {
    let site = Site::new().await;
    let worker = site.worker_with(Settings { slots: 2, ..site.settings(child(&["plays"])) });
    for rows in 1..=6 {
        site.offer(&site.imported(rows).await).await;
    }
    for _ in 0..6 {
        site.notice(|notice| matches!(notice, Notice::Adopted { .. }).then_some(())).await;
    }
    assert_eq!(worker.stop().await.unwrap(), WorkerReport { committed: 6, ..WorkerReport::default() });
}

#[tokio::test]
async fn a_child_that_cannot_start_ends_the_worker() {
    let site = Site::new().await;
    let error = site.worker(child(&["mute"])).ended().await.unwrap_err();
    assert!(matches!(error, WorkerError::Child { .. }));
    let expected =
        "failed to start the process that runs jobs: exited with code 7; it last said: cannot find the library";
    assert_eq!(error.to_string(), expected);
    let mut nowhere = child(&[]);
    nowhere.program = site.folder.path().join("nowhere");
    let error = site.worker(nowhere).ended().await.unwrap_err().to_string();
    assert!(error.contains("nowhere: No such file"), "{error}");
}
