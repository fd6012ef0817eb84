//! The suite for stores: any object store must do all of it.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::control::Action;
use bitsweep_proto::outcome::Item;
use bitsweep_proto::{Digest, JobKey, SweepId};
use bytes::Bytes;
use object_store::ObjectStore;

use super::samples::{digest, end, nonce, outcome, plan, start};
use crate::BackendError;
use crate::store::faults::{Fault, Faulty};
use crate::store::{GcOptions, Put, Store};

/// Runs the suite. `make` gives an empty object store, and its folder where it has one. Panics where one misbehaves.
pub async fn store(make: impl AsyncFn() -> (Arc<dyn ObjectStore>, Option<std::path::PathBuf>)) {
    let fresh = async || {
        let (objects, folder) = make().await;
        let faulty = Faulty::new(objects, Vec::new());
        let store = Store::with_objects(Arc::new(faulty.clone()), folder).await.unwrap();
        (store, faulty)
    };
    one_outcome_of_many_is_created(fresh().await.0).await;
    outcomes_are_revoked_and_made_again(&fresh().await.0).await;
    blobs_read_back(&fresh().await.0).await;
    large_files_read_back(&fresh().await.0).await;
    bad_blobs_are_told(fresh().await).await;
    bad_records_are_told(fresh().await).await;
    first_checkpoint_stays(&fresh().await.0).await;
    attempts_read_back(&fresh().await.0).await;
    newest_sweep_is_the_last_submitted(&fresh().await.0).await;
    lock_is_held_once(&fresh().await.0);
    gc_keeps_what_plans_need(&fresh().await.0).await;
    gc_spares_the_young(&fresh().await.0).await;
    decisions_are_numbered(fresh().await.0).await;
    logs_read_back(&fresh().await.0).await;
    lost_answers_change_nothing(fresh().await).await;
    let (objects, folder) = make().await;
    the_id_is_one_for_all(objects, folder).await;
    full_and_read_only_are_refusals(fresh().await).await;
    let (objects, folder) = make().await;
    overwriting_is_found_out(objects, folder).await;
}

/// A collection while nobody is at work.
fn now(dry_run: bool) -> GcOptions {
    GcOptions { dry_run, min_age: Duration::ZERO }
}

fn key(number: u64) -> JobKey {
    JobKey(digest(number))
}

async fn one_outcome_of_many_is_created(store: Store) {
    let puts: Vec<_> = (0..32)
        .map(|attempt| {
            let store = store.clone();
            tokio::spawn(async move { store.put_outcome(&outcome(key(0), 0, attempt, digest(attempt))).await.unwrap() })
        })
        .collect();
    let (mut created, mut existing) = (Vec::new(), Vec::new());
    for (attempt, put) in puts.into_iter().enumerate() {
        match put.await.unwrap() {
            Put::Created => created.push(attempt as u64),
            Put::Existing(outcome) => existing.push(*outcome),
        }
    }
    let [winner] = created[..] else { panic!("one outcome is created, not {created:?}") };
    let committed = outcome(key(0), 0, winner, digest(winner));
    assert!(existing.iter().all(|seen| *seen == committed));
    assert_eq!(store.outcome(key(0)).await.unwrap(), Some(committed.clone()));
    // Tried again after its answer was lost.
    assert_eq!(store.put_outcome(&committed).await.unwrap(), Put::Created);
}

