//! What was run and from what: models, datasets, codecs, files and profiles of a plan, as rows of text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use bitsweep_proto::codec::{Centre, PqScoring, Rotation, Scoring, Sign};
use bitsweep_proto::lock::{
    LockedClassification, LockedDataset, LockedFile, LockedModel, LockedSimilarity, ModelFacts,
};
use bitsweep_proto::manifest::{self, Model};
use bitsweep_proto::{Codec, Plan, Precision, Profile};
use serde::Serialize;

use crate::number::grouped;
use crate::style::Series;

/// One numerics profile.
#[derive(Debug, Serialize)]
pub(super) struct ProfileView {
    of: &'static str,
    device: String,
    precision: String,
    kernels: String,
    self_test: String,
    self_test_short: String,
}

/// Name, source, dimensions, tokens, pooling and prefixes of each model. What the manifest sets otherwise than the
/// model's own files stands beside what they say.
pub(super) fn models(plan: &Plan) -> Vec<Vec<String>> {
    let manifest = manifest::read(&plan.manifest, "manifest").ok();
    let of = |(name, model): (&String, &LockedModel)| {
        let own = &model.facts;
        let set = manifest.as_ref().and_then(|manifest| manifest.models.get(name));
        let used = set.map_or_else(|| own.clone(), |set| set.effective(own));
        // What stands before the sentences of pairs and before texts with labels, where there are any and it is something.
        let symmetric = set.map(|set| set.symmetric_prefix_of(own)).zip(plan.lock.symmetric());
        let symmetric = symmetric.filter(|(prefix, _)| !prefix.is_empty());
        let symmetric = symmetric.map(|(prefix, of)| format!("; {of} {prefix:?}"));
        let revision = model.revision.as_ref().map(|revision| format!(" ({revision})")).unwrap_or_default();
        vec![
            name.clone(),
            format!("{}{revision}", model.source),
            format!("{}{}", own.dim, set.map(truncated).unwrap_or_default()),
            setting(own.max_tokens, used.max_tokens),
            setting(pooling(own), pooling(&used)) + set.map_or("", encoded),
            setting(prefixes(own), prefixes(&used)) + &symmetric.unwrap_or_default(),
        ]
    };
    plan.lock.models.iter().map(of).collect()
}

/// In what it was encoded, where that is not float32.
fn encoded(model: &Model) -> &'static str {
    match model.precision {
        Precision::Float32 => "",
        Precision::Int8 => "; encoded in int8",
    }
}

/// The lengths that the vectors are truncated to.
fn truncated(model: &Model) -> String {
    let dims: Vec<String> = model.dims.iter().map(u32::to_string).collect();
    if dims.is_empty() { String::new() } else { format!("; truncated to {}", dims.join(", ")) }
}

/// A setting as it was used, with the model's own before it where the manifest changed it.
fn setting<T: Display + PartialEq>(own: T, used: T) -> String {
    if own == used { own.to_string() } else { format!("{own} → {used} (manifest)") }
}

fn pooling(facts: &ModelFacts) -> String {
    format!("{}{}", facts.pooling.name(), if facts.normalize { ", normalised" } else { ", not normalised" })
}

