//! Product quantisation: how long a code is, and from which start its codebooks are learnt.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

/// Parameters of `pq`, `opq` and `pq4fs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pq {
    /// Bytes of one code.
    pub bytes: u32,
    /// Orders the documents that are learnt from, and so chooses where k-means starts. `None` is the order of the corpus,
    /// as whoever calls Faiss would have it.
    pub seed: Option<u32>,
}

impl Pq {
    /// Learnt from the documents in the order of the corpus.
    pub const fn new(bytes: u32) -> Self {
        Self { bytes, seed: None }
    }
}

impl Serialize for Pq {
    /// Without a seed texts hold none, as those stored before there were seeds; binary forms hold all fields.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let has_seed = self.seed.is_some() || !serializer.is_human_readable();
        let mut fields = serializer.serialize_struct("Pq", if has_seed { 2 } else { 1 })?;
        fields.serialize_field("bytes", &self.bytes)?;
        if has_seed {
            fields.serialize_field("seed", &self.seed)?;
        }
        fields.end()
    }
}

impl fmt::Display for Pq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use crate::Codec;
    use crate::codec::Pq;

    #[test]
    fn what_was_stored_before_there_were_seeds_reads_and_writes_as_it_did() {
        let text = r#"{"pq":{"bytes":8}}"#;
        let codec: Codec = serde_json::from_str(text).unwrap();
        assert_eq!((codec, serde_json::to_string(&codec).unwrap()), (Codec::pq(8), text.to_owned()));
        let seeded = Codec::Opq(Pq { seed: Some(3), ..Pq::new(8) });
        let text = serde_json::to_string(&seeded).unwrap();
        assert_eq!(text, r#"{"opq":{"bytes":8,"seed":3}}"#);
        assert_eq!(serde_json::from_str::<Codec>(&text).unwrap(), seeded);
    }

    #[test]
    fn both_forms_pass_the_pipe() {
        let config = bincode::config::standard();
        for codec in [Codec::pq(8), Codec::Pq4fs(Pq { seed: Some(0), ..Pq::new(8) })] {
            let bytes = bincode::serde::encode_to_vec(codec, config).unwrap();
            let (back, _): (Codec, usize) = bincode::serde::decode_from_slice(&bytes, config).unwrap();
            assert_eq!(back, codec);
        }
    }
}
