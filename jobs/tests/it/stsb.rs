//! Known answers on STS-B (test) with the reference vectors of all-MiniLM-L6-v2: `golden/stsb.py` (numpy, Python's faiss) printed
//! them. Codecs are fitted on the sentences of the dev split, all first ones before all second ones.

use std::path::{Path, PathBuf};

use bitsweep_jobs::embedding_file;
use bitsweep_proto::job::{SimilaritySpec, Spec};
use bitsweep_proto::{Codec, Measure};
use safetensors::SafeTensors;

use crate::fixture::Fixture;

/// Dimensions of the model.
const DIM: usize = 384;

/// The reference vectors of a split, or `None` where they are missing, which is said aloud and not allowed in CI.
fn vectors(split: &str) -> Option<PathBuf> {
    let beside = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let folder = std::env::var_os("BITSWEEP_TEST_DATA").map_or(beside.to_owned(), PathBuf::from);
    let path = folder.join(format!("embeddings/stsb-{split}.all-MiniLM-L6-v2.safetensors"));
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "no test data at {}: CI must have them", path.display());
    println!("SKIPPED no test data at {}", path.display());
    None
}

fn tensor(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    file.tensor(name).unwrap().data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Spearman and Pearson of all codecs, by numpy and Python's faiss; how far ours may be from it.
const EXPECTED: [(&str, f64, f64, f64); 18] = [
    ("float32", 0.820325, 0.827406, 2e-6),
    ("int2", 0.818922, 0.826089, 1e-5),
    ("int8", 0.820302, 0.827390, 1e-4),
    ("int4", 0.820108, 0.827423, 1e-4),
    // Another build of Faiss, another start of k-means.
    ("pq/8", 0.533514, 0.547501, 0.03),
    ("pq/32", 0.771816, 0.787456, 0.015),
    ("binary/64", 0.734359, 0.737134, 2e-6),
    ("binary/64/none+gaussian/asymmetric", 0.775373, 0.776515, 2e-6),
    ("binary/64/mean+gaussian", 0.745143, 0.749144, 1e-5),
    ("binary/64/median+none", 0.745985, 0.752183, 1e-5),
    ("binary/64/median+none/asymmetric", 0.782349, 0.784322, 1e-5),
    ("binary/64/mean+pca", 0.739921, 0.751960, 1e-4),
    ("binary/256", 0.800392, 0.807104, 2e-6),
    ("binary/256/none+gaussian/asymmetric", 0.810788, 0.816795, 2e-6),
    ("binary/256/mean+gaussian", 0.802553, 0.809795, 1e-5),
    ("binary/256/median+none", 0.805694, 0.813781, 1e-5),
    ("binary/256/median+none/asymmetric", 0.814373, 0.821513, 1e-5),
    ("binary/256/mean+pca", 0.782176, 0.783733, 1e-4),
];

#[test]
fn correlations_are_those_of_the_reference() {
    let (Some(test), Some(dev)) = (vectors("test"), vectors("dev")) else { return };
    let [test, dev] = [test, dev].map(|path| std::fs::read(path).unwrap());
    let [test, dev] = [&test, &dev].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    let mut fixture = Fixture::new();
    let write = |name: &str, data: &[f32]| embedding_file::write(&fixture.path(name), data, DIM).unwrap();
    write("pairs-a", &tensor(&test, "a"));
    write("pairs-b", &tensor(&test, "b"));
    write("pairs-fit", &[tensor(&dev, "a"), tensor(&dev, "b")].concat());
    let gold: String = tensor(&test, "score").iter().map(|score| format!("{score:?}\n")).collect();
    std::fs::write(fixture.path("pairs-scores"), gold).unwrap();
    let mut wrong = Vec::new();
    for (name, spearman, pearson, within) in EXPECTED {
        let codec = Codec::parse(name, None).or_else(|_| Codec::parse(name, Some(0))).unwrap();
        let measures = vec![Measure::Spearman, Measure::Pearson];
        let inputs = ["a", "b", "fit"].map(|name| fixture.input(name, "chunk/000000000", &format!("pairs-{name}")));
        let mut inputs = inputs.to_vec();
        inputs.push(fixture.input("scores", "", "pairs-scores"));
        let done = fixture.done(Spec::Similarity(SimilaritySpec { codec, dim: DIM as u32, measures }), inputs);
        assert_eq!((done.facts["pairs"], done.facts["fitted_on"]), (1379, 3000));
        let found = [0, 1].map(|at| done.measures[at].value);
        println!("{name:40} {:.6} {:.6}", found[0], found[1]);
        if (found[0] - spearman).abs() > within || (found[1] - pearson).abs() > within {
            wrong.push(format!("{name}: {found:?}, expected {spearman} and {pearson} ± {within}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
