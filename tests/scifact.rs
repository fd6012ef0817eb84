//! SciFact under the real all-MiniLM-L6-v2, held against vectors that sentence-transformers made.
//!
//! In CI: 160 documents and 40 queries. `BITSWEEP_FULL=1` (see `scripts/scifact`): all 5,183 × 300, and the published
//! figures.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use serde_json::Value;
use support::{Bench, files, test_data, test_model};

/// Documents and queries of the small run.
const DOCUMENTS: usize = 160;
const QUERIES: usize = 40;

/// Bounds of the reference vectors: cosine and difference of the norm.
const COSINE: f64 = 0.99999;
const NORM: f64 = 1e-4;

const CODECS: &str = "\
codecs:
  - float32
  - int8
  - binary: { bits: [64, 128, 256, 512], seeds: 3 }
  - pq: { bytes: [8, 16, 32, 64] }
rescore: [4]
measures: [nDCG@10, Recall@10, Recall@100, MRR@10, MRR, Overlap@10]
";

const FEW_CODECS: &str = "codecs: [float32, int8, { binary: { bits: [64, 512], seeds: 2 } }]\nrescore: [16]\nmeasures: [nDCG@10, Recall@10, Overlap@10]\n";

#[test]
fn vectors_and_table_are_those_of_the_reference() {
    let (Some(data), Some(model)) = (test_data("scifact"), test_model("all-MiniLM-L6-v2")) else { return };
    let Some(vectors) = test_data("embeddings/scifact.all-MiniLM-L6-v2.safetensors") else { return };
    let full = std::env::var_os("BITSWEEP_FULL").is_some();
    let bench = Bench::empty();
    let rows = if full { whole(&bench, &data) } else { part(&bench, &data) };
    let manifest = format!(
        "sweep: scifact\nmodels:\n  minilm: {{ source: \"file:{}\" }}\ndatasets:\n  scifact: {{ source: file:scifact }}\n{}",
        model.canonicalize().unwrap().display(),
        if full { CODECS } else { FEW_CODECS }
    );
    bench.write("sweep.yaml", manifest);
    println!("{}", bench.ok(&["run", "sweep.yaml"]));
    println!("{}", bench.ok(&["status", "sweep.yaml"]));

    let file = fs::read(vectors).unwrap();
    let reference = SafeTensors::deserialize(&file).unwrap();
    let documents = checked(&bench, &reference, ("documents", "docs"), &rows.documents);
    let queries = checked(&bench, &reference, ("queries", "queries"), &rows.queries);

    let table = values(&bench.table());
    let expected = mean_ndcg(&documents, &queries, &rows);
    let float32 = table[&("float32".to_owned(), "nDCG@10".to_owned())];
    assert!(
        (float32 - expected).abs() < 1e-3,
        "nDCG@10 {float32}, by naive search over the reference vectors {expected}"
    );
    assert_eq!(table[&("float32".to_owned(), "Overlap@10".to_owned())], 1.0);
    for ((codec, measure), value) in &table {
        println!("{codec:12} {measure:12} {value:.4}");
    }
    if full {
        published(&table);
    } else {
        // All documents of the small set are candidates: what is ranked again is what float32 ranks.
        for codec in ["int8", "binary/64", "binary/512"] {
            let found = table[&(format!("{codec} rescored float32/160"), "nDCG@10".to_owned())];
            assert!((found - float32).abs() < 1e-12, "{codec}: {found}, float32 {float32}");
        }
    }
}

/// The figures of the reference page.
fn published(table: &BTreeMap<(String, String), f64>) {
    let expected = [
        ("float32", "nDCG@10", 0.6451, 0.001),
        ("float32", "Recall@10", 0.783, 0.002),
        ("int8", "nDCG@10", 0.644, 0.005),
        ("pq/8", "nDCG@10", 0.370, 0.02),
        ("pq/16", "nDCG@10", 0.486, 0.02),
        ("pq/32", "nDCG@10", 0.579, 0.02),
        ("pq/64", "nDCG@10", 0.628, 0.02),
        ("binary/64", "nDCG@10", 0.24, 0.02),
        ("binary/128", "nDCG@10", 0.38, 0.02),
        ("binary/256", "nDCG@10", 0.49, 0.02),
        ("binary/512", "nDCG@10", 0.58, 0.02),
        ("binary/256 rescored float32/40", "nDCG@10", 0.615, 0.01),
    ];
    for (codec, measure, value, within) in expected {
        let found = table[&(codec.to_owned(), measure.to_owned())];
        assert!((found - value).abs() <= within, "{codec} {measure}: {found}, expected {value} ± {within}");
    }
}

