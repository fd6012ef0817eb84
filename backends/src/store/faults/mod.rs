//! **For tests only**: an object store that fails on purpose.
//!
//! [`Faulty`] wraps any object store. What it does wrong is a list of [`Fault`]s, which can be changed while it is in use
//! ([`Faulty::set`]). The command's tests cannot reach into a process, so builds with debug assertions read the list from
//! the environment variable `BITSWEEP_FAULTS`, comma-separated:
//!
//! | text | what fails |
//! |---|---|
//! | `full-after=N` | every put after the first N: no space left, as a full disk says it |
//! | `full-after-bytes=N` | every put once N bytes were put |
//! | `read-only` | every put and delete: a read-only file system |
//! | `fail-put=PREFIX` | puts of names that begin so: an input/output error |
//! | `fail-get=PREFIX` | reads of names that begin so: an input/output error |
//! | `fail-nth=N` | the Nth operation of all, counted from 1: an input/output error |
//! | `corrupt=PREFIX` | reads of names that begin so: one bit is flipped |
//! | `corrupt-once=PREFIX` | the first such read alone |
//! | `truncate=PREFIX` | reads of names that begin so: the second half is missing |
//! | `slow=MS` | nothing, but every operation takes that long |
//! | `overwrite` | put-if-absent is ignored: everything is overwritten |
//! | `at=WHEN:OPERATION:NTH:HARM:PREFIX` | one side of one kind of operation on names that begin so |
//!
//! WHEN is `before` or `after`; OPERATION is `create` (put-if-absent), `put`, `upload`, `part`, `complete` (of an upload),
//! `get`, `head`, `delete`, `list` or `any`; NTH counts those that fit from 1, `*` is each; HARM is `error`, `delay-MS`, `cut`
//! (an answer that breaks off in the middle), `drip-MS` (bytes that come in small pieces) or `crash` (the process is gone
//! as if it were killed). `at=after:create:2:error:outcomes/` loses the answer to the second commit.
//!
//! Puts that fail write nothing, as those of a real store, but for those that fail *after*. All of it is counted, nothing
//! drawn by chance: the same operations meet the same faults.

mod answer;
mod list;

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

pub use list::{Fault, Harm, Operation, Point, When};

#[cfg(debug_assertions)]
use crate::error::BackendError;
use answer::Spoil;

/// Wraps all of `objects`, which are one store, as `BITSWEEP_FAULTS` says.
#[cfg(debug_assertions)]
pub(super) fn from_environment<const N: usize>(
    objects: [Arc<dyn ObjectStore>; N],
) -> Result<[Arc<dyn ObjectStore>; N], BackendError> {
    let Ok(text) = std::env::var("BITSWEEP_FAULTS") else { return Ok(objects) };
    let faults = Fault::parse_list(&text);
    let faults = faults
        .ok_or_else(|| BackendError::store_refuses(format!("BITSWEEP_FAULTS is not a list of faults: \"{text}\"")))?;
    let state = State::of(faults);
    Ok(objects.map(|inner| Arc::new(Faulty { inner, state: Arc::clone(&state) }) as Arc<dyn ObjectStore>))
}

/// An object store that fails on purpose. Clones share their faults and counts.
#[derive(Clone, Debug)]
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Each with the number of operations that it fitted so far.
    faults: Mutex<Vec<(Fault, u64)>>,
    operations: AtomicU64,
    puts: AtomicU64,
    bytes: AtomicU64,
}

/// What is done to what.
#[derive(Clone, Copy)]
struct Act<'a> {
    operation: Operation,
    at: &'a Path,
    bytes: u64,
}

impl<'a> Act<'a> {
    fn new(operation: Operation, at: &'a Path) -> Self {
        Self { operation, at, bytes: 0 }
    }

    /// A put of bytes, or the beginning of one.
    fn puts(self) -> bool {
        matches!(self.operation, Operation::Create | Operation::Put | Operation::Upload | Operation::Part)
    }
}

impl Point {
    fn fits(&self, act: Act<'_>) -> bool {
        self.operation.is_none_or(|operation| operation == act.operation) && act.at.as_ref().starts_with(&self.prefix)
    }
}