fn prefixes(facts: &ModelFacts) -> String {
    let of = [("queries", &facts.query_prefix), ("documents", &facts.document_prefix)];
    let set = of.into_iter().filter(|(_, prefix)| !prefix.is_empty());
    let texts: Vec<String> = set.map(|(what, prefix)| format!("{what} {prefix:?}")).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

/// Name, source, split, documents, queries and judgements of each dataset. Each sentence of a pair is stored once and asks once; a
/// text with a label is judged by it.
pub(super) fn datasets(plan: &Plan) -> Vec<Vec<String>> {
    let of = |(name, dataset): (&String, &LockedDataset)| {
        let counts = &dataset.counts;
        let [documents, queries, judgements] = [counts.documents, counts.queries, counts.judgements].map(grouped);
        vec![name.clone(), dataset.source.clone(), dataset.split.clone(), documents, queries, judgements]
    };
    let of_pairs = |(name, dataset): (&String, &LockedSimilarity)| {
        let [stored, pairs, fit] = [dataset.stored(), dataset.counts.pairs, dataset.counts.fit].map(grouped);
        let split = format!("{}; codecs are fitted on {fit} sentences of {}", dataset.split, dataset.fit);
        vec![name.clone(), dataset.source.clone(), split, stored, format!("{pairs} pairs"), pairs]
    };
    let of_labels = |(name, dataset): (&String, &LockedClassification)| {
        let counts = &dataset.counts;
        let [documents, queries, classes] = [counts.documents, counts.queries, counts.classes].map(grouped);
        let split =
            format!("{}; {} votes with {classes} labels, and codecs are fitted on it", dataset.split, dataset.fit);
        vec![name.clone(), dataset.source.clone(), split, documents, queries.clone(), queries]
    };
    let rows = plan.lock.datasets.iter().map(of).chain(plan.lock.similarity.iter().map(of_pairs));
    rows.chain(plan.lock.classification.iter().map(of_labels)).collect()
}

/// Codecs of the plan in order, each with the seeds that its cells have on one model and dataset.
pub(super) fn codecs(plan: &Plan) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    let mut seeds: BTreeMap<String, BTreeMap<(&str, &str), BTreeSet<u32>>> = BTreeMap::new();
    for cell in plan.cells.iter().map(|planned| &planned.cell) {
        let Ok(codec) = cell.codec() else { continue };
        let name = codec.name();
        if !seeds.contains_key(&name) {
            order.push(name.clone());
        }
        let of_codec = seeds.entry(name).or_default();
        if let Some(seed) = codec.seed() {
            of_codec.entry((cell.model(), cell.dataset())).or_default().insert(seed);
        }
    }
    let text = |name: String| {
        let counts: BTreeSet<usize> = seeds[&name].values().map(BTreeSet::len).collect();
        match (counts.first(), counts.last()) {
            (Some(1), Some(1)) => format!("{name} (1 seed)"),
            (Some(least), Some(greatest)) if least == greatest => format!("{name} ({least} seeds)"),
            (Some(least), Some(greatest)) => format!("{name} ({least} to {greatest} seeds)"),
            _ => name,
        }
    };
    order.into_iter().map(text).collect()
}

/// Owner, form, file, size and checksum of everything that decides the results: files as their source has them, and the
/// canonical form of each dataset, which is what jobs read.
pub(super) fn files(plan: &Plan) -> Vec<Vec<String>> {
    let row = |owner: &str, form: &str, file: &LockedFile| {
        let [owner, form] = [owner, form].map(str::to_owned);
        vec![owner, form, file.name.clone(), grouped(file.bytes), file.sha256.to_string()]
    };
    let mut rows = Vec::new();
    for (name, model) in &plan.lock.models {
        rows.extend(model.files.iter().map(|file| row(name, "source", file)));
    }
    for (name, files) in plan.lock.dataset_files() {
        rows.extend(files.source.iter().map(|file| row(name, "source", file)));
        rows.extend(files.canonical.into_iter().map(|file| row(name, "canonical form", file)));
    }
    rows
}

/// The profiles that the keys hold.
pub(super) fn profiles(plan: &Plan) -> Vec<ProfileView> {
    let view = |of, profile: &Profile| ProfileView {
        of,
        device: profile.device.clone(),
        precision: profile.precision.clone(),
        kernels: profile.kernels.clone(),
        self_test: profile.self_test.to_string(),
        self_test_short: profile.self_test.short(),
    };
    vec![view("encoder", &plan.profiles.encoder), view("search", &plan.profiles.search)]
}

