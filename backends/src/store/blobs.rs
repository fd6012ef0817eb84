//! Blobs: immutable bytes named by their SHA-256, checked on every read.

use std::fs::{File, FileTimes};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bitsweep_proto::Digest;
use bytes::Bytes;
use object_store::{GetResult, GetResultPayload, ObjectMeta};

use super::cache::{Cache, LocalBlob};
use super::transfer::{Hashed, PART_BYTES, cannot_read, changed, hash_bytes, hash_file, next_part};
use super::{Store, failure, in_background, layout};
use crate::error::BackendError;

/// A blob that is as old as this, put again, becomes young again: a collection that is about to find that nobody needs it
/// would delete it before it is named. See [`Store::gc`].
const YOUNG: Duration = Duration::from_secs(3600);

impl Store {
    /// Keeps what is read of a store elsewhere in `folder`, at most `bytes` besides what is in use; any number of
    /// processes of this machine may share it. Without it, a temporary folder that grows. A store that is a folder needs
    /// none. To be called before anything is read.
    pub async fn with_cache(self, folder: &Path, bytes: u64) -> Result<Self, BackendError> {
        if self.folder().is_none() {
            let folder = folder.to_owned();
            let cache = in_background(move || Cache::open(&folder, bytes)).await?;
            let set = self.shared.cache.set(Arc::new(cache));
            set.map_err(|_| BackendError::store_refuses("its cache is chosen before anything is read"))?;
        }
        Ok(self)
    }

    /// Keeps `bytes` and says how they are called. Idempotent.
    pub async fn put_blob(&self, bytes: Bytes) -> Result<Digest, BackendError> {
        let length = bytes.len() as u64;
        let (bytes, digest) = hash_bytes(bytes).await;
        if !self.holds(&digest, length).await? {
            self.objects.replace(&layout::blob(&digest), bytes).await?;
        }
        Ok(digest)
    }

    /// Keeps a copy of the file at `path`; gives its name and size. It may be larger than memory. Idempotent.
    pub async fn put_blob_file(&self, path: &Path) -> Result<(Digest, u64), BackendError> {
        let owned = path.to_owned();
        let hashed = in_background(move || File::open(&owned).and_then(|mut file| hash_file(&mut file))).await;
        let (digest, bytes) = hashed.map_err(|error| cannot_read(path, error))?;
        if !self.holds(&digest, bytes).await? {
            self.upload(path, &digest, bytes).await?;
        }
        Ok((digest, bytes))
    }

