//! Measures by their canonical names. What they compute lives in `bitsweep_measures`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::task::Task;

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
    /// Mean average precision: trec_eval's `map_cut`, and without a cut-off its `map` on runs of [`UNCUT_DEPTH`].
    Map {
        /// Ranks looked at.
        k: Option<u32>,
    },
    /// Relevant documents among the first `k`, over k; trec_eval's `P`.
    Precision {
        /// Ranks looked at.
        k: u32,
    },
    /// 1 where one of the first `k` is relevant, else 0; trec_eval's `success`.
    Success {
        /// Ranks looked at.
        k: u32,
    },
    /// Relevant documents among as many as are relevant, over all relevant ones; trec_eval's `Rprec`.
    RPrecision,
    /// How seldom judged documents that are not relevant come before relevant ones; trec_eval's `bpref`.
    Bpref,
    /// Spearman's rank correlation of pair scores with the scores of people, ties by average ranks.
    Spearman,
    /// Pearson's correlation of pair scores with the scores of people.
    Pearson,
    /// Share of the texts whose label is that of most of their `k` nearest labelled texts.
    Accuracy {
        /// Neighbours that vote.
        k: u32,
    },
}

/// Ranks that measures without a cut-off of their own look at: the depth of the runs that trec_eval and BEIR use.
pub const UNCUT_DEPTH: u32 = 1000;

/// The forms that [`Measure`] accepts, for messages.
pub const MEASURE_FORMS: [&str; 14] = [
    "nDCG@k",
    "Recall@k",
    "MRR@k",
    "MRR",
    "MAP@k",
    "MAP",
    "P@k",
    "Success@k",
    "R-precision",
    "bpref",
    "Overlap@k",
    "Spearman",
    "Pearson",
    "Accuracy@k",
];

impl Measure {
    /// The task of the datasets that it measures.
    pub fn task(&self) -> Task {
        match self {
            Self::Ndcg { .. }
            | Self::Recall { .. }
            | Self::Mrr { .. }
            | Self::Overlap { .. }
            | Self::Map { .. }
            | Self::Precision { .. }
            | Self::Success { .. }
            | Self::RPrecision
            | Self::Bpref => Task::Retrieval,
            Self::Spearman | Self::Pearson => Task::Similarity,
            Self::Accuracy { .. } => Task::Classification,
        }
    }

    /// Ranks that this measure has to see; 0 for one that looks at no ranking.
    pub fn depth(&self) -> u32 {
        match self {
            Self::Ndcg { k }
            | Self::Recall { k }
            | Self::Overlap { k }
            | Self::Precision { k }
            | Self::Success { k }
            | Self::Accuracy { k } => *k,
            Self::Mrr { k } | Self::Map { k } => k.unwrap_or(UNCUT_DEPTH),
            Self::RPrecision | Self::Bpref => UNCUT_DEPTH,
            Self::Spearman | Self::Pearson => 0,
        }
    }

    /// Whether it compares with the float32 run of the same model and dataset.
    pub fn needs_reference(&self) -> bool {
        match self {
            Self::Overlap { .. } => true,
            Self::Ndcg { .. }
            | Self::Recall { .. }
            | Self::Mrr { .. }
            | Self::Map { .. }
            | Self::Precision { .. }
            | Self::Success { .. }
            | Self::RPrecision
            | Self::Bpref
            | Self::Spearman
            | Self::Pearson
            | Self::Accuracy { .. } => false,
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
            Self::Map { k: Some(k) } => write!(f, "MAP@{k}"),
            Self::Map { k: None } => f.write_str("MAP"),
            Self::Precision { k } => write!(f, "P@{k}"),
            Self::Success { k } => write!(f, "Success@{k}"),
            Self::RPrecision => f.write_str("R-precision"),
            Self::Bpref => f.write_str("bpref"),
            Self::Spearman => f.write_str("Spearman"),
            Self::Pearson => f.write_str("Pearson"),
            Self::Accuracy { k } => write!(f, "Accuracy@{k}"),
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
            return match text {
                "MRR" => Ok(Self::Mrr { k: None }),
                "MAP" => Ok(Self::Map { k: None }),
                "R-precision" => Ok(Self::RPrecision),
                "bpref" => Ok(Self::Bpref),
                "Spearman" => Ok(Self::Spearman),
                "Pearson" => Ok(Self::Pearson),
                _ => Err(wrong()),
            };
        };
        let k = k.parse::<u32>().ok().filter(|n| (1..=100_000).contains(n) && n.to_string() == k).ok_or_else(wrong)?;
        match name {
            "nDCG" => Ok(Self::Ndcg { k }),
            "Recall" => Ok(Self::Recall { k }),
            "MRR" => Ok(Self::Mrr { k: Some(k) }),
            "Overlap" => Ok(Self::Overlap { k }),
            "MAP" => Ok(Self::Map { k: Some(k) }),
            "P" => Ok(Self::Precision { k }),
            "Success" => Ok(Self::Success { k }),
            "Accuracy" => Ok(Self::Accuracy { k }),
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
            "pattern": "^(MRR|MAP|R-precision|bpref|Spearman|Pearson|(nDCG|Recall|MRR|MAP|P|Success|Overlap|Accuracy)@([1-9][0-9]{0,4}|100000))$",
            "patternErrorMessage": format!("{} (k from 1 to 100000)", MEASURE_FORMS.join(", ")),
            "examples": [
                "nDCG@10", "Recall@100", "MRR@10", "MAP", "P@10", "Success@5", "R-precision", "bpref", "Overlap@10", "Spearman",
                "Pearson", "Accuracy@10"
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        let names = MEASURE_FORMS.map(|form| form.replace("@k", "@10"));
        for name in &names {
            assert_eq!(name.parse::<Measure>().unwrap().to_string(), *name);
        }
        for wrong in [
            "ndcg@10",
            "nDCG",
            "nDCG@0",
            "nDCG@010",
            "MRR@",
            "Recall@-1",
            "Recall@100001",
            "map",
            "bpref@10",
            "P",
            "spearman",
            "Accuracy",
            "accuracy@10",
        ] {
            assert!(wrong.parse::<Measure>().is_err(), "{wrong}");
        }
    }
}
