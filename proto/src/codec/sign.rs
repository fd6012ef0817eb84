//! The variants of the binary instrument: other thresholds, other projections, another score.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One bit for each of `bits` projections of the normalised vector: 1 where the projection is not below its threshold.
/// See `bitsweep_vectors::binary::sign`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// Bits of one code; a multiple of 8.
    pub bits: u32,
    /// Where thresholds lie.
    pub centre: Centre,
    /// What is projected on.
    pub rotation: Rotation,
    /// How a query meets a code.
    pub scoring: Scoring,
    /// Seed of the rotation, where it has one: see [`Rotation::is_drawn`].
    pub seed: Option<u32>,
}

/// Where the thresholds of a binary code lie. What is learnt is learnt from the documents alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Centre {
    /// At 0.
    #[default]
    None,
    /// At the projection of the mean document.
    Mean,
    /// At the median of each projection over the documents, so that every bit is set in half of them.
    Median,
}

/// What a binary code projects on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// The first dimensions as they are.
    None,
    /// Independent normal numbers, drawn from the seed.
    #[default]
    Gaussian,
    /// The same made orthonormal, in blocks of as many as there are dimensions.
    Orthonormal,
    /// The directions of greatest variance among the documents.
    Pca,
    /// Those, rotated so that signs lose least (Gong and Lazebnik 2011), from a start drawn from the seed.
    Itq,
}

/// How a query meets a code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scoring {
    /// The query is coded too: Hamming distance.
    #[default]
    Symmetric,
    /// The query stays as it is: its projections are added with the signs of the code.
    Asymmetric,
}

impl Centre {
    /// The name in codecs' names.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Mean => "mean",
            Self::Median => "median",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::None, Self::Mean, Self::Median].into_iter().find(|centre| centre.name() == name)
    }
}

impl Rotation {
    const ALL: [Self; 5] = [Self::None, Self::Gaussian, Self::Orthonormal, Self::Pca, Self::Itq];

    /// The name in codecs' names.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gaussian => "gaussian",
            Self::Orthonormal => "orthonormal",
            Self::Pca => "pca",
            Self::Itq => "itq",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rotation| rotation.name() == name)
    }

    /// Whether a seed decides it.
    pub fn is_drawn(self) -> bool {
        match self {
            Self::Gaussian | Self::Orthonormal | Self::Itq => true,
            Self::None | Self::Pca => false,
        }
    }

    /// Whether the documents decide it.
    pub fn is_learnt(self) -> bool {
        match self {
            Self::Pca | Self::Itq => true,
            Self::None | Self::Gaussian | Self::Orthonormal => false,
        }
    }
}

impl Sign {
    /// Reads `CENTRE+ROTATION` or `CENTRE+ROTATION/asymmetric`. `None` for what is no variant: another word, a seed too
    /// many or too few, and the frozen instrument, whose name is the bits alone.
    pub(super) fn parse(bits: u32, text: &str, seed: Option<u32>) -> Option<Self> {
        let (form, scoring) = match text.split_once('/') {
            None => (text, Scoring::Symmetric),
            Some((form, "asymmetric")) => (form, Scoring::Asymmetric),
            Some(_) => return None,
        };
        let (centre, rotation) = form.split_once('+')?;
        let (centre, rotation) = (Centre::parse(centre)?, Rotation::parse(rotation)?);
        let sign = Self { bits, centre, rotation, scoring, seed };
        (seed.is_some() == rotation.is_drawn() && !sign.is_frozen()).then_some(sign)
    }

    /// Whether this is the frozen instrument, `Codec::Binary`.
    pub(super) fn is_frozen(&self) -> bool {
        self.centre == Centre::None && self.rotation == Rotation::Gaussian && self.scoring == Scoring::Symmetric
    }

    /// Bytes that all codes of an index share: the projection, made again from its seed or stored, as float64, and the
    /// thresholds.
    pub(super) fn shared_bytes(&self, dim: u64) -> u64 {
        let bits = u64::from(self.bits);
        let projection = match self.rotation {
            Rotation::None => 0,
            Rotation::Gaussian | Rotation::Orthonormal | Rotation::Pca | Rotation::Itq => 8 * bits * dim,
        };
        let thresholds = match self.centre {
            Centre::None => 0,
            Centre::Mean | Centre::Median => 8 * bits,
        };
        projection + thresholds
    }

    /// Of [`Sign::shared_bytes`], those that the index file holds: what is drawn is not stored.
    pub(super) fn stored_bytes(&self, dim: u64) -> u64 {
        let drawn = Self { rotation: Rotation::None, ..*self };
        if self.rotation.is_learnt() { self.shared_bytes(dim) } else { drawn.shared_bytes(dim) }
    }

    /// Why this variant makes no sense with vectors of `dim` dimensions.
    pub(super) fn unfit(&self, dim: u32) -> Option<String> {
        let Self { bits, centre, rotation, .. } = *self;
        match (rotation, centre) {
            (Rotation::Pca, Centre::None) => {
                Some("pca needs centre mean or median: directions of variance are about the mean".to_owned())
            }
            (Rotation::Itq, Centre::None | Centre::Median) => {
                Some("itq needs centre mean: its rotation is learnt for signs about the mean".to_owned())
            }
            (Rotation::None, _) if bits > dim => {
                Some(format!("rotation none has one bit for each dimension: {bits} bits, {dim} dimensions"))
            }
            (Rotation::Pca | Rotation::Itq, _) if bits > dim => {
                Some(format!("{} has one direction for each dimension: {bits} bits, {dim} dimensions", rotation.name()))
            }
            _ => None,
        }
    }
}

/// As in a codec's name, after the bits.
impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.centre.name(), self.rotation.name())?;
        match self.scoring {
            Scoring::Symmetric => Ok(()),
            Scoring::Asymmetric => f.write_str("/asymmetric"),
        }
    }
}
