//! Points around an object store. An effect is named by what is done and the folder of the layout it is done in, such as
//! `store.create outcomes`.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::upload::PointsUpload;
use super::{Points, Refused};

/// An object store as one actor sees it.
#[derive(Debug)]
pub struct PointsObjects {
    inner: Arc<dyn ObjectStore>,
    points: Points,
}

impl PointsObjects {
    /// Wraps `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>, points: Points) -> Self {
        Self { inner, points }
    }
}

impl fmt::Display for PointsObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

pub(super) fn failed(_: Refused) -> Error {
    let source = io::Error::new(io::ErrorKind::ConnectionReset, "a fail point");
    Error::Generic { store: "Points", source: Box::new(source) }
}

/// The first folder of a name; a name without folders is its own.
fn folder(at: &Path) -> &str {
    at.as_ref().split('/').next().unwrap_or_default()
}

/// `verb` in the folder of a name.
fn effect(verb: &str, at: &Path) -> String {
    format!("store.{verb} {}", folder(at))
}

#[async_trait]
impl ObjectStore for PointsObjects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let verb = if opts.mode == PutMode::Create { "create" } else { "put" };
        self.points.pass(&effect(verb, location), self.inner.put_opts(location, payload, opts)).await.map_err(failed)?
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let begin = self.inner.put_multipart_opts(location, opts);
        let upload = self.points.pass(&effect("upload", location), begin).await.map_err(failed)??;
        Ok(Box::new(PointsUpload::new(upload, self.points.clone(), folder(location).to_owned())))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let verb = if options.head { "head" } else { "get" };
        self.points.pass(&effect(verb, location), self.inner.get_opts(location, options)).await.map_err(failed)?
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.points.pass(&effect("get", location), self.inner.get_ranges(location, ranges)).await.map_err(failed)?
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (points, inner) = (self.points.clone(), Arc::clone(&self.inner));
        locations
            .then(move |location| {
                let (points, inner) = (points.clone(), Arc::clone(&inner));
                async move {
                    let location = location?;
                    let name = effect("delete", &location);
                    let delete = async {
                        let mut deleted = inner.delete_stream(stream::iter([Ok(location)]).boxed());
                        deleted.next().await
                    };
                    let deleted = points.pass(&name, delete).await.map_err(failed)?;
                    deleted.unwrap_or_else(|| Err(failed(Refused)))
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (points, listed) = (self.points.clone(), self.inner.list(prefix));
        let name = effect("list", &prefix.cloned().unwrap_or_default());
        stream::once(async move {
            // What a crash or an error after it would hide are entries; the listing itself changes nothing.
            match points.pass(&name, async {}).await {
                Ok(()) => listed,
                Err(refused) => stream::iter([Err(failed(refused))]).boxed(),
            }
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let name = effect("list", &prefix.cloned().unwrap_or_default());
        self.points.pass(&name, self.inner.list_with_delimiter(prefix)).await.map_err(failed)?
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.points.pass(&effect("copy", to), self.inner.copy_opts(from, to, options)).await.map_err(failed)?
    }
}
