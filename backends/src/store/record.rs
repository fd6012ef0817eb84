//! Records: versioned JSON under a checksum.
//!
//! Two lines. The first is exactly `{"sha256":"<64 lowercase hexadecimal digits>"}`, the hash of the second line with its
//! line break; the second is the record as JSON. Any change of any byte of the file makes it unreadable.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use bitsweep_proto::Digest;
use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, AttemptStart};
use bitsweep_proto::outcome::{OUTCOME_VERSION, Outcome};
use bitsweep_proto::plan::{PLAN_VERSION, Plan};

/// Something that is stored as a record.
pub(super) trait Record: Serialize + DeserializeOwned {
    /// What it is, for messages.
    const WHAT: &'static str;
    /// The version that is written. Older ones are read too: what they lack has a default.
    const VERSION: u32;
    /// The version that it says.
    fn version(&self) -> u32;
}

impl Record for Outcome {
    const WHAT: &'static str = "outcome";
    const VERSION: u32 = OUTCOME_VERSION;
    fn version(&self) -> u32 {
        self.version
    }
}

impl Record for AttemptStart {
    const WHAT: &'static str = "start of an attempt";
    const VERSION: u32 = ATTEMPT_VERSION;
    fn version(&self) -> u32 {
        self.version
    }
}

impl Record for AttemptEnd {
    const WHAT: &'static str = "end of an attempt";
    const VERSION: u32 = ATTEMPT_VERSION;
    fn version(&self) -> u32 {
        self.version
    }
}

impl Record for Plan {
    const WHAT: &'static str = "plan";
    const VERSION: u32 = PLAN_VERSION;
    fn version(&self) -> u32 {
        self.version
    }
}

/// Why a record cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is not what was written.
    Damaged(String),
    /// It was written by another version of this program.
    Version(u32),
}

const FIRST_LINE_START: &[u8] = b"{\"sha256\":\"";
const FIRST_LINE_END: &[u8] = b"\"}\n";

/// The record as it is stored.
pub(super) fn encode<R: Record>(record: &R) -> Result<Bytes, String> {
    let mut line = serde_json::to_vec(record).map_err(|error| error.to_string())?;
    line.push(b'\n');
    let mut bytes = Vec::with_capacity(FIRST_LINE_START.len() + 64 + FIRST_LINE_END.len() + line.len());
    bytes.extend_from_slice(FIRST_LINE_START);
    bytes.extend_from_slice(Digest::of(&line).to_string().as_bytes());
    bytes.extend_from_slice(FIRST_LINE_END);
    bytes.extend_from_slice(&line);
    Ok(bytes.into())
}

/// Reads what [`encode`] made.
pub(super) fn decode<R: Record>(bytes: &[u8]) -> Result<R, Unreadable> {
    let damaged = |how: &str| Unreadable::Damaged(how.to_owned());
    let rest = bytes.strip_prefix(FIRST_LINE_START).ok_or_else(|| damaged("it does not begin with a checksum"))?;
    let (written, rest) = rest.split_at_checked(64).ok_or_else(|| damaged("it is cut off"))?;
    let line = rest.strip_prefix(FIRST_LINE_END).ok_or_else(|| damaged("it does not begin with a checksum"))?;
    let found = Digest::of(line).to_string();
    if found.as_bytes() != written {
        return Err(Unreadable::Damaged(format!(
            "its checksum is {}, it was written with {}",
            &found[..12],
            String::from_utf8_lossy(&written[..12])
        )));
    }
    match serde_json::from_slice::<R>(line) {
        Ok(record) if (1..=R::VERSION).contains(&record.version()) => Ok(record),
        Ok(record) => Err(Unreadable::Version(record.version())),
        // The fields may differ because the version does.
        Err(error) => match serde_json::from_slice::<Versioned>(line) {
            Ok(Versioned { version }) if !(1..=R::VERSION).contains(&version) => Err(Unreadable::Version(version)),
            _ => Err(Unreadable::Damaged(format!("it is not a record of this kind: {error}"))),
        },
    }
}

/// What every record has, whatever its version.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::conformance::samples;

    #[test]
    fn any_change_is_noticed() {
        let bytes = encode(&samples::start(0, 0)).unwrap();
        assert_eq!(decode::<AttemptStart>(&bytes).unwrap(), samples::start(0, 0));
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            assert!(matches!(decode::<AttemptStart>(&changed), Err(Unreadable::Damaged(_))), "byte {at}");
            assert!(matches!(decode::<AttemptStart>(&bytes[..at]), Err(Unreadable::Damaged(_))), "cut at {at}");
        }
    }

    #[test]
    fn another_version_is_told_from_damage() {
        let newer = AttemptStart { version: 7, ..samples::start(0, 0) };
        assert_eq!(decode::<AttemptStart>(&encode(&newer).unwrap()), Err(Unreadable::Version(7)));
        let line = "{\"version\":9,\"colour\":\"red\"}\n";
        let text = format!("{{\"sha256\":\"{}\"}}\n{line}", Digest::of(line.as_bytes()));
        assert_eq!(decode::<AttemptStart>(text.as_bytes()), Err(Unreadable::Version(9)));
        assert!(matches!(decode::<AttemptEnd>(&encode(&samples::start(0, 0)).unwrap()), Err(Unreadable::Damaged(_))));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode::<AttemptStart>(&bytes).is_err());
        }

        #[test]
        fn records_read_back(host in ".*", process in any::<u32>(), started_at in any::<u64>()) {
            let record = AttemptStart { host, process, started_at, ..samples::start(0, 0) };
            prop_assert_eq!(decode::<AttemptStart>(&encode(&record).unwrap()).unwrap(), record);
        }
    }
}
