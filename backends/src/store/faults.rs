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
//!
//! Puts that fail write nothing, as those of a real store.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

#[cfg(debug_assertions)]
use crate::error::BackendError;

/// One way to fail; see the module.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table of the module says it all")]
pub enum Fault {
    FullAfter(u64),
    FullAfterBytes(u64),
    ReadOnly,
    FailPut(String),
    FailGet(String),
    FailNth(u64),
    Corrupt(String),
    CorruptOnce(String),
    Truncate(String),
    Slow(Duration),
    Overwrite,
}

impl Fault {
    /// Reads a list as in the module's table; `None` where it is not one.
    pub fn parse_list(text: &str) -> Option<Vec<Self>> {
        text.split(',').filter(|part| !part.is_empty()).map(Self::parse).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let number = || value?.parse::<u64>().ok();
        let prefix = || value.map(str::to_owned);
        match name {
            "full-after" => number().map(Self::FullAfter),
            "full-after-bytes" => number().map(Self::FullAfterBytes),
            "read-only" => value.is_none().then_some(Self::ReadOnly),
            "fail-put" => prefix().map(Self::FailPut),
            "fail-get" => prefix().map(Self::FailGet),
            "fail-nth" => number().map(Self::FailNth),
            "corrupt" => prefix().map(Self::Corrupt),
            "corrupt-once" => prefix().map(Self::CorruptOnce),
            "truncate" => prefix().map(Self::Truncate),
            "slow" => number().map(Duration::from_millis).map(Self::Slow),
            "overwrite" => value.is_none().then_some(Self::Overwrite),
            _ => None,
        }
    }
}

/// Wraps `objects` as `BITSWEEP_FAULTS` says.
#[cfg(debug_assertions)]
pub(super) fn from_environment(objects: Arc<dyn ObjectStore>) -> Result<Arc<dyn ObjectStore>, BackendError> {
    let Ok(text) = std::env::var("BITSWEEP_FAULTS") else { return Ok(objects) };
    let faults = Fault::parse_list(&text);
    let faults = faults
        .ok_or_else(|| BackendError::store_refuses(format!("BITSWEEP_FAULTS is not a list of faults: \"{text}\"")))?;
    Ok(Arc::new(Faulty::new(objects, faults)))
}

/// An object store that fails on purpose. Clones share their faults and counts.
#[derive(Clone, Debug)]
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    faults: Mutex<Vec<Fault>>,
    operations: AtomicU64,
    puts: AtomicU64,
    bytes: AtomicU64,
}