/// Which rows of the reference a bench has, and its judgements by row.
struct Rows {
    documents: Vec<usize>,
    queries: Vec<usize>,
    /// Per query of the bench: rows of the bench's documents with their grades.
    grades: Vec<BTreeMap<usize, f64>>,
}

fn ids(file: &Path) -> (Vec<String>, Vec<String>) {
    let text = fs::read_to_string(file).unwrap();
    let id = |line: &str| match &serde_json::from_str::<Value>(line).unwrap()["_id"] {
        Value::String(id) => id.clone(),
        other => other.to_string(),
    };
    (text.lines().map(id).collect(), text.lines().map(str::to_owned).collect())
}

fn judgements(data: &Path) -> Vec<(String, String, f64)> {
    let text = fs::read_to_string(data.join("qrels/test.tsv")).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.trim_end().split('\t').collect();
        (fields[0].to_owned(), fields[1].to_owned(), fields[2].parse().unwrap())
    });
    rows.collect()
}

fn whole(bench: &Bench, data: &Path) -> Rows {
    support::copy(data, &bench.path("scifact"));
    let count = ids(&data.join("corpus.jsonl")).0.len();
    rows(data, &(0..count).collect(), usize::MAX)
}

/// The first judged queries, their documents, and the first others.
fn part(bench: &Bench, data: &Path) -> Rows {
    let (document_ids, document_lines) = ids(&data.join("corpus.jsonl"));
    let (query_ids, query_lines) = ids(&data.join("queries.jsonl"));
    let judged = judgements(data);
    let of_query = |id: &str| judged.iter().filter(|row| row.0 == *id).collect::<Vec<_>>();
    let queries: Vec<usize> =
        (0..query_ids.len()).filter(|row| !of_query(&query_ids[*row]).is_empty()).take(QUERIES).collect();
    let wanted: BTreeSet<&str> =
        queries.iter().flat_map(|row| of_query(&query_ids[*row])).map(|row| row.1.as_str()).collect();
    let mut documents: BTreeSet<usize> =
        (0..document_ids.len()).filter(|row| wanted.contains(document_ids[*row].as_str())).collect();
    for row in 0..document_ids.len() {
        if documents.len() < DOCUMENTS {
            documents.insert(row);
        }
    }
    let lines = |lines: &[String], rows: &mut dyn Iterator<Item = usize>| {
        rows.map(|row| format!("{}\n", lines[row])).collect::<String>()
    };
    bench.write("scifact/corpus.jsonl", lines(&document_lines, &mut documents.iter().copied()));
    bench.write("scifact/queries.jsonl", lines(&query_lines, &mut queries.iter().copied()));
    let kept: BTreeSet<&str> = queries.iter().map(|row| query_ids[*row].as_str()).collect();
    let qrels = judged
        .iter()
        .filter(|row| kept.contains(row.0.as_str()))
        .map(|(q, d, s)| format!("{q}\t{d}\t{s}\n"))
        .collect::<String>();
    bench.write("scifact/qrels/test.tsv", format!("query-id\tcorpus-id\tscore\n{qrels}"));
    rows(data, &documents, QUERIES)
}

fn rows(data: &Path, documents: &BTreeSet<usize>, most_queries: usize) -> Rows {
    let (document_ids, _) = ids(&data.join("corpus.jsonl"));
    let (query_ids, _) = ids(&data.join("queries.jsonl"));
    let judged = judgements(data);
    let documents: Vec<usize> = documents.iter().copied().collect();
    let place: BTreeMap<&str, usize> =
        documents.iter().enumerate().map(|(at, row)| (document_ids[*row].as_str(), at)).collect();
    let (mut queries, mut grades) = (Vec::new(), Vec::new());
    for (row, id) in query_ids.iter().enumerate() {
        if queries.len() == most_queries {
            break;
        }
        let own: BTreeMap<usize, f64> =
            judged.iter().filter(|r| r.0 == *id).map(|r| (place[r.1.as_str()], r.2)).collect();
        if !own.is_empty() {
            queries.push(row);
            grades.push(own);
        }
    }
    Rows { documents, queries, grades }
}

