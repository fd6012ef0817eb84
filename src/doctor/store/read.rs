//! Objects may be read, and are what was written.

use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::{StoreSide, TEXT, failure};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "store-read",
    subject: Subject::Store,
    why: "every input of a job is read from the store",
    look: Look::Store(|store| Box::pin(look(store)) as Running<'_>),
};

async fn look(store: &StoreSide) -> Verdict {
    let Ok(at) = store.probe() else { return look_at_what_is_there(store).await };
    let read = async { store.objects().get(at).await?.bytes().await };
    match read.await {
        Ok(bytes) if bytes == TEXT => Verdict::fine("what was put a moment ago is read as it was"),
        Ok(bytes) => Verdict::wrong(
            format!("what was put a moment ago is read otherwise ({} bytes instead of {})", bytes.len(), TEXT.len()),
            "something between here and the store changes objects: a proxy, or a faulty disk",
        ),
        Err(error) => failure::of(&store.name, "read", &error),
    }
}

/// Nothing could be put, so what is there is read.
async fn look_at_what_is_there(store: &StoreSide) -> Verdict {
    match store.objects().head(&Path::from("format.json")).await {
        Ok(_) => Verdict::fine("what is there can be read"),
        Err(object_store::Error::NotFound { .. }) => Verdict::skipped("nothing is there to be read"),
        Err(error) => failure::of(&store.name, "read", &error),
    }
}
