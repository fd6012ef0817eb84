//! One Faiss index: training, files and search by inner product, exhaustive but for graphs and inverted lists.
//!
//! Owns: every call into Faiss but the self-test's. One BLAS and OpenMP thread in each call (see [`threads`](crate::threads)).
//!
//! Queries are handed over one at a time. Faiss takes other arithmetic for batches (a matrix product from 20 queries on for
//! flat indexes, tables by a matrix product for PQ), where a score depends on the batch and on the place in it. Alone, a
//! score depends on its query and its document only: equal documents tie exactly, and a search can be repeated deeper
//! without changing what was found before. The price is speed on large flat indexes.
//!
//! A search of inverted lists looks at every document of the lists nearest to the query; its ties are whole among those. A search
//! of a graph is asked for as many documents as it keeps, whatever the depth: asked for more, Faiss would silently keep more, and
//! the same `ef_search` would find other documents at another depth. The documents that it returns are scored again as
//! `float32` scores them, for Faiss scores a document otherwise among four than alone, in the last bit.
//!
//! A training or an addition cannot be interrupted: Faiss' C interface has no hook for it. Training on fewer than 9,984
//! vectors makes Faiss warn on standard error, once per sub-quantiser; that interface cannot turn it off either.

use std::ffi::CStr;
use std::path::Path;
use std::sync::OnceLock;

use bitsweep_proto::Codec;
use bitsweep_proto::codec::PqScoring;
use faiss::index::autotune::ParameterSpace;
use faiss::index::io::{read_index, write_index};
use faiss::index::{Index, IndexImpl, UpcastIndex};
use faiss::{MetricType, index_factory};

use crate::baseline::baseline;
use crate::error::VectorError;
use crate::hits::Hits;
use crate::matrix::Matrix;
use crate::order;
use crate::threads;

/// How many more than wanted are fetched at first, to see where the tied group ends.
const MARGIN: usize = 16;

pub(crate) struct FaissIndex {
    index: IndexImpl,
    /// The lengths of the decoded vectors, once they were asked for: 8 bytes a document while the index is open.
    lengths: OnceLock<Vec<f64>>,
}

/// What a search looks at.
#[derive(Clone, Copy, PartialEq)]
enum Reach {
    /// Every document.
    All,
    /// Every document, but those with the least score there can be are left out: a fast scan.
    AllButLeast,
    /// The documents of the nearest lists.
    Lists,
    /// The documents that a walk through a graph meets; it returns at most so many.
    Walk(usize),
}

impl Reach {
    fn of(codec: Codec) -> Self {
        match codec {
            Codec::Pq4fs(_) => Self::AllButLeast,
            Codec::Ivfpq(_) => Self::Lists,
            Codec::Hnsw(hnsw) => Self::Walk(hnsw.ef_search.unwrap_or_default() as usize),
            _ => Self::All,
        }
    }
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
    /// An index of vectors as they are (`IndexFlatIP`), still empty.
    pub(crate) fn flat(dim: usize) -> Result<Self, VectorError> {
        ready()?;
        // Shapes are checked to fit Faiss' int.
        let index = faiss::FlatIndex::new_ip(dim as u32).map_err(failed("make a flat index"))?;
        Ok(Self { index: index.upcast(), lengths: OnceLock::new() })
    }

    /// An index of Faiss' factory, with the metric inner product, trained on the documents and still empty.
    pub(crate) fn trained(codec: Codec, description: &str, documents: &Matrix) -> Result<Self, VectorError> {
        ready()?;
        if codec.is_approximate() {
            check_lengths(codec, documents)?;
        }
        let mut index = index_factory(documents.dim as u32, description, MetricType::InnerProduct)
            .map_err(failed("make an index"))?;
        if let Codec::Hnsw(hnsw) = codec {
            set(&index, "efConstruction", hnsw.ef_construction)?;
        }
        let ordered = match codec {
            Codec::Pq(pq) | Codec::Opq(pq) | Codec::Pq4fs(pq) => pq.seed.map(|seed| order::drawn(documents, seed)),
            _ => None,
        };
        index.train(&ordered.as_ref().unwrap_or(documents).data).map_err(failed("train an index"))?;
        Self { index, lengths: OnceLock::new() }.tuned(codec)
    }

    /// Sets how far searches go, where the codec says it.
    fn tuned(self, codec: Codec) -> Result<Self, VectorError> {
        match codec {
            Codec::Hnsw(hnsw) => hnsw.ef_search.map_or(Ok(()), |kept| set(&self.index, "efSearch", kept))?,
            Codec::Ivfpq(ivfpq) => ivfpq.nprobe.map_or(Ok(()), |lists| set(&self.index, "nprobe", lists))?,
            _ => {}
        }
        Ok(self)
    }

