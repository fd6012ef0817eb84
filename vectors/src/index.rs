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
//! | `int2` | [`int2`](crate::int2) codes | inner product with the levels | safetensors, `codes`: uint8 rows × bytes, `cutoffs`: float32 dim × 3, `levels`: float32 dim × 4 |
//! | `hnsw/M/C/S` | Faiss factory `HNSW{M},Flat`, `efConstruction` C | inner product, of documents met with `efSearch` S | Faiss index |
//! | `ivfpq/N/B/P` | Faiss factory `IVF{N},PQ{B}np` | inner product with the decoded vector, in the nearest P lists | Faiss index |
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

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bitsweep_proto::Codec;
use bitsweep_proto::codec::{Footprint, Ivfpq, Pq, Sign};

use crate::binary::sign::Signs;
use crate::code_file::{self, CodeFile, Table};
use crate::error::VectorError;
use crate::faiss_index::FaissIndex;
use crate::hits::Hits;
use crate::int2::{CUTOFFS, LEVELS, Quarters};
use crate::matrix::{Codes, Matrix};
use crate::trained::train;

/// Names of the tensors in a file of our codes for what was learnt.
const WEIGHTS: &str = "weights";
const THRESHOLDS: &str = "thresholds";
const QUARTER_CUTOFFS: &str = "cutoffs";
const QUARTER_LEVELS: &str = "levels";

/// An index file holds codes, shared tables and a header of names, sizes and flags no longer than this.
const HEADER_BYTES: u64 = 384;

/// Inverted lists hold the row of each document beside its code. Ids are left out of what a vector weighs, for all alike: the
/// other codecs keep them outside of the index.
const ROW_BYTES: u64 = 8;

/// Codes for fast scans are stored in blocks of as many; the last one is filled up.
const FAST_SCAN_BLOCK: u64 = 32;

/// Documents stored by one codec.
pub struct Index {
    pub(crate) codec: Codec,
    pub(crate) dim: usize,
    pub(crate) stored: Stored,
}

pub(crate) enum Stored {
    Faiss(FaissIndex),
    Binary(Signs, Codes),
    Int2(Quarters, Codes),
}

/// Trains `codec` on `documents` and stores them: [`train`], then [`Trained::store`](crate::Trained::store). Queries are
/// never seen.
///
/// Fails as these two do.
pub fn build(codec: Codec, documents: Matrix, stop: &dyn Fn() -> bool) -> Result<Index, VectorError> {
    train(codec, &documents, stop)?.store(&documents, stop)
}

impl Index {
    /// The index of float32, which is the documents themselves: nothing is trained and nothing need be stored.
    pub fn flat(documents: Matrix) -> Result<Self, VectorError> {
        build(Codec::Float32, documents, &|| false)
    }

    /// Reads what [`Index::save`] wrote. Fails where the file is not an index of `codec` and `dim`.
    pub fn load(codec: Codec, dim: usize, path: &Path) -> Result<Self, VectorError> {
        check_fits(codec, dim)?;
        let stored = match (codec, codec.as_sign()) {
            (_, Some(sign)) => read_signs(codec, sign, dim, path)?,
            (Codec::Int2, _) => read_quarters(codec, dim, path)?,
            (_, None) => {
                check_kind(codec, path)?;
                Stored::Faiss(FaissIndex::read(codec, dim, path)?)
            }
        };
        let index = Self { codec, dim, stored }.weighed()?;
        if codec.is_approximate() {
            index.check_file(path)?;
        }
        Ok(index)
    }

    /// Writes the index file; what stood at `path` is replaced. Equal indexes give equal bytes.
    pub fn save(&self, path: &Path) -> Result<(), VectorError> {
        match &self.stored {
            Stored::Binary(signs, codes) => write_signs(self.codec, (signs, codes), self.dim, path)?,
            Stored::Int2(quarters, codes) => write_quarters(self.codec, (quarters, codes), path)?,
            Stored::Faiss(index) => index.write(path)?,
        }
        self.check_file(path)
    }

