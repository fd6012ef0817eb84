//! The few things that a store does with an object store, with our errors.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
};

use super::record::{self, Record, Unreadable};
use super::{failure, layout};
use crate::error::BackendError;

/// Reads at a time: enough to hide the latency of a remote store.
pub(super) const READS_AT_A_TIME: usize = 32;

/// How often a put-if-absent is tried whose answer says nothing, and for how long: the last of them may take as long as
/// the object store tries, and all of it must be over within a preemption notice.
const CREATES: u32 = 3;
const CREATE_PATIENCE: Duration = Duration::from_secs(1);

/// An object store that has a name for messages.
#[derive(Clone)]
pub(super) struct Objects {
    /// For records.
    inner: Arc<dyn ObjectStore>,
    /// The same store, for what [may be large](layout::may_be_large).
    bulk: Arc<dyn ObjectStore>,
    name: Arc<str>,
}

/// Its name alone: clients hold credentials.
impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Objects").field(&self.name).finish()
    }
}

impl Objects {
    pub(super) fn new(inner: Arc<dyn ObjectStore>, bulk: Arc<dyn ObjectStore>, name: String) -> Self {
        Self { inner, bulk, name: name.into() }
    }

    fn client(&self, at: &Path) -> &Arc<dyn ObjectStore> {
        if layout::may_be_large(at) { &self.bulk } else { &self.inner }
    }

    /// What messages call it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The error of this store as ours.
    pub(super) fn failed(&self, error: Error) -> BackendError {
        failure::of(&self.name, error)
    }

