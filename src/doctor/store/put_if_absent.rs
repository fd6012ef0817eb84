//! Put-if-absent is honoured.

use object_store::{Error, PutMode};

use super::failure::{self, Cause};
use super::{StoreSide, own_name};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "store-put-if-absent",
    subject: Subject::Store,
    why: "of two workers that finish the same job exactly one may commit it: this is the only thing that decides which",
    look: Look::Store(|store| Box::pin(look(store)) as Running<'_>),
};

/// So many write the same name at once.
const RIVALS: usize = 8;

async fn look(store: &StoreSide) -> Verdict {
    if store.probe().is_err() {
        return Verdict::skipped("nothing can be put");
    }
    let at = own_name();
    let puts = std::iter::repeat_with(|| store.put(&at, PutMode::Create)).take(RIVALS);
    let mut results = futures::future::join_all(puts).await;
    results.push(store.put(&at, PutMode::Create).await);
    store.remove(&at).await;
    judge(&store.name, results)
}

fn judge(name: &str, results: Vec<Result<(), Error>>) -> Verdict {
    let mut won = 0;
    for result in results {
        match result {
            Ok(()) => won += 1,
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
            Err(error) if failure::cause(&error) == Cause::Unknown => {
                return Verdict::wrong(
                    format!("{name} does not know put-if-absent: {}", failure::words(&error)),
                    "use a store with conditional puts: AWS S3, GCS, Azure, MinIO, Cloudflare R2, Garage 2 …, or upgrade it",
                );
            }
            // Of many at once some may be turned away for now (409, 503): neither won nor lost.
            Err(error) => tracing::debug!("a put on trial failed: {error}"),
        }
    }
    match won {
        1 => Verdict::fine(format!("of {} puts of one name one won", RIVALS + 1)),
        0 => {
            Verdict::warning("all puts of one name at once were turned away", "try again when the store has less to do")
        }
        _ => Verdict::wrong(
            format!("{name} overwrites what is there although it was told not to: {won} of {} puts won", RIVALS + 1),
            "use a store that honours If-None-Match: AWS S3, GCS, Azure, MinIO, Cloudflare R2 …; look at proxies that drop the header",
        ),
    }
}
