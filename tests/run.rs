//! The whole path on one machine: manifest → lock → plan → jobs → outcomes → table → report.

mod support;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use support::{Bench, MANIFEST, copy, files, record, text};

fn json(output: &str) -> Value {
    serde_json::from_str(output).expect("--json prints JSON")
}

#[test]
fn a_manifest_becomes_a_table_and_a_report() {
    let bench = Bench::new();
    let said = bench.ok(&["run", "sweep.yaml"]);
    assert!(said.contains("table:") && said.contains("report:"), "{said}");
    let table = bench.table();
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name}"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    // 7 cells: float32, int8, binary 64 and 128 with two seeds each, pq/8; 5 measures.
    assert_eq!(rows.len(), 7 * 5);
    for row in &rows {
        let value: f64 = row[at("value")].parse().unwrap();
        assert!((0.0..=1.0).contains(&value), "{row:?}");
        assert_eq!(&row[at("queries")], "111");
        assert_eq!(row[at("seed")].is_empty(), !row[at("codec")].starts_with("binary/"), "{row:?}");
        if &row[at("codec")] == "float32" && &row[at("measure")] == "Overlap@10" {
            assert_eq!(value, 1.0, "float32 overlaps with itself");
        }
    }
    let cells: BTreeSet<&str> = rows.iter().map(|row| &row[at("cell")]).collect();
    assert!(cells.contains("model=tiny,dataset=pocket,codec=binary/128,seed=1"));
    let bytes: BTreeSet<(String, String)> =
        rows.iter().map(|row| (row[at("codec")].to_owned(), row[at("bytes_per_vector")].to_owned())).collect();
    let expected = [("binary/128", "16"), ("binary/64", "8"), ("float32", "128"), ("int8", "32"), ("pq/8", "8")];
    assert_eq!(bytes, expected.map(|(codec, bytes)| (codec.to_owned(), bytes.to_owned())).into());

    bench.ok(&["report", "sweep.yaml", "--out", "out.html"]);
    let page = fs::read_to_string(bench.path("out.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("binary&#x2f;128") && !page.contains("src=\"http"));
    assert!(files(&bench.path("out.plots")).iter().any(|file| file.extension().is_some_and(|end| end == "png")));
    for part in ["10,000 resamples", "Pareto front", "Binary against PQ of the same bytes", "Failure modes", "Fairness"]
    {
        assert!(page.contains(part), "{part}");
    }
    bench.ok(&["report", "sweep.yaml", "--out", "out.md"]);
    let text = fs::read_to_string(bench.path("out.md")).unwrap();
    assert!(text.starts_with("# ") && !text.contains("<svg"));
    let row = text.lines().find(|line| line.starts_with("| binary/64 | 8 | pq/8 |")).expect("a comparison at 8 bytes");
    assert_eq!(row.split('|').count(), 14, "{row}");
    let links = text.split("](<").skip(1).map(|rest| rest.split('>').next().unwrap());
    assert!(links.map(|link| assert!(bench.path(link).is_file(), "{link}")).count() > 0);
    let output = bench.command(&["report", "sweep.yaml", "--out", "sweep.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        support::text(&output.stderr).contains("a report is not written over it"),
        "{}",
        support::text(&output.stderr)
    );
}

/// Scorings share an index; the geometry is a table of its own.
#[test]
fn every_codec_and_the_geometry_come_out() {
    let bench = Bench::new();
    let (head, tail) = MANIFEST.split_once("codecs:").unwrap();
    let measures = &tail[tail.find("measures:").unwrap()..];
    let codecs = "codecs:
  - float32
  - int4
  - int2
  - hnsw: { m: 8, ef_construction: 20, ef_search: [10, 200] }
  - ivfpq: { nlist: 4, bytes: 8, nprobe: [1, 4] }
  - rabitq
  - opq: { bytes: 8 }
  - pq4fs: { bytes: 8 }
  - binary: { bits: 16, seeds: 2, centre: mean, rotation: [orthonormal, itq], scoring: [symmetric, asymmetric] }
  - binary: { bits: 16, centre: median, rotation: [none, pca] }
geometry: true
";
    bench.write("sweep.yaml", format!("{head}{codecs}{measures}"));
    bench.ok(&["run", "sweep.yaml", "--quiet", "--slots", "2"]);
    let plan = json(&bench.ok(&["plan", "sweep.yaml", "--json"]));
    let done = |kind: &str| {
        let jobs = plan["jobs"].as_array().unwrap();
        jobs.iter().find(|job| job["kind"] == kind).unwrap()["done"].as_u64().unwrap()
    };
    assert_eq!([done("compress"), done("retrieve"), done("measure"), done("geometry")], [13, 20, 20, 1]);
    let table = bench.table();
    assert_eq!(table.lines().count(), 1 + 20 * 5);
    for (codec, bytes) in [
        ("int4", 16),
        ("int2", 8),
        ("hnsw/8/20/10", 4 * 32 + 8 * 8 + 12),
        ("ivfpq/4/8/1", 8),
        ("rabitq", 12),
        ("opq/8", 8),
        ("binary/16/mean+itq/asymmetric", 2),
        ("binary/16/median+none", 2),
    ] {
        let row = table.lines().find(|line| line.contains(&format!(",{codec},"))).unwrap_or_else(|| panic!("{codec}"));
        assert!(row.contains(&format!(",{bytes},")), "{row}");
    }
    let geometry = bench.ok(&["export", "sweep.yaml", "--geometry"]);
    let value = |name: &str| -> f64 {
        let row =
            geometry.lines().find(|line| line.contains(&format!(",{name},"))).unwrap_or_else(|| panic!("{geometry}"));
        assert!(row.starts_with("\"model=tiny,dataset=pocket,study=geometry\",tiny,pocket,"), "{row}");
        row.split(',').rev().nth(1).unwrap().parse().unwrap()
    };
    assert!((0.0..=1.0).contains(&value("isoscore")) && value("two_nn") > 1.0 && value("hubness_gini") > 0.0);
    assert!(files(&bench.path(".bitsweep/reports")).iter().any(|file| file.ends_with("geometry.csv")));
    bench.ok(&["report", "sweep.yaml", "--out", "out.html"]);
    let page = fs::read_to_string(bench.path("out.html")).unwrap();
    assert!(page.contains("Geometry of the embeddings") && page.contains("binary mean+itq asymmetric"));
    let asked = ["compare", "codec=binary/16/mean+itq", "codec=binary/16/mean+itq/asymmetric", "sweep.yaml"];
    assert!(bench.ok(&asked).contains("nDCG@10"));
}

/// Compressed results are shown while float32 gives what it should.
#[test]
fn results_are_withheld_where_float32_misses_what_is_known() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let whole = bench.table();
    let expect = |value: &str| {
        let entry = format!("{{ model: tiny, dataset: pocket, measure: nDCG@10, value: {value}, within: 1e-6 }}");
        bench.write("sweep.yaml", format!("{MANIFEST}expect: [{entry}]\n"));
        let output = bench.command(&["run", "sweep.yaml", "--quiet"]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let row = whole.lines().find(|line| line.contains(",float32,") && line.contains(",nDCG@10,")).unwrap();
    // The cell's name holds two commas.
    let value = row.split(',').nth(2 + 7).unwrap();
    let said = expect("0.99");
    assert!(said.contains("expects nDCG@10 of 0.99 ± 0.000001 for float32 of tiny on pocket; it is 0."), "{said}");
    assert!(said.contains("withheld (6 cells in all)"), "{said}");
    let table = bench.table();
    assert_eq!(table.lines().count(), 1 + 5, "{table}");
    assert!(table.lines().skip(1).all(|line| line.contains(",float32,")));
    bench.ok(&["export", "sweep.yaml", "--format", "trec", "--out", "trec"]);
    assert_eq!(files(&bench.path("trec")).len(), 2, "one run, one file of judgements");
    let asked = ["compare", "codec=int8", "codec=pq/8", "sweep.yaml"];
    let refused = bench.command(&asked).output().unwrap();
    assert!(!refused.status.success() && text(&refused.stderr).contains("withheld"), "{}", text(&refused.stderr));
    assert!(!expect(value).contains("withheld"));
    assert_eq!(bench.table(), whole);
}

#[test]
fn a_finished_sweep_runs_nothing_again_and_a_new_codec_only_itself() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let attempts = bench.attempts().len();
    let table = bench.table();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    assert_eq!(bench.attempts().len(), attempts, "nothing runs twice");
    assert_eq!(bench.table(), table);

    bench.write("sweep.yaml", MANIFEST.replace("{ bytes: 8 }", "{ bytes: [8, 16] }"));
    let plan = json(&bench.ok(&["plan", "sweep.yaml", "--json"]));
    let to_run = |kind: &str| {
        let jobs = plan["jobs"].as_array().unwrap();
        jobs.iter().find(|job| job["kind"] == kind).unwrap()["to_run"].as_u64().unwrap()
    };
    assert_eq!([to_run("embed"), to_run("compress"), to_run("retrieve"), to_run("measure")], [0, 1, 1, 1]);
    assert_eq!(bench.attempts().len(), attempts, "planning runs nothing");
    let reasons = plan["why"].to_string();
    assert!(reasons.contains("codec"), "{reasons}");
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    assert_eq!(bench.attempts().len(), attempts + 3);
    assert!(bench.table().starts_with(table.split_once("model=tiny,dataset=pocket,codec=pq/8").unwrap().0));
}

#[test]
fn the_table_does_not_depend_on_slots_or_threads() {
    let tables = [["1", "1"], ["2", "1"], ["1", "2"], ["3", "2"]].map(|[slots, threads]| {
        let bench = Bench::new();
        bench.ok(&["run", "sweep.yaml", "--quiet", "--slots", slots, "--threads", threads]);
        bench.table()
    });
    for table in &tables {
        assert_eq!(table, &tables[0]);
    }
}

#[test]
fn reading_commands_speak_json_and_text() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let status = json(&bench.ok(&["status", "--json"]));
    assert_eq!(status["cells"], status["cells_done"]);
    let id = status["sweep"].as_str().unwrap().to_owned();
    let by_id = json(&bench.ok(&["status", &id[..8], "--json"]));
    assert_eq!(by_id["sweep"], status["sweep"]);
    assert!(bench.ok(&["status", "sweep.yaml"]).contains("7 of 7 cells done"));

    let cell = "model=tiny,dataset=pocket,codec=pq/8";
    let why = bench.ok(&["explain", cell]);
    assert!(why.contains("measure") && why.contains("embed") && why.contains("done"), "{why}");
    assert!(why.contains("of the manifest: models.tiny, datasets.pocket, codecs[3]"), "{why}");
    let why = json(&bench.ok(&["explain", "codec=int8", "sweep.yaml", "--json"]));
    assert_eq!(why["cell"], "model=tiny,dataset=pocket,codec=int8");
    assert_eq!(why["entries"], serde_json::json!(["models.tiny", "datasets.pocket", "codecs[1]"]));

    let rows = json(&bench.ok(&["export", "--format", "json"]));
    assert_eq!(rows.as_array().unwrap().len(), 35);
    bench.ok(&["export", "--format", "parquet", "--out", "table.parquet"]);
    assert_eq!(&fs::read(bench.path("table.parquet")).unwrap()[..4], b"PAR1");
    bench.ok(&["export", "--format", "trec", "--out", "runs"]);
    let runs = files(&bench.path("runs"));
    assert_eq!(runs.iter().filter(|file| file.extension().is_some_and(|end| end == "run")).count(), 7);
    assert_eq!(runs.iter().filter(|file| file.extension().is_some_and(|end| end == "qrels")).count(), 1);
    let schema = json(&bench.ok(&["schema"]));
    assert!(schema["properties"]["codecs"].is_object());
}

#[test]
fn two_codecs_are_compared_query_by_query() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let table = json(&bench.ok(&["export", "--json"]));
    let text = bench.ok(&["compare", "float32", "binary/64"]);
    for words in ["float32 and binary/64 (mean of 2 seeds)", "p (Holm)", "wins/losses/ties", "between seeds"] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
    let compared = json(&bench.ok(&["compare", "float32", "binary/64", "sweep.yaml", "--json", "--rounds", "500"]));
    for comparison in compared.as_array().unwrap() {
        let of = |codec: &str| -> f64 {
            let rows = table.as_array().unwrap().iter();
            let rows = rows.filter(|row| row["codec"] == codec && row["measure"] == comparison["measure"]);
            let values: Vec<f64> = rows.map(|row| row["value"].as_f64().unwrap()).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        for (side, codec) in ["float32", "binary/64"].into_iter().enumerate() {
            let mean = comparison["means"][side].as_f64().unwrap();
            assert!((mean - of(codec)).abs() < 1e-12, "{codec}: {comparison}");
        }
        assert!(comparison["p_holm"].as_f64() >= comparison["p"].as_f64(), "{comparison}");
    }
    let itself = json(&bench.ok(&["compare", "int8", "int8", "--json"]));
    let same = itself.as_array().unwrap().iter().all(|found| found["difference"] == 0.0 && found["p"] == 1.0);
    assert!(same, "{itself}");
}

/// `--with` another sweep of the store: the same ids may be other queries by now.
#[test]
fn sweeps_are_compared_only_where_they_asked_the_same() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let replaced = |file: &str, old: &str, new: &str| {
        let text = fs::read_to_string(bench.path(&format!("pocket/{file}"))).unwrap();
        assert!(text.contains(old), "{file} has no {old:?}");
        text.replacen(old, new, 1)
    };
    // A sweep of its own on a copy of the collection in which one file is another.
    let with = |name: &str, file: &str, changed: &str| {
        copy(&bench.path("pocket"), &bench.path(name));
        bench.write(&format!("{name}/{file}"), changed);
        let manifest = MANIFEST.replace("sweep: bench", &format!("sweep: {name}"));
        let manifest =
            manifest.replace("pocket: { source: file:pocket }", &format!("pocket: {{ source: file:{name} }}"));
        let path = format!("{name}.yaml");
        bench.write(&path, manifest);
        bench.ok(&["run", &path, "--quiet"]);
        bench.run(&["compare", "int8", "int8", "sweep.yaml", "--with", &path, "--measure", "nDCG@10"])
    };
    let output = with("reworded", "queries.jsonl", &replaced("queries.jsonl", "new flour", "fresh flour"));
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    let said = text(&output.stderr);
    assert!(said.contains("the queries of dataset \"pocket\"") && !said.contains("judgements of"), "{said}");

    let output = with("rejudged", "qrels/test.tsv", &replaced("qrels/test.tsv", "bread-01\t1", "bread-01\t2"));
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("the judgements of dataset \"pocket\""), "{}", text(&output.stderr));

    let output = with("rewritten", "corpus.jsonl", &replaced("corpus.jsonl", "Wild yeast", "Yeast"));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.contains("warning: the documents of dataset \"pocket\" are not the same") && said.contains("p (Holm)"),
        "{said}"
    );

    let same = bench.ok(&["compare", "int8", "float32", "sweep.yaml", "--with", "sweep.yaml"]);
    assert!(!same.contains("warning"), "{same}");
}