async fn outcomes_are_revoked_and_made_again(store: &Store) {
    let key = key(0);
    assert_eq!(store.outcome(key).await.unwrap(), None);
    assert_eq!(store.generation_of(key).await.unwrap(), 0);
    let first = outcome(key, 0, 0, digest(1));
    store.put_outcome(&first).await.unwrap();
    assert_eq!(store.known().await.unwrap().outcomes, HashMap::from([(key, 0)]));
    for reason in ["lost", "lost again"] {
        store.revoke(key, 0, reason).await.unwrap();
    }
    let [end] = store.attempts(key).await.unwrap().ends.try_into().expect("what it took stays on record");
    assert_eq!((end.attempt, end.verdict, end.cost), (first.attempt.clone(), Verdict::Committed, first.cost));
    assert_eq!(store.revocation(key, 0).await.unwrap().as_deref(), Some("lost"));
    assert_eq!(store.revocation(key, 1).await.unwrap(), None);
    assert_eq!(store.outcome(key).await.unwrap(), None);
    assert_eq!(store.outcome_at(key, 0).await.unwrap(), Some(first));
    assert_eq!(store.generation_of(key).await.unwrap(), 1);
    let known = store.known().await.unwrap();
    assert_eq!((known.outcomes, known.generations), (HashMap::new(), HashMap::from([(key, 1)])));
    let second = outcome(key, 1, 1, digest(2));
    assert_eq!(store.put_outcome(&second).await.unwrap(), Put::Created);
    assert_eq!(store.outcome(key).await.unwrap(), Some(second));
    let known = store.known().await.unwrap();
    assert_eq!((known.outcomes, known.generations), (HashMap::from([(key, 1)]), HashMap::new()));
    // As a collection leaves it that was cut off: all is told the same way, by the first that is not revoked.
    let other = JobKey(digest(77));
    store.revoke(other, 1, "lost").await.unwrap();
    assert_eq!((store.outcome(other).await.unwrap(), store.generation_of(other).await.unwrap()), (None, 0));
    store.put_outcome(&outcome(other, 0, 2, digest(3))).await.unwrap();
    store.revoke(other, 0, "lost").await.unwrap();
    assert_eq!((store.outcome(other).await.unwrap(), store.generation_of(other).await.unwrap()), (None, 2));
    assert_eq!(store.known().await.unwrap().generations, HashMap::from([(other, 2)]));
}

async fn blobs_read_back(store: &Store) {
    for content in [&b""[..], b"x", &[7; 100_000]] {
        let blob = Digest::of(content);
        assert!(!store.has_blob(&blob).await.unwrap());
        assert!(matches!(store.fetch_blob(&blob).await, Err(BackendError::Missing { .. })));
        assert!(matches!(store.read_blob(&blob).await, Err(BackendError::Missing { .. })));
        for _ in 0..2 {
            assert_eq!(store.put_blob(Bytes::copy_from_slice(content)).await.unwrap(), blob);
        }
        assert!(store.has_blob(&blob).await.unwrap());
        assert_eq!(store.read_blob(&blob).await.unwrap(), content);
        assert_eq!(std::fs::read(store.fetch_blob(&blob).await.unwrap()).unwrap(), content);
        for _ in 0..2 {
            store.delete_blob(&blob).await.unwrap();
        }
        assert!(!store.has_blob(&blob).await.unwrap());
    }
}

async fn large_files_read_back(store: &Store) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    // Two whole parts of an upload and some of a third.
    let content: Vec<u8> = (0..17_000_000_u32).map(|byte| (byte / 7) as u8).collect();
    file.write_all(&content).unwrap();
    let expected = (Digest::of(&content), content.len() as u64);
    for _ in 0..2 {
        assert_eq!(store.put_blob_file(file.path()).await.unwrap(), expected);
    }
    let path = store.fetch_blob(&expected.0).await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), content);
    let missing = store.put_blob_file(std::path::Path::new("/nowhere/at all")).await.unwrap_err().to_string();
    assert!(missing.contains("/nowhere/at all"), "{missing}");
}

async fn bad_blobs_are_told((store, faulty): (Store, Faulty)) {
    let blob = store.put_blob(Bytes::from_static(b"some content")).await.unwrap();
    for fault in [Fault::Corrupt("blobs/".to_owned()), Fault::Truncate("blobs/".to_owned())] {
        faulty.set(vec![fault]);
        let error = store.fetch_blob(&blob).await.unwrap_err();
        assert!(matches!(error, BackendError::Damaged { .. }) && !error.is_retryable(), "{error}");
        assert!(error.to_string().contains(&blob.to_string()), "{error}");
        assert!(matches!(store.read_blob(&blob).await, Err(BackendError::Damaged { .. })));
    }
    for _ in 0..2 {
        // Wrong once is read again.
        faulty.set(vec![Fault::CorruptOnce("blobs/".to_owned())]);
        assert_eq!(std::fs::read(store.fetch_blob(&blob).await.unwrap()).unwrap(), b"some content");
        faulty.set(vec![Fault::CorruptOnce("blobs/".to_owned())]);
        assert_eq!(store.read_blob(&blob).await.unwrap(), &b"some content"[..]);
    }
    for failing in ["fail-get=blobs/", "at=after:get:*:cut:blobs/", "at=after:get:1:error"] {
        faulty.set(Fault::parse_list(failing).unwrap());
        assert!(store.check_blob(&blob).await.unwrap_err().is_retryable(), "{failing}");
    }
    faulty.set(Fault::parse_list("at=after:get:*:drip-1:blobs/").unwrap());
    store.check_blob(&blob).await.unwrap();
    // Whatever this machine has of it, it is the store's that is checked.
    faulty.set(Vec::new());
    store.fetch_blob(&blob).await.unwrap();
    store.delete_blob(&blob).await.unwrap();
    assert!(matches!(store.check_blob(&blob).await, Err(BackendError::Missing { .. })));
}

