//! The store may be listed.

use super::{StoreSide, failure};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "store-list",
    subject: Subject::Store,
    why: "the coordinator learns by listing what is done; checkpoints are found by listing",
    look: Look::Store(|store| Box::pin(look(store)) as Running<'_>),
};

async fn look(store: &StoreSide) -> Verdict {
    let listed = match store.objects().list_with_delimiter(None).await {
        Ok(listed) => listed,
        Err(error) => return failure::of(&store.name, "listed", &error),
    };
    let names: Vec<_> = listed.objects.iter().map(|object| &object.location).collect();
    match store.probe() {
        Ok(at) if !names.contains(&at) => Verdict::wrong(
            "what was put a moment ago is not in the listing",
            "use a store whose listing is consistent (S3, GCS, Azure, MinIO and folders are)",
        ),
        Ok(_) => Verdict::fine("listed; what was put is in the listing"),
        Err(_) => Verdict::fine("listed"),
    }
}
