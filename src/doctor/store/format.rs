//! What is there is a store of ours, or nothing.

use bitsweep_backends::{BackendError, Store};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};

use super::OWN_PREFIX;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::exit::chain;

pub(crate) const CHECK: Check = Check {
    name: "store-format",
    subject: Subject::Store,
    why: "a store that another version wrote, or a place that holds other things, is not used",
    look: Look::Store(|store| Box::pin(std::future::ready(store.format.clone())) as Running<'_>),
};

/// Opens the store where there is one, and makes none. Also returns the verdict.
pub(crate) async fn open(place: &str, objects: &dyn ObjectStore) -> (Option<Store>, Verdict) {
    match objects.head(&Path::from("format.json")).await {
        Ok(_) => match Store::open(place).await {
            Ok(store) => {
                let verdict = Verdict::fine(format!("the store {}", store.id()));
                (Some(store), verdict)
            }
            Err(error) => (None, refused(&error)),
        },
        Err(Error::NotFound { .. }) => (None, nothing_there(objects).await),
        Err(error) => (None, Verdict::skipped(format!("its mark cannot be read: {error}"))),
    }
}

/// Where there is no store, one can be made only if there is nothing else: `gc` deletes in it.
async fn nothing_there(objects: &dyn ObjectStore) -> Verdict {
    let Ok(listed) = objects.list_with_delimiter(None).await else {
        return Verdict::skipped("it cannot be listed");
    };
    let files = listed.objects.iter().map(|object| &object.location);
    match listed.common_prefixes.iter().chain(files).find(|name| !name.as_ref().starts_with(OWN_PREFIX)) {
        None => Verdict::fine("no store yet: the coordinator makes it"),
        Some(other) => Verdict::wrong(
            format!("not a store, and not empty: it holds {other}"),
            "name another folder or prefix, or the store that is in it",
        ),
    }
}

fn refused(error: &BackendError) -> Verdict {
    match error {
        BackendError::Unavailable { .. } => Verdict::unreachable(chain(error), "try again later"),
        BackendError::Damaged { .. } => Verdict::wrong(chain(error), "restore the file from a backup of the store"),
        BackendError::Refused { .. } | BackendError::Missing { .. } => {
            Verdict::wrong(chain(error), "see the message; another bitsweep may have written it")
        }
    }
}
