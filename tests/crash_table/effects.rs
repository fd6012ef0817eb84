//! Which effects there are, read from the code: none can be forgotten.

use std::collections::BTreeSet;

/// Methods of the two traits that no coordinator and no worker calls.
const CALLED_BY_OTHERS: [(&str, &str); 2] =
    [("queue.waiting", "doctor and tests ask"), ("ledger.results", "`watch` and other programs read the stream")];

/// Folders of the layout that no coordinator and no worker of a store without a folder writes.
const WRITTEN_BY_OTHERS: [(&str, &str); 1] = [("index", "kept beside a store that is a folder, for reading commands")];

/// What changes an object.
const CHANGES: [&str; 4] = ["create", "put", "delete", "complete"];

/// Whatever no actor has come by although the code has it.
pub(crate) fn missing(seen: &BTreeSet<String>) -> Vec<String> {
    // An effect is called `<actor> <service>.<call>`, of the store with the folder behind it.
    let calls: BTreeSet<&str> = seen.iter().filter_map(|effect| effect.split_once(' ')).map(|(_, call)| call).collect();
    let queue = methods(include_str!("../../backends/src/queue.rs"), "Queue").map(|method| format!("queue.{method}"));
    let ledger =
        methods(include_str!("../../backends/src/ledger.rs"), "Ledger").map(|method| format!("ledger.{method}"));
    let exempt = |method: &String| CALLED_BY_OTHERS.iter().any(|(other, _)| other == method);
    let mut missing: Vec<String> =
        queue.chain(ledger).filter(|method| !exempt(method) && !calls.contains(method.as_str())).collect();
    let folders = folders(include_str!("../../backends/src/store/layout.rs"));
    let is_changed =
        |folder: &&str| CHANGES.iter().any(|change| calls.contains(format!("store.{change} {folder}").as_str()));
    let exempt = |folder: &&str| WRITTEN_BY_OTHERS.iter().any(|(other, _)| other == folder);
    missing.extend(
        folders.filter(|folder| !exempt(folder) && !is_changed(folder)).map(|folder| format!("store … {folder}")),
    );
    missing
}

/// The methods of a trait that wait for its service, in its source.
fn methods<'s>(source: &'s str, of: &str) -> impl Iterator<Item = &'s str> {
    let (_, after) = source.split_once(&format!("pub trait {of}")).expect("the trait is there");
    let (body, _) = after.split_once("\n}").expect("it ends");
    body.lines().filter_map(|line| line.trim().strip_prefix("async fn ")?.split('(').next())
}

/// The folders of the store's layout, in its source.
fn folders(source: &str) -> impl Iterator<Item = &str> {
    source
        .lines()
        .filter_map(|line| line.strip_prefix("pub(super) const ")?.split_once(": &str = \"")?.1.strip_suffix("\";"))
}
