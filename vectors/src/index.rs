//! An index: documents stored by one codec, ready to be searched.
//!
//! | codec | stored by | score | file |
//! |---|---|---|---|
//! | `float32` | Faiss `IndexFlatIP` | inner product | Faiss index |
//! | `int8` | Faiss factory `SQ8` | inner product with the decoded vector | Faiss index |
//! | `pq/B` | Faiss factory `PQ{B}np` | inner product with the decoded vector | Faiss index |
//! | `int4` | Faiss factory `SQ4` | inner product with the decoded vector | Faiss index |
//! | `opq/B` | Faiss factory `OPQ{B},PQ{B}np` | inner product with the decoded vector | Faiss index |
//! | `pq4fs/B` | Faiss factory `PQ{2B}x4fs` | the same, each sub-space's part rounded to 8 bits | Faiss index |
//! | `rabitq` | Faiss factory `RR{dim},RaBitQ` | RaBitQ's estimate of the inner product | Faiss index |
//! | `binary/B` | [`binary`](crate::binary) codes | minus the Hamming distance | safetensors, `codes`: uint8 rows × bytes |
//! | `binary/B/C+R` | [`binary::sign`](crate::binary::sign) codes | minus the Hamming distance | the same, with `weights`: float64 bits × dim where they are learnt, `thresholds`: float64 bits where they are not 0 |
//! | `binary/B/C+R/asymmetric` | the same | see [`binary::sign`](crate::binary::sign) | the same |
//!
//! The metric of Faiss' indexes is the inner product, of vectors as they are; binary codes estimate the angle. The
//! two agree for vectors of length 1; for others binary codes answer another question, and `Plan::cautions` says so.
//! Inner product is also the metric of the published figures: with L2 Faiss gives other rankings for PQ, whose decoded vectors have other lengths (SciFact × all-MiniLM-L6-v2, nDCG@10 at 8, 16, 32, 64 bytes: 0.370, 0.486,
//! 0.579, 0.628 with inner product; 0.402, 0.525, 0.586, 0.622 with L2). Codebooks are trained by L2 k-means in both.
//!
//! `np` turns polysemous training off. Plain `PQ32` permutes the centroids so that Hamming distances between codes mean
//! something, which no search here uses: it builds 15 to 50 times slower and finds the same.
//!
//! Faiss index files can be read by Faiss' Python package, and the other way round.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use bitsweep_proto::Codec;
use bitsweep_proto::codec::{Footprint, Sign};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::binary::sign::Signs;
use crate::error::VectorError;
use crate::faiss_index::FaissIndex;
use crate::hits::Hits;
use crate::matrix::{Codes, Matrix};

/// Names of the tensors in a file of binary codes: the codes, and what was learnt.
const CODES: &str = "codes";
const WEIGHTS: &str = "weights";
const THRESHOLDS: &str = "thresholds";

/// An index file holds codes, shared tables and a header of names, sizes and flags no longer than this.
const HEADER_BYTES: u64 = 320;

/// Codes for fast scans are stored in blocks of as many; the last one is filled up.
const FAST_SCAN_BLOCK: u64 = 32;

/// Documents stored by one codec.
pub struct Index {
    codec: Codec,
    dim: usize,
    stored: Stored,
}

enum Stored {
    Faiss(FaissIndex),
    Binary(Signs, Codes),
}

/// Trains `codec` on `documents` and stores them. Queries are never seen.
///
/// Fails where the codec does not fit the dimensions, where a value is NaN or infinite, where there are too few documents
/// to train on ([`Codec::least_documents`]), where the result weighs something else than
/// [`Codec::footprint`] says, and with [`VectorError::Stopped`] where `stop` is true at a safe point. There is none inside
/// one call of Faiss.
pub fn build(codec: Codec, documents: Matrix, stop: &dyn Fn() -> bool) -> Result<Index, VectorError> {
    let dim = documents.dim;
    check_fits(codec, dim)?;
    documents.check_finite()?;
    check_enough(codec, documents.rows)?;
    if stop() {
        return Err(VectorError::Stopped);
    }
    let stored = match (codec.as_sign(), factory(codec, dim)) {
        (Some(sign), _) => {
            let signs = Signs::learn(sign, &documents, stop)?;
            let codes = signs.encode(&documents, stop)?;
            Stored::Binary(signs, codes)
        }
        (None, Some(description)) => Stored::Faiss(FaissIndex::trained(&description, &documents)?),
        (None, None) => Stored::Faiss(FaissIndex::flat(&documents)?),
    };
    Index { codec, dim, stored }.weighed()
}

impl Index {
    /// The index of float32, which is the documents themselves: nothing is trained and nothing need be stored.
    pub fn flat(documents: Matrix) -> Result<Self, VectorError> {
        build(Codec::Float32, documents, &|| false)
    }

