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

/// All of the above.
pub(super) const FOLDERS: [&str; 7] = [BLOBS, PLANS, SUBMISSIONS, OUTCOMES, REVOKED, CHECKPOINTS, ATTEMPTS];

pub(super) fn format() -> Path {
    Path::from("format.json")
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

/// All generations of one job, in [`OUTCOMES`] or [`REVOKED`].
pub(super) fn generations(folder: &str, key: JobKey) -> Path {
    let key = key.to_string();
    Path::from_iter([folder, &key[..2], &key])
}

pub(super) fn generation(folder: &str, key: JobKey, generation: u32) -> Path {
    generations(folder, key).join(format!("{generation}.json"))
}

/// All of one job, in [`CHECKPOINTS`] or [`ATTEMPTS`].
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
    Some((JobKey(part(at, 2)?.parse().ok()?), stem(at)?.parse().ok()?))
}

/// The job of a checkpoint or an attempt.
pub(super) fn read_job(at: &Path) -> Option<JobKey> {
    part(at, 1)?.parse().ok().map(JobKey)
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
        assert_eq!(read_generation(&Path::from("outcomes/ab/cd/0.json")), None);
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