#[test]
fn a_damaged_or_lost_blob_is_made_again_and_nothing_else() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let table = bench.table();
    let attempts = bench.attempts();
    let embedding = |nth: usize| {
        let outcomes = bench.outcomes();
        let embeds: Vec<&Value> =
            outcomes.iter().filter(|outcome| outcome["kind"] == "embed" && outcome["generation"] == 0).collect();
        let blob = embeds[nth]["produced"]["artifact"][0]["blob"].as_str().unwrap().to_owned();
        files(&bench.path(".bitsweep/blobs")).into_iter().find(|file| file.ends_with(&blob)).unwrap()
    };
    // One is damaged in a bit, one is lost.
    let damaged = embedding(0);
    let mut bytes = fs::read(&damaged).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    fs::remove_file(embedding(1)).unwrap();
    // A new codec has to read them.
    bench.write("sweep.yaml", MANIFEST.replace("{ bytes: 8 }", "{ bytes: [8, 16] }"));
    let output = bench.run(&["run", "sweep.yaml"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("made again"), "{}", text(&output.stderr));
    let revoked = files(&bench.path(".bitsweep/revoked")).len();
    assert_eq!(revoked, 2);
    // Both embeddings again, and the three new jobs; attempts that found the damage are on record too.
    let committed =
        bench.attempts().iter().filter(|attempt| attempt.verdict.as_ref().is_some_and(|v| v == "committed")).count();
    assert_eq!(committed, attempts.len() + 2 + 3);
    assert!(bench.table().starts_with(table.split_once("model=tiny,dataset=pocket,codec=pq/8").unwrap().0));
}