    /// Reads what [`Index::save`] wrote. Fails where the file is not an index of `codec` and `dim`.
    pub fn load(codec: Codec, dim: usize, path: &Path) -> Result<Self, VectorError> {
        check_fits(codec, dim)?;
        let stored = match codec.as_sign() {
            Some(sign) => read_codes(codec, sign, dim, path)?,
            None => {
                check_kind(codec, path)?;
                Stored::Faiss(FaissIndex::read(codec, dim, path)?)
            }
        };
        Self { codec, dim, stored }.weighed()
    }

    /// Writes the index file; what stood at `path` is replaced. Equal indexes give equal bytes.
    pub fn save(&self, path: &Path) -> Result<(), VectorError> {
        match &self.stored {
            Stored::Binary(signs, codes) => write_codes(self.codec, (signs, codes), self.dim, path)?,
            Stored::Faiss(index) => index.write(path)?,
        }
        self.check_file(path)
    }

    /// The best `depth` documents of each query, and all that tie with the last of them, see [`Hits`].
    ///
    /// A score depends on its query and its document only, within one numerics profile. Fails where the queries have
    /// another dimension or values that are not finite, where a score overflows, and with [`VectorError::Stopped`]
    /// where `stop` is true between two queries.
    pub fn search(&self, queries: &Matrix, depth: usize, stop: &dyn Fn() -> bool) -> Result<Hits, VectorError> {
        if queries.dim != self.dim {
            let (expected, found) = (self.dim, queries.dim);
            return Err(VectorError::Width { what: "queries", unit: "dimensions", expected, found });
        }
        queries.check_finite()?;
        match &self.stored {
            Stored::Binary(signs, codes) => signs.search(codes, (queries, depth), stop),
            Stored::Faiss(index) => index.search(queries, depth, stop),
        }
    }

    /// The codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Dimensions of the vectors.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Documents in the index.
    pub fn rows(&self) -> usize {
        match &self.stored {
            Stored::Faiss(index) => index.rows(),
            Stored::Binary(_, codes) => codes.rows,
        }
    }

    /// Bytes per vector as the codes really are, and the shared bytes as stated: every path to an `Index` has compared the
    /// former with [`Codec::footprint`], and [`Index::save`] compares both with the file.
    pub fn footprint(&self) -> Footprint {
        self.codec.footprint(self.dim as u32)
    }

    /// Fails where the codes are not as long as stated.
    fn weighed(self) -> Result<Self, VectorError> {
        let built = match &self.stored {
            Stored::Faiss(index) => index.code_bytes()?,
            Stored::Binary(_, codes) => codes.bytes,
        };
        let stated = self.footprint();
        if built as u64 == stated.bytes_per_vector {
            return Ok(self);
        }
        let built = Footprint { bytes_per_vector: built as u64, ..stated };
        Err(VectorError::Footprint { codec: self.codec, built, stated })
    }

    /// Fails where the file that was written holds more or less than codes, shared tables and a header.
    fn check_file(&self, path: &Path) -> Result<(), VectorError> {
        let file = |source| VectorError::File { action: "measure", path: path.to_owned(), source };
        let len = std::fs::metadata(path).map_err(file)?.len();
        let stated = self.footprint();
        let rows = match self.codec {
            Codec::Pq4fs { .. } => (self.rows() as u64).next_multiple_of(FAST_SCAN_BLOCK),
            _ => self.rows() as u64,
        };
        let tables = len.saturating_sub(rows * stated.bytes_per_vector);
        let stored = self.codec.stored_shared_bytes(self.dim as u32);
        if (stored..=stored + HEADER_BYTES).contains(&tables) {
            return Ok(());
        }
        let built = Footprint { shared_bytes: tables, ..stated };
        Err(VectorError::Footprint { codec: self.codec, built, stated })
    }
}

/// What Faiss' factory calls a codec of its own that is trained; `None` for those that are not.
fn factory(codec: Codec, dim: usize) -> Option<String> {
    match codec {
        Codec::Float32 | Codec::Binary { .. } | Codec::Sign(_) => None,
        Codec::Int8 => Some("SQ8".to_owned()),
        Codec::Int4 => Some("SQ4".to_owned()),
        Codec::Pq { bytes } => Some(format!("PQ{bytes}np")),
        Codec::Opq { bytes } => Some(format!("OPQ{bytes},PQ{bytes}np")),
        Codec::Pq4fs { bytes } => Some(format!("PQ{}x4fs", 2 * bytes)),
        Codec::Rabitq => Some(format!("RR{dim},RaBitQ")),
    }
}

fn check_fits(codec: Codec, dim: usize) -> Result<(), VectorError> {
    let unfit = |reason| Err(VectorError::Unfit { codec, reason });
    match codec.as_sign() {
        Some(Sign { bits, .. }) if bits == 0 || !bits.is_multiple_of(8) => {
            return unfit(format!("bits must be a multiple of 8 and not 0, found {bits}"));
        }
        _ => {}
    }
    match u32::try_from(dim) {
        Ok(dim) if dim > 0 => codec.unfit(dim).map_or(Ok(()), unfit),
        _ => unfit(format!("vectors must have 1 to 2^32 - 1 dimensions, not {dim}")),
    }
}