    /// The object, not yet read; `None` where there is none.
    pub(super) async fn open(&self, at: &Path) -> Result<Option<GetResult>, BackendError> {
        match self.client(at).get(at).await {
            Ok(object) => Ok(Some(object)),
            Err(error @ Error::NotFound { .. }) => failure::absent(&self.name, error),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The object's bytes; `None` where there is none.
    pub(super) async fn get(&self, at: &Path) -> Result<Option<Bytes>, BackendError> {
        match self.open(at).await? {
            Some(object) => object.bytes().await.map(Some).map_err(|error| self.failed(error)),
            None => Ok(None),
        }
    }

    /// Some bytes of an object that is there.
    pub(super) async fn get_range(&self, at: &Path, range: Range<u64>) -> Result<Bytes, BackendError> {
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        let object = self.client(at).get_opts(at, options).await.map_err(|error| self.failed(error))?;
        object.bytes().await.map_err(|error| self.failed(error))
    }

    /// Size and age of the object; `None` where there is none.
    pub(super) async fn head(&self, at: &Path) -> Result<Option<ObjectMeta>, BackendError> {
        match self.inner.head(at).await {
            Ok(meta) => Ok(Some(meta)),
            Err(error @ Error::NotFound { .. }) => failure::absent(&self.name, error),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Put-if-absent: whether it was put. Where it was not, something is there: perhaps what this very call put, whose
    /// answer was lost on the way so that it was tried again.
    pub(super) async fn create(&self, at: &Path, bytes: Bytes) -> Result<bool, BackendError> {
        let begin = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            let options = PutOptions::from(PutMode::Create);
            let error = match self.client(at).put_opts(at, bytes.clone().into(), options).await {
                Ok(_) => return Ok(true),
                Err(Error::Precondition { .. }) => return Ok(false),
                // S3 also answers so while another put to the name is under way, which may yet fail.
                Err(error @ Error::AlreadyExists { .. }) if failure::is_conflict(&error) => {
                    if self.head(at).await?.is_some() {
                        return Ok(false);
                    }
                    failure::of_conflict(&self.name, at)
                }
                Err(Error::AlreadyExists { .. }) => return Ok(false),
                // The object store does not repeat it by itself, for it may be done.
                Err(error) if failure::is_without_answer(&error) => self.failed(error),
                Err(error) => return Err(self.failed(error)),
            };
            if tries == CREATES || begin.elapsed() > CREATE_PATIENCE {
                return Err(error);
            }
        }
    }

    /// Puts the object, whatever is there.
    pub(super) async fn replace(&self, at: &Path, bytes: Bytes) -> Result<(), BackendError> {
        self.client(at).put(at, bytes.into()).await.map(|_| ()).map_err(|error| self.failed(error))
    }

    /// Begins to put a large object in parts.
    pub(super) async fn upload(&self, at: &Path) -> Result<Box<dyn MultipartUpload>, BackendError> {
        self.bulk.put_multipart(at).await.map_err(|error| self.failed(error))
    }

    /// Ends an upload: now the object is there.
    pub(super) async fn complete(&self, upload: &mut dyn MultipartUpload) -> Result<(), BackendError> {
        upload.complete().await.map(|_| ()).map_err(|error| self.failed(error))
    }

    /// Deletes the object, if there is one.
    pub(super) async fn delete(&self, at: &Path) -> Result<(), BackendError> {
        match self.inner.delete(at).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Deletes many objects, in no order. Those that are gone already do not matter.
    pub(super) async fn delete_all(&self, all: Vec<Path>) -> Result<(), BackendError> {
        let mut deleted = self.inner.delete_stream(stream::iter(all.into_iter().map(Ok)).boxed());
        while let Some(done) = deleted.next().await {
            match done {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// All objects below `folder`, in no order.
    pub(super) fn list(&self, folder: &Path) -> BoxStream<'static, Result<ObjectMeta, BackendError>> {
        let name = Arc::clone(&self.name);
        self.inner.list(Some(folder)).map_err(move |error| failure::of(&name, error)).boxed()
    }

    /// The names of all objects below `folder`, sorted.
    pub(super) async fn names(&self, folder: &Path) -> Result<Vec<Path>, BackendError> {
        let mut names: Vec<Path> = self.list(folder).map_ok(|meta| meta.location).try_collect().await?;
        names.sort_unstable();
        Ok(names)
    }

    /// The folders right in `folder`, sorted.
    pub(super) async fn folders(&self, folder: &Path) -> Result<Vec<Path>, BackendError> {
        let mut listed = self.inner.list_with_delimiter(Some(folder)).await.map_err(|error| self.failed(error))?;
        listed.common_prefixes.sort_unstable();
        Ok(listed.common_prefixes)
    }

    /// Put-if-absent of a record, see [`Objects::create`].
    pub(super) async fn create_record<R: Record>(&self, at: &Path, record: &R) -> Result<bool, BackendError> {
        self.create(at, self.encode(at, record)?).await
    }

    /// Puts a record, whatever is there.
    pub(super) async fn replace_record<R: Record>(&self, at: &Path, record: &R) -> Result<(), BackendError> {
        self.replace(at, self.encode(at, record)?).await
    }

    fn encode<R: Record>(&self, at: &Path, record: &R) -> Result<Bytes, BackendError> {
        let unfit = |how: String| BackendError::store_damaged(format!("{} {at} that was to be put: {how}", R::WHAT));
        record::encode(record).map_err(unfit)
    }

    /// The record at `at`; `None` where there is none. One that is damaged is read once more before it is called so.
    pub(super) async fn get_record<R: Record>(&self, at: &Path) -> Result<Option<R>, BackendError> {
        let mut second = false;
        loop {
            let Some(bytes) = self.get(at).await? else { return Ok(None) };
            match record::decode(&bytes) {
                Ok(record) => return Ok(Some(record)),
                Err(Unreadable::Version(version)) => {
                    return Err(BackendError::store_refuses(format!(
                        "{} {at} in {} is of version {version}, this program reads {}: use the bitsweep that wrote it",
                        R::WHAT,
                        self.name,
                        R::VERSION
                    )));
                }
                Err(Unreadable::Damaged(how)) if second => {
                    return Err(BackendError::store_damaged(format!("{} {at} in {}: {how}", R::WHAT, self.name)));
                }
                Err(Unreadable::Damaged(_)) => second = true,
            }
        }
    }

    /// The records at `names`, in that order. Those that are damaged or gone meanwhile are left out with a warning.
    pub(super) async fn get_sound_records<R: Record + Send>(
        &self,
        names: Vec<Path>,
    ) -> Result<Vec<(Path, R)>, BackendError> {
        let reads = names.into_iter().map(|at| async move {
            match self.get_record::<R>(&at).await {
                Ok(record) => Ok(record.map(|record| (at, record))),
                Err(BackendError::Damaged { what, .. }) => {
                    tracing::warn!("left out, for it is damaged: {what}");
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        });
        stream::iter(reads).buffered(READS_AT_A_TIME).try_filter_map(async |found| Ok(found)).try_collect().await
    }
}
