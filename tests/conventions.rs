//! `bitsweep conventions`: held against the table of results, and against the exported files read naively.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use support::{Bench, MANIFEST, text};

const CELL: &str = "model=tiny,dataset=pocket,codec=binary/64,seed=0";

fn json(output: &str) -> Value {
    serde_json::from_str(output).expect("--json prints JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The value of a tool.
fn side<'v>(measure: &'v Value, tool: &str) -> &'v Value {
    let mut sides = measure["sides"].as_array().unwrap().iter();
    sides.find(|side| side["conventions"].as_array().unwrap().iter().any(|name| name == tool)).unwrap()
}

/// A bench with a finished sweep.
fn finished() -> Bench {
    let bench = Bench::new();
    bench.write("sweep.yaml", MANIFEST.replace("Overlap@10]", "Overlap@10, MAP, P@5]"));
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    bench
}

#[test]
fn values_are_those_of_the_table_and_reasons_add_up() {
    let bench = finished();
    let table = json(&bench.ok(&["export", "--json"]));
    let shown = json(&bench.ok(&["conventions", "sweep.yaml", "--cell", CELL, "--json"]));
    assert_eq!(shown["cell"], CELL);
    let measures = shown["measures"].as_array().unwrap();
    let names: Vec<&str> = measures.iter().map(|measure| measure["measure"].as_str().unwrap()).collect();
    assert_eq!(names, ["nDCG@10", "Recall@10", "MRR@10", "MRR", "MAP", "P@5"], "all but Overlap@10");
    let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
    for measure in measures {
        let mut rows = table.as_array().unwrap().iter();
        let row = rows.find(|row| row["cell"] == CELL && row["measure"] == measure["measure"]).unwrap();
        for (ours, column) in [("expected", "value"), ("min", "value_min"), ("max", "value_max")] {
            assert!(close(number(&measure[ours]), number(&row[column])), "{ours}: {measure} {row}");
        }
        assert!(close(number(&side(measure, "trec_eval")["value"]), number(&row["value_trec_eval"])), "{measure}");
        assert!(number(&measure["tied"]) > 0.0, "64 bits have ties");
        for side in measure["sides"].as_array().unwrap() {
            let effects: f64 = side["reasons"].as_array().unwrap().iter().map(|reason| number(&reason["effect"])).sum();
            assert!(close(effects, number(&side["difference"])), "{side}");
            assert!(close(number(&measure["expected"]) + effects, number(&side["value"])), "{side}");
        }
    }
}

/// MRR@10 by the rank column, as MS MARCO's script has it, and P@5 by the lines, from the exported files alone.
#[test]
fn values_are_those_of_the_exported_files() {
    let bench = finished();
    bench.ok(&["export", "--format", "trec", "--out", "trec"]);
    let lines = |name: &str| -> Vec<Vec<String>> {
        let text = fs::read_to_string(bench.path(&format!("trec/{name}"))).unwrap();
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    let mut judged: BTreeMap<String, BTreeMap<String, i32>> = BTreeMap::new();
    for row in lines("pocket.qrels") {
        judged.entry(row[0].clone()).or_default().insert(row[2].clone(), row[3].parse().unwrap());
    }
    let (mut reciprocals, mut found) = (BTreeMap::<String, f64>::new(), BTreeSet::new());
    for row in lines("tiny+pocket+binary-64+seed-0.run") {
        let (query, rank): (&str, u32) = (&row[0], row[3].parse().unwrap());
        let Some(grade) = judged[query].get(&row[2]) else { continue };
        if rank <= 10 {
            let best = reciprocals.entry(query.to_owned()).or_default();
            *best = best.max(1.0 / f64::from(rank));
        }
        if rank <= 5 && *grade >= 1 {
            found.insert((query.to_owned(), row[2].clone()));
        }
    }
    let shown = json(&bench.ok(&["conventions", "--cell", CELL, "--measure", "MRR@10", "--measure", "P@5", "--json"]));
    let value = |at: usize, tool: &str| number(&side(&shown["measures"][at], tool)["value"]);
    let queries = judged.len() as f64;
    assert!((value(0, "MS MARCO") - reciprocals.values().sum::<f64>() / queries).abs() < 1e-12);
    for tool in ["trec_eval", "MTEB"] {
        assert!((value(1, tool) - found.len() as f64 / 5.0 / queries).abs() < 1e-12, "{tool}");
    }
}

#[test]
fn people_are_told_why() {
    let bench = finished();
    let said = bench.ok(&["conventions", "sweep.yaml", "--cell", "binary/64,seed=0"]);
    println!("{said}");
    for words in [
        "111 judged queries, 111 with results",
        "measure    expected",
        "MS MARCO",
        "tied documents stand by document id, descending: the values of",
        "tied documents stand where ranx's unstable sort leaves them",
        "moved most: ",
    ] {
        assert!(said.contains(words), "{words} in\n{said}");
    }
    assert!(!said.contains("Overlap"), "{said}");
    let all = bench.ok(&["conventions", "--cell", "codec=float32", "--measure", "P@5"]);
    assert!(all.contains("All conventions agree on every query"), "{all}");
    let refused = bench.run(&["conventions", "--cell", "codec=float32", "--measure", "nDCG@2000"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("runs are 1000 deep"), "{}", text(&refused.stderr));
}
