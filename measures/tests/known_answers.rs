//! The numbers that the official trec_eval prints, for its own test files and for real runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bitsweep_measures::{Hit, Judgements, QueryRun, Value, average, evaluate};
use bitsweep_proto::Measure;

/// trec_eval prints four digits: half a unit of the last one, and room for 0.03125 printed as 0.0312.
const TOLERANCE: f64 = 5e-5 + 1e-12;

/// The folder with test data, or `None` (said aloud, and a failure in CI) where it is missing.
fn data() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = PathBuf::from(std::env::var_os("BITSWEEP_TEST_DATA").unwrap_or_else(|| beside.into()));
    if folder.join("trec_eval").is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "test data is missing: {}", folder.display());
    println!("SKIPPED: test data is missing: {}", folder.display());
    None
}

/// Lines as fields.
fn rows(path: &PathBuf) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    rows.filter(|row| row.len() >= 3).collect()
}

/// Qrels and run as trec_eval reads them, ids turned into rows.
struct Collection {
    runs: BTreeMap<String, QueryRun>,
    judgements: BTreeMap<String, Judgements>,
    tied_groups: usize,
}

fn read(qrels: &PathBuf, run: &PathBuf, depth: usize) -> Collection {
    read_as((qrels, |grade| grade), run, depth)
}

/// The same with other grades in the place of those of the file.
fn read_as((qrels, grade_of): (&PathBuf, fn(i32) -> i32), run: &PathBuf, depth: usize) -> Collection {
    let mut hits: BTreeMap<String, Vec<(String, f64)>> = BTreeMap::new();
    for row in rows(run) {
        hits.entry(row[0].clone()).or_default().push((row[2].clone(), row[4].parse().unwrap()));
    }
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for list in hits.values_mut() {
        list.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
        list.truncate(depth);
    }
    for list in hits.values() {
        names.extend(list.iter().map(|(document, _)| document.as_str()));
    }
    let row_of: BTreeMap<&str, u32> = names.iter().copied().zip(0..).collect();
    let name_order: Vec<u32> = (0..row_of.len() as u32).collect();
    let mut tied_groups = 0;
    let mut runs = BTreeMap::new();
    for (query, list) in &hits {
        tied_groups += list.chunk_by(|a, b| a.1 == b.1).filter(|group| group.len() > 1).count();
        let hits = list.iter().map(|(document, score)| Hit { document: row_of[document.as_str()], score: *score });
        runs.insert(query.clone(), QueryRun::new(hits, &name_order).unwrap());
    }
    let mut judged: BTreeMap<String, Vec<(Option<u32>, i32)>> = BTreeMap::new();
    for row in rows(qrels) {
        let document = row_of.get(row[2].as_str()).copied();
        judged.entry(row[0].clone()).or_default().push((document, grade_of(row[3].parse().unwrap())));
    }
    let judgements = judged.into_iter().map(|(query, graded)| {
        let known = graded.iter().filter_map(|(document, grade)| document.map(|document| (document, *grade)));
        let absent: Vec<i32> = graded.iter().filter(|(d, _)| d.is_none()).map(|(_, grade)| *grade).collect();
        (query, Judgements::new(known.collect(), &absent).unwrap())
    });
    Collection { runs, judgements: judgements.collect(), tied_groups }
}

fn measure(name: &str) -> Option<Measure> {
    let uncut = match name {
        "recip_rank" => Some(Measure::Mrr { k: None }),
        "map" => Some(Measure::Map { k: None }),
        "Rprec" => Some(Measure::RPrecision),
        "bpref" => Some(Measure::Bpref),
        _ => None,
    };
    let cut = || {
        let (name, k) = name.rsplit_once('_')?;
        let k = k.parse().ok()?;
        match name {
            "ndcg_cut" => Some(Measure::Ndcg { k }),
            "recall" => Some(Measure::Recall { k }),
            "map_cut" => Some(Measure::Map { k: Some(k) }),
            "P" => Some(Measure::Precision { k }),
            "success" => Some(Measure::Success { k }),
            _ => None,
        }
    };
    uncut.or_else(cut)
}

/// Compares every line of `expected` that names one of our measures; returns how many there were.
fn check(collection: &Collection, expected: &PathBuf, complete: bool) -> usize {
    check_those(|_| true, collection, expected, complete)
}

/// The same of the measures that are wanted.
fn check_those(
    is_wanted: impl Fn(Measure) -> bool,
    collection: &Collection,
    expected: &PathBuf,
    complete: bool,
) -> usize {
    let empty = QueryRun::default();
    let mut compared = 0;
    for row in rows(expected) {
        let (Some(measure), [_, query, number]) = (measure(&row[0]), row.as_slice()) else { continue };
        if !is_wanted(measure) {
            continue;
        }
        let of = |query: &String| -> Value {
            let run = collection.runs.get(query).unwrap_or(&empty);
            evaluate(measure, run, &collection.judgements[query], None).unwrap()
        };
        let found = if query == "all" {
            let queries = collection.judgements.keys().filter(|query| complete || collection.runs.contains_key(*query));
            average(measure, &queries.map(of).collect::<Vec<_>>()).value_trec_eval.unwrap()
        } else {
            of(query).trec_eval.unwrap()
        };
        let number: f64 = number.parse().unwrap();
        assert!((found - number).abs() <= TOLERANCE, "{measure} of {query}: {found}, trec_eval prints {number}");
        compared += 1;
    }
    compared
}