async fn bad_records_are_told((store, faulty): (Store, Faulty)) {
    let (key, committed) = (key(0), outcome(key(0), 0, 0, digest(1)));
    store.put_outcome(&committed).await.unwrap();
    faulty.set(vec![Fault::CorruptOnce("outcomes/".to_owned())]);
    assert_eq!(store.outcome(key).await.unwrap(), Some(committed));
    for fault in [Fault::Corrupt("outcomes/".to_owned()), Fault::Truncate("outcomes/".to_owned())] {
        faulty.set(vec![fault]);
        assert!(matches!(store.outcome(key).await, Err(BackendError::Damaged { .. })));
    }
    // Whoever can make it again has it revoked.
    assert_eq!(store.outcome_or_revoke(key).await.unwrap(), None);
    faulty.set(Vec::new());
    assert!(store.revocation(key, 0).await.unwrap().unwrap().contains("damaged"));
    assert_eq!(store.generation_of(key).await.unwrap(), 1);
    // Numbers that JSON does not have would be committed and never read.
    let mut unfit = outcome(key, 1, 1, digest(1));
    unfit.cost.seconds = f64::NAN;
    assert!(store.put_outcome(&unfit).await.is_err());
    assert_eq!(store.outcome_at(key, 1).await.unwrap(), None);
    // Attempts and checkpoints that cannot be read are left out.
    store.put_attempt_start(&start(0, 0)).await.unwrap();
    let item = Item { name: "chunk/0".to_owned(), blob: digest(1), bytes: 1 };
    store.put_checkpoint(key, &item).await.unwrap();
    faulty.set(vec![Fault::Corrupt("attempts/".to_owned()), Fault::Corrupt("checkpoints/".to_owned())]);
    assert!(store.attempts(key).await.unwrap().starts.is_empty());
    assert!(store.checkpoints(key).await.unwrap().is_empty());
    let again = Item { blob: digest(2), ..item };
    assert_eq!(store.put_checkpoint(key, &again).await.unwrap(), again);
    faulty.set(Vec::new());
    assert_eq!(store.checkpoints(key).await.unwrap(), [again]);
}

async fn first_checkpoint_stays(store: &Store) {
    let item = |name: &str, number| Item { name: name.to_owned(), blob: digest(number), bytes: number };
    for name in ["chunk/128", "chunk/0", "a b%2F#1", "ü"] {
        assert_eq!(store.put_checkpoint(key(0), &item(name, 1)).await.unwrap(), item(name, 1));
        assert_eq!(store.put_checkpoint(key(0), &item(name, 2)).await.unwrap(), item(name, 1), "the loser adopts");
    }
    store.put_checkpoint(key(1), &item("chunk/0", 3)).await.unwrap();
    let expected = ["a b%2F#1", "chunk/0", "chunk/128", "ü"].map(|name| item(name, 1));
    assert_eq!(store.checkpoints(key(0)).await.unwrap(), expected);
    store.drop_checkpoint(key(0), "chunk/0").await.unwrap();
    assert_eq!(store.checkpoints(key(0)).await.unwrap().len(), 3);
    for _ in 0..2 {
        store.drop_checkpoints(key(0), 0).await.unwrap();
    }
    assert!(store.checkpoints(key(0)).await.unwrap().is_empty());
    // Whoever made a revoked outcome comes too late: these are the next generation's.
    store.put_checkpoint(key(0), &item("chunk/0", 4)).await.unwrap();
    store.revoke(key(0), 0, "lost").await.unwrap();
    store.drop_checkpoints(key(0), 0).await.unwrap();
    assert_eq!(store.checkpoints(key(0)).await.unwrap(), [item("chunk/0", 4)]);
    store.drop_checkpoints(key(0), 1).await.unwrap();
    assert!(store.checkpoints(key(0)).await.unwrap().is_empty());
    assert_eq!(store.checkpoints(key(1)).await.unwrap(), [item("chunk/0", 3)]);
}

