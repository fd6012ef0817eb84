//! The lock that keeps `run`, the coordinator and `gc` from one another. Readers and workers take none.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Shared, Store, failure, identity};
use crate::error::BackendError;

/// Held by the only one who schedules or collects garbage in a store. Released when dropped, and by the system when the
/// process dies, however it dies. Child processes do not inherit it.
#[derive(Debug)]
pub struct StoreLock {
    held: Held,
    /// What the lock's file says of this holder, and no other's ever did.
    token: String,
}

#[derive(Debug)]
enum Held {
    /// The system's lock on this open file.
    File(File),
    /// A flag in this process: nobody can lock what is not a folder for another machine. The ledger says who leads there.
    Flag(Arc<Shared>),
}

/// How often a lock that nobody says to hold is tried, and the pause between.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Who holds a lock, as its file says.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    process: u32,
    host: String,
    command: String,
    /// Seconds since 1970.
    since: u64,
    /// Random.
    #[serde(default)]
    token: String,
}

impl Store {
    /// Who has the lock now, in words; `None` where nobody has.
    pub fn holder(&self) -> Option<String> {
        let holder = self.held_by()?;
        Some(holder.map_or("another bitsweep".to_owned(), |holder| holder.in_words()))
    }

    /// The token of whoever has the lock now.
    pub(super) fn holder_token(&self) -> Option<String> {
        self.held_by()?.map(|holder| holder.token)
    }

    /// `None` where nobody has the lock, `Some(None)` where he who has it does not say who he is.
    fn held_by(&self) -> Option<Option<Holder>> {
        let path = self.shared.folder.as_ref()?.join("lock");
        let mut file = OpenOptions::new().read(true).open(path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(Holder::read(&mut file)),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    /// Takes the store's lock, or says who has it. It keeps away other processes where the store is a folder; elsewhere
    /// only others in this process.
    pub fn lock(&self) -> Result<StoreLock, BackendError> {
        let token = identity::random();
        match &self.shared.folder {
            Some(folder) => lock_file(folder, &token).map(|file| StoreLock { held: Held::File(file), token }),
            None if self.shared.locked.swap(true, Ordering::AcqRel) => Err(in_use(None, self.objects.name())),
            None => Ok(StoreLock { held: Held::Flag(Arc::clone(&self.shared)), token }),
        }
    }
}

impl StoreLock {
    /// What the lock's file says of this holder; `None` where there is no file.
    pub(super) fn token(&self) -> Option<&str> {
        matches!(self.held, Held::File(_)).then_some(self.token.as_str())
    }
}

impl Drop for StoreLock {
    fn drop(&mut self) {
        match &mut self.held {
            // Its text would be a lie from now on. To close the file is not enough: a process that is just being started
            // has it open too until it becomes another program. Neither can be mended where it fails.
            Held::File(file) => {
                let _ = file.set_len(0);
                let _ = file.unlock();
            }
            Held::Flag(shared) => shared.locked.store(false, Ordering::Release),
        }
    }
}

fn lock_file(folder: &Path, token: &str) -> Result<File, BackendError> {
    let path = folder.join("lock");
    let failed = |error| failure::of_file(&path, error);
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.map_err(failed)?;
    let mut looks = 0;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                looks += 1;
                let holder = Holder::read(&mut file);
                // Without a text it is somebody who looks at it, or who has just taken it and not written yet.
                if holder.is_some() || looks == LOOKS {
                    return Err(in_use(holder, &folder.display().to_string()));
                }
                std::thread::sleep(PAUSE);
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
    let text = serde_json::to_vec(&Holder::this_process(token)).expect("a holder is plain data");
    // The lock holds without this text, so a full disk does not matter here.
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text));
    Ok(file)
}

impl Holder {
    fn this_process(token: &str) -> Self {
        let mut arguments = std::env::args();
        let program = arguments.next().unwrap_or_default();
        let program =
            Path::new(&program).file_name().map_or("bitsweep".into(), |name| name.to_string_lossy().into_owned());
        // An address may hold a password.
        let shown = arguments.map(|argument| if argument.contains("://") { "…".to_owned() } else { argument });
        let command: Vec<String> = std::iter::once(program).chain(shown).collect();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = host.trim();
        Self {
            process: std::process::id(),
            host: if host.is_empty() { "this host".to_owned() } else { host.to_owned() },
            command: command.join(" ").chars().take(200).collect(),
            since: now(),
            token: token.to_owned(),
        }
    }

    /// What the lock file says; `None` where it says nothing.
    fn read(file: &mut File) -> Option<Self> {
        let mut text = String::new();
        file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn in_words(&self) -> String {
        let age = match now().saturating_sub(self.since) {
            seconds @ 0..120 => format!("{seconds} s"),
            seconds @ 120..7200 => format!("{} min", seconds / 60),
            seconds => format!("{} h", seconds / 3600),
        };
        format!("`{}`, process {} on {}, for {age}", self.command, self.process, self.host)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn in_use(holder: Option<Holder>, store: &str) -> BackendError {
    let who = holder.map_or(String::new(), |holder| format!(" ({})", holder.in_words()));
    BackendError::store_refuses(format!(
        "another bitsweep{who} uses the store {store}: wait until it ends, or stop it; reading commands work meanwhile"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_lock_says_who_has_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().display().to_string()).await.unwrap();
        let lock = store.lock().unwrap();
        let other = Store::open(&folder.path().display().to_string()).await.unwrap();
        let message = other.lock().unwrap_err().to_string();
        assert!(message.contains(&format!("process {} on ", std::process::id())), "{message}");
        assert!(message.contains("for 0 s") || message.contains("for 1 s"), "{message}");
        assert!(message.contains(&other.holder().unwrap()), "{message}");
        drop(lock);
        assert_eq!(other.holder(), None);
        other.lock().unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("lock")).unwrap(), "");
    }

    #[tokio::test]
    async fn a_holder_that_cannot_be_read_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().display().to_string()).await.unwrap();
        let _lock = store.lock().unwrap();
        std::fs::write(folder.path().join("lock"), "{").unwrap();
        let message = store.lock().unwrap_err().to_string();
        assert!(message.contains("another bitsweep uses the store"), "{message}");
    }

    #[test]
    fn a_child_process_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let file = lock_file(folder.path(), "").unwrap();
        let mut command = std::process::Command::new("cat");
        let mut child =
            command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        // Once it answers it is another program, and has closed what it does not inherit.
        child.stdin.as_mut().unwrap().write_all(b"?").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        drop(file);
        let again = lock_file(folder.path(), "");
        child.kill().unwrap();
        child.wait().unwrap();
        again.unwrap();
    }
}