    /// Whether the blob is there whole and young. One that was cut or damaged is put again: whoever has the good bytes must
    /// not name a blob that has others. So is one that is old, where that is all that makes it young.
    async fn holds(&self, digest: &Digest, bytes: u64) -> Result<bool, BackendError> {
        let at = layout::blob(digest);
        let Some(meta) = self.objects.head(&at).await?.filter(|meta| meta.size == bytes) else { return Ok(false) };
        let old = SystemTime::from(meta.last_modified).elapsed().is_ok_and(|age| age > YOUNG);
        if old && self.folder().is_none() {
            return Ok(false);
        }
        match self.check_blob(digest).await {
            Ok(()) if old => Ok(self.make_young(&meta)),
            Ok(()) => Ok(true),
            Err(BackendError::Missing { .. } | BackendError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives a blob of a folder the time of now; says whether it could.
    fn make_young(&self, meta: &ObjectMeta) -> bool {
        let Some(folder) = self.folder() else { return false };
        let file = File::open(folder.join(meta.location.as_ref()));
        file.and_then(|file| file.set_times(FileTimes::new().set_modified(SystemTime::now()))).is_ok()
    }

    async fn upload(&self, path: &Path, digest: &Digest, bytes: u64) -> Result<(), BackendError> {
        let at = layout::blob(digest);
        if bytes > PART_BYTES {
            return self.objects.upload_file(&at, (path, digest, bytes)).await;
        }
        let mut file = tokio::fs::File::open(path).await.map_err(|error| cannot_read(path, error))?;
        let part = next_part(&mut file, PART_BYTES + 1).await.map_err(|error| cannot_read(path, error))?;
        let (part, found) = hash_bytes(part).await;
        if found == *digest { self.objects.replace(&at, part).await } else { Err(changed(path)) }
    }

    /// Whether there is a blob of this name. Its content is not read.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool, BackendError> {
        Ok(self.objects.head(&layout::blob(digest)).await?.is_some())
    }

    /// Reads the blob *in the store*, whatever this machine has of it, and checks it against its name; twice before it is
    /// called damaged.
    pub async fn check_blob(&self, digest: &Digest) -> Result<(), BackendError> {
        let mut found = self.read_through(digest).await?;
        if found.0 != *digest {
            found = self.read_through(digest).await?;
        }
        self.sound(digest, found)
    }

    /// A file with the blob's content, just now checked against its name; to be read only. In a folder it is the store's
    /// own file; else a copy in the [cache](Store::with_cache), which stays for as long as what this gives lives. The
    /// store is read twice before a blob is called damaged.
    pub async fn fetch_blob(&self, digest: &Digest) -> Result<LocalBlob, BackendError> {
        if self.folder().is_none() {
            let cache = self.cache().await?;
            let flight = cache.flight(digest);
            let _alone = flight.lock().await;
            if let Some(kept) = cache.get(digest).await? {
                return Ok(kept);
            }
            let object = self.open_blob(digest).await?;
            return self.fetch_copy(digest, object).await;
        }
        let mut second = false;
        loop {
            let object = self.open_blob(digest).await?;
            let GetResultPayload::File(mut file, path) = object.payload else {
                // A store that is a folder, but wrapped in something.
                return self.fetch_copy(digest, object).await;
            };
            let hashed = in_background(move || hash_file(&mut file)).await;
            let found = hashed.map_err(|error| failure::of_file(&path, error))?;
            if found.0 == *digest || second {
                return self.sound(digest, found).map(|()| LocalBlob::of_file(path));
            }
            second = true;
        }
    }

    /// The blob's content, just now checked against its name. Reading is tried twice before it is called damaged.
    pub async fn read_blob(&self, digest: &Digest) -> Result<Bytes, BackendError> {
        let mut second = false;
        loop {
            let object = self.open_blob(digest).await?;
            let content = object.bytes().await.map_err(|error| self.objects.failed(error))?;
            let (content, found) = hash_bytes(content).await;
            if found == *digest || second {
                return self.sound(digest, (found, content.len() as u64)).map(|()| content);
            }
            second = true;
        }
    }

    /// Deletes the blob, if it is there. For blobs that proved damaged; all else is [`Store::gc`]'s.
    pub async fn delete_blob(&self, digest: &Digest) -> Result<(), BackendError> {
        self.objects.delete(&layout::blob(digest)).await
    }

    /// Copies the blob from the store to the cache.
    async fn fetch_copy(&self, digest: &Digest, object: GetResult) -> Result<LocalBlob, BackendError> {
        let cache = self.cache().await?;
        let (mut object, mut second, mut cleared) = (Some(object), false, false);
        loop {
            let opened = match object.take() {
                Some(object) => object,
                None => self.open_blob(digest).await?,
            };
            let unfinished = cache.begin(opened.meta.size).await?;
            let to = Some((unfinished.file()?, unfinished.path()));
            match self.objects.read_all(&layout::blob(digest), opened, to).await {
                Ok(found) if found.0 == *digest => return cache.keep(digest, unfinished),
                Ok(found) if second => self.sound(digest, found)?,
                Ok(_) => second = true,
                // The disk is smaller than the limit says.
                Err(error) if failure::is_full(&error) && !cleared => {
                    drop(unfinished);
                    cache.evict(0).await?;
                    cleared = true;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn read_through(&self, digest: &Digest) -> Result<Hashed, BackendError> {
        let object = self.open_blob(digest).await?;
        match object.payload {
            GetResultPayload::File(mut file, path) => {
                let hashed = in_background(move || hash_file(&mut file)).await;
                hashed.map_err(|error| failure::of_file(&path, error))
            }
            GetResultPayload::Stream(_) => self.objects.read_all(&layout::blob(digest), object, None).await,
        }
    }

    async fn open_blob(&self, digest: &Digest) -> Result<GetResult, BackendError> {
        let object = self.objects.open(&layout::blob(digest)).await?;
        object.ok_or_else(|| BackendError::store_lacks(format!("blob {digest} in {}", self.objects.name())))
    }

    fn sound(&self, digest: &Digest, (found, bytes): Hashed) -> Result<(), BackendError> {
        if found == *digest {
            return Ok(());
        }
        Err(BackendError::store_damaged(format!(
            "blob {digest} in {}: its {bytes} bytes have the checksum {found}",
            self.objects.name()
        )))
    }

    async fn cache(&self) -> Result<&Arc<Cache>, BackendError> {
        self.shared.cache.get_or_try_init(async || in_background(Cache::temporary).await.map(Arc::new)).await
    }
}