/// The vectors that the sweep made, each held against the reference.
fn checked(bench: &Bench, reference: &SafeTensors<'_>, (texts, tensor): (&str, &str), rows: &[usize]) -> Vec<Vec<f64>> {
    let tensor = reference.tensor(tensor).unwrap();
    let dim = tensor.shape()[1];
    let expected: Vec<f32> = floats(tensor.data());
    let mut shards: Vec<(u64, Value)> = Vec::new();
    for outcome in bench.outcomes().into_iter().filter(|outcome| outcome["kind"] == "embed") {
        let field = |name: &str| {
            outcome["fields"]
                .as_array()
                .unwrap()
                .iter()
                .find(|pair| pair[0] == name)
                .map(|pair| pair[1].as_str().unwrap().to_owned())
        };
        if field("texts").as_deref() == Some(texts) {
            shards.push((field("first_row").unwrap().parse().unwrap(), outcome));
        }
    }
    shards.sort_by_key(|(first, _)| *first);
    let blobs = files(&bench.path(".bitsweep/blobs"));
    let mut found: Vec<Vec<f64>> = Vec::new();
    for item in shards.iter().flat_map(|(_, outcome)| outcome["produced"]["artifact"].as_array().unwrap()) {
        let blob = blobs.iter().find(|file| file.ends_with(item["blob"].as_str().unwrap())).unwrap();
        let bytes = fs::read(blob).unwrap();
        let chunk = SafeTensors::deserialize(&bytes).unwrap();
        let values = floats(chunk.tensor("vectors").unwrap().data());
        found.extend(values.chunks(dim).map(|row| row.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>()));
    }
    assert_eq!(found.len(), rows.len());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let (mut least_cosine, mut most_norm) = (1.0_f64, 0.0_f64);
    for (vector, row) in found.iter().zip(rows) {
        let wanted: Vec<f64> = expected[row * dim..(row + 1) * dim].iter().map(|value| f64::from(*value)).collect();
        let (norm, wanted_norm) = (dot(vector, vector).sqrt(), dot(&wanted, &wanted).sqrt());
        least_cosine = least_cosine.min(dot(vector, &wanted) / norm / wanted_norm);
        most_norm = most_norm.max((norm - wanted_norm).abs());
    }
    println!(
        "{texts}: {} vectors, least cosine {least_cosine:.9}, greatest difference of norms {most_norm:.2e}",
        found.len()
    );
    assert!(least_cosine >= COSINE && most_norm <= NORM);
    found
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

/// nDCG@10 by the plainest code there is. SciFact has no tied scores at the top.
fn mean_ndcg(documents: &[Vec<f64>], queries: &[Vec<f64>], rows: &Rows) -> f64 {
    let gain = |grades: &[f64]| {
        grades.iter().take(10).enumerate().map(|(rank, grade)| grade / (rank as f64 + 2.0).log2()).sum::<f64>()
    };
    let mut sum = 0.0;
    for (query, grades) in queries.iter().zip(&rows.grades) {
        let mut scores: Vec<(f64, usize)> = documents
            .iter()
            .enumerate()
            .map(|(at, document)| (document.iter().zip(query).map(|(x, y)| x * y).sum(), at))
            .collect();
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        let found: Vec<f64> = scores.iter().map(|(_, at)| grades.get(at).copied().unwrap_or(0.0)).collect();
        let mut ideal: Vec<f64> = grades.values().copied().collect();
        ideal.sort_by(|a, b| b.total_cmp(a));
        sum += gain(&found) / gain(&ideal);
    }
    sum / queries.len() as f64
}

/// Values by codec (with its second stage) and measure, averaged over seeds.
fn values(table: &str) -> BTreeMap<(String, String), f64> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).unwrap();
    let mut all: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    for row in reader.records().map(Result::unwrap) {
        let codec = match &row[at("rescore")] {
            "none" => row[at("codec")].to_owned(),
            rescore => format!("{} rescored {rescore}", &row[at("codec")]),
        };
        let key = (codec, row[at("measure")].to_owned());
        all.entry(key).or_default().push(row[at("value")].parse().unwrap());
    }
    all.into_iter().map(|(key, values)| (key, values.iter().sum::<f64>() / values.len() as f64)).collect()
}
