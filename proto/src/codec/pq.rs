//! Product quantisation: how long a code is, from which start its codebooks are learnt, and how a query is scored.

use std::fmt;

use schemars::JsonSchema;
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
    /// How a query meets a decoded vector.
    #[serde(default)]
    pub scoring: PqScoring,
}

/// How a query meets a decoded vector, which is shorter than the vector was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PqScoring {
    /// By the inner product, as Faiss has it.
    #[default]
    InnerProduct,
    /// By the inner product over the length of the decoded vector, which follows from its code. For `pq` and `opq`.
    Cosine,
}

impl Pq {
    /// Learnt from the documents in the order of the corpus.
    pub const fn new(bytes: u32) -> Self {
        Self { bytes, seed: None, scoring: PqScoring::InnerProduct }
    }
}

impl Serialize for Pq {
    /// What is not said texts do not hold, as those stored before it could be said; binary forms hold all fields.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_binary = !serializer.is_human_readable();
        let has_seed = self.seed.is_some() || is_binary;
        let has_scoring = self.scoring != PqScoring::default() || is_binary;
        let mut fields = serializer.serialize_struct("Pq", 1 + usize::from(has_seed) + usize::from(has_scoring))?;
        fields.serialize_field("bytes", &self.bytes)?;
        if has_seed {
            fields.serialize_field("seed", &self.seed)?;
        }
        if has_scoring {
            fields.serialize_field("scoring", &self.scoring)?;
        }
        fields.end()
    }
}

impl fmt::Display for Pq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scoring {
            PqScoring::InnerProduct => self.bytes.fmt(f),
            PqScoring::Cosine => write!(f, "{}/cosine", self.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Codec;
    use crate::codec::{Pq, PqScoring};

    #[test]
    fn what_was_stored_before_there_were_seeds_reads_and_writes_as_it_did() {
        let text = r#"{"pq":{"bytes":8}}"#;
        let codec: Codec = serde_json::from_str(text).unwrap();
        assert_eq!((codec, serde_json::to_string(&codec).unwrap()), (Codec::pq(8), text.to_owned()));
        let seeded = Codec::Opq(Pq { seed: Some(3), ..Pq::new(8) });
        let text = serde_json::to_string(&seeded).unwrap();
        assert_eq!(text, r#"{"opq":{"bytes":8,"seed":3}}"#);
        assert_eq!(serde_json::from_str::<Codec>(&text).unwrap(), seeded);
        let cosine = Codec::Pq(Pq { scoring: PqScoring::Cosine, ..Pq::new(8) });
        let text = serde_json::to_string(&cosine).unwrap();
        assert_eq!(text, r#"{"pq":{"bytes":8,"scoring":"cosine"}}"#);
        assert_eq!(serde_json::from_str::<Codec>(&text).unwrap(), cosine);
        assert_eq!((cosine.name().as_str(), cosine.stored()), ("pq/8/cosine", Codec::pq(8)));
    }

    #[test]
    fn both_forms_pass_the_pipe() {
        let config = bincode::config::standard();
        let cosine = Pq { scoring: PqScoring::Cosine, ..Pq::new(8) };
        for codec in [Codec::pq(8), Codec::Pq4fs(Pq { seed: Some(0), ..Pq::new(8) }), Codec::Opq(cosine)] {
            let bytes = bincode::serde::encode_to_vec(codec, config).unwrap();
            let (back, _): (Codec, usize) = bincode::serde::decode_from_slice(&bytes, config).unwrap();
            assert_eq!(back, codec);
        }
    }
}