#[test]
fn verify_finds_damage_that_nothing_reads() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let table = bench.table();
    let outcome = bench.outcomes().into_iter().find(|outcome| outcome["kind"] == "retrieve").unwrap();
    let blob = outcome["produced"]["artifact"][0]["blob"].as_str().unwrap().to_owned();
    let file = files(&bench.path(".bitsweep/blobs")).into_iter().find(|file| file.ends_with(&blob)).unwrap();
    fs::write(&file, b"not a run").unwrap();
    bench.ok(&["run", "sweep.yaml", "--quiet", "--verify"]);
    assert_eq!(bench.table(), table);
    assert_ne!(fs::read(&file).unwrap(), b"not a run");
}

#[test]
fn gc_deletes_only_what_no_plan_needs() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let table = bench.table();
    let first = json(&bench.ok(&["status", "--json"]))["sweep"].as_str().unwrap().to_owned();
    bench.write("sweep.yaml", MANIFEST.replace("  - pq: { bytes: 8 }\n", ""));
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    bench.ok(&["gc"]);
    assert_eq!(bench.ok(&["export", &first, "--format", "csv"]), table, "both plans are roots");

    let before = bench.outcomes().len();
    let dry = json(&bench.ok(&["gc", "--forget", &first, "--dry-run", "--json"]));
    assert!(dry["removed"].as_u64().unwrap() > 0);
    assert_eq!(bench.outcomes().len(), before, "a dry run deletes nothing");
    bench.ok(&["gc", "--forget", &first]);
    assert_eq!(bench.outcomes().len(), before - 3, "compress, retrieve, measure of pq/8");
    let attempts = bench.attempts().len();
    bench.ok(&["run", "sweep.yaml", "--quiet", "--verify"]);
    assert_eq!(bench.attempts().len(), attempts, "all that is needed is still there");
}

