//! SciFact with its reference vectors, and nDCG@10 for known answers. (The measures proper are `bitsweep_measures`.)

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bitsweep_vectors::{Hits, Matrix};

/// Documents, judged queries, and per query the grades by document row.
pub(crate) struct Scifact {
    pub(crate) documents: Matrix,
    pub(crate) queries: Matrix,
    grades: Vec<BTreeMap<u32, f64>>,
}

/// The data folder, or `None` where it is missing, which is said aloud and not allowed in CI.
pub(crate) fn data() -> Option<PathBuf> {
    let beside = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let folder = std::env::var_os("BITSWEEP_TEST_DATA").map_or(beside.to_owned(), PathBuf::from);
    if folder.join("scifact/corpus.jsonl").exists() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "no test data at {}: CI must have them", folder.display());
    println!("SKIPPED no test data at {}", folder.display());
    None
}

impl Scifact {
    pub(crate) fn read(data: &Path) -> Self {
        let ids = |name: &str| -> Vec<String> {
            let text = std::fs::read_to_string(data.join("scifact").join(name)).unwrap();
            let id =
                |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["_id"].as_str().unwrap().to_owned();
            text.lines().map(id).collect()
        };
        let rows: BTreeMap<String, u32> = ids("corpus.jsonl").into_iter().zip(0..).collect();
        let mut judged: BTreeMap<String, BTreeMap<u32, f64>> = BTreeMap::new();
        for line in std::fs::read_to_string(data.join("scifact/qrels/test.tsv")).unwrap().lines().skip(1) {
            let [query, document, grade] = line.trim().split('\t').collect::<Vec<_>>().try_into().unwrap();
            judged.entry(query.to_owned()).or_default().insert(rows[document], grade.parse().unwrap());
        }
        let bytes = std::fs::read(data.join("embeddings/scifact.all-MiniLM-L6-v2.safetensors")).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let matrix = |name| {
            let tensor = tensors.tensor(name).unwrap();
            let data = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            Matrix::new(tensor.shape()[0], tensor.shape()[1], data).unwrap()
        };
        let (documents, all) = (matrix("docs"), matrix("queries"));
        let (mut grades, mut data) = (Vec::new(), Vec::new());
        for (row, id) in ids("queries.jsonl").iter().enumerate() {
            if let Some(judgements) = judged.remove(id) {
                grades.push(judgements);
                data.extend_from_slice(all.row(row));
            }
        }
        let queries = Matrix::new(grades.len(), all.dim, data).unwrap();
        Self { documents, queries, grades }
    }

    /// Average nDCG@10; in a tied group every document has the group's mean gain.
    pub(crate) fn ndcg(&self, hits: &Hits) -> f64 {
        let discount = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
        let mut total = 0.0;
        for (grades, (documents, scores)) in self.grades.iter().zip(hits.iter()) {
            let gain = |document: &u32| grades.get(document).copied().unwrap_or(0.0);
            let (mut first, mut dcg) = (0, 0.0);
            for group in scores.chunk_by(|a, b| a == b) {
                let ranks = first..first + group.len();
                let mean = documents[ranks.clone()].iter().map(gain).sum::<f64>() / group.len() as f64;
                dcg += ranks.take_while(|rank| *rank < 10).map(|rank| mean * discount(rank)).sum::<f64>();
                first += group.len();
            }
            let mut best: Vec<f64> = grades.values().copied().collect();
            best.sort_by(|a, b| b.total_cmp(a));
            total += dcg / best.iter().take(10).enumerate().map(|(rank, gain)| gain * discount(rank)).sum::<f64>();
        }
        total / self.grades.len() as f64
    }
}