async fn attempts_read_back(store: &Store) {
    assert!(store.tried().await.unwrap().is_empty());
    for attempt in [2, 0, 1] {
        for _ in 0..2 {
            store.put_attempt_start(&start(0, attempt)).await.unwrap();
        }
    }
    store.put_attempt_end(&end(0, 1, Verdict::Preempted)).await.unwrap();
    store.put_attempt_end(&end(0, 1, Verdict::Committed)).await.unwrap();
    store.put_attempt_start(&start(5, 9)).await.unwrap();
    let attempts = store.attempts(key(0)).await.unwrap();
    assert_eq!(attempts.starts, [start(0, 0), start(0, 1), start(0, 2)]);
    assert_eq!(attempts.ends, [end(0, 1, Verdict::Preempted)], "the first end stays");
    assert_eq!(store.tried().await.unwrap(), BTreeSet::from([key(0), key(5)]));
    let all = store.all_attempts().await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[&key(0)], attempts);
}

async fn newest_sweep_is_the_last_submitted(store: &Store) {
    assert_eq!(store.newest_sweep().await.unwrap(), None);
    let plans = [plan("a", digest(1)), plan("b", digest(1)), plan("c", digest(1))];
    let mut ids = Vec::new();
    for plan in &plans {
        ids.push(store.put_plan(plan).await.unwrap());
        assert_eq!(store.newest_sweep().await.unwrap(), ids.last().copied());
    }
    for _ in 0..2 {
        assert_eq!(store.put_plan(&plans[0]).await.unwrap(), ids[0]);
    }
    assert_eq!(store.sweeps_newest_first().await.unwrap(), [ids[0], ids[2], ids[1]]);
    assert_eq!(store.plan(&ids[1]).await.unwrap(), plans[1]);
    assert_eq!(store.find_sweep(&ids[1].to_string()[..12]).await.unwrap(), ids[1]);
    assert_eq!(store.find_sweep(&ids[1].to_string().to_uppercase()).await.unwrap(), ids[1]);
    let none = store.find_sweep("xyz").await.unwrap_err();
    assert!(matches!(none, BackendError::Missing { .. }) && none.to_string().contains("\"xyz\""), "{none}");
    let several = store.find_sweep("").await.unwrap_err().to_string();
    assert!(several.contains("3 sweeps begin with \"\""), "{several}");
    let lock = store.lock().unwrap();
    for _ in 0..2 {
        store.forget(&lock, &ids[0]).await.unwrap();
    }
    assert_eq!(store.sweeps_newest_first().await.unwrap(), [ids[2], ids[1]]);
    assert!(matches!(store.plan(&ids[0]).await, Err(BackendError::Missing { .. })));
}

fn lock_is_held_once(store: &Store) {
    let lock = store.lock().unwrap();
    let other = store.lock().unwrap_err();
    assert!(other.to_string().contains("another bitsweep"), "{other}");
    drop(lock);
    store.lock().unwrap();
}

