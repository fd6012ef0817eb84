//! Compute Engine: `instance/preempted` turns `TRUE`, or `instance/maintenance-event` announces that the machine is
//! terminated (most are moved while they run, which needs nothing done).
//!
//! The server answers when a value changes. What changed before the first question would be missed, so that one is asked
//! without waiting, and the others wait for another value than the one last seen.

use std::time::Duration;

use super::metadata::{Metadata, Question};

const INSTANCE: &str = "/computeMetadata/v1/instance";

/// The server answers with the old value after this time.
const WAIT: Duration = Duration::from_secs(60);

pub(super) async fn listen(metadata: &Metadata<'_>) -> String {
    tokio::select! {
        said = until(metadata, "preempted", |value| value == "TRUE") => said,
        said = until(metadata, "maintenance-event", |value| value.starts_with("TERMINATE")) => said,
    }
}

async fn until(metadata: &Metadata<'_>, name: &str, goes: fn(&str) -> bool) -> String {
    let headers = [("Metadata-Flavor", "Google")];
    let mut path = format!("{INSTANCE}/{name}");
    loop {
        let question = Question { limit: WAIT + Duration::from_secs(15), ..Question::get(&path, &headers) };
        let Some(answer) = metadata.ask(question).await else { continue };
        let Some(value) = answer.good() else {
            // An old machine type that lacks the value, or a server in trouble.
            metadata.pause().await;
            continue;
        };
        if goes(value) {
            return format!("instance/{name} is {value}");
        }
        match answer.etag {
            Some(etag) => {
                let wait = WAIT.as_secs();
                path = format!("{INSTANCE}/{name}?wait_for_change=true&timeout_sec={wait}&last_etag={etag}");
            }
            None => metadata.pause().await,
        }
    }
}