/// What is done, for faults that care.
enum Act<'a> {
    Put(&'a Path, u64),
    Get(&'a Path),
    Delete,
    List,
}

/// What is wrong with the bytes that a read gives.
enum Spoil {
    Flip,
    Halve,
}

impl State {
    fn with<T>(&self, act: impl FnOnce(&mut Vec<Fault>) -> T) -> T {
        act(&mut self.faults.lock().expect("nothing panics while it holds the faults"))
    }

    /// Lets an operation pass, or fails it.
    async fn pass(&self, act: Act<'_>) -> Result<()> {
        let operation = 1 + self.operations.fetch_add(1, Ordering::Relaxed);
        let (mut put, mut bytes) = (0, 0);
        if let Act::Put(_, size) = act {
            put = 1 + self.puts.fetch_add(1, Ordering::Relaxed);
            bytes = size + self.bytes.fetch_add(size, Ordering::Relaxed);
        }
        let faults = self.with(|faults| faults.clone());
        for fault in &faults {
            match (fault, &act) {
                (Fault::Slow(pause), _) => tokio::time::sleep(*pause).await,
                (Fault::FullAfter(puts), Act::Put(..)) if put > *puts => return Err(full()),
                (Fault::FullAfterBytes(limit), Act::Put(..)) if bytes > *limit => return Err(full()),
                (Fault::ReadOnly, Act::Put(..) | Act::Delete) => {
                    return Err(io_error(io::ErrorKind::ReadOnlyFilesystem));
                }
                (Fault::FailNth(nth), _) if operation == *nth => return Err(io_error(io::ErrorKind::Other)),
                (Fault::FailPut(prefix), Act::Put(at, _)) | (Fault::FailGet(prefix), Act::Get(at))
                    if at.as_ref().starts_with(prefix) =>
                {
                    return Err(io_error(io::ErrorKind::Other));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What to do to what is read from `at`.
    fn spoil(&self, at: &Path) -> Option<Spoil> {
        let hits = |prefix: &String| at.as_ref().starts_with(prefix.as_str());
        self.with(|faults| {
            let index = faults.iter().position(|fault| match fault {
                Fault::Corrupt(prefix) | Fault::CorruptOnce(prefix) | Fault::Truncate(prefix) => hits(prefix),
                _ => false,
            })?;
            match &faults[index] {
                Fault::Truncate(_) => Some(Spoil::Halve),
                Fault::CorruptOnce(_) => {
                    faults.remove(index);
                    Some(Spoil::Flip)
                }
                _ => Some(Spoil::Flip),
            }
        })
    }
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
        Self { inner, state: Arc::new(State { faults: Mutex::new(faults), ..State::default() }) }
    }

    /// Replaces the faults. Counts begin again.
    pub fn set(&self, faults: Vec<Fault>) {
        self.state.with(|now| *now = faults);
        for count in [&self.state.operations, &self.state.puts, &self.state.bytes] {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// Puts so far, those that failed counted.
    pub fn puts(&self) -> u64 {
        self.state.puts.load(Ordering::Relaxed)
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
        self.state.pass(Act::Put(location, payload.content_length() as u64)).await?;
        if self.state.with(|faults| faults.contains(&Fault::Overwrite)) {
            opts.mode = PutMode::Overwrite;
        }
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.state.pass(Act::Put(location, 0)).await?;
        let upload = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(FaultyUpload { upload, state: Arc::clone(&self.state), location: location.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.state.pass(Act::Get(location)).await?;
        let head = options.head;
        let object = self.inner.get_opts(location, options).await?;
        match self.state.spoil(location).filter(|_| !head) {
            None => Ok(object),
            Some(how) => spoiled(object, how).await,
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.state.pass(Act::Get(location)).await?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let state = Arc::clone(&self.state);
        let passed = locations.then(move |location| {
            let state = Arc::clone(&state);
            async move {
                state.pass(Act::Delete).await?;
                location
            }
        });
        self.inner.delete_stream(passed.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (state, listed) = (Arc::clone(&self.state), self.inner.list(prefix));
        stream::once(async move {
            match state.pass(Act::List).await {
                Ok(()) => listed,
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.state.pass(Act::List).await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.state.pass(Act::Put(to, 0)).await?;
        self.inner.copy_opts(from, to, options).await
    }
}

async fn spoiled(object: GetResult, how: Spoil) -> Result<GetResult> {
    let (meta, range, attributes, extensions) =
        (object.meta.clone(), object.range.clone(), object.attributes.clone(), object.extensions.clone());
    let mut bytes = object.bytes().await?.to_vec();
    match how {
        Spoil::Halve => bytes.truncate(bytes.len() / 2),
        Spoil::Flip => {
            let middle = bytes.len() / 2;
            bytes.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1);
        }
    }
    let payload = GetResultPayload::Stream(stream::iter([Ok(Bytes::from(bytes))]).boxed());
    Ok(GetResult { payload, meta, range, attributes, extensions })
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
        let size = data.content_length() as u64;
        let part = self.upload.put_part(data);
        Box::pin(async move {
            state.pass(Act::Put(&location, size)).await?;
            part.await
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let text = "full-after=20,read-only,fail-get=blobs/ab,slow=5";
        let faults = vec![
            Fault::FullAfter(20),
            Fault::ReadOnly,
            Fault::FailGet("blobs/ab".to_owned()),
            Fault::Slow(Duration::from_millis(5)),
        ];
        assert_eq!(Fault::parse_list(text), Some(faults));
        assert_eq!(Fault::parse_list(""), Some(Vec::new()));
        for wrong in ["full-after", "full-after=x", "read-only=1", "on-fire"] {
            assert_eq!(Fault::parse_list(wrong), None, "{wrong}");
        }
    }
}
