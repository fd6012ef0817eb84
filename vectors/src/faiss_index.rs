//! One Faiss index: training, files and exhaustive search by inner product.
//!
//! Owns: every call into Faiss but the self-test's. One BLAS and OpenMP thread in each call (see [`threads`](crate::threads)).
//!
//! Queries are handed over one at a time. Faiss takes other arithmetic for batches (a matrix product from 20 queries on for
//! flat indexes, tables by a matrix product for PQ), where a score depends on the batch and on the place in it. Alone, a
//! score depends on its query and its document only: equal documents tie exactly, and a search can be repeated deeper
//! without changing what was found before. The price is speed on large flat indexes.
//!
//! A training or an addition cannot be interrupted: Faiss' C interface has no hook for it. Training on fewer than 9,984
//! vectors makes Faiss warn on standard error, once per sub-quantiser; that interface cannot turn it off either.

use std::ffi::CStr;
use std::path::Path;

use bitsweep_proto::Codec;
use faiss::index::io::{read_index, write_index};
use faiss::index::{Index, IndexImpl, UpcastIndex};
use faiss::{MetricType, index_factory};

use crate::baseline::baseline;
use crate::error::VectorError;
use crate::hits::Hits;
use crate::matrix::Matrix;
use crate::threads;

/// How many more than wanted are fetched at first, to see where the tied group ends.
const MARGIN: usize = 16;

pub(crate) struct FaissIndex {
    index: IndexImpl,
    /// Whether a search leaves out what has the least score there can be: a fast scan does.
    leaves_out: bool,
}

/// What must be done before any call.
fn ready() -> Result<(), VectorError> {
    baseline()?;
    threads::use_one();
    Ok(())
}

fn failed(action: &'static str) -> impl Fn(faiss::error::Error) -> VectorError {
    move |error| VectorError::Faiss { action, message: error.to_string() }
}

impl FaissIndex {
    /// The documents as they are (`IndexFlatIP`).
    pub(crate) fn flat(documents: &Matrix) -> Result<Self, VectorError> {
        ready()?;
        // Shapes are checked to fit Faiss' int.
        let index = faiss::FlatIndex::new_ip(documents.dim as u32).map_err(failed("make a flat index"))?;
        Self { index: index.upcast(), leaves_out: false }.filled_with(documents)
    }

    /// An index of Faiss' factory, with the metric inner product, trained on the documents and holding them.
    pub(crate) fn trained(description: &str, documents: &Matrix) -> Result<Self, VectorError> {
        ready()?;
        let mut index = index_factory(documents.dim as u32, description, MetricType::InnerProduct)
            .map_err(failed("make an index"))?;
        index.train(&documents.data).map_err(failed("train an index"))?;
        Self { index, leaves_out: description.ends_with("fs") }.filled_with(documents)
    }

    fn filled_with(mut self, documents: &Matrix) -> Result<Self, VectorError> {
        if documents.rows > 0 {
            self.index.add(&documents.data).map_err(failed("add documents to an index"))?;
        }
        Ok(self)
    }

    /// Reads an index file and checks that it fits `dim`, was trained and uses the inner product.
    pub(crate) fn read(codec: Codec, dim: usize, path: &Path) -> Result<Self, VectorError> {
        ready()?;
        let index = read_index(utf8(path, "read")?).map_err(failed("read an index file"))?;
        let wrong = |reason: String| VectorError::Format { path: path.to_owned(), codec, reason };
        if index.d() as usize != dim {
            return Err(wrong(format!("it has {} dimensions, {dim} are expected", index.d())));
        }
        if index.metric_type() != MetricType::InnerProduct || !index.is_trained() {
            return Err(wrong("it is not trained for the inner product".to_owned()));
        }
        if u32::try_from(index.ntotal()).is_err() {
            return Err(wrong(format!("it has {} documents, at most 2^32 - 1 are allowed", index.ntotal())));
        }
        Ok(Self { index, leaves_out: matches!(codec, Codec::Pq4fs { .. }) })
    }