/// What the codec families of the sweep are, so that nobody has to guess what is compared: stored form, form of the
/// query, score, and what was learnt from what.
pub(super) fn definitions(plan: &Plan) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for planned in &plan.cells {
        let Ok(codec) = planned.cell.codec() else { continue };
        let row = definition(codec);
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

/// Name of the family, stored form, form of the query, score, and what was learnt from what.
fn definition(codec: Codec) -> Vec<String> {
    let decoded = match codec {
        Codec::Pq(pq) | Codec::Opq(pq) if pq.scoring == PqScoring::Cosine => {
            "inner product with the decoded vector, over its length"
        }
        _ => "inner product with the decoded vector",
    };
    let row = match codec {
        Codec::Float32 => ["float32", "the vector", "float32", "inner product, exhaustive", "nothing"],
        Codec::Int8 => ["int8", "8 bits a dimension (Faiss SQ8)", "float32", decoded, "ranges: the corpus"],
        Codec::Int4 => ["int4", "4 bits a dimension (Faiss SQ4)", "float32", decoded, "ranges: the corpus"],
        Codec::Int2 => [
            "int2",
            "2 bits a dimension: the quarter of the corpus that a value is in",
            "float32",
            "inner product with the means of the quarters",
            "quartiles and means: the corpus",
        ],
        Codec::Hnsw(_) => [
            "hnsw",
            "the vector, and links to others in a graph (Faiss HNSW)",
            "float32",
            "inner product with the documents that a walk through the graph meets; at most ef_search are returned",
            "links: the corpus, once, from Faiss's fixed seed",
        ],
        Codec::Ivfpq(_) => [
            "ivfpq",
            "a list, and pq of the difference from its centroid (Faiss IVFPQ)",
            "float32",
            "inner product with the decoded vector, in the nprobe nearest lists",
            "centroids of lists and parts: the corpus, once, from Faiss's fixed seed",
        ],
        Codec::Pq(pq) => [
            if pq.scoring == PqScoring::Cosine { "pq cosine" } else { "pq" },
            "one of 256 centroids a sub-space, a byte each (Faiss PQ)",
            "float32",
            decoded,
            "centroids: the corpus; each seed is another start, without one it is Faiss's fixed one",
        ],
        Codec::Opq(pq) => [
            if pq.scoring == PqScoring::Cosine { "opq cosine" } else { "opq" },
            "pq after a rotation (Faiss OPQ)",
            "float32",
            decoded,
            "rotation and centroids: the corpus; each seed is another start of the centroids, without one it is Faiss's fixed one",
        ],
        Codec::Pq4fs(_) => [
            "pq4fs",
            "one of 16 centroids a sub-space, half a byte each (Faiss PQ fast scan)",
            "float32",
            "inner product with the decoded vector, the part of each sub-space rounded to 8 bits",
            "centroids: the corpus; each seed is another start, without one it is Faiss's fixed one",
        ],
        Codec::Rabitq => [
            "rabitq",
            "a bit a dimension of the centred vector after a random rotation, and two float32 (Faiss RaBitQ)",
            "float32, centred and rotated",
            "an estimate of the inner product",
            "centre: the corpus; the rotation is drawn once, from Faiss's fixed seed; the spread over rotations is not measured",
        ],
        Codec::Binary { .. } | Codec::Sign(_) => return codec.as_sign().map(binary).unwrap_or_default(),
    };
    row.map(str::to_owned).to_vec()
}

fn binary(sign: Sign) -> Vec<String> {
    let projection = match sign.rotation {
        Rotation::None => "the first dimensions",
        Rotation::Gaussian => "a Gaussian projection",
        Rotation::Orthonormal => "an orthonormal projection",
        Rotation::Pca => "the principal directions",
        Rotation::Itq => "the principal directions after ITQ's rotation",
    };
    let about = match sign.centre {
        Centre::None => "not centred",
        Centre::Mean => "about the mean",
        Centre::Median => "about the median of each bit",
    };
    let [query, score] = match sign.scoring {
        Scoring::Symmetric => ["coded like the documents", "Hamming distance"],
        Scoring::Asymmetric => ["its projections, float64", "projections added with the signs of the code"],
    };
    let learnt = match (sign.centre, sign.rotation.is_learnt()) {
        (Centre::None, false) => "nothing",
        (Centre::None, true) => "directions: the corpus",
        (Centre::Mean | Centre::Median, false) => "thresholds: the corpus",
        (Centre::Mean | Centre::Median, true) => "directions and thresholds: the corpus",
    };
    let drawn = match sign.rotation {
        Rotation::None | Rotation::Pca => "",
        Rotation::Gaussian | Rotation::Orthonormal => "; the projection is drawn from the seed",
        Rotation::Itq => "; the rotation starts from the seed",
    };
    vec![
        Series::of(Codec::binary(sign)).to_string(),
        format!("signs of {projection} of the normalised vector, {about}"),
        query.to_owned(),
        score.to_owned(),
        format!("{learnt}{drawn}"),
    ]
}
