//! Two workers that do not know of each other.

use bitsweep_backends::Notice;
use bitsweep_proto::Verdict;

use crate::site::{Fifo, Site, child};

/// Both children are in the middle of the job before either goes on, and make different bytes. One outcome counts, all of
/// its blobs are there, and both ledgers hear of it.
#[tokio::test]
async fn of_two_workers_one_commits() {
    let site = Site::new().await;
    let other = site.another().await;
    let work = site.imported(3).await;
    let fifo = Fifo::new(&site);
    let part = |end| child(&["meets", fifo.path(), end]);
    let (first, second) = tokio::join!(site.attempt(&work, part("r")), other.attempt(&work, part("w")));
    for (ending, _) in [&first, &second] {
        assert_eq!(*ending, Notice::Adopted { key: work.key, generation: 0 });
    }
    assert_eq!((first.1.committed + second.1.committed, first.1.discarded + second.1.discarded), (1, 1));

    let outcome = site.outcome(work.key).await;
    let attempts = site.store.attempts(work.key).await.unwrap();
    assert_eq!((attempts.starts.len(), attempts.ends.len()), (2, 1));
    assert_eq!(attempts.ends[0].verdict, Verdict::Discarded);
    assert_ne!(attempts.ends[0].attempt, outcome.attempt);
    for (row, (name, text)) in site.artifact(&outcome).await.into_iter().enumerate() {
        assert_eq!(name, format!("chunk/{row:09}"));
        assert!(text == format!("{name}rtext") || text == format!("{name}wtext"), "{text}");
    }
}