async fn gc_keeps_what_plans_need(store: &Store) {
    let blob = async |text: &'static str| store.put_blob(Bytes::from_static(text.as_bytes())).await.unwrap();
    let item = |blob| Item { name: "chunk/0".to_owned(), blob, bytes: 1 };
    let (kept, dropped) = (plan("kept", blob("imported").await), plan("dropped", blob("imported too").await));
    let (kept_id, dropped_id) = (store.put_plan(&kept).await.unwrap(), store.put_plan(&dropped).await.unwrap());
    let (done, open, gone) = (kept.jobs[0].key, kept.jobs[1].key, dropped.jobs[0].key);
    // A revoked outcome, its successor, and leftover checkpoints of a job that is done.
    store.put_outcome(&outcome(done, 0, 0, blob("lost").await)).await.unwrap();
    store.revoke(done, 0, "lost").await.unwrap();
    store.put_outcome(&outcome(done, 1, 1, blob("index").await)).await.unwrap();
    store.put_checkpoint(done, &item(blob("late checkpoint").await)).await.unwrap();
    store.put_checkpoint(open, &item(blob("checkpoint").await)).await.unwrap();
    store.put_outcome(&outcome(gone, 0, 2, blob("index of the dropped").await)).await.unwrap();
    store.put_attempt_start(&bitsweep_proto::AttemptStart { key: gone, ..start(0, 0) }).await.unwrap();
    store.put_log(gone, (&nonce(0), 0), Bytes::from_static(b"log")).await.unwrap();
    store.put_log(open, (&nonce(0), 0), Bytes::from_static(b"log")).await.unwrap();
    store.control(dropped_id, Action::Cancel).await.unwrap();
    store.control(kept_id, Action::Cancel).await.unwrap();
    blob("of nobody").await;
    let lock = store.lock().unwrap();
    let first = store.gc(&lock, &[], now(true)).await.unwrap();
    assert_eq!(first.removed, 4, "revoked blob, late checkpoint with its blob, blob of nobody");
    let counted = store.gc(&lock, &[dropped_id], now(true)).await.unwrap();
    assert_eq!(counted.removed, 4 + 6, "and the dropped: import, outcome with its blob, attempt, log, control");
    assert!(counted.bytes > first.bytes && first.bytes > 0);
    assert_eq!(store.plan(&dropped_id).await.unwrap(), dropped, "so far it was only counted");
    assert_eq!(store.gc(&lock, &[dropped_id], now(false)).await.unwrap(), counted);
    assert!(matches!(store.plan(&dropped_id).await, Err(BackendError::Missing { .. })));
    let again = store.gc(&lock, &[], now(false)).await.unwrap();
    assert_eq!((again.kept, again.removed, again.bytes), (counted.kept, 0, 0));
    for (text, stays) in
        [("imported", true), ("index", true), ("checkpoint", true), ("imported too", false), ("lost", false)]
    {
        assert_eq!(store.has_blob(&Digest::of(text.as_bytes())).await.unwrap(), stays, "{text}");
    }
    assert_eq!(store.plan(&kept_id).await.unwrap(), kept);
    assert_eq!(store.outcome(done).await.unwrap().unwrap().generation, 1);
    assert_eq!(store.outcome(gone).await.unwrap(), None);
    assert_eq!(store.checkpoints(open).await.unwrap().len(), 1);
    assert_eq!(store.tried().await.unwrap(), BTreeSet::from([done]), "what the revoked outcome took");
    assert_eq!((store.logs(open).await.unwrap(), store.logs(gone).await.unwrap()), (vec![nonce(0)], Vec::new()));
    assert_eq!(store.controls(&kept_id).await.unwrap().len(), 1);
    assert!(store.controls(&dropped_id).await.unwrap().is_empty());
}

async fn gc_spares_the_young(store: &Store) {
    let nobodys = store.put_blob(Bytes::from_static(b"of nobody")).await.unwrap();
    store.put_outcome(&outcome(key(0), 0, 0, nobodys)).await.unwrap();
    let lock = store.lock().unwrap();
    let shared = GcOptions { dry_run: false, min_age: Duration::from_secs(60) };
    let report = store.gc(&lock, &[], shared).await.unwrap();
    assert_eq!((report.removed, report.bytes, report.young), (0, 0, 2));
    assert!(store.has_blob(&nobodys).await.unwrap() && store.outcome(key(0)).await.unwrap().is_some());
    assert_eq!(store.gc(&lock, &[], now(false)).await.unwrap().removed, 2);
    assert!(!store.has_blob(&nobodys).await.unwrap());
}