    /// The best `depth` documents of each query, and all that tie with the last of them, see [`Hits`]. Approximate codecs
    /// return the best of those that they looked at, which may be fewer than `depth`.
    ///
    /// A score depends on its query and its document only, within one numerics profile. Fails where the queries have
    /// another dimension or values that are not finite, where a score overflows, where the codec does not say how far a search
    /// goes ([`Codec::stored`]), and with [`VectorError::Stopped`] where `stop` is true between two queries.
    pub fn search(&self, queries: &Matrix, depth: usize, stop: &dyn Fn() -> bool) -> Result<Hits, VectorError> {
        if queries.dim != self.dim {
            let (expected, found) = (self.dim, queries.dim);
            return Err(VectorError::Width { what: "queries", unit: "dimensions", expected, found });
        }
        queries.check_finite()?;
        match &self.stored {
            Stored::Binary(signs, codes) => signs.search(codes, (queries, depth), stop),
            Stored::Int2(quarters, codes) => quarters.search(codes, (queries, depth), stop),
            Stored::Faiss(index) => index.search(self.codec, (queries, depth), stop),
        }
    }

    /// The inner product of `query` with the document at `row`, decoded where it is stored as a code: products of float64 added
    /// up in order of the dimensions, the sum rounded to float32. For float32 it is the same on every machine. Fails where the
    /// query has another dimension, where there is no such document, where the sum is not finite, and for binary codes, which
    /// are not decoded.
    pub fn inner_product(&self, query: &[f32], row: u32) -> Result<f32, VectorError> {
        if query.len() != self.dim {
            let (expected, found) = (self.dim, query.len());
            return Err(VectorError::Width { what: "queries", unit: "dimensions", expected, found });
        }
        if row as usize >= self.rows() {
            return Err(VectorError::NoRow { row, rows: self.rows() });
        }
        let Stored::Faiss(index) = &self.stored else {
            let reason = "signs are not decoded to vectors: rescore with float32 or int8".to_owned();
            return Err(VectorError::Unfit { codec: self.codec, reason });
        };
        let document = index.vector(row)?;
        let sum = query.iter().zip(&document).fold(0.0, |sum, (a, b)| sum + f64::from(*a) * f64::from(*b));
        let score = sum as f32;
        // `+ 0.0` makes -0.0 into 0.0, so that equal scores have equal bits.
        if score.is_finite() { Ok(score + 0.0) } else { Err(VectorError::NotANumber { row }) }
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
            Stored::Binary(_, codes) | Stored::Int2(_, codes) => codes.rows,
        }
    }

    /// Bytes per vector as the codes really are, and the shared bytes as stated: every path to an `Index` has compared the
    /// former with [`Codec::footprint`], and [`Index::save`] compares both with the file. Only its file tells what a graph
    /// weighs.
    pub fn footprint(&self) -> Footprint {
        self.codec.footprint(self.dim as u32, self.rows() as u64)
    }

    /// Fails where the codes are not as long as stated.
    pub(crate) fn weighed(self) -> Result<Self, VectorError> {
        let built = match (&self.stored, self.codec) {
            (Stored::Faiss(_), Codec::Hnsw(_)) => return Ok(self),
            // Faiss counts the number of the list, which no document holds: it is in it.
            (Stored::Faiss(index), Codec::Ivfpq(ivfpq)) => index.code_bytes()?.saturating_sub(list_bytes(ivfpq)),
            (Stored::Faiss(index), _) => index.code_bytes()?,
            (Stored::Binary(_, codes) | Stored::Int2(_, codes), _) => codes.bytes,
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
        let rows = self.rows() as u64;
        let (codes, spared) = match self.codec {
            Codec::Pq4fs(_) => (rows.next_multiple_of(FAST_SCAN_BLOCK) * stated.bytes_per_vector, 0),
            // Where most lists are empty, a file has no sizes of those.
            Codec::Ivfpq(ivfpq) => (rows * (stated.bytes_per_vector + ROW_BYTES), 8 * u64::from(ivfpq.nlist)),
            _ => (rows * stated.bytes_per_vector, 0),
        };
        let tables = len.saturating_sub(codes);
        let stored = self.codec.stored_shared_bytes(self.dim as u32, rows);
        if (stored - spared..=stored + HEADER_BYTES).contains(&tables) {
            return Ok(());
        }
        let built = Footprint { shared_bytes: tables, ..stated };
        Err(VectorError::Footprint { codec: self.codec, built, stated })
    }
}

