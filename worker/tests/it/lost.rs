//! Blobs that are damaged or gone.

use bitsweep_backends::{Ended, Notice};
use bitsweep_proto::work::{Work, WorkSource};
use bitsweep_proto::{JobKey, Verdict};

use crate::site::{Site, child, embed};

/// The verdict of an attempt that ends as infrastructure, with the revocations told before it.
async fn infrastructure(site: &Site, work: &Work) -> (String, Vec<(JobKey, u32)>) {
    let worker = site.worker(child(&["plays"]));
    site.offer(work).await;
    let revoked = std::sync::Mutex::new(Vec::new());
    let seen = |notice: &Notice| match notice {
        Notice::Revoked { key, generation } => {
            revoked.lock().unwrap().push((*key, *generation));
            None
        }
        Notice::Ended(Ended { key, verdict: Verdict::Infrastructure { message }, .. }) if *key == work.key => {
            Some(message.clone())
        }
        Notice::Adopted { key, .. } => panic!("{key} was not to be done"),
        _ => None,
    };
    let message = site.notice(seen).await;
    assert_eq!(worker.stop().await.unwrap().infrastructure, 1);
    (message, revoked.into_inner().unwrap())
}

#[tokio::test]
async fn the_maker_of_a_damaged_input_runs_again() {
    let site = Site::new().await;
    let maker = site.imported(2).await;
    site.attempt(&maker, child(&["plays"])).await;
    let made = site.outcome(maker.key).await;
    let user = embed(1, ("", WorkSource::Job(maker.key)));
    let blob = made.produced.artifact[1].blob;
    site.damage(&blob);

    let (message, revoked) = infrastructure(&site, &user).await;
    assert!(message.starts_with("\"chunk/000000001\" of input \"texts\" ("), "{message}");
    assert!(message.ends_with(&format!("is lost: the embed job {} that made it runs again", maker.key)), "{message}");
    assert_eq!(revoked, [(maker.key, 0)]);
    assert_eq!(site.store.outcome(maker.key).await.unwrap(), None);
    // It is not deleted: a slow worker would delete what was made again meanwhile.
    assert!(site.store.has_blob(&blob).await.unwrap());

    // As long as it has not run again, the input is not there; that is told again, in case the first time was not heard.
    let (message, revoked) = infrastructure(&site, &user).await;
    assert_eq!(message, format!("input \"texts\" is not there: job {} has to run again", maker.key));
    assert_eq!(revoked, []);

    let again = Work { generation: 1, ..maker.clone() };
    let (ending, _) = site.attempt(&again, child(&["plays"])).await;
    assert_eq!(ending, Notice::Adopted { key: maker.key, generation: 1 });
    assert_eq!(site.outcome(maker.key).await.produced, made.produced);
    site.store.check_blob(&blob).await.unwrap();
    let (ending, _) = site.attempt(&user, child(&["plays"])).await;
    assert_eq!(ending, Notice::Adopted { key: user.key, generation: 0 });
    let text = "chunk/000000000chunk/000000000textchunk/000000001text".to_owned();
    assert_eq!(site.artifact(&site.outcome(user.key).await).await, [("chunk/000000000".to_owned(), text)]);
}

#[tokio::test]
async fn one_item_of_an_artifact_can_be_an_input() {
    let site = Site::new().await;
    let maker = site.imported(2).await;
    site.attempt(&maker, child(&["plays"])).await;
    let user = embed(1, ("chunk/000000001", WorkSource::Job(maker.key)));
    site.attempt(&user, child(&["plays"])).await;
    let outcome = site.outcome(user.key).await;
    assert_eq!(outcome.inputs.len(), 1);
    assert_eq!(site.artifact(&outcome).await[0].1, "chunk/000000000chunk/000000001text");
}

#[tokio::test]
async fn imported_content_cannot_be_made_again() {
    for gone in [false, true] {
        let site = Site::new().await;
        let work = site.imported(1).await;
        let WorkSource::Blob(blob) = work.inputs[0].from else { panic!("texts are imported") };
        if gone {
            std::fs::remove_file(site.blob_file(&blob)).unwrap();
        } else {
            site.damage(&blob);
        }
        let (message, revoked) = infrastructure(&site, &work).await;
        assert!(message.starts_with("imported content \"\" of input \"texts\""), "{message}");
        assert!(message.ends_with("is lost: run `bitsweep run` with the sources at hand again"), "{message}");
        assert_eq!(revoked, []);
        assert!(
            !site.store.has_blob(&blob).await.unwrap(),
            "what is imported again must not be taken for what was there"
        );
    }
}

#[tokio::test]
async fn a_damaged_checkpoint_is_made_again() {
    let site = Site::new().await;
    let work = site.imported(3).await;
    let marker = site.folder.path().join("died");
    site.attempt(&work, child(&["dies", marker.to_str().unwrap(), "2"])).await;
    let kept = site.store.checkpoints(work.key).await.unwrap();
    assert_eq!(kept.len(), 2);
    site.damage(&kept[0].blob);
    let (ending, _) = site.attempt(&work, child(&["plays"])).await;
    assert_eq!(ending, Notice::Adopted { key: work.key, generation: 0 });
    site.store.check_blob(&kept[0].blob).await.unwrap();
    let attempts = site.store.attempts(work.key).await.unwrap();
    let mut found: Vec<u64> = attempts.starts.iter().map(|start| start.checkpoints_found).collect();
    found.sort_unstable();
    assert_eq!(found, [0, 1]);
    assert_eq!(site.artifact(&site.outcome(work.key).await).await[0].1, "chunk/000000000text");
}

#[tokio::test]
async fn a_damaged_outcome_is_revoked_before_it_is_made_again() {
    let site = Site::new().await;
    let work = site.imported(1).await;
    site.attempt(&work, child(&["plays"])).await;
    let key = work.key.to_string();
    let record = site.store.folder().unwrap().join("outcomes").join(&key[..2]).join(format!("{key}.0.json"));
    std::fs::write(record, "{").unwrap();

    let other = site.another().await;
    let worker = other.worker(child(&["plays"]));
    other.offer(&work).await;
    let revoked = |notice: &Notice| matches!(notice, Notice::Revoked { generation: 0, .. }).then_some(());
    other.notice(revoked).await;
    other.offer(&Work { generation: 1, ..work.clone() }).await;
    assert_eq!(other.ending(work.key).await, Notice::Adopted { key: work.key, generation: 1 });
    assert_eq!(worker.stop().await.unwrap().committed, 1);
}
