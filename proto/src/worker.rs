//! What a worker says of itself while it lives.

use serde::{Deserialize, Deserializer, Serialize};

use crate::attempt::Nonce;
use crate::job::{Class, Kind};
use crate::profile::Profiles;

/// A live worker, as it announces itself. Kept in the ledger for as long as it is announced, never in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerCard {
    /// Random name of this run of the worker.
    pub id: Nonce,
    /// Host name.
    pub host: String,
    /// Process id.
    pub process: u32,
    /// bitsweep's version.
    pub version: String,
    /// Classes of jobs that it takes.
    pub classes: Vec<Class>,
    /// Jobs at once.
    pub slots: u32,
    /// Slots at work now.
    pub busy: u32,
    /// What it serves.
    pub offer: Offer,
    /// Whether it is on its way out: a deadline has come.
    pub leaving: bool,
}

/// What a slot can serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Kinds, each with the code version that the worker has. Those that came after this version are left out when they are
    /// read, so that it sees the workers that have them.
    #[serde(deserialize_with = "known_kinds")]
    pub kinds: Vec<(Kind, u32)>,
    /// Its numerics profiles.
    pub profiles: Profiles,
    /// The device: `cpu`, `cuda:0 NVIDIA L4`.
    pub device: String,
    /// Memory of the device where it is not the machine's own.
    pub device_memory_bytes: Option<u64>,
}

fn known_kinds<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<(Kind, u32)>, D::Error> {
    let said = Vec::<(String, u32)>::deserialize(d)?;
    let known = |name: &str| Kind::ALL.into_iter().find(|kind| kind.name() == name);
    Ok(said.into_iter().filter_map(|(name, version)| Some((known(&name)?, version))).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::digest::Digest;
    use crate::profile::Profile;

    fn offer() -> Offer {
        let profile = Profile {
            device: "cpu".to_owned(),
            precision: "f32".to_owned(),
            kernels: "k".to_owned(),
            self_test: Digest::of(b"k"),
        };
        Offer {
            kinds: Kind::ALL.map(|kind| (kind, kind.code_version())).to_vec(),
            profiles: Profiles { encoder: profile.clone(), search: profile },
            device: "cpu".to_owned(),
            device_memory_bytes: None,
        }
    }

    #[test]
    fn an_offer_is_read_as_it_was_written() {
        let written = serde_json::to_value(offer()).unwrap();
        assert_eq!(serde_json::from_value::<Offer>(written).unwrap(), offer());
    }

    #[test]
    fn kinds_that_came_later_are_left_out() {
        let mut written = serde_json::to_value(offer()).unwrap();
        written["kinds"] = json!([["embed", 1], ["newer", 1], ["noop", 7]]);
        let read: Offer = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(read, Offer { kinds: vec![(Kind::Embed, 1), (Kind::Noop, 7)], ..offer() });
        for wrong in [json!([["embed"]]), json!(["embed"]), json!([[1, "embed"]])] {
            written["kinds"] = wrong;
            assert!(serde_json::from_value::<Offer>(written.clone()).is_err(), "{written}");
        }
    }
}
