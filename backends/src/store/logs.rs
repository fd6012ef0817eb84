//! Logs of attempts: what a worker wrote while it worked, for a person. Nothing reads them to decide.

use bitsweep_proto::JobKey;
use bitsweep_proto::attempt::Nonce;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};

use super::Store;
use super::layout::{self, LOGS};
use super::objects::READS_AT_A_TIME;
use crate::error::BackendError;

impl Store {
    /// Keeps one part of an attempt's log; parts are numbered from 0. Idempotent: a part that is put again replaces itself.
    pub async fn put_log(&self, key: JobKey, (attempt, part): (&Nonce, u32), text: Bytes) -> Result<(), BackendError> {
        self.objects.replace(&layout::log_part(key, attempt, part), text).await
    }

    /// The log of an attempt as far as it was put, its parts joined; empty where there is none.
    pub async fn log(&self, key: JobKey, attempt: &Nonce) -> Result<Bytes, BackendError> {
        let names = self.objects.names(&layout::log(key, attempt)).await?;
        let mut parts: Vec<u32> = names.iter().filter_map(layout::read_log_part).collect();
        parts.sort_unstable();
        let reads = parts.into_iter().map(|part| {
            let at = layout::log_part(key, attempt, part);
            async move { self.objects.get(&at).await }
        });
        let joined = stream::iter(reads).buffered(READS_AT_A_TIME).try_fold(BytesMut::new(), async |mut log, part| {
            // One that is gone was collected meanwhile.
            log.extend_from_slice(&part.unwrap_or_default());
            Ok(log)
        });
        Ok(joined.await?.freeze())
    }

    /// The attempts on the job that have a log, sorted.
    pub async fn logs(&self, key: JobKey) -> Result<Vec<Nonce>, BackendError> {
        let folders = self.objects.folders(&layout::of_job(LOGS, key)).await?;
        Ok(folders.iter().filter_map(layout::read_log).collect())
    }
}
