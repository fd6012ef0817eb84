//! Codecs: how a vector is stored for search, and what that weighs.

mod approximate;
mod levels;
mod pq;
mod sign;

use std::fmt;

pub use approximate::{Hnsw, Ivfpq};
pub use pq::{Pq, PqScoring};
pub use sign::{Centre, Rotation, Scoring, Sign};

use serde::{Deserialize, Serialize};

/// One codec with its parameters. The canonical name ([`Codec::name`]) does not hold the seed, which is an axis of its
/// own; [`Codec::parse`] reads both back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Codec {
    /// The vectors as they are; inner product by Faiss `IndexFlatIP`.
    Float32,
    /// Faiss `SQ8`: 8 bits a dimension, ranges per dimension learnt on the corpus.
    Int8,
    /// Faiss product quantisation with 256 centroids a sub-space, one byte each (`PQ<bytes>np`).
    Pq(Pq),
    /// The frozen binary instrument: L2-normalise, Gaussian projection, sign. See `bitsweep_vectors::binary`.
    Binary {
        /// Bits of one code; a multiple of 8.
        bits: u32,
        /// Seed of the projection.
        seed: u32,
    },
    /// A variant of the binary instrument: centring, rotation, scoring.
    Sign(Sign),
    /// Faiss `SQ4`: 4 bits a dimension, ranges per dimension learnt on the corpus.
    Int4,
    /// Faiss optimised product quantisation (`OPQ<bytes>,PQ<bytes>np`): [`Codec::Pq`] after a rotation learnt on the
    /// corpus.
    Opq(Pq),
    /// Faiss product quantisation with 16 centroids a sub-space, half a byte each, searched with tables in registers
    /// (`PQ<2 * bytes>x4fs`, two of them a byte), which rounds scores.
    Pq4fs(Pq),
    /// Faiss RaBitQ with one bit a dimension after a random rotation (`RR,RaBitQ`; Gao and Long 2024), and two float32
    /// factors for each vector.
    Rabitq,
    /// 2 bits a dimension: which quarter of the corpus a value is in. See `bitsweep_vectors::int2`.
    Int2,
    /// A graph over the vectors as they are: searches are approximate.
    Hnsw(Hnsw),
    /// Inverted lists of product quantised residuals: searches are approximate.
    Ivfpq(Ivfpq),
}

/// What one codec costs in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes of one stored vector: its code and every side factor kept per vector.
    pub bytes_per_vector: u64,
    /// Bytes shared by all vectors of an index (projection, codebooks, ranges, centroids of lists, the upper layers of a
    /// graph), never hidden in the former.
    pub shared_bytes: u64,
}

impl Codec {
    /// The binary codec with these parameters: the frozen instrument, or a variant of it. A seed that the rotation does
    /// not use is left out.
    pub fn binary(sign: Sign) -> Self {
        match sign.seed {
            Some(seed) if sign.is_frozen() => Self::Binary { bits: sign.bits, seed },
            _ => Self::Sign(Sign { seed: sign.seed.filter(|_| sign.rotation.is_drawn()), ..sign }),
        }
    }

    /// The parameters of a binary codec, where this is one: those of the frozen instrument are the defaults.
    pub fn as_sign(&self) -> Option<Sign> {
        match *self {
            Self::Binary { bits, seed } => {
                let (centre, rotation, scoring) = Default::default();
                Some(Sign { bits, centre, rotation, scoring, seed: Some(seed) })
            }
            Self::Sign(sign) => Some(sign),
            Self::Float32
            | Self::Int8
            | Self::Int4
            | Self::Int2
            | Self::Pq(_)
            | Self::Opq(_)
            | Self::Pq4fs(_)
            | Self::Rabitq
            | Self::Hnsw(_)
            | Self::Ivfpq(_) => None,
        }
    }

    /// Product quantisation with so many bytes, learnt from the documents in the order of the corpus.
    pub const fn pq(bytes: u32) -> Self {
        Self::Pq(Pq::new(bytes))
    }