impl State {
    fn of(faults: Vec<Fault>) -> Arc<Self> {
        Arc::new(Self { faults: Mutex::new(uncounted(faults)), ..Self::default() })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<(Fault, u64)>) -> T) -> T {
        act(&mut self.faults.lock().expect("nothing panics while it holds the faults"))
    }

    /// The harm at one side of an operation, in the order of the list.
    fn harm(&self, when: When, act: Act<'_>) -> Vec<Harm> {
        self.with(|faults| {
            let mut harm = Vec::new();
            for (fault, count) in faults {
                if let Fault::At(point) = fault
                    && point.when == when
                    && point.fits(act)
                {
                    *count += 1;
                    harm.extend(point.nth.is_none_or(|nth| nth == *count).then_some(point.harm));
                }
            }
            harm
        })
    }

    /// Lets an operation begin, or fails it.
    async fn pass(&self, act: Act<'_>) -> Result<()> {
        let operation = 1 + self.operations.fetch_add(1, Ordering::Relaxed);
        let (mut put, mut bytes) = (0, 0);
        if act.puts() {
            put = 1 + self.puts.fetch_add(1, Ordering::Relaxed);
            bytes = act.bytes + self.bytes.fetch_add(act.bytes, Ordering::Relaxed);
        }
        let begins = |prefix: &String| act.at.as_ref().starts_with(prefix.as_str());
        let reads = matches!(act.operation, Operation::Get | Operation::Head);
        for (fault, _) in self.with(|faults| faults.clone()) {
            match fault {
                Fault::Slow(pause) => tokio::time::sleep(pause).await,
                Fault::FullAfter(puts) if put > puts => return Err(full()),
                Fault::FullAfterBytes(limit) if bytes > limit => return Err(full()),
                Fault::ReadOnly if act.puts() || act.operation == Operation::Delete => {
                    return Err(io_error(io::ErrorKind::ReadOnlyFilesystem));
                }
                Fault::FailNth(nth) if operation == nth => return Err(io_error(io::ErrorKind::Other)),
                Fault::FailPut(prefix) if act.puts() && begins(&prefix) => return Err(io_error(io::ErrorKind::Other)),
                Fault::FailGet(prefix) if reads && begins(&prefix) => return Err(io_error(io::ErrorKind::Other)),
                _ => {}
            }
        }
        suffer(self.harm(When::Before, act)).await
    }

    /// Lets the answer of an operation pass, or loses it.
    async fn done(&self, act: Act<'_>) -> Result<()> {
        suffer(self.harm(When::After, act)).await
    }

    /// What to do to what is read from `at`.
    fn spoil(&self, at: &Path) -> Option<Spoil> {
        let begins = |prefix: &String| at.as_ref().starts_with(prefix.as_str());
        self.with(|faults| {
            faults.iter_mut().find_map(|(fault, count)| match fault {
                Fault::Corrupt(prefix) if begins(prefix) => Some(Spoil::Flip),
                Fault::Truncate(prefix) if begins(prefix) => Some(Spoil::Halve),
                Fault::CorruptOnce(prefix) if begins(prefix) && *count == 0 => {
                    *count = 1;
                    Some(Spoil::Flip)
                }
                _ => None,
            })
        })
    }

    /// What becomes of the answer of a read.
    fn spoils(&self, act: Act<'_>) -> Vec<Spoil> {
        let mut spoils: Vec<Spoil> = self.spoil(act.at).into_iter().collect();
        for harm in self.harm(When::After, act) {
            spoils.push(match harm {
                Harm::Error | Harm::Crash | Harm::Delay(_) => Spoil::Whole(harm),
                Harm::Cut => Spoil::Cut,
                Harm::Drip(pause) => Spoil::Drip(pause),
            });
        }
        spoils
    }
}

async fn suffer(harm: Vec<Harm>) -> Result<()> {
    for harm in harm {
        match harm {
            Harm::Delay(pause) | Harm::Drip(pause) => tokio::time::sleep(pause).await,
            Harm::Error | Harm::Cut => return Err(io_error(io::ErrorKind::ConnectionReset)),
            Harm::Crash => std::process::abort(),
        }
    }
    Ok(())
}

fn uncounted(faults: Vec<Fault>) -> Vec<(Fault, u64)> {
    faults.into_iter().map(|fault| (fault, 0)).collect()
}

fn full() -> Error {
    io_error(io::ErrorKind::StorageFull)
}

