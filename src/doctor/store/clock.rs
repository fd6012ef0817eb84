//! The store's clock and ours agree.

use std::time::{Duration, SystemTime};

use object_store::{ObjectStoreExt, PutMode};

use super::{StoreSide, failure, own_name};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::doctor::skew;

pub(crate) const CHECK: Check = Check {
    name: "store-clock",
    subject: Subject::Store,
    why: "requests are signed with the time: beyond 15 minutes they are refused",
    look: Look::Store(|store| Box::pin(look(store)) as Running<'_>),
};

/// By the time that the store gives to a new object, which it knows to the second.
async fn look(store: &StoreSide) -> Verdict {
    if store.probe().is_err() {
        return Verdict::skipped("nothing can be put");
    }
    let at = own_name();
    let before = SystemTime::now();
    if let Err(error) = store.put(&at, PutMode::Overwrite).await {
        return failure::elsewhere(&store.name, &error);
    }
    let after = SystemTime::now();
    let found = store.objects().head(&at).await;
    store.remove(&at).await;
    match found {
        Ok(meta) => skew::judge("the store", meta.last_modified.into(), (before, after), Duration::from_secs(1)),
        Err(error) => failure::elsewhere(&store.name, &error),
    }
}
