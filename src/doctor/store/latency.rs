//! The store answers quickly.

use std::time::{Duration, Instant};

use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutMode};

use super::{StoreSide, failure, own_name};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::doctor::quantile::median;

pub(crate) const CHECK: Check = Check {
    name: "store-latency",
    subject: Subject::Store,
    why: "every job puts three small records; a slow store makes sweeps of small jobs slow, and preemption notices short",
    look: Look::Store(|store| Box::pin(look(store)) as Running<'_>),
};

const ROUNDS: usize = 3;
const SLOW: Duration = Duration::from_secs(1);

async fn look(store: &StoreSide) -> Verdict {
    if store.probe().is_err() {
        return Verdict::skipped("nothing can be put");
    }
    let at = own_name();
    let measured = measure(store, &at).await;
    store.remove(&at).await;
    match measured {
        Err(error) => failure::elsewhere(&store.name, &error),
        Ok((put, get)) => {
            let found = format!("a small put takes {put:.1?}, a get {get:.1?} (medians of {ROUNDS})");
            if put.max(get) > SLOW {
                return Verdict::warning(found, "use a store in the region of the workers");
            }
            Verdict::fine(found)
        }
    }
}

async fn measure(store: &StoreSide, at: &Path) -> Result<(Duration, Duration), Error> {
    let (mut puts, mut gets) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        store.put(at, PutMode::Overwrite).await?;
        puts.push(start.elapsed());
        let start = Instant::now();
        store.objects().get(at).await?.bytes().await?;
        gets.push(start.elapsed());
    }
    Ok((median(&puts), median(&gets)))
}