/// An error as the object store of a folder reports it: its own error, caused by the system's.
fn io_error(kind: io::ErrorKind) -> Error {
    Error::Generic { store: "Faulty", source: Box::new(io::Error::new(kind, format!("{kind} (injected)"))) }
}

impl Faulty {
    /// Wraps `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>, faults: Vec<Fault>) -> Self {
        Self { inner, state: State::of(faults) }
    }

    /// Replaces the faults. Counts begin again.
    pub fn set(&self, faults: Vec<Fault>) {
        self.state.with(|now| *now = uncounted(faults));
        for count in [&self.state.operations, &self.state.puts, &self.state.bytes] {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// Puts so far, those that failed counted.
    pub fn puts(&self) -> u64 {
        self.state.puts.load(Ordering::Relaxed)
    }

    /// Operations of all kinds so far, those that failed counted.
    pub fn operations(&self) -> u64 {
        self.state.operations.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, mut opts: PutOptions) -> Result<PutResult> {
        let operation = if opts.mode == PutMode::Create { Operation::Create } else { Operation::Put };
        let act = Act { operation, at: location, bytes: payload.content_length() as u64 };
        self.state.pass(act).await?;
        if self.state.with(|faults| faults.iter().any(|(fault, _)| *fault == Fault::Overwrite)) {
            opts.mode = PutMode::Overwrite;
        }
        let put = self.inner.put_opts(location, payload, opts).await?;
        self.state.done(act).await?;
        Ok(put)
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let act = Act::new(Operation::Upload, location);
        self.state.pass(act).await?;
        let upload = self.inner.put_multipart_opts(location, opts).await?;
        self.state.done(act).await?;
        Ok(Box::new(FaultyUpload { upload, state: Arc::clone(&self.state), location: location.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = if options.head { Operation::Head } else { Operation::Get };
        let act = Act::new(operation, location);
        self.state.pass(act).await?;
        let object = self.inner.get_opts(location, options).await?;
        if operation == Operation::Head {
            self.state.done(act).await?;
            return Ok(object);
        }
        answer::spoiled(object, self.state.spoils(act)).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let act = Act::new(Operation::Get, location);
        self.state.pass(act).await?;
        let read = self.inner.get_ranges(location, ranges).await?;
        self.state.done(act).await?;
        Ok(read)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (before, after) = (Arc::clone(&self.state), Arc::clone(&self.state));
        let passed = locations.then(move |location| {
            let state = Arc::clone(&before);
            async move {
                let location = location?;
                state.pass(Act::new(Operation::Delete, &location)).await.map(|()| location)
            }
        });
        let deleted = self.inner.delete_stream(passed.boxed());
        let told = deleted.then(move |location| {
            let state = Arc::clone(&after);
            async move {
                let location = location?;
                state.done(Act::new(Operation::Delete, &location)).await.map(|()| location)
            }
        });
        told.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (state, listed, at) =
            (Arc::clone(&self.state), self.inner.list(prefix), prefix.cloned().unwrap_or_default());
        stream::once(async move {
            if let Err(error) = state.pass(Act::new(Operation::List, &at)).await {
                return stream::iter([Err(error)]).boxed();
            }
            // What fails afterwards breaks off: some of it was told already.
            let end = stream::once(async move { state.done(Act::new(Operation::List, &at)).await });
            listed.chain(end.filter_map(async |done| done.err().map(Err))).boxed()
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let at = prefix.cloned().unwrap_or_default();
        let act = Act::new(Operation::List, &at);
        self.state.pass(act).await?;
        let listed = self.inner.list_with_delimiter(prefix).await?;
        self.state.done(act).await?;
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let act = Act::new(Operation::Put, to);
        self.state.pass(act).await?;
        self.inner.copy_opts(from, to, options).await?;
        self.state.done(act).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    upload: Box<dyn MultipartUpload>,
    state: Arc<State>,
    location: Path,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (state, location) = (Arc::clone(&self.state), self.location.clone());
        let bytes = data.content_length() as u64;
        let part = self.upload.put_part(data);
        Box::pin(async move {
            let act = Act { operation: Operation::Part, at: &location, bytes };
            state.pass(act).await?;
            part.await?;
            state.done(act).await
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let act = Act::new(Operation::Complete, &self.location);
        self.state.pass(act).await?;
        let put = self.upload.complete().await?;
        self.state.done(act).await?;
        Ok(put)
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}