    /// [`Codec::pq`] after a learnt rotation.
    pub const fn opq(bytes: u32) -> Self {
        Self::Opq(Pq::new(bytes))
    }

    /// [`Codec::pq`] with half a byte a sub-space.
    pub const fn pq4fs(bytes: u32) -> Self {
        Self::Pq4fs(Pq::new(bytes))
    }

    /// The canonical name without the seed: `float32`, `int8`, `pq/32`, `binary/256`, `binary/256/mean+itq/asymmetric`,
    /// `hnsw/32/40/64` (links, ef_construction, ef_search), `ivfpq/1024/32/8` (lists, bytes, nprobe).
    pub fn name(&self) -> String {
        self.to_string()
    }

    /// The seed, for codecs that have one.
    pub fn seed(&self) -> Option<u32> {
        match self {
            Self::Pq(pq) | Self::Opq(pq) | Self::Pq4fs(pq) => pq.seed,
            _ => self.as_sign()?.seed,
        }
    }

    /// Reads a canonical name and a seed back. A seed where the codec has none, or none where it has one, is an error.
    pub fn parse(name: &str, seed: Option<u32>) -> Result<Self, NotACodec> {
        let wrong = || NotACodec { name: name.to_owned(), seed };
        let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0 && n.to_string() == text);
        let codec = match (name.split_once('/'), seed) {
            (None, None) if name == "float32" => Self::Float32,
            (None, None) if name == "int8" => Self::Int8,
            (None, None) if name == "int4" => Self::Int4,
            (None, None) if name == "int2" => Self::Int2,
            (None, None) if name == "rabitq" => Self::Rabitq,
            (Some((family @ ("pq" | "opq" | "pq4fs"), form)), seed) => {
                let (bytes, scoring) = match form.split_once('/') {
                    Some((bytes, "cosine")) => (bytes, PqScoring::Cosine),
                    Some(_) => return Err(wrong()),
                    None => (form, PqScoring::InnerProduct),
                };
                let pq = Pq { bytes: number(bytes).ok_or_else(wrong)?, seed, scoring };
                match family {
                    "pq" => Self::Pq(pq),
                    "opq" => Self::Opq(pq),
                    _ => Self::Pq4fs(pq),
                }
            }
            (Some((family @ ("hnsw" | "ivfpq"), form)), None) => {
                let parameters: Option<Vec<u32>> = form.split('/').map(number).collect();
                let parameters = parameters.ok_or_else(wrong)?;
                let read = match family {
                    "hnsw" => Hnsw::parse(&parameters).map(Self::Hnsw),
                    _ => Ivfpq::parse(&parameters).map(Self::Ivfpq),
                };
                read.ok_or_else(wrong)?
            }
            (Some(("binary", form)), seed) => match (form.split_once('/'), seed) {
                (None, Some(seed)) => Self::Binary { bits: number(form).ok_or_else(wrong)?, seed },
                (Some((bits, variant)), seed) => {
                    let bits = number(bits).ok_or_else(wrong)?;
                    Self::Sign(Sign::parse(bits, variant, seed).ok_or_else(wrong)?)
                }
                (None, None) => return Err(wrong()),
            },
            _ => return Err(wrong()),
        };
        Ok(codec)
    }

    /// Bytes per vector and shared bytes for `documents` vectors of `dim` dimensions. The jobs that build an index fail when
    /// what they built weighs anything else. The number of documents matters to the upper layers of a graph alone, which are
    /// drawn: that takes a few nanoseconds a document. Ids are left out for all alike.
    pub fn footprint(&self, dim: u32, documents: u64) -> Footprint {
        let dim = u64::from(dim);
        let (bytes_per_vector, shared_bytes) = match self {
            Self::Float32 => (4 * dim, 0),
            Self::Int8 => (dim, 2 * 4 * dim),
            Self::Pq(Pq { bytes, .. }) => (u64::from(*bytes), 256 * 4 * dim),
            // The projection can be made again from its seed; whoever searches holds it as float64.
            Self::Binary { bits, .. } => (u64::from(bits.div_ceil(8)), u64::from(*bits) * 8 * dim),
            Self::Sign(sign) => (u64::from(sign.bits.div_ceil(8)), sign.shared_bytes(dim)),
            Self::Int4 => (dim.div_ceil(2), 2 * 4 * dim),
            Self::Opq(Pq { bytes, .. }) => (u64::from(*bytes), 256 * 4 * dim + 4 * dim * dim),
            Self::Pq4fs(Pq { bytes, .. }) => (u64::from(*bytes), 16 * 4 * dim),
            // The bits, the two factors; the rotation, the mean.
            Self::Rabitq => (dim.div_ceil(8) + 8, 4 * dim * dim + 4 * dim),
            // Three cut-offs and four levels a dimension.
            Self::Int2 => (dim.div_ceil(4), 7 * 4 * dim),
            Self::Hnsw(hnsw) => (hnsw.bytes_per_vector(dim), hnsw.shared_bytes(documents)),
            Self::Ivfpq(ivfpq) => (u64::from(ivfpq.bytes), ivfpq.shared_bytes(dim)),
        };
        Footprint { bytes_per_vector, shared_bytes }
    }

    /// [`Footprint::bytes_per_vector`], which is the same for any number of documents.
    pub fn bytes_per_vector(&self, dim: u32) -> u64 {
        self.footprint(dim, 0).bytes_per_vector
    }

    /// Of the shared bytes, those that the index file holds: what is made again from a seed is not stored.
    pub fn stored_shared_bytes(&self, dim: u32, documents: u64) -> u64 {
        match self.as_sign() {
            Some(sign) => sign.stored_bytes(u64::from(dim)),
            None => self.footprint(dim, documents).shared_bytes,
        }
    }

    /// The codec by which vectors are stored for this one: codecs that differ in how queries are scored, or in how far a
    /// search goes, share an index.
    pub fn stored(&self) -> Self {
        match *self {
            Self::Sign(sign) => Self::binary(Sign { scoring: Scoring::Symmetric, ..sign }),
            Self::Pq(pq) => Self::Pq(Pq { scoring: PqScoring::InnerProduct, ..pq }),
            Self::Opq(pq) => Self::Opq(Pq { scoring: PqScoring::InnerProduct, ..pq }),
            Self::Hnsw(hnsw) => Self::Hnsw(Hnsw { ef_search: None, ..hnsw }),
            Self::Ivfpq(ivfpq) => Self::Ivfpq(Ivfpq { nprobe: None, ..ivfpq }),
            other => other,
        }
    }

    /// The codec as pairs of sentences see it: whatever the scoring of decoded vectors, a pair is scored by the cosine,
    /// so both scorings are one.
    pub fn of_pairs(&self) -> Self {
        match self {
            Self::Pq(_) | Self::Opq(_) => self.stored(),
            other => *other,
        }
    }

    /// Whether a search may miss documents whose scores are among the best, because it does not look at all of them.
    pub fn is_approximate(&self) -> bool {
        matches!(self, Self::Hnsw(_) | Self::Ivfpq(_))
    }

    /// The most documents that a search returns, where the codec limits it whatever the depth that is asked for.
    pub fn most_found(&self) -> Option<u32> {
        match self {
            Self::Hnsw(hnsw) => hnsw.ef_search,
            _ => None,
        }
    }

    /// The fewest documents that it can be learnt from: Faiss refuses fewer points than centroids, and directions without
    /// variance would be noise. Faiss's training of `opq` writes beyond its memory where documents are fewer than dimensions
    /// (1.12, `OPQMatrix::train`: a buffer of documents × dimensions takes a square matrix): it breaks, or is quietly wrong.
    pub fn least_documents(&self, dim: u32) -> u64 {
        match self {
            Self::Float32 | Self::Binary { .. } | Self::Hnsw(_) => 0,
            // So many documents span one direction less.
            Self::Sign(sign) if sign.rotation.is_learnt() => u64::from(sign.bits) + 1,
            Self::Sign(sign) => u64::from(sign.centre != Centre::None),
            Self::Int8 | Self::Int4 | Self::Int2 | Self::Rabitq => 1,
            Self::Pq4fs(_) => 16,
            Self::Pq(_) => 256,
            Self::Opq(_) => u64::from(dim).max(256),
            Self::Ivfpq(ivfpq) => u64::from(ivfpq.nlist).max(256),
        }
    }

    /// Whether codes estimate angles, whatever the lengths of the vectors; the other codecs estimate inner products.
    pub fn is_angular(&self) -> bool {
        let by_cosine = |pq: &Pq| pq.scoring == PqScoring::Cosine;
        self.as_sign().is_some() || matches!(self, Self::Pq(pq) | Self::Opq(pq) if by_cosine(pq))
    }

    /// Why this codec cannot be used with vectors of `dim` dimensions, or `None` where it can.
    pub fn unfit(&self, dim: u32) -> Option<String> {
        let divides = |family: &str, parts: u32, what: &str| {
            let unfit =
                || format!("{family} needs a dimension that its {what} divide: {dim} is not a multiple of {parts}");
            (!dim.is_multiple_of(parts)).then(unfit)
        };
        match self {
            Self::Pq(Pq { bytes, .. }) => divides("pq", *bytes, "bytes"),
            Self::Opq(Pq { bytes, .. }) => divides("opq", *bytes, "bytes"),
            Self::Pq4fs(Pq { scoring: PqScoring::Cosine, .. }) => {
                Some("pq4fs cannot be scored by the cosine: a fast scan gives no score to some documents".to_owned())
            }
            Self::Pq4fs(Pq { bytes, .. }) => divides("pq4fs", bytes.saturating_mul(2), "half bytes"),
            Self::Sign(sign) => sign.unfit(dim),
            Self::Hnsw(hnsw) => hnsw.unfit(),
            Self::Ivfpq(ivfpq) => divides("ivfpq", ivfpq.bytes, "bytes").or_else(|| ivfpq.unfit()),
            Self::Float32 | Self::Int8 | Self::Int4 | Self::Int2 | Self::Binary { .. } | Self::Rabitq => None,
        }
    }

    /// Whether results of this codec are independent of the numerics profile of the search library. The binary instrument,
    /// its variants and int2 are exact: the same input gives the same codes everywhere.
    pub fn is_exact(&self) -> bool {
        self.as_sign().is_some() || *self == Self::Int2
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float32 => f.write_str("float32"),
            Self::Int8 => f.write_str("int8"),
            Self::Pq(pq) => write!(f, "pq/{pq}"),
            Self::Binary { bits, .. } => write!(f, "binary/{bits}"),
            Self::Sign(sign) => write!(f, "binary/{}/{sign}", sign.bits),
            Self::Int4 => f.write_str("int4"),
            Self::Opq(pq) => write!(f, "opq/{pq}"),
            Self::Pq4fs(pq) => write!(f, "pq4fs/{pq}"),
            Self::Rabitq => f.write_str("rabitq"),
            Self::Int2 => f.write_str("int2"),
            Self::Hnsw(hnsw) => hnsw.fmt(f),
            Self::Ivfpq(ivfpq) => ivfpq.fmt(f),
        }
    }
}

