//! What can be wrong with the answer of a read.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use object_store::{GetResult, GetResultPayload, Result};

use super::{Harm, io_error, suffer};

/// What becomes of the bytes that a read gives.
pub(super) enum Spoil {
    /// A bit of the middle is another.
    Flip,
    /// The second half is missing, and nothing says so.
    Halve,
    /// It breaks off in the middle.
    Cut,
    /// It comes in pieces with a pause before each.
    Drip(Duration),
    /// Harm to the answer as a whole.
    Whole(Harm),
}

const PIECES: usize = 16;

/// The answer, spoiled. Where there is nothing to spoil it is as it was, and a file of a folder stays one.
pub(super) async fn spoiled(object: GetResult, spoils: Vec<Spoil>) -> Result<GetResult> {
    let mut object = object;
    for spoil in spoils {
        object = match spoil {
            Spoil::Whole(harm) => {
                suffer(vec![harm]).await?;
                object
            }
            spoil => with_other_bytes(object, spoil).await?,
        };
    }
    Ok(object)
}

async fn with_other_bytes(object: GetResult, spoil: Spoil) -> Result<GetResult> {
    let (meta, range, attributes, extensions) =
        (object.meta.clone(), object.range.clone(), object.attributes.clone(), object.extensions.clone());
    let bytes = object.bytes().await?;
    let half = bytes.len() / 2;
    let stream = match spoil {
        Spoil::Halve => stream::iter([Ok(bytes.slice(..half))]).boxed(),
        Spoil::Cut => stream::iter([Ok(bytes.slice(..half)), Err(io_error(io::ErrorKind::ConnectionReset))]).boxed(),
        Spoil::Drip(pause) => {
            let size = bytes.len().div_ceil(PIECES).max(1);
            let pieces: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
            let slowly = stream::iter(pieces).then(move |piece| async move {
                tokio::time::sleep(pause).await;
                Ok(piece)
            });
            slowly.boxed()
        }
        Spoil::Flip | Spoil::Whole(_) => {
            let mut bytes = bytes.to_vec();
            bytes.iter_mut().skip(half).take(1).for_each(|byte| *byte ^= 1);
            stream::iter([Ok(Bytes::from(bytes))]).boxed()
        }
    };
    Ok(GetResult { payload: GetResultPayload::Stream(stream), meta, range, attributes, extensions })
}
