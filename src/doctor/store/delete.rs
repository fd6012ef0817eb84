//! Objects may be deleted.

use object_store::ObjectStoreExt;

use super::{StoreSide, failure};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "store-delete",
    subject: Subject::Store,
    why: "checkpoints of finished jobs and what gc finds are deleted; without the right they stay and cost money",
    look: Look::Store(|store| Box::pin(look(store)) as Running<'_>),
};

async fn look(store: &StoreSide) -> Verdict {
    let Ok(at) = store.probe() else { return Verdict::skipped("nothing could be put that might be deleted") };
    match store.objects().delete(at).await {
        Ok(()) => Verdict::fine("objects may be deleted"),
        Err(error) => failure::of(&store.name, "cleared of an object", &error),
    }
}