#[test]
fn a_second_run_of_one_store_is_told_to_wait() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let lock = fs::OpenOptions::new().write(true).open(bench.path(".bitsweep/lock")).unwrap();
    lock.lock().unwrap();
    let output = bench.run(&["run", "sweep.yaml"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("uses the store"), "{}", text(&output.stderr));
    assert!(bench.run(&["status"]).status.success(), "readers take no lock");
}

#[test]
fn ctrl_c_stops_and_the_next_run_continues() {
    let bench = Bench::new();
    let whole = Bench::new();
    whole.ok(&["run", "sweep.yaml", "--quiet"]);
    let child = bench.command(&["run", "sweep.yaml", "--quiet"]).spawn().unwrap();
    // As soon as the first attempt is on record.
    while files(&bench.path(".bitsweep/attempts")).is_empty() {
        std::thread::yield_now();
    }
    let id = i32::try_from(child.id()).unwrap();
    let kill = std::process::Command::new("kill").args(["-INT", &id.to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert!(matches!(output.status.code(), Some(75 | 0)), "{:?}", output.status);
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    assert_eq!(bench.table(), whole.table());
    for attempt in bench.attempts() {
        assert!(attempt.verdict.is_some(), "an attempt that is stopped says so");
    }
}

#[test]
fn the_lock_holds_sources_still() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let lock = fs::read_to_string(bench.path("sweep.yaml.lock")).unwrap();
    assert!(lock.contains("\"version\": 1"));
    let corpus = fs::read_to_string(bench.path("pocket/corpus.jsonl")).unwrap();
    bench.write("pocket/corpus.jsonl", corpus.replace("Sourdough", "Sour dough"));
    let output = bench.run(&["run", "sweep.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("corpus.jsonl") && said.contains("--update-lock") && said.matches("sha256").count() >= 1,
        "{said}"
    );
    bench.ok(&["run", "sweep.yaml", "--quiet", "--update-lock"]);
    assert_ne!(fs::read_to_string(bench.path("sweep.yaml.lock")).unwrap(), lock);
    // The sources may go: the lock and the store are enough.
    fs::remove_dir_all(bench.path("pocket")).unwrap();
    fs::remove_dir_all(bench.path("tiny")).unwrap();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
}

#[test]
fn records_are_versioned() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    for folder in ["plans", "outcomes", "attempts"] {
        for file in files(&bench.path(".bitsweep").join(folder)) {
            assert_eq!(record(&file)["version"], 2, "{}", file.display());
        }
    }
}

#[test]
fn a_store_that_fails_once_anywhere_costs_seconds_and_no_result() {
    let whole = Bench::new();
    whole.ok(&["run", "sweep.yaml", "--quiet"]);
    for nth in [15, 40, 65, 90, 115, 140, 165, 190] {
        let bench = Bench::new();
        let started = std::time::Instant::now();
        let mut run = bench.command(&["run", "sweep.yaml", "--quiet"]);
        let output = run.env("BITSWEEP_FAULTS", format!("fail-nth={nth}")).output().unwrap();
        let said = text(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{nth}: {:?} {said}", output.status);
        assert!(started.elapsed().as_secs() < 60, "{nth}: {:?}", started.elapsed());
        bench.ok(&["run", "sweep.yaml", "--quiet"]);
        assert_eq!(bench.table(), whole.table(), "{nth}");
    }
}

#[test]
fn a_changed_manifest_is_not_answered_with_another_sweeps_results() {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    bench.write("sweep.yaml", format!("# a comment changes nothing\n{MANIFEST}"));
    assert!(bench.ok(&["status", "sweep.yaml"]).contains("7 of 7"));
    bench.write("sweep.yaml", MANIFEST.replace("seeds: 2", "seeds: 3"));
    let output = bench.run(&["export", "sweep.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("as it is now"), "{}", text(&output.stderr));
    assert!(bench.ok(&["export", "bench"]).lines().count() > 30, "by its name it can be read");
    let why = bench.ok(&["explain", "codec=binary/64,seed=2", "sweep.yaml"]);
    assert!(why.contains("to run") && why.contains("seed"), "{why}");
}