async fn decisions_are_numbered(store: Store) {
    let (sweep, other) = (SweepId(digest(1)), SweepId(digest(2)));
    assert!(store.controls(&sweep).await.unwrap().is_empty());
    let decisions: Vec<_> = (0..12)
        .map(|number| {
            let store = store.clone();
            let action = Action::Retry { forgiven: vec![nonce(number)] };
            tokio::spawn(async move { store.control(sweep, action).await.unwrap() })
        })
        .collect();
    let mut made = Vec::new();
    for decision in decisions {
        made.push(decision.await.unwrap());
    }
    made.sort_by_key(|control| control.number);
    assert_eq!(made.iter().map(|control| control.number).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
    store.control(other, Action::Cancel).await.unwrap();
    assert_eq!(store.controls(&sweep).await.unwrap(), made);
    assert_eq!(store.controls(&other).await.unwrap()[0].action, Action::Cancel);
}

async fn logs_read_back(store: &Store) {
    let (key, attempt) = (key(0), nonce(1));
    assert!(store.logs(key).await.unwrap().is_empty());
    assert!(store.log(key, &attempt).await.unwrap().is_empty());
    for part in (0..12).rev() {
        for _ in 0..2 {
            let text = Bytes::from(format!("line {part}\n"));
            store.put_log(key, (&attempt, part), text).await.unwrap();
        }
    }
    store.put_log(key, (&nonce(0), 0), Bytes::from_static(b"other")).await.unwrap();
    let expected: String = (0..12).map(|part| format!("line {part}\n")).collect();
    assert_eq!(store.log(key, &attempt).await.unwrap(), expected);
    assert_eq!(store.logs(key).await.unwrap(), [nonce(0), nonce(1)]);
}

/// Each write is carried out, and its answer lost; whoever made it makes it again.
async fn lost_answers_change_nothing((store, faulty): (Store, Faulty)) {
    let lose = |what: &str| faulty.set(Fault::parse_list(&format!("at=after:{what}")).unwrap());
    let sweep = SweepId(digest(1));
    let item = Item { name: "chunk/0".to_owned(), blob: digest(1), bytes: 1 };
    let committed = outcome(key(0), 0, 0, digest(1));
    lose("create:1:error:outcomes/");
    assert!(store.put_outcome(&committed).await.unwrap_err().is_retryable());
    assert_eq!(store.put_outcome(&committed).await.unwrap(), Put::Created);
    lose("create:1:error:attempts/");
    assert!(store.put_attempt_end(&end(0, 0, Verdict::Committed)).await.unwrap_err().is_retryable());
    store.put_attempt_end(&end(0, 0, Verdict::Committed)).await.unwrap();
    lose("create:1:error:checkpoints/");
    assert!(store.put_checkpoint(key(0), &item).await.unwrap_err().is_retryable());
    assert_eq!(store.put_checkpoint(key(0), &item).await.unwrap(), item);
    lose("create:1:error:plans/");
    assert!(store.put_plan(&plan("a", digest(1))).await.unwrap_err().is_retryable());
    store.put_plan(&plan("a", digest(1))).await.unwrap();
    lose("put:1:error:blobs/");
    assert!(store.put_blob(Bytes::from_static(b"x")).await.unwrap_err().is_retryable());
    store.put_blob(Bytes::from_static(b"x")).await.unwrap();
    lose("create:1:error:controls/");
    assert!(store.control(sweep, Action::Cancel).await.unwrap_err().is_retryable());
    store.control(sweep, Action::Cancel).await.unwrap();
    faulty.set(Vec::new());
    assert_eq!(store.known().await.unwrap().outcomes.len(), 1);
    assert_eq!(store.attempts(key(0)).await.unwrap().ends.len(), 1);
    assert_eq!(store.checkpoints(key(0)).await.unwrap().len(), 1);
    assert_eq!(store.sweeps().await.unwrap().len(), 1);
    assert!(store.controls(&sweep).await.unwrap().iter().all(|control| control.action == Action::Cancel));
}

async fn the_id_is_one_for_all(objects: Arc<dyn ObjectStore>, folder: Option<std::path::PathBuf>) {
    let opens: Vec<_> = (0..8)
        .map(|_| {
            let (objects, folder) = (Arc::clone(&objects), folder.clone());
            tokio::spawn(async move { Store::with_objects(objects, folder).await.unwrap().id().to_owned() })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for open in opens {
        ids.insert(open.await.unwrap());
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
    let id = ids.pop_first().unwrap();
    assert!(id.len() == 16 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    let read_only: Arc<dyn ObjectStore> = Arc::new(Faulty::new(objects, vec![Fault::ReadOnly]));
    assert_eq!(Store::with_objects(read_only, folder).await.unwrap().id(), id);
}

async fn full_and_read_only_are_refusals((store, faulty): (Store, Faulty)) {
    let blob = store.put_blob(Bytes::from_static(b"before")).await.unwrap();
    for (fault, word) in [(Fault::FullAfter(0), "no space left"), (Fault::ReadOnly, "read-only")] {
        faulty.set(vec![fault]);
        let errors = [
            store.put_blob(Bytes::from_static(b"after")).await.unwrap_err(),
            store.put_outcome(&outcome(key(0), 0, 0, digest(0))).await.unwrap_err(),
            store.put_attempt_start(&start(0, 0)).await.unwrap_err(),
            store.put_plan(&plan("a", digest(0))).await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, BackendError::Refused { .. }) && !error.is_retryable(), "{error}");
            assert!(error.to_string().contains(word), "{error}");
        }
        assert_eq!(store.read_blob(&blob).await.unwrap(), &b"before"[..]);
    }
    faulty.set(Vec::new());
    assert!(!store.has_blob(&Digest::of(b"after")).await.unwrap());
    assert_eq!(store.outcome(key(0)).await.unwrap(), None);
    assert_eq!(store.newest_sweep().await.unwrap(), None);
}

async fn overwriting_is_found_out(objects: Arc<dyn ObjectStore>, folder: Option<std::path::PathBuf>) {
    let faulty = Arc::new(Faulty::new(objects, vec![Fault::Overwrite]));
    let error = Store::with_objects(faulty, folder).await.unwrap_err();
    assert!(error.to_string().contains("put-if-absent"), "{error}");
}
