//! Indexes that do not look at every document: a graph and inverted lists. What they lose they lose in the search as well as in
//! the code, so they are a family of their own beside the exhaustive codecs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::levels;

/// Faiss `HNSW{m},Flat`: the vectors as they are, and a graph of links that a search walks along (Malkov and Yashunin 2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hnsw {
    /// Links of a document in each layer; in the lowest one twice as many.
    pub m: u32,
    /// Documents that are kept as candidates for the links of a new one.
    pub ef_construction: u32,
    /// Documents that a search keeps, and the most that it returns. `None` is the index as it is stored, which all searches
    /// share.
    pub ef_search: Option<u32>,
}

/// Faiss `IVF{nlist},PQ{bytes}np`: documents in the lists of their nearest centroids, and of each what it differs from its
/// centroid, product quantised (Jégou, Douze and Schmid 2011).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ivfpq {
    /// Lists, each with a centroid.
    pub nlist: u32,
    /// Bytes of one code.
    pub bytes: u32,
    /// Lists that a search looks into. `None` is the index as it is stored, which all searches share.
    pub nprobe: Option<u32>,
}

impl Hnsw {
    /// The fewest and the most links: with fewer, documents are lost that no walk reaches.
    pub const LINKS: [u32; 2] = [4, 512];

    /// Bytes of a document: its float32 vector, its links in the lowest layer (4 bytes each), and what the graph keeps of
    /// every document, its highest layer (4) and where its links begin (8).
    pub(super) fn bytes_per_vector(self, dim: u64) -> u64 {
        4 * dim + 4 * 2 * u64::from(self.m) + 4 + 8
    }

    /// Bytes of the links in all higher layers, where few documents stand: they guide every search to where it begins. Which
    /// documents is drawn from a fixed seed, so it is exact.
    pub(super) fn shared_bytes(self, documents: u64) -> u64 {
        4 * u64::from(self.m) * levels::above_lowest(self.m, documents)
    }

    pub(super) fn unfit(self) -> Option<String> {
        let [least, most] = Self::LINKS;
        if !(least..=most).contains(&self.m) {
            return Some(format!("hnsw has {least} to {most} links (m), not {}", self.m));
        }
        if self.ef_construction < self.m {
            let (m, candidates) = (self.m, self.ef_construction);
            return Some(format!(
                "hnsw chooses {m} links (m) of each layer from only {candidates} candidates (ef_construction)"
            ));
        }
        (self.ef_search == Some(0)).then(|| "hnsw must keep at least one document (ef_search)".to_owned())
    }

    pub(super) fn parse(parameters: &[u32]) -> Option<Self> {
        match *parameters {
            [m, ef_construction] => Some(Self { m, ef_construction, ef_search: None }),
            [m, ef_construction, ef_search] => Some(Self { m, ef_construction, ef_search: Some(ef_search) }),
            _ => None,
        }
    }
}

impl Ivfpq {
    /// Bytes that all documents share: the centroids of the lists, the size of each list, the codebooks.
    pub(super) fn shared_bytes(self, dim: u64) -> u64 {
        u64::from(self.nlist) * (4 * dim + 8) + 256 * 4 * dim
    }

    pub(super) fn unfit(self) -> Option<String> {
        let (lists, probed) = (self.nlist, self.nprobe?);
        let reason = match probed {
            0 => "ivfpq must look into at least one list (nprobe)".to_owned(),
            _ if probed > lists => {
                format!("ivfpq cannot look into {probed} lists (nprobe) where there are {lists} (nlist)")
            }
            _ => return None,
        };
        Some(reason)
    }

    pub(super) fn parse(parameters: &[u32]) -> Option<Self> {
        match *parameters {
            [nlist, bytes] => Some(Self { nlist, bytes, nprobe: None }),
            [nlist, bytes, nprobe] => Some(Self { nlist, bytes, nprobe: Some(nprobe) }),
            _ => None,
        }
    }
}

impl fmt::Display for Hnsw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hnsw/{}/{}", self.m, self.ef_construction)?;
        self.ef_search.map_or(Ok(()), |ef_search| write!(f, "/{ef_search}"))
    }
}

impl fmt::Display for Ivfpq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ivfpq/{}/{}", self.nlist, self.bytes)?;
        self.nprobe.map_or(Ok(()), |nprobe| write!(f, "/{nprobe}"))
    }
}