    /// Adds the documents.
    pub(crate) fn filled_with(mut self, documents: &Matrix) -> Result<Self, VectorError> {
        if documents.rows > 0 {
            self.index.add(&documents.data).map_err(failed("add documents to an index"))?;
            self.lengths = OnceLock::new();
        }
        Ok(self)
    }

    /// Removes the documents and keeps what was learnt.
    pub(crate) fn emptied(mut self) -> Result<Self, VectorError> {
        self.index.reset().map_err(failed("empty an index"))?;
        self.lengths = OnceLock::new();
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
        Self { index, lengths: OnceLock::new() }.tuned(codec)
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

    /// The vector at `row`, decoded: for flat indexes as it is.
    pub(crate) fn vector(&self, row: u32) -> Result<Vec<f32>, VectorError> {
        let mut vector = vec![0f32; self.index.d() as usize];
        // SAFETY: the buffer holds as many numbers as the index has dimensions; reading does not change an index on the CPU.
        let code =
            unsafe { faiss_sys::faiss_Index_reconstruct(self.index.inner_ptr(), i64::from(row), vector.as_mut_ptr()) };
        if code == 0 { Ok(vector) } else { Err(native("decode a vector")) }
    }

    /// The best `depth` documents of each query, and all that tie with the last of them.
    pub(crate) fn search(
        &self,
        codec: Codec,
        (queries, depth): (&Matrix, usize),
        stop: &dyn Fn() -> bool,
    ) -> Result<Hits, VectorError> {
        ready()?;
        let reach = Reach::of(codec);
        if codec.is_approximate() && codec == codec.stored() {
            let reason = "it names an index without saying how far a search goes (ef_search, nprobe)".to_owned();
            return Err(VectorError::Unfit { codec, reason });
        }
        let lengths = match codec {
            Codec::Pq(pq) | Codec::Opq(pq) if pq.scoring == PqScoring::Cosine => Some(self.kept_lengths()?),
            _ => None,
        };
        let mut hits = Hits::default();
        for query in 0..queries.rows {
            if stop() {
                return Err(VectorError::Stopped);
            }
            let vector = queries.row(query);
            if codec.is_approximate() && !is_bounded(vector) {
                return Err(VectorError::Overflow { query });
            }
            let found = match (lengths, reach) {
                (Some(lengths), _) => self.by_cosine(lengths, (query, vector), depth)?,
                (None, Reach::Walk(kept)) => self.walk(vector, kept, depth)?,
                (None, _) => self.scan(reach, (query, vector), depth)?,
            };
            for (score, document) in found {
                hits.scores.push(score);
                hits.documents.push(document);
            }
            hits.end_query();
        }
        Ok(hits)
    }

    /// The length of each decoded vector: squares added up in order, in float64.
    pub(crate) fn lengths(&self) -> Result<Vec<f64>, VectorError> {
        (0..self.rows() as u32).map(|row| Ok(length(&self.vector(row)?))).collect()
    }

    /// The same, decoded once.
    fn kept_lengths(&self) -> Result<&[f64], VectorError> {
        if self.lengths.get().is_none() {
            let lengths = self.lengths()?;
            return Ok(self.lengths.get_or_init(|| lengths));
        }
        Ok(self.lengths.get().map(Vec::as_slice).unwrap_or_default())
    }

    /// One query's list by the inner product over the length of the decoded vector, in float64, rounded to float32; 0 where
    /// that length is 0. Equal codes tie.
    fn by_cosine(
        &self,
        lengths: &[f64],
        (query, vector): (usize, &[f32]),
        depth: usize,
    ) -> Result<Vec<(f32, u32)>, VectorError> {
        let depth = depth.min(lengths.len());
        if depth == 0 {
            return Ok(Vec::new());
        }
        let mut found = self.fetch(vector, lengths.len())?;
        if found.len() < lengths.len() || found.iter().any(|(score, _)| !score.is_finite()) {
            return Err(VectorError::Overflow { query });
        }
        for (score, document) in &mut found {
            let length = lengths[*document as usize];
            *score = if length == 0.0 { 0.0 } else { (f64::from(*score) / length) as f32 + 0.0 };
        }
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let (cut, _) = found[depth - 1];
        found.truncate(found.partition_point(|(score, _)| *score >= cut));
        Ok(found)
    }

    /// For each query the score of the document in the same row; `None` where the search leaves it out. As many queries as
    /// documents. Not for approximate searches.
    pub(crate) fn own_scores(
        &self,
        codec: Codec,
        queries: &Matrix,
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<Option<f32>>, VectorError> {
        ready()?;
        let mut scores = Vec::with_capacity(queries.rows);
        for query in 0..queries.rows {
            if stop() {
                return Err(VectorError::Stopped);
            }
            let found = self.fetch(queries.row(query), self.rows())?;
            let own = found.iter().find(|(_, document)| *document as usize == query).map(|(score, _)| *score);
            if own.is_some_and(|score| !score.is_finite()) || own.is_none() && Reach::of(codec) == Reach::All {
                return Err(VectorError::Overflow { query });
            }
            scores.push(own);
        }
        Ok(scores)
    }

    /// One query's list from a graph: of the documents kept, the best, and those that tie with the last of them.
    fn walk(&self, vector: &[f32], kept: usize, depth: usize) -> Result<Vec<(f32, u32)>, VectorError> {
        let depth = depth.min(self.rows());
        if depth == 0 {
            return Ok(Vec::new());
        }
        let met = self.fetch(vector, kept.min(self.rows()))?;
        let mut found = self.scored(vector, &met)?;
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        if let Some((cut, _)) = found.get(depth - 1).copied() {
            found.truncate(found.partition_point(|(score, _)| *score >= cut));
        }
        Ok(found)
    }

    /// The same documents with the scores that an exhaustive search of the vectors as they are gives them.
    fn scored(&self, vector: &[f32], met: &[(f32, u32)]) -> Result<Vec<(f32, u32)>, VectorError> {
        let dim = vector.len();
        let mut vectors = vec![0f32; met.len() * dim];
        for ((_, document), out) in met.iter().zip(vectors.chunks_exact_mut(dim)) {
            // SAFETY: the document is in the index, and there is room for its vector.
            let code = unsafe {
                faiss_sys::faiss_Index_reconstruct(self.index.inner_ptr(), i64::from(*document), out.as_mut_ptr())
            };
            if code != 0 {
                return Err(native("read a vector of an index"));
            }
        }
        let few = Self::flat(dim)?.filled_with(&Matrix { rows: met.len(), dim, data: vectors })?;
        let scores = few.fetch(vector, met.len())?;
        Ok(scores.into_iter().map(|(score, row)| (score, met[row as usize].1)).collect())
    }

    /// One query's list from an index that looks at all documents, or at all of some lists. Fetches more and more until the
    /// tied group at the cut is closed.
    fn scan(
        &self,
        reach: Reach,
        (query, vector): (usize, &[f32]),
        depth: usize,
    ) -> Result<Vec<(f32, u32)>, VectorError> {
        let rows = self.rows();
        let depth = depth.min(rows);
        if depth == 0 {
            return Ok(Vec::new());
        }
        let mut fetch = depth.saturating_add(MARGIN).min(rows);
        loop {
            let mut found = self.fetch(vector, fetch)?;
            let is_short = found.len() < fetch;
            if found.iter().any(|(score, _)| !score.is_finite()) || is_short && reach == Reach::All {
                return Err(VectorError::Overflow { query });
            }
            found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            if is_short && reach == Reach::AllButLeast {
                self.add_left_out(&mut found);
            }
            let Some((cut, _)) = found.get(depth - 1).copied() else { return Ok(found) };
            if is_short || fetch == rows || found[fetch - 1].0 < cut {
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

/// Sets a parameter of an index by its name.
fn set(index: &IndexImpl, name: &'static str, value: u32) -> Result<(), VectorError> {
    let space = ParameterSpace::new().map_err(failed("make a parameter space"))?;
    space.set_index_parameter(index, name, value).map_err(failed("set a parameter of an index"))
}

/// The length of a vector: squares added up in order, in float64.
pub(crate) fn length(vector: &[f32]) -> f64 {
    vector.iter().fold(0.0, |sum, x| sum + f64::from(*x) * f64::from(*x)).sqrt()
}

/// Whether the squared length is finite. The inner product of two such vectors is finite, on the way too.
fn is_bounded(vector: &[f32]) -> bool {
    vector.iter().map(|x| x * x).sum::<f32>().is_finite()
}

/// An approximate search drops documents whose scores overflow without a word, so none may.
fn check_lengths(codec: Codec, documents: &Matrix) -> Result<(), VectorError> {
    match (0..documents.rows).find(|row| !is_bounded(documents.row(*row))) {
        Some(row) => {
            let reason = "too large: their squares add up to more than float32 holds";
            Err(VectorError::Unfit { codec, reason: format!("the values of document {row} (from 0) are {reason}") })
        }
        None => Ok(()),
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