/// Bytes of the number of a list.
fn list_bytes(ivfpq: Ivfpq) -> usize {
    (u32::BITS - (ivfpq.nlist - 1).leading_zeros()).div_ceil(8) as usize
}

/// What Faiss' factory calls a codec of its own that is trained; `None` for those that are not.
pub(crate) fn factory(codec: Codec, dim: usize) -> Option<String> {
    match codec {
        Codec::Float32 | Codec::Int2 | Codec::Binary { .. } | Codec::Sign(_) => None,
        Codec::Int8 => Some("SQ8".to_owned()),
        Codec::Int4 => Some("SQ4".to_owned()),
        Codec::Pq(Pq { bytes, .. }) => Some(format!("PQ{bytes}np")),
        Codec::Opq(Pq { bytes, .. }) => Some(format!("OPQ{bytes},PQ{bytes}np")),
        Codec::Pq4fs(Pq { bytes, .. }) => Some(format!("PQ{}x4fs", 2 * bytes)),
        Codec::Rabitq => Some(format!("RR{dim},RaBitQ")),
        Codec::Hnsw(hnsw) => Some(format!("HNSW{},Flat", hnsw.m)),
        Codec::Ivfpq(ivfpq) => Some(format!("IVF{},PQ{}np", ivfpq.nlist, ivfpq.bytes)),
    }
}

pub(crate) fn check_fits(codec: Codec, dim: usize) -> Result<(), VectorError> {
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

pub(crate) fn check_enough(codec: Codec, documents: &Matrix) -> Result<(), VectorError> {
    let (needed, found) = (codec.least_documents(documents.dim as u32) as usize, documents.rows);
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
        Codec::Pq4fs(_) => "IPfs",
        Codec::Opq(_) | Codec::Rabitq => "IxPT",
        Codec::Hnsw(_) => "IHNf",
        Codec::Ivfpq(_) => "IwPQ",
        Codec::Pq(_) | Codec::Int2 | Codec::Binary { .. } | Codec::Sign(_) => "IxPq",
    };
    if found == expected.as_bytes() {
        return Ok(());
    }
    let reason = format!("it begins with \"{}\", not with \"{expected}\"", found.escape_ascii());
    Err(VectorError::Format { path: path.to_owned(), codec, reason })
}

/// Writes our own codes with what was learnt.
fn write_signs(codec: Codec, (signs, codes): (&Signs, &Codes), dim: usize, path: &Path) -> Result<(), VectorError> {
    let tables = [
        Table::float64(WEIGHTS, vec![signs.weights().len() / dim, dim], signs.weights()),
        Table::float64(THRESHOLDS, vec![signs.thresholds().len()], signs.thresholds()),
    ];
    code_file::write(codec, codes, &tables, path)
}

fn write_quarters(codec: Codec, (quarters, codes): (&Quarters, &Codes), path: &Path) -> Result<(), VectorError> {
    let dim = quarters.levels().len() / LEVELS;
    let tables = [
        Table::float32(QUARTER_CUTOFFS, vec![dim, CUTOFFS], quarters.cutoffs()),
        Table::float32(QUARTER_LEVELS, vec![dim, LEVELS], quarters.levels()),
    ];
    code_file::write(codec, codes, &tables, path)
}

fn read_signs(codec: Codec, sign: Sign, dim: usize, path: &Path) -> Result<Stored, VectorError> {
    let file = CodeFile::read(codec, path)?;
    let codes = file.codes(sign.bits as usize / 8)?;
    let (weights, thresholds) = Signs::shape(sign, dim);
    let (weights, thresholds) = (file.float64(WEIGHTS, weights)?, file.float64(THRESHOLDS, thresholds)?);
    Ok(Stored::Binary(Signs::stored(sign, dim, weights, thresholds), codes))
}

fn read_quarters(codec: Codec, dim: usize, path: &Path) -> Result<Stored, VectorError> {
    let file = CodeFile::read(codec, path)?;
    let codes = file.codes(Quarters::bytes(dim))?;
    let cutoffs = file.float32(QUARTER_CUTOFFS, CUTOFFS * dim)?;
    Ok(Stored::Int2(Quarters::stored(cutoffs, file.float32(QUARTER_LEVELS, LEVELS * dim)?), codes))
}
