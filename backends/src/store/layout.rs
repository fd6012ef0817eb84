//! The names of all objects, made and read back. See the table in [`store`](super).

use bitsweep_proto::attempt::Nonce;
use bitsweep_proto::{Digest, JobKey, SweepId};
use object_store::path::Path;

pub(super) const BLOBS: &str = "blobs";
pub(super) const PLANS: &str = "plans";
pub(super) const SUBMISSIONS: &str = "submissions";
pub(super) const OUTCOMES: &str = "outcomes";
pub(super) const REVOKED: &str = "revoked";
pub(super) const CHECKPOINTS: &str = "checkpoints";
pub(super) const ATTEMPTS: &str = "attempts";
pub(super) const LOGS: &str = "logs";
pub(super) const CONTROLS: &str = "controls";
/// Not for records: what it holds may be deleted at any time.
pub(super) const INDEX: &str = "index";

/// All of the above.
pub(super) const FOLDERS: [&str; 10] =
    [BLOBS, PLANS, SUBMISSIONS, OUTCOMES, REVOKED, CHECKPOINTS, ATTEMPTS, LOGS, CONTROLS, INDEX];

pub(super) fn format() -> Path {
    Path::from("format.json")
}

/// The record that holds the store's id.
pub(super) fn identity() -> Path {
    Path::from("store.json")
}

/// Whether what lies there may be large: it is given the time that large things take.
pub(super) fn may_be_large(at: &Path) -> bool {
    [BLOBS, PLANS].iter().any(|folder| part(at, 0) == Some(folder))
}

pub(super) fn blob(digest: &Digest) -> Path {
    let digest = digest.to_string();
    Path::from_iter([BLOBS, &digest[..2], &digest])
}

pub(super) fn plan(id: &SweepId) -> Path {
    Path::from_iter([PLANS, &format!("{id}.json")])
}

/// Padded, so that names sort by time.
pub(super) fn submission(at_ms: u64, id: &SweepId) -> Path {
    Path::from_iter([SUBMISSIONS, &format!("{at_ms:015}-{id}.json")])
}

/// One generation of one job, in [`OUTCOMES`] or [`REVOKED`]. No folder for each job: to make one takes four
/// flushes, to put what is in it two.
pub(super) fn generation(folder: &str, key: JobKey, generation: u32) -> Path {
    let key = key.to_string();
    Path::from_iter([folder, &key[..2], &format!("{key}.{generation}.json")])
}

/// All of one job, in [`CHECKPOINTS`], [`ATTEMPTS`] or [`LOGS`].
pub(super) fn of_job(folder: &str, key: JobKey) -> Path {
    Path::from_iter([folder, &key.to_string()])
}

pub(super) fn checkpoint(key: JobKey, name: &str) -> Path {
    of_job(CHECKPOINTS, key).join(format!("{name}.json"))
}

pub(super) fn attempt_start(key: JobKey, attempt: &Nonce) -> Path {
    of_job(ATTEMPTS, key).join(format!("{attempt}.start.json"))
}

pub(super) fn attempt_end(key: JobKey, attempt: &Nonce) -> Path {
    of_job(ATTEMPTS, key).join(format!("{attempt}.end.json"))
}

/// All parts of the log of one attempt.
pub(super) fn log(key: JobKey, attempt: &Nonce) -> Path {
    of_job(LOGS, key).join(attempt.to_string())
}

pub(super) fn log_part(key: JobKey, attempt: &Nonce, part: u32) -> Path {
    log(key, attempt).join(format!("{part}.txt"))
}

/// All controls of one sweep.
pub(super) fn controls(id: &SweepId) -> Path {
    Path::from_iter([CONTROLS, &id.to_string()])
}

pub(super) fn control(id: &SweepId, number: u64) -> Path {
    controls(id).join(format!("{number}.json"))
}

/// The last part of a name without `.json`; `None` where it does not end so.
fn stem(at: &Path) -> Option<&str> {
    at.as_ref().rsplit('/').next()?.strip_suffix(".json")
}

/// The part of a name at `depth`; the folder is at 0.
fn part(at: &Path, depth: usize) -> Option<&str> {
    at.as_ref().split('/').nth(depth)
}