fn check_enough(codec: Codec, found: usize) -> Result<(), VectorError> {
    let needed = codec.least_documents() as usize;
    if found >= needed { Ok(()) } else { Err(VectorError::TooFewDocuments { codec, needed, found }) }
}

/// Looks at the four letters an index file of Faiss begins with: they tell the codecs apart, and what is no index at all.
fn check_kind(codec: Codec, path: &Path) -> Result<(), VectorError> {
    let file = |source| VectorError::File { action: "read", path: path.to_owned(), source };
    let mut found = Vec::new();
    File::open(path).map_err(file)?.take(4).read_to_end(&mut found).map_err(file)?;
    let expected = match codec {
        Codec::Float32 => "IxFI",
        Codec::Int8 | Codec::Int4 => "IxSQ",
        Codec::Pq4fs { .. } => "IPfs",
        Codec::Opq { .. } | Codec::Rabitq => "IxPT",
        Codec::Pq { .. } | Codec::Binary { .. } | Codec::Sign(_) => "IxPq",
    };
    if found == expected.as_bytes() {
        return Ok(());
    }
    let reason = format!("it begins with \"{}\", not with \"{expected}\"", found.escape_ascii());
    Err(VectorError::Format { path: path.to_owned(), codec, reason })
}

fn write_codes(codec: Codec, (signs, codes): (&Signs, &Codes), dim: usize, path: &Path) -> Result<(), VectorError> {
    let file = |source| VectorError::File { action: "write", path: path.to_owned(), source };
    let [weights, thresholds] = [signs.weights(), signs.thresholds()].map(|numbers| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        bytes
    });
    let tensors = [
        (CODES, Dtype::U8, vec![codes.rows, codes.bytes], &codes.data),
        (WEIGHTS, Dtype::F64, vec![signs.weights().len() / dim, dim], &weights),
        (THRESHOLDS, Dtype::F64, vec![signs.thresholds().len()], &thresholds),
    ];
    let kept = tensors.into_iter().filter(|(name, _, _, data)| *name == CODES || !data.is_empty());
    let views = kept.map(|(name, dtype, shape, data)| {
        (name, TensorView::new(dtype, shape, data).expect("tensors have the length of their shape"))
    });
    let bytes = safetensors::serialize(views, stored_name(codec)).expect("a few tensors can be serialised");
    std::fs::write(path, bytes).map_err(file)
}

/// What a file of binary codes says of itself. Those of the frozen instrument say nothing; variants could be mistaken for
/// one another.
fn stored_name(codec: Codec) -> Option<HashMap<String, String>> {
    let stored = codec.stored();
    let seed = stored.seed().map(|seed| format!(",seed={seed}")).unwrap_or_default();
    // One entry: several would be written in any order.
    let name = || HashMap::from([("codec".to_owned(), format!("{stored}{seed}"))]);
    matches!(stored, Codec::Sign(_)).then(name)
}

fn read_codes(codec: Codec, sign: Sign, dim: usize, path: &Path) -> Result<Stored, VectorError> {
    let file = |source| VectorError::File { action: "read", path: path.to_owned(), source };
    let wrong = |reason: String| VectorError::Format { path: path.to_owned(), codec, reason };
    let bytes = std::fs::read(path).map_err(file)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| wrong(error.to_string()))?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| wrong(error.to_string()))?;
    if *header.metadata() != stored_name(codec) {
        return Err(wrong(format!("it says {:?}", header.metadata())));
    }
    let tensor = tensors.tensor(CODES).map_err(|error| wrong(error.to_string()))?;
    let width = sign.bits as usize / 8;
    let codes = match (tensor.dtype(), tensor.shape()) {
        (Dtype::U8, [rows, found]) if *found == width => Codes::new(*rows, width, tensor.data().to_vec())?,
        (dtype, shape) => {
            return Err(wrong(format!(
                "tensor \"{CODES}\" is {dtype:?} {shape:?}, uint8 with {width} bytes a row is expected"
            )));
        }
    };
    let numbers = |name: &str, expected: usize| {
        let found = if expected == 0 { None } else { Some(tensors.tensor(name)) };
        let Some(tensor) = found.transpose().map_err(|error| wrong(error.to_string()))? else { return Ok(Vec::new()) };
        let (dtype, data) = (tensor.dtype(), tensor.data());
        if dtype != Dtype::F64 || data.len() != 8 * expected {
            let shape = tensor.shape();
            return Err(wrong(format!("tensor \"{name}\" is {dtype:?} {shape:?}, {expected} float64 are expected")));
        }
        let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let numbers: Vec<f64> = data.chunks_exact(8).map(number).collect();
        if numbers.iter().all(|number| number.is_finite()) {
            Ok(numbers)
        } else {
            Err(wrong(format!("tensor \"{name}\" is not finite")))
        }
    };
    let (weights, thresholds) = Signs::shape(sign, dim);
    let signs = Signs::stored(sign, dim, numbers(WEIGHTS, weights)?, numbers(THRESHOLDS, thresholds)?);
    Ok(Stored::Binary(signs, codes))
}