/// A text is not the canonical name of a codec.
#[derive(Debug, thiserror::Error)]
#[error(
    "\"{name}\" with seed {seed:?} is not a codec: float32, int8, int4, int2, rabitq, \
     hnsw/M/EF_CONSTRUCTION/EF_SEARCH, ivfpq/NLIST/BYTES/NPROBE without a seed, pq/BYTES[/cosine], opq/BYTES[/cosine], pq4fs/BYTES with one or \
     without, binary/BITS with one, binary/BITS/CENTRE+ROTATION[/asymmetric] with one where the rotation is drawn"
)]
pub struct NotACodec {
    /// What was found.
    pub name: String,
    /// The seed beside it.
    pub seed: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HNSW: Hnsw = Hnsw { m: 32, ef_construction: 40, ef_search: Some(64) };
    const IVFPQ: Ivfpq = Ivfpq { nlist: 1024, bytes: 32, nprobe: Some(8) };

    fn sign(centre: Centre, rotation: Rotation, scoring: Scoring, seed: Option<u32>) -> Sign {
        Sign { bits: 256, centre, rotation, scoring, seed }
    }

    #[test]
    fn names_parse_back() {
        let itq = sign(Centre::Mean, Rotation::Itq, Scoring::Asymmetric, Some(3));
        let pca = sign(Centre::Median, Rotation::Pca, Scoring::Symmetric, None);
        let codecs = [
            Codec::Float32,
            Codec::Int8,
            Codec::Int4,
            Codec::Int2,
            Codec::Rabitq,
            Codec::Hnsw(HNSW),
            Codec::Hnsw(HNSW).stored(),
            Codec::Ivfpq(IVFPQ),
            Codec::Ivfpq(IVFPQ).stored(),
            Codec::pq(32),
            Codec::opq(32),
            Codec::pq4fs(32),
            Codec::Opq(Pq { seed: Some(4), ..Pq::new(32) }),
            Codec::Pq(Pq { seed: Some(4), scoring: PqScoring::Cosine, ..Pq::new(32) }),
            Codec::Binary { bits: 256, seed: 2 },
            Codec::Sign(itq),
            Codec::Sign(pca),
        ];
        for codec in codecs {
            assert_eq!(Codec::parse(&codec.name(), codec.seed()).unwrap(), codec);
        }
        assert_eq!(Codec::Sign(itq).name(), "binary/256/mean+itq/asymmetric");
        assert_eq!(Codec::Sign(itq).stored().name(), "binary/256/mean+itq");
        assert_eq!(Codec::Hnsw(HNSW).name(), "hnsw/32/40/64");
        assert_eq!(Codec::Hnsw(HNSW).stored().name(), "hnsw/32/40");
        assert_eq!(Codec::Ivfpq(IVFPQ).name(), "ivfpq/1024/32/8");
        assert_eq!(Codec::Ivfpq(IVFPQ).stored().name(), "ivfpq/1024/32");
        for (name, seed) in [
            ("pq/032", None),
            ("pq", None),
            ("binary/64", None),
            ("float32", Some(1)),
            ("pq/0", None),
            ("pq/8/l2", None),
            ("binary/64/mean+itq", None),
            ("binary/64/mean+pca", Some(0)),
            ("binary/64/none+gaussian", Some(0)),
            ("binary/64/mean+itq/symmetric", Some(0)),
            ("binary/64/mean", Some(0)),
            ("rabitq/1", None),
            ("int2", Some(0)),
            ("int2/1", None),
            ("hnsw/32", None),
            ("hnsw/32/40/64/1", None),
            ("hnsw/32/040", None),
            ("hnsw/32/40/64", Some(0)),
            ("ivfpq/1024/32/", None),
            ("ivfpq/1024/0/1", None),
        ] {
            assert!(Codec::parse(name, seed).is_err(), "{name}");
        }
    }

