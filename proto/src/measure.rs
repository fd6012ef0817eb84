//! Retrieval measures by their canonical names. What they compute lives in `bitsweep_measures`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A measure with its cut-off. The name is canonical and parses back: `nDCG@10`, `MRR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Normalised discounted cumulative gain, linear gain, trec_eval's `ndcg_cut`.
    Ndcg {
        /// Ranks looked at.
        k: u32,
    },
    /// Relevant documents among the first `k`, over all relevant ones; trec_eval's `recall`.
    Recall {
        /// Ranks looked at.
        k: u32,
    },
    /// Reciprocal rank of the first relevant document. `None`: among the first [`UNCUT_DEPTH`], as trec_eval's
    /// `recip_rank` has it on runs of that depth.
    Mrr {
        /// Ranks looked at.
        k: Option<u32>,
    },
    /// Share of the first `k` that float32 search has among its first `k` too.
    Overlap {
        /// Ranks looked at.
        k: u32,
    },
}

/// Ranks that measures without a cut-off of their own look at: the depth of the runs that trec_eval and BEIR use.
pub const UNCUT_DEPTH: u32 = 1000;

/// The forms that [`Measure`] accepts, for messages.
pub const MEASURE_FORMS: [&str; 5] = ["nDCG@k", "Recall@k", "MRR@k", "MRR", "Overlap@k"];

impl Measure {
    /// Ranks that this measure has to see.
    pub fn depth(&self) -> u32 {
        match self {
            Self::Ndcg { k } | Self::Recall { k } | Self::Overlap { k } | Self::Mrr { k: Some(k) } => *k,
            Self::Mrr { k: None } => UNCUT_DEPTH,
        }
    }

    /// Whether it compares with the float32 run of the same model and dataset.
    pub fn needs_reference(&self) -> bool {
        match self {
            Self::Overlap { .. } => true,
            Self::Ndcg { .. } | Self::Recall { .. } | Self::Mrr { .. } => false,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ndcg { k } => write!(f, "nDCG@{k}"),
            Self::Recall { k } => write!(f, "Recall@{k}"),
            Self::Mrr { k: Some(k) } => write!(f, "MRR@{k}"),
            Self::Mrr { k: None } => f.write_str("MRR"),
            Self::Overlap { k } => write!(f, "Overlap@{k}"),
        }
    }
}

/// A text is not the canonical name of a measure.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not a measure: {forms} (k from 1 to 100000)", forms = MEASURE_FORMS.join(", "))]
pub struct NotAMeasure(pub String);

impl FromStr for Measure {
    type Err = NotAMeasure;
    fn from_str(text: &str) -> Result<Self, NotAMeasure> {
        let wrong = || NotAMeasure(text.to_owned());
        let Some((name, k)) = text.split_once('@') else {
            return if text == "MRR" { Ok(Self::Mrr { k: None }) } else { Err(wrong()) };
        };
        let k = k.parse::<u32>().ok().filter(|n| (1..=100_000).contains(n) && n.to_string() == k).ok_or_else(wrong)?;
        match name {
            "nDCG" => Ok(Self::Ndcg { k }),
            "Recall" => Ok(Self::Recall { k }),
            "MRR" => Ok(Self::Mrr { k: Some(k) }),
            "Overlap" => Ok(Self::Overlap { k }),
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Measure {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Measure".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(MRR|(nDCG|Recall|MRR|Overlap)@([1-9][0-9]{0,4}|100000))$",
            "patternErrorMessage": format!("{} (k from 1 to 100000)", MEASURE_FORMS.join(", ")),
            "examples": ["nDCG@10", "Recall@100", "MRR@10", "MRR", "Overlap@10"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for name in ["nDCG@10", "Recall@100", "MRR@10", "MRR", "Overlap@10"] {
            assert_eq!(name.parse::<Measure>().unwrap().to_string(), name);
        }
        for wrong in ["ndcg@10", "nDCG", "nDCG@0", "nDCG@010", "MRR@", "Recall@-1", "Recall@100001"] {
            assert!(wrong.parse::<Measure>().is_err(), "{wrong}");
        }
    }
}