pub(super) fn read_blob(at: &Path) -> Option<Digest> {
    part(at, 2)?.parse().ok()
}

pub(super) fn read_plan(at: &Path) -> Option<SweepId> {
    stem(at)?.parse().ok().map(SweepId)
}

pub(super) fn read_submission(at: &Path) -> Option<(u64, SweepId)> {
    let (at_ms, id) = stem(at)?.split_once('-')?;
    Some((at_ms.parse().ok()?, SweepId(id.parse().ok()?)))
}

pub(super) fn read_generation(at: &Path) -> Option<(JobKey, u32)> {
    let (key, generation) = stem(at)?.split_once('.')?;
    Some((JobKey(key.parse().ok()?), generation.parse().ok()?))
}

/// The job of a checkpoint, an attempt or a log.
pub(super) fn read_job(at: &Path) -> Option<JobKey> {
    part(at, 1)?.parse().ok().map(JobKey)
}

/// The attempt of a folder of logs, or of what is in it.
pub(super) fn read_log(at: &Path) -> Option<Nonce> {
    part(at, 2).map(|attempt| Nonce(attempt.to_owned()))
}

pub(super) fn read_log_part(at: &Path) -> Option<u32> {
    part(at, 3)?.strip_suffix(".txt")?.parse().ok()
}

/// The sweep of a control.
pub(super) fn read_control_sweep(at: &Path) -> Option<SweepId> {
    part(at, 1)?.parse().ok().map(SweepId)
}

pub(super) fn read_control(at: &Path) -> Option<u64> {
    stem(at)?.parse().ok()
}

/// Whether a record of an attempt is the one of its end.
pub(super) fn is_attempt_end(at: &Path) -> bool {
    stem(at).is_some_and(|stem| stem.ends_with(".end"))
}

/// Whether a file is what a killed process left of a write: `<name>#<number>`.
pub(super) fn is_left_behind(file_name: &str) -> bool {
    let number = file_name.rsplit_once('#').map_or("", |(_, number)| number);
    !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let (digest, key) = (Digest::of(b"a"), JobKey(Digest::of(b"b")));
        let sweep = SweepId(Digest::of(b"c"));
        assert_eq!(read_blob(&blob(&digest)), Some(digest));
        assert_eq!(read_plan(&plan(&sweep)), Some(sweep));
        assert_eq!(read_submission(&submission(17, &sweep)), Some((17, sweep)));
        assert_eq!(read_generation(&generation(REVOKED, key, 12)), Some((key, 12)));
        assert_eq!(read_job(&checkpoint(key, "chunk/0")), Some(key));
        assert!(is_attempt_end(&attempt_end(key, &Nonce("n".to_owned()))));
        assert!(!is_attempt_end(&attempt_start(key, &Nonce("n".to_owned()))));
        let part = log_part(key, &Nonce("n".to_owned()), 7);
        assert_eq!(
            (read_job(&part), read_log(&part), read_log_part(&part)),
            (Some(key), Some(Nonce("n".to_owned())), Some(7))
        );
        let control = control(&sweep, 10);
        assert_eq!((read_control_sweep(&control), read_control(&control)), (Some(sweep), Some(10)));
        assert_eq!(read_generation(&Path::from("outcomes/ab/cd.0.json")), None);
        assert!(may_be_large(&blob(&digest)) && may_be_large(&plan(&sweep)) && !may_be_large(&control));
    }

    #[test]
    fn checkpoint_names_stay_in_their_folder() {
        let key = JobKey(Digest::of(b"b"));
        for name in ["chunk/0", "../../x", "..", "a#1", "ü%2F\n"] {
            let at = checkpoint(key, name);
            assert_eq!(at.parts().count(), 3, "{at}");
            assert!(Path::parse(at.as_ref()).is_ok(), "{at}");
        }
        assert_ne!(checkpoint(key, "a/b"), checkpoint(key, "a%2Fb"));
    }

    #[test]
    fn what_is_left_behind_is_told_from_records() {
        for (name, left) in [("0.json#1", true), ("0.json", false), ("a#x", false), ("#12", true), ("a#", false)] {
            assert_eq!(is_left_behind(name), left, "{name}");
        }
    }
}