    /// Writes the index file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), VectorError> {
        write_index(&self.index, utf8(path, "write")?).map_err(failed("write an index file"))
    }

    pub(crate) fn rows(&self) -> usize {
        self.index.ntotal() as usize
    }

    /// Bytes of one stored vector, as Faiss counts them.
    pub(crate) fn code_bytes(&self) -> Result<usize, VectorError> {
        let mut bytes = 0;
        // SAFETY: the index lives as long as `self`; the number is written before the call returns.
        let code = unsafe { faiss_sys::faiss_Index_sa_code_size(self.index.inner_ptr(), &mut bytes) };
        if code == 0 { Ok(bytes) } else { Err(native("measure an index")) }
    }

    /// The best `depth` documents of each query, and all that tie with the last of them.
    pub(crate) fn search(&self, queries: &Matrix, depth: usize, stop: &dyn Fn() -> bool) -> Result<Hits, VectorError> {
        ready()?;
        let mut hits = Hits::default();
        for query in 0..queries.rows {
            if stop() {
                return Err(VectorError::Stopped);
            }
            for (score, document) in self.search_one(query, queries.row(query), depth)? {
                hits.scores.push(score);
                hits.documents.push(document);
            }
            hits.end_query();
        }
        Ok(hits)
    }

    /// One query's list. Fetches more and more until the tied group at the cut is closed.
    fn search_one(&self, query: usize, vector: &[f32], depth: usize) -> Result<Vec<(f32, u32)>, VectorError> {
        let rows = self.rows();
        let depth = depth.min(rows);
        if depth == 0 {
            return Ok(Vec::new());
        }
        let mut fetch = depth.saturating_add(MARGIN).min(rows);
        loop {
            let mut found = self.fetch(vector, fetch)?;
            if found.iter().any(|(score, _)| !score.is_finite()) || found.len() < fetch && !self.leaves_out {
                return Err(VectorError::Overflow { query });
            }
            found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            if found.len() < fetch {
                self.add_left_out(&mut found);
                fetch = rows;
            }
            let cut = found[depth - 1].0;
            if fetch == rows || found[fetch - 1].0 < cut {
                found.truncate(found.partition_point(|(score, _)| *score >= cut));
                return Ok(found);
            }
            fetch = fetch.saturating_mul(2).min(rows);
        }
    }

    /// Adds the documents that a fast scan left out: in every sub-space they have the least part that there is, so they tie
    /// with one another below all that were found.
    fn add_left_out(&self, found: &mut Vec<(f32, u32)>) {
        let score = found.last().map_or(0.0, |(least, _)| least.next_down());
        let mut is_found = vec![false; self.rows()];
        found.iter().for_each(|(_, document)| is_found[*document as usize] = true);
        found.extend((0..).zip(is_found).filter(|(_, is_found)| !is_found).map(|(document, _)| (score, document)));
    }

    /// The best `count` (at most all) scores with their documents, in any order; fewer where Faiss found fewer.
    fn fetch(&self, vector: &[f32], count: usize) -> Result<Vec<(f32, u32)>, VectorError> {
        let mut scores = vec![0f32; count];
        let mut documents = vec![-1i64; count];
        // SAFETY: the vector has the index's dimension (checked by the caller's shapes), both buffers have room for `count`
        // values, and searching does not change an index on the CPU.
        let code = unsafe {
            let (scores, documents) = (scores.as_mut_ptr(), documents.as_mut_ptr());
            faiss_sys::faiss_Index_search(self.index.inner_ptr(), 1, vector.as_ptr(), count as i64, scores, documents)
        };
        if code != 0 {
            return Err(native("search an index"));
        }
        // `+ 0.0` makes -0.0 into 0.0, so that equal scores have equal bits.
        let pair = |(score, document): (f32, i64)| Some((score + 0.0, u32::try_from(document).ok()?));
        Ok(scores.into_iter().zip(documents).filter_map(pair).collect())
    }
}

/// The error of the Faiss call that just failed in this thread.
fn native(action: &'static str) -> VectorError {
    // SAFETY: returns null or a text that lives until this thread's next call into Faiss.
    let message = unsafe {
        let text = faiss_sys::faiss_get_last_error();
        if text.is_null() { "no message".into() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
    };
    VectorError::Faiss { action, message }
}

/// Faiss takes paths as text.
fn utf8<'a>(path: &'a Path, action: &'static str) -> Result<&'a str, VectorError> {
    path.to_str().ok_or_else(|| {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidFilename, "the path is not valid UTF-8");
        VectorError::File { action, path: path.to_owned(), source }
    })
}
