//! An index: documents stored by one codec, ready to be searched.
//!
//! | codec | stored by | score | file |
//! |---|---|---|---|
//! | `float32` | Faiss `IndexFlatIP` | inner product | Faiss index |
//! | `int8` | Faiss factory `SQ8` | inner product with the decoded vector | Faiss index |
//! | `pq/B` | Faiss factory `PQ{B}np` | inner product with the decoded vector | Faiss index |
//! | `binary/B` | [`binary`](crate::binary) codes | minus the Hamming distance | safetensors, `codes`: uint8 rows × bytes |
//!
//! The metric of the first three is the inner product, of vectors as they are; Hamming distance estimates the angle. The
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
use bitsweep_proto::codec::Footprint;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::VectorError;
use crate::faiss_index::FaissIndex;
use crate::hits::Hits;
use crate::matrix::{Codes, Matrix};
use crate::{binary, hamming};

/// Name of the tensor in a file of binary codes.
const CODES: &str = "codes";

/// An index file of Faiss holds codes, shared tables and a header of sizes and flags no longer than this.
const HEADER_BYTES: u64 = 128;

/// Documents stored by one codec.
pub struct Index {
    codec: Codec,
    dim: usize,
    stored: Stored,
}

enum Stored {
    Faiss(FaissIndex),
    Binary(Codes),
}

/// Trains `codec` on `documents` and stores them. Queries are never seen.
///
/// Fails where the codec does not fit the dimensions, where a value is NaN or infinite, where there are too few documents
/// to train on (`int8`: 1; `pq`: 256, one for each centroid), where the result weighs something else than
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
    let stored = match codec {
        Codec::Float32 => Stored::Faiss(FaissIndex::flat(&documents)?),
        Codec::Int8 => Stored::Faiss(FaissIndex::trained("SQ8", &documents)?),
        Codec::Pq { bytes } => Stored::Faiss(FaissIndex::trained(&format!("PQ{bytes}np"), &documents)?),
        Codec::Binary { bits, seed } => Stored::Binary(binary::encode_until(&documents, bits, seed, stop)?),
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
        let stored = match codec {
            Codec::Binary { bits, .. } => Stored::Binary(read_codes(codec, bits, path)?),
            Codec::Float32 | Codec::Int8 | Codec::Pq { .. } => {
                check_kind(codec, path)?;
                Stored::Faiss(FaissIndex::read(codec, dim, path)?)
            }
        };
        Self { codec, dim, stored }.weighed()
    }

    /// Writes the index file; what stood at `path` is replaced. Equal indexes give equal bytes.
    pub fn save(&self, path: &Path) -> Result<(), VectorError> {
        match &self.stored {
            Stored::Binary(codes) => write_codes(codes, path),
            Stored::Faiss(index) => {
                index.write(path)?;
                self.check_file(path)
            }
        }
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
        match (&self.stored, self.codec) {
            (Stored::Binary(codes), Codec::Binary { bits, seed }) => {
                hamming::search(codes, &binary::encode_until(queries, bits, seed, stop)?, depth, stop)
            }
            (Stored::Faiss(index), _) => index.search(queries, depth, stop),
            (Stored::Binary(_), _) => unreachable!("codes are stored by the binary codec alone"),
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
            Stored::Binary(codes) => codes.rows,
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
            Stored::Binary(codes) => codes.bytes,
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
        let tables = len.saturating_sub(self.rows() as u64 * stated.bytes_per_vector);
        if (stated.shared_bytes..=stated.shared_bytes + HEADER_BYTES).contains(&tables) {
            return Ok(());
        }
        let built = Footprint { shared_bytes: tables, ..stated };
        Err(VectorError::Footprint { codec: self.codec, built, stated })
    }
}

fn check_fits(codec: Codec, dim: usize) -> Result<(), VectorError> {
    let unfit = |reason| Err(VectorError::Unfit { codec, reason });
    match u32::try_from(dim) {
        Ok(dim) if dim > 0 => codec.unfit(dim).map_or(Ok(()), unfit),
        _ => unfit(format!("vectors must have 1 to 2^32 - 1 dimensions, not {dim}")),
    }
}

/// PQ trains 256 centroids in each sub-space and Faiss refuses fewer points than centroids.
fn check_enough(codec: Codec, found: usize) -> Result<(), VectorError> {
    let needed = match codec {
        Codec::Float32 | Codec::Binary { .. } => 0,
        Codec::Int8 => 1,
        Codec::Pq { .. } => 256,
    };
    if found >= needed { Ok(()) } else { Err(VectorError::TooFewDocuments { codec, needed, found }) }
}

/// Looks at the four letters an index file of Faiss begins with: they tell the codecs apart, and what is no index at all.
fn check_kind(codec: Codec, path: &Path) -> Result<(), VectorError> {
    let file = |source| VectorError::File { action: "read", path: path.to_owned(), source };
    let mut found = Vec::new();
    File::open(path).map_err(file)?.take(4).read_to_end(&mut found).map_err(file)?;
    let expected = match codec {
        Codec::Float32 => "IxFI",
        Codec::Int8 => "IxSQ",
        Codec::Pq { .. } | Codec::Binary { .. } => "IxPq",
    };
    if found == expected.as_bytes() {
        return Ok(());
    }
    let reason = format!("it begins with \"{}\", not with \"{expected}\"", found.escape_ascii());
    Err(VectorError::Format { path: path.to_owned(), codec, reason })
}

fn write_codes(codes: &Codes, path: &Path) -> Result<(), VectorError> {
    let file = |source| VectorError::File { action: "write", path: path.to_owned(), source };
    let view = TensorView::new(Dtype::U8, vec![codes.rows, codes.bytes], &codes.data)
        .expect("codes have the length of their shape");
    let bytes = safetensors::serialize([(CODES, view)], None).expect("one tensor of bytes can be serialised");
    std::fs::write(path, bytes).map_err(file)
}

fn read_codes(codec: Codec, bits: u32, path: &Path) -> Result<Codes, VectorError> {
    let file = |source| VectorError::File { action: "read", path: path.to_owned(), source };
    let wrong = |reason: String| VectorError::Format { path: path.to_owned(), codec, reason };
    let bytes = std::fs::read(path).map_err(file)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| wrong(error.to_string()))?;
    let tensor = tensors.tensor(CODES).map_err(|error| wrong(error.to_string()))?;
    let width = bits as usize / 8;
    match (tensor.dtype(), tensor.shape()) {
        (Dtype::U8, [rows, found]) if *found == width => Codes::new(*rows, width, tensor.data().to_vec()),
        (dtype, shape) => {
            Err(wrong(format!("tensor \"{CODES}\" is {dtype:?} {shape:?}, uint8 with {width} bytes a row is expected")))
        }
    }
}
