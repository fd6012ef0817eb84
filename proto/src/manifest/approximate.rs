//! `hnsw` and `ivfpq` in a manifest: as entries of `codecs`, and as patterns.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::axis::{OneOrMany, PqBytes};
use crate::codec::{Codec, Hnsw, Ivfpq};

/// Parameters of `hnsw`. Lists multiply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HnswAxis {
    /// Links of a document in each layer; in the lowest one twice as many.
    pub m: OneOrMany<Links>,
    /// Documents that are kept as candidates for the links of a new one; at least `m`.
    pub ef_construction: OneOrMany<Kept>,
    /// Documents that a search keeps, and the most that it returns. All values share one index.
    pub ef_search: OneOrMany<Kept>,
}

/// Parameters of `ivfpq`. Lists multiply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IvfpqAxis {
    /// Lists of documents, each with a centroid.
    pub nlist: OneOrMany<Lists>,
    /// Bytes of a code.
    pub bytes: OneOrMany<PqBytes>,
    /// Lists that a search looks into; at most `nlist`. All values share one index.
    pub nprobe: OneOrMany<Lists>,
}

/// Parameters of `hnsw`, for matching.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HnswPattern {
    /// Links of a document in each layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub m: Option<OneOrMany<Links>>,
    /// Candidates for the links of a new document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ef_construction: Option<OneOrMany<Kept>>,
    /// Documents that a search keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ef_search: Option<OneOrMany<Kept>>,
}

/// Parameters of `ivfpq`, for matching.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IvfpqPattern {
    /// Lists of documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nlist: Option<OneOrMany<Lists>>,
    /// Bytes of a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<OneOrMany<PqBytes>>,
    /// Lists that a search looks into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nprobe: Option<OneOrMany<Lists>>,
}

/// Links of a document. With fewer than 4, documents are lost that no walk reaches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Links(#[schemars(range(min = 4, max = 512))] pub u32);

/// Documents that are kept while others are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Kept(#[schemars(range(min = 1, max = 1_000_000))] pub u32);

/// Lists of documents.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Lists(#[schemars(range(min = 1, max = 1_048_576))] pub u32);

impl HnswAxis {
    pub(super) fn expand(&self) -> Vec<Codec> {
        let mut codecs = Vec::new();
        for &Links(m) in self.m.iter() {
            for &Kept(ef_construction) in self.ef_construction.iter() {
                let of = |kept: &Kept| Codec::Hnsw(Hnsw { m, ef_construction, ef_search: Some(kept.0) });
                codecs.extend(self.ef_search.iter().map(of));
            }
        }
        codecs
    }

    pub(super) fn count(&self) -> usize {
        self.m.0.len().saturating_mul(self.ef_construction.0.len()).saturating_mul(self.ef_search.0.len())
    }
}

impl IvfpqAxis {
    pub(super) fn expand(&self) -> Vec<Codec> {
        let mut codecs = Vec::new();
        for &Lists(nlist) in self.nlist.iter() {
            for &PqBytes(bytes) in self.bytes.iter() {
                let of = |probed: &Lists| Codec::Ivfpq(Ivfpq { nlist, bytes, nprobe: Some(probed.0) });
                codecs.extend(self.nprobe.iter().map(of));
            }
        }
        codecs
    }

    pub(super) fn count(&self) -> usize {
        self.nlist.0.len().saturating_mul(self.bytes.0.len()).saturating_mul(self.nprobe.0.len())
    }
}

impl HnswPattern {
    pub(super) fn matches(&self, hnsw: Hnsw) -> bool {
        has(self.m.as_ref(), &Links(hnsw.m))
            && has(self.ef_construction.as_ref(), &Kept(hnsw.ef_construction))
            && has(self.ef_search.as_ref(), &Kept(hnsw.ef_search.unwrap_or_default()))
    }
}

impl IvfpqPattern {
    pub(super) fn matches(&self, ivfpq: Ivfpq) -> bool {
        has(self.nlist.as_ref(), &Lists(ivfpq.nlist))
            && has(self.bytes.as_ref(), &PqBytes(ivfpq.bytes))
            && has(self.nprobe.as_ref(), &Lists(ivfpq.nprobe.unwrap_or_default()))
    }
}

/// Whether `list` names `value`; one that is left out names all.
pub(super) fn has<T: PartialEq>(list: Option<&OneOrMany<T>>, value: &T) -> bool {
    list.is_none_or(|list| list.iter().any(|listed| listed == value))
}

#[cfg(test)]
mod tests {
    use super::super::{CodecAxis, CodecPattern};
    use crate::codec::Codec;

    #[test]
    fn lists_multiply_and_patterns_find_them() {
        let axis = |json| -> CodecAxis { serde_json::from_str(json).unwrap() };
        let entry = axis(r#"{"hnsw": {"m": [16, 32], "ef_construction": 40, "ef_search": [16, 64]}}"#);
        let codecs = entry.expand();
        assert_eq!(entry.count(), codecs.len() as u64);
        let names: Vec<String> = codecs.iter().map(Codec::name).collect();
        assert_eq!(names, ["hnsw/16/40/16", "hnsw/16/40/64", "hnsw/32/40/16", "hnsw/32/40/64"]);
        let entry = axis(r#"{"ivfpq": {"nlist": 256, "bytes": [8, 32], "nprobe": [1, 8]}}"#);
        let lists = entry.expand();
        assert_eq!(entry.count(), lists.len() as u64);
        let names: Vec<String> = lists.iter().map(Codec::name).collect();
        assert_eq!(names, ["ivfpq/256/8/1", "ivfpq/256/8/8", "ivfpq/256/32/1", "ivfpq/256/32/8"]);

        let all = [codecs, lists].concat();
        for (json, matched) in [
            (r#""hnsw""#, "hnsw/16/40/16 hnsw/16/40/64 hnsw/32/40/16 hnsw/32/40/64"),
            (r#"{"hnsw": {"ef_search": 64}}"#, "hnsw/16/40/64 hnsw/32/40/64"),
            (r#"{"hnsw": {"m": 16, "ef_construction": 41}}"#, ""),
            (r#""ivfpq""#, "ivfpq/256/8/1 ivfpq/256/8/8 ivfpq/256/32/1 ivfpq/256/32/8"),
            (r#"{"ivfpq": {"bytes": 8, "nprobe": [1, 2]}}"#, "ivfpq/256/8/1"),
        ] {
            let pattern: CodecPattern = serde_json::from_str(json).unwrap();
            let found: Vec<String> = all.iter().filter(|codec| pattern.matches(codec)).map(Codec::name).collect();
            assert_eq!(found.join(" "), matched, "{json}");
            let again: CodecPattern = serde_json::from_value(serde_json::to_value(&pattern).unwrap()).unwrap();
            assert_eq!(again, pattern);
        }
    }
}
