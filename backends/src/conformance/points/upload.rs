//! Points around an upload in parts: each part, and its end, is an effect of its own.

use async_trait::async_trait;
use futures::FutureExt;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::Points;
use super::objects::failed;

/// An upload as one actor sees it.
#[derive(Debug)]
pub(super) struct PointsUpload {
    inner: Box<dyn MultipartUpload>,
    points: Points,
    /// The folder that it goes to.
    folder: String,
}

impl PointsUpload {
    pub(super) fn new(inner: Box<dyn MultipartUpload>, points: Points, folder: String) -> Self {
        Self { inner, points, folder }
    }
}

#[async_trait]
impl MultipartUpload for PointsUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (points, part) = (self.points.clone(), self.inner.put_part(data));
        let name = format!("store.part {}", self.folder);
        async move { points.pass(&name, part).await.map_err(failed)? }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let name = format!("store.complete {}", self.folder);
        self.points.pass(&name, self.inner.complete()).await.map_err(failed)?
    }

    async fn abort(&mut self) -> Result<()> {
        let name = format!("store.abort {}", self.folder);
        self.points.pass(&name, self.inner.abort()).await.map_err(failed)?
    }
}
