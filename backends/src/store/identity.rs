//! The store's name among stores.

use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};

use bitsweep_proto::Digest;

use super::layout;
use super::objects::Objects;
use super::record::Record;
use crate::error::BackendError;

/// Version of the stored identity.
const IDENTITY_VERSION: u32 = 1;

/// `store.json`: a random name, by which other services call what belongs to this store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    version: u32,
    id: String,
}

impl Record for Identity {
    const WHAT: &'static str = "the identity of the store";
    const VERSION: u32 = IDENTITY_VERSION;
    fn version(&self) -> u32 {
        self.version
    }
}

/// The store's id: the one that is there, or one that is made now. Whoever cannot write meets no other service either, so
/// a store that has none and cannot be written is called by the digest of its place.
pub(super) async fn of(objects: &Objects, writable: bool) -> Result<String, BackendError> {
    let at = layout::identity();
    if let Some(identity) = objects.get_record::<Identity>(&at).await? {
        return checked(identity, objects);
    }
    let of_place = || Digest::of(objects.name().as_bytes()).to_string()[..16].to_owned();
    if !writable {
        return Ok(of_place());
    }
    let made = Identity { version: IDENTITY_VERSION, id: random() };
    match objects.create_record(&at, &made).await {
        // Of many who open it at once, one names it.
        Ok(_) => match objects.get_record::<Identity>(&at).await? {
            Some(identity) => checked(identity, objects),
            None => {
                Err(BackendError::store_damaged(format!("{at} in {} is gone as soon as it is put", objects.name())))
            }
        },
        Err(BackendError::Refused { .. }) => Ok(of_place()),
        Err(error) => Err(error),
    }
}

/// It becomes part of names in other services.
fn checked(identity: Identity, objects: &Objects) -> Result<String, BackendError> {
    let sound = identity.id.len() == 16 && identity.id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if sound {
        return Ok(identity.id);
    }
    Err(BackendError::store_damaged(format!("the id of {} is not 16 hexadecimal digits", objects.name())))
}

/// 64 random bits as 16 hexadecimal digits. The keys of the standard library's hash maps come from the operating system.
pub(super) fn random() -> String {
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_names_differ() {
        let names: std::collections::BTreeSet<String> = (0..1000).map(|_| random()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 16));
    }
}