/// What `cwl-eval` gives, in which the tests of ir_measures agree, to four digits: of the measures in their files that are ours.
#[test]
fn ir_measures_small_runs() {
    let Some(data) = data() else { return };
    let folder = data.join("ir_measures");
    let collection = read(&folder.join("cwl.qrels"), &folder.join("cwl.run"), usize::MAX);
    for (measure, expected) in [
        (Measure::Map { k: None }, [0.7087, 0.7438, 0.3068]),
        (Measure::Precision { k: 1 }, [1.0, 1.0, 0.0]),
        (Measure::Precision { k: 5 }, [0.6, 0.6, 0.0]),
        (Measure::Precision { k: 10 }, [0.5, 0.6, 0.4]),
        (Measure::Precision { k: 20 }, [0.25, 0.3, 0.2]),
        (Measure::Mrr { k: None }, [1.0, 1.0, 0.1667]),
    ] {
        for (query, expected) in ["T1", "T2", "T3"].into_iter().zip(expected) {
            let found = evaluate(measure, &collection.runs[query], &collection.judgements[query], None).unwrap();
            for value in [found.value, found.trec_eval.unwrap()] {
                assert!((value - expected).abs() <= TOLERANCE, "{measure} of {query}: {value}, {expected} is expected");
            }
        }
    }
}

#[test]
fn trec_eval_test_files() {
    let Some(data) = data() else { return };
    let folder = data.join("trec_eval");
    let qrels = folder.join("qrels.test");
    let all = usize::MAX;
    let table = [
        ("results.test", all, "out.test.a", false, 43),
        ("results.test", all, "out.test.aq", false, 4 * 43),
        // Unusual cut-offs: P_3, P_7, ndcg_cut_23, recall_2000, success_20 … of three queries and their mean.
        ("results.test", all, "out.test.meas_params", false, 4 * 11),
        ("results.trunc", all, "out.test.aqc", true, 4 * 43),
        ("results.trunc", 100, "out.test.aqcM", true, 4 * 43),
    ];
    for (run, depth, expected, complete, lines) in table {
        let collection = read(&qrels, &folder.join(run), depth);
        assert_eq!(check(&collection, &folder.join(expected), complete), lines, "{expected}");
    }
}

/// `-l2`: a document is relevant from grade 2 on. Ours is grade 1 throughout, so whoever wants this writes 0 for 1 in
/// the judgements: then every binary measure is that of trec_eval. Its nDCG does not know of `-l` and keeps the grades
/// as they are.
#[test]
fn trec_eval_with_a_level_of_relevance() {
    let Some(data) = data() else { return };
    let folder = data.join("trec_eval");
    let [qrels, run] = ["qrels.rel_level", "results.test"].map(|name| folder.join(name));
    let expected = folder.join("out.test.aql");
    let is_graded = |measure: Measure| matches!(measure, Measure::Ndcg { .. });
    let binary = read_as((&qrels, |grade| if grade == 1 { 0 } else { grade }), &run, usize::MAX);
    let graded = read(&qrels, &run, usize::MAX);
    let cut_offs = 9;
    assert_eq!(check_those(is_graded, &graded, &expected, false), 4 * cut_offs);
    assert_eq!(check_those(|measure| !is_graded(measure), &binary, &expected, false), 4 * (43 - cut_offs));
}

#[test]
fn real_runs() {
    let Some(data) = data() else { return };
    let folder = data.join("known_answers");
    let table = [
        ("cranfield.qrels.trec", "cranfield.bm25.run", "cranfield.trec_eval.txt", 5424),
        ("cranfield.smart_all.qrels.trec", "cranfield.bm25.run", "cranfield.smart_all.trec_eval.txt", 5198),
        ("scifact.qrels.trec", "scifact.bm25.run", "scifact.trec_eval.txt", 7224),
        ("hotpotqa.qrels.trec", "hotpotqa.bm25.run", "hotpotqa.trec_eval.txt", 2424),
        ("cranfield.qrels.trec", "cranfield.ties.run", "cranfield.ties.trec_eval.txt", 5198),
    ];
    for (qrels, run, expected, lines) in table {
        let collection = read(&folder.join(qrels), &folder.join(run), usize::MAX);
        assert_eq!(check(&collection, &folder.join(expected), true), lines, "{expected}");
        if run == "cranfield.ties.run" {
            assert_eq!(collection.tied_groups, 1326);
        }
    }
}