    #[test]
    fn the_variant_without_any_variation_is_the_frozen_instrument() {
        let frozen = sign(Centre::None, Rotation::Gaussian, Scoring::Symmetric, Some(7));
        assert_eq!(Codec::binary(frozen), Codec::Binary { bits: 256, seed: 7 });
        let asymmetric = Codec::binary(Sign { scoring: Scoring::Asymmetric, ..frozen });
        assert_eq!(asymmetric.name(), "binary/256/none+gaussian/asymmetric");
        assert_eq!(asymmetric.stored(), Codec::Binary { bits: 256, seed: 7 });
        assert_eq!(Codec::binary(sign(Centre::Mean, Rotation::Pca, Scoring::Symmetric, Some(7))).seed(), None);
    }

    #[test]
    fn bytes_are_counted_in_full() {
        let at = |codec: Codec| {
            let Footprint { bytes_per_vector, shared_bytes } = codec.footprint(384, 0);
            (bytes_per_vector, shared_bytes)
        };
        assert_eq!(at(Codec::Float32), (1536, 0));
        assert_eq!(at(Codec::Int8), (384, 3072));
        assert_eq!(at(Codec::Int4), (192, 3072));
        assert_eq!(at(Codec::pq(32)), (32, 393_216));
        assert_eq!(at(Codec::opq(32)), (32, 393_216 + 589_824));
        assert_eq!(at(Codec::pq4fs(32)), (32, 24_576));
        assert_eq!(at(Codec::Rabitq), (56, 589_824 + 1536));
        assert_eq!(at(Codec::Int2), (96, 10_752));
        assert_eq!(at(Codec::Hnsw(HNSW)), (1536 + 256 + 12, 0));
        assert_eq!(at(Codec::Ivfpq(IVFPQ)), (32, 1024 * (1536 + 8) + 393_216));
        assert_eq!(at(Codec::Binary { bits: 256, seed: 0 }), (32, 786_432));
        let of = |centre, rotation| Codec::Sign(sign(centre, rotation, Scoring::Symmetric, Some(0)));
        assert_eq!(at(of(Centre::Mean, Rotation::Gaussian)), (32, 786_432 + 2048));
        assert_eq!(at(of(Centre::Median, Rotation::None)), (32, 2048));
        assert_eq!(at(of(Centre::None, Rotation::None)), (32, 0));
        assert_eq!(of(Centre::Mean, Rotation::Gaussian).stored_shared_bytes(384, 0), 2048);
        assert_eq!(of(Centre::Mean, Rotation::Itq).stored_shared_bytes(384, 0), 786_432 + 2048);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let unfit = |centre, rotation| Codec::Sign(sign(centre, rotation, Scoring::Symmetric, Some(0))).unfit(128);
        assert!(unfit(Centre::None, Rotation::Pca).unwrap().starts_with("pca needs centre"));
        assert!(unfit(Centre::Median, Rotation::Itq).unwrap().starts_with("itq needs centre"));
        for rotation in [Rotation::None, Rotation::Pca, Rotation::Itq] {
            assert!(unfit(Centre::Mean, rotation).unwrap().ends_with("256 bits, 128 dimensions"));
        }
        assert_eq!(unfit(Centre::Mean, Rotation::Orthonormal), None);
        assert_eq!(
            Codec::pq4fs(8).unfit(24).unwrap(),
            "pq4fs needs a dimension that its half bytes divide: 24 is not a multiple of 16"
        );
        let hnsw = |hnsw| Codec::Hnsw(hnsw).unfit(24).unwrap();
        assert_eq!(hnsw(Hnsw { m: 3, ..HNSW }), "hnsw has 4 to 512 links (m), not 3");
        let few = hnsw(Hnsw { ef_construction: 31, ..HNSW });
        assert_eq!(few, "hnsw chooses 32 links (m) of each layer from only 31 candidates (ef_construction)");
        assert_eq!(Codec::Hnsw(HNSW).unfit(24), None);
        let ivfpq = |ivfpq| Codec::Ivfpq(ivfpq).unfit(32);
        assert_eq!(
            ivfpq(Ivfpq { nprobe: Some(1025), ..IVFPQ }).unwrap(),
            "ivfpq cannot look into 1025 lists (nprobe) where there are 1024 (nlist)"
        );
        assert_eq!(
            ivfpq(Ivfpq { bytes: 5, ..IVFPQ }).unwrap(),
            "ivfpq needs a dimension that its bytes divide: 32 is not a multiple of 5"
        );
        assert_eq!((ivfpq(IVFPQ), Codec::Ivfpq(IVFPQ).least_documents(32)), (None, 1024));
        let opq = Codec::opq(8);
        assert_eq!([32, 384].map(|dim| opq.least_documents(dim)), [256, 384]);
    }
}
