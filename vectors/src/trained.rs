//! A codec after it has learnt and before it stores: what is fitted on one set of vectors can encode another.

use bitsweep_proto::Codec;

use crate::binary::sign::Signs;
use crate::error::VectorError;
use crate::faiss_index::FaissIndex;
use crate::index::{Index, Stored, check_enough, check_fits, factory};
use crate::int2::Quarters;
use crate::matrix::Matrix;

/// A codec with what it learnt.
pub struct Trained {
    codec: Codec,
    dim: usize,
    learnt: Learnt,
}

enum Learnt {
    /// An empty index.
    Faiss(FaissIndex),
    Binary(Signs),
    Int2(Quarters),
}

/// Fits `codec` on `vectors`; a codec that learns nothing takes their dimensions alone.
///
/// Fails where the codec does not fit the dimensions, where a value is NaN or infinite, where there are too few vectors
/// to learn from ([`Codec::least_documents`]), and with [`VectorError::Stopped`] where `stop` is true at a safe point.
/// There is none inside one call of Faiss.
pub fn train(codec: Codec, vectors: &Matrix, stop: &dyn Fn() -> bool) -> Result<Trained, VectorError> {
    let dim = vectors.dim;
    check_fits(codec, dim)?;
    vectors.check_finite()?;
    check_enough(codec, vectors)?;
    if stop() {
        return Err(VectorError::Stopped);
    }
    let learnt = match (codec, codec.as_sign(), factory(codec, dim)) {
        (_, Some(sign), _) => Learnt::Binary(Signs::learn(sign, vectors, stop)?),
        (Codec::Int2, _, _) => Learnt::Int2(Quarters::learn(vectors, stop)?),
        (_, None, Some(description)) => Learnt::Faiss(FaissIndex::trained(codec, &description, vectors)?),
        (_, None, None) => Learnt::Faiss(FaissIndex::flat(dim)?),
    };
    Ok(Trained { codec, dim, learnt })
}

impl Trained {
    /// The index of `documents`: all it knows of any other vector was learnt before.
    ///
    /// Fails where the documents have another dimension or values that are not finite, where the result weighs something
    /// else than [`Codec::footprint`] says, and with [`VectorError::Stopped`] where `stop` is true at a safe point.
    pub fn store(self, documents: &Matrix, stop: &dyn Fn() -> bool) -> Result<Index, VectorError> {
        let Self { codec, dim, learnt } = self;
        if documents.dim != dim {
            let (expected, found) = (dim, documents.dim);
            return Err(VectorError::Width { what: "documents", unit: "dimensions", expected, found });
        }
        documents.check_finite()?;
        let stored = match learnt {
            Learnt::Faiss(index) => Stored::Faiss(index.filled_with(documents)?),
            Learnt::Binary(signs) => {
                let codes = signs.encode(documents, stop)?;
                Stored::Binary(signs, codes)
            }
            Learnt::Int2(quarters) => {
                let codes = quarters.encode(documents, stop)?;
                Stored::Int2(quarters, codes)
            }
        };
        Index { codec, dim, stored }.weighed()
    }

    /// The codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Dimensions of the vectors.
    pub fn dim(&self) -> usize {
        self.dim
    }
}

impl Index {
    /// Drops the documents and keeps what was learnt, to store others.
    pub fn emptied(self) -> Result<Trained, VectorError> {
        let Self { codec, dim, stored } = self;
        let learnt = match stored {
            Stored::Faiss(index) => Learnt::Faiss(index.emptied()?),
            Stored::Binary(signs, _) => Learnt::Binary(signs),
            Stored::Int2(quarters, _) => Learnt::Int2(quarters),
        };
        Ok(Trained { codec, dim, learnt })
    }
}
