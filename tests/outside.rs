//! What users take out of a finished sweep: values by query, packs, advice, and a query of their own.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use bitsweep_proto::Digest;
use serde_json::Value;
use support::{Bench, MANIFEST, files, repository, text};

fn json(output: &str) -> Value {
    serde_json::from_str(output).expect("--json prints JSON")
}

fn finished() -> Bench {
    let bench = Bench::new();
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    bench
}

/// Rows of an exported table by column.
fn rows(csv: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    let record = |record: csv::StringRecord| {
        header.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect::<BTreeMap<_, _>>()
    };
    reader.records().map(|row| record(row.unwrap())).collect()
}

#[test]
fn values_by_query_average_to_the_table() {
    let bench = finished();
    let table = rows(&bench.table());
    let by_query = bench.ok(&["export", "sweep.yaml", "--per-query"]);
    assert!(by_query.starts_with(
        "cell,model,dataset,codec,seed,measure,query,value,value_min,value_max,value_trec_eval,rescore\n"
    ));
    let by_query = rows(&by_query);
    // 7 cells, 5 measures, 111 queries.
    assert_eq!(by_query.len(), 7 * 5 * 111);
    for of_cell in &table {
        let one = |row: &&BTreeMap<String, String>| {
            ["cell", "model", "dataset", "codec", "seed", "measure"].iter().all(|name| row[*name] == of_cell[*name])
        };
        let its: Vec<_> = by_query.iter().filter(one).collect();
        assert_eq!(its.len(), 111);
        for name in ["value", "value_min", "value_max", "value_trec_eval"] {
            if of_cell[name].is_empty() {
                assert!(its.iter().all(|row| row[name].is_empty()), "{name} of {of_cell:?}");
                continue;
            }
            let mean = its.iter().map(|row| row[name].parse::<f64>().unwrap()).sum::<f64>() / 111.0;
            let expected: f64 = of_cell[name].parse().unwrap();
            assert!((mean - expected).abs() < 1e-12, "{name} of {of_cell:?}: {mean}");
        }
    }
    let as_json = json(&bench.ok(&["export", "--per-query", "--json"]));
    assert_eq!(as_json.as_array().unwrap().len(), by_query.len());
    assert_eq!(as_json[0]["query"], by_query[0]["query"].as_str());
    bench.ok(&["export", "--per-query", "--out", "values.parquet"]);
    assert_eq!(&fs::read(bench.path("values.parquet")).unwrap()[..4], b"PAR1");
}

#[test]
fn what_is_withheld_is_withheld_everywhere() {
    let bench = Bench::new();
    let entry = "{ model: tiny, dataset: pocket, measure: nDCG@10, value: 0.99, within: 1e-6 }";
    bench.write("sweep.yaml", format!("{MANIFEST}expect: [{entry}]\n"));
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let by_query = rows(&bench.ok(&["export", "sweep.yaml", "--per-query"]));
    assert!(by_query.len() == 5 * 111 && by_query.iter().all(|row| row["codec"] == "float32"));
    bench.ok(&["export", "sweep.yaml", "--pack", "pack", "--no-report", "--runs"]);
    let table = rows(&fs::read_to_string(bench.path("pack/results.csv")).unwrap());
    assert!(table.len() == 5 && table.iter().all(|row| row["codec"] == "float32"));
    assert_eq!(files(&bench.path("pack/runs")).len(), 2, "one run, one file of judgements");
    let readme = fs::read_to_string(bench.path("pack/README.md")).unwrap();
    assert!(readme.contains("6 of them are withheld") && readme.contains("expects nDCG@10 of 0.99"), "{readme}");
    let advice = ["advise", "--docs", "111", "--memory", "1G", "--measure", "Recall@10", "--at-least", "0", "--json"];
    let advice = json(&bench.ok(&advice));
    assert_eq!(advice["configurations"].as_array().unwrap().len(), 1, "{advice}");
}

/// What `sha256sum --check` does.
fn check_sums(pack: &Path) -> usize {
    let sums = fs::read_to_string(pack.join("SHA256SUMS")).unwrap();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert_eq!(Digest::of(&fs::read(pack.join(name)).unwrap()).to_string(), sum, "{name}");
    }
    assert_eq!(sums.lines().count(), files(pack).len() - 1, "every file but itself");
    sums.lines().count()
}

#[test]
fn a_pack_is_whole_and_repeats() {
    let bench = finished();
    bench.ok(&["export", "sweep.yaml", "--pack", "packs/one", "--runs"]);
    bench.ok(&["export", "sweep.yaml", "--pack", "packs/two", "--runs"]);
    let [one, two] = ["packs/one", "packs/two"].map(|name| bench.path(name));
    assert!(check_sums(&one) > 15);
    assert_eq!(files(&bench.path("packs")).len(), 2 * files(&one).len(), "nothing half is left");
    for file in files(&one) {
        let name = file.strip_prefix(&one).unwrap();
        assert!(fs::read(&file).unwrap() == fs::read(two.join(name)).unwrap(), "{}", name.display());
    }
    for name in ["manifest.yaml", "manifest.yaml.lock", "per_query.parquet", "report.html", "report.plots", "pack.json"]
    {
        assert!(one.join(name).exists(), "{name}");
    }
    assert_eq!(fs::read_to_string(one.join("results.csv")).unwrap(), bench.table());
    assert_eq!(fs::read_to_string(one.join("manifest.yaml")).unwrap(), MANIFEST);
    assert!(!one.join("geometry.csv").exists());
    let about = json(&fs::read_to_string(one.join("pack.json")).unwrap());
    assert_eq!((&about["pack"], &about["cells"], &about["missing"]), (&1.into(), &7.into(), &0.into()));
    assert_eq!(about["sweep"], json(&bench.ok(&["status", "--json"]))["sweep"]);

    // What its README says: the sources beside the manifest, and the commands.
    let readme = fs::read_to_string(one.join("README.md")).unwrap();
    for words in ["7 of 7 cells", "bitsweep run manifest.yaml", "`file:pocket`", "## Machines", "TREC runs"] {
        assert!(readme.contains(words), "{words} in\n{readme}");
    }
    let again = bench.path("again");
    for source in ["tiny", "pocket"] {
        support::copy(&bench.path(source), &again.join(source));
    }
    for name in ["manifest.yaml", "manifest.yaml.lock"] {
        fs::copy(one.join(name), again.join(name)).unwrap();
    }
    let run = |args: &[&str]| {
        let output = bench.command(args).current_dir(&again).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    run(&["run", "manifest.yaml", "--quiet", "--slots", "1"]);
    run(&["export", "manifest.yaml", "--pack", "pack", "--runs"]);
    let promised = |name: &&std::path::PathBuf| {
        let name = name.to_string_lossy().into_owned();
        !["README.md", "pack.json", "report.html", "SHA256SUMS"].iter().any(|other| name.ends_with(other))
    };
    for file in files(&one).iter().filter(promised) {
        let name = file.strip_prefix(&one).unwrap();
        assert!(fs::read(file).unwrap() == fs::read(again.join("pack").join(name)).unwrap(), "{}", name.display());
    }
}

#[test]
fn a_pack_has_the_geometry_and_may_leave_out_the_report() {
    let bench = Bench::new();
    bench.write("sweep.yaml", format!("{MANIFEST}geometry: true\n"));
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    bench.ok(&["export", "--pack", "pack", "--no-report"]);
    let pack = bench.path("pack");
    check_sums(&pack);
    let names: Vec<String> =
        files(&pack).iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect();
    let expected = [
        "README.md",
        "SHA256SUMS",
        "geometry.csv",
        "geometry.parquet",
        "manifest.yaml",
        "manifest.yaml.lock",
        "pack.json",
        "per_query.parquet",
        "results.csv",
        "results.parquet",
    ];
    assert_eq!(names, expected);
    assert_eq!(fs::read_to_string(pack.join("geometry.csv")).unwrap(), bench.ok(&["export", "--geometry"]));
}

/// What is found in codes is a table of its own: the results are those of a sweep that looks into none, and its jobs serve both.
#[test]
fn what_is_found_in_codes_stands_beside_the_results() {
    let bench = finished();
    let table = bench.table();
    bench.write("codes.yaml", format!("{MANIFEST}codes: true\n"));
    bench.ok(&["run", "codes.yaml", "--quiet", "--slots", "2"]);
    let plan = json(&bench.ok(&["plan", "codes.yaml", "--json"]));
    let codes = plan["jobs"].as_array().unwrap().iter().find(|job| job["kind"] == "codes").unwrap();
    assert_eq!((&codes["total"], &codes["done"]), (&4.into(), &4.into()));
    assert_eq!(bench.ok(&["export", "codes.yaml"]), table);
    let csv = bench.ok(&["export", "codes.yaml", "--codes"]);
    let found = rows(&csv);
    let value = |bits: &str, name: &str| -> f64 {
        let wanted =
            |row: &&BTreeMap<String, String>| row["codec"] == bits && row["seed"] == "1" && row["name"] == name;
        found.iter().find(wanted).unwrap_or_else(|| panic!("{bits} {name} in\n{csv}"))["value"].parse().unwrap()
    };
    for (codec, bits) in [("binary/64", 64.0), ("binary/128", 128.0)] {
        assert_eq!(value(codec, "bits"), bits);
        assert!(value(codec, "near_predicted") < value(codec, "far_predicted"));
        assert_eq!(value(codec, "near_predicted"), value(codec, "near_as_is"));
    }
    assert!(value("binary/128", "error_predicted") < value("binary/64", "error_predicted"));
    bench.ok(&["export", "codes.yaml", "--pack", "pack"]);
    let pack = bench.path("pack");
    check_sums(&pack);
    assert_eq!(fs::read_to_string(pack.join("codes.csv")).unwrap(), csv);
    assert!(pack.join("codes.parquet").exists() && pack.join("report.plots/hamming-error.svg").exists());
    let page = fs::read_to_string(pack.join("report.html")).unwrap();
    assert!(page.contains("Hamming error, predicted and observed") && page.contains("Bits and codes"));

    // What a table lacks is said.
    let said = |args: &[&str]| text(&bench.run(args).stderr);
    for (option, asked) in [("--codes", "codes: true"), ("--speed", "speed: {}"), ("--geometry", "geometry: true")] {
        let said = said(&["export", "sweep.yaml", option]);
        assert!(said.contains(&format!("note: the manifest does not say `{asked}`")), "{said}");
    }
    assert!(!said(&["export", "codes.yaml", "--codes"]).contains("note:"));
    let is_of_codes = |file: &PathBuf| text(&fs::read(file).unwrap()).contains("\"kind\":\"codes\"");
    let outcome = files(&bench.path(".bitsweep/outcomes")).into_iter().find(is_of_codes).unwrap();
    fs::remove_file(outcome).unwrap();
    let said = said(&["export", "codes.yaml", "--codes"]);
    assert!(said.contains("note: 1 of 4 cells have no result yet and no rows"), "{said}");
}

/// Times are a table of their own: the results are those of a sweep that measures none, and its jobs serve both.
#[test]
fn times_of_searches_stand_beside_the_results() {
    let bench = finished();
    let table = bench.table();
    bench.write("timed.yaml", format!("{MANIFEST}speed: {{ repeats: 2 }}\n"));
    bench.ok(&["run", "timed.yaml", "--quiet", "--slots", "2"]);
    let plan = json(&bench.ok(&["plan", "timed.yaml", "--json"]));
    let speed = plan["jobs"].as_array().unwrap().iter().find(|job| job["kind"] == "speed").unwrap();
    assert_eq!((&speed["total"], &speed["done"]), (&5.into(), &5.into()));
    assert_eq!(bench.ok(&["export", "timed.yaml"]), table);
    let times = rows(&bench.ok(&["export", "timed.yaml", "--speed"]));
    assert_eq!(times.len(), 5 * (5 + 3 + 2));
    assert!(times.iter().all(|row| row["value"].parse::<f64>().unwrap() > 0.0 && row["threads"] == "1"));
    let of_binary = times.iter().filter(|row| row["codec"] == "binary/64" && row["seed"] == "0").count();
    assert_eq!(of_binary, 10);
    bench.ok(&["export", "timed.yaml", "--pack", "pack"]);
    let pack = bench.path("pack");
    check_sums(&pack);
    assert_eq!(rows(&fs::read_to_string(pack.join("speed.csv")).unwrap()), times);
    assert_eq!(fs::read_to_string(pack.join("results.csv")).unwrap(), table);
    assert!(fs::read_to_string(pack.join("README.md")).unwrap().contains("they are measured anew"));
    assert!(fs::read_to_string(pack.join("report.html")).unwrap().contains("Appendix: speed of searches"));
}

/// The pack that the Python package is tested with is of the form that this program writes.
#[test]
fn the_python_package_reads_what_is_written() {
    let bench = finished();
    bench.ok(&["export", "--pack", "pack", "--no-report"]);
    let checked_in = repository().join("python/tests/data/quickstart");
    check_sums(&checked_in);
    let header = |folder: &Path| {
        let table = fs::read_to_string(folder.join("results.csv")).unwrap();
        table.lines().next().unwrap().to_owned()
    };
    assert_eq!(header(&checked_in), header(&bench.path("pack")));
    let keys = |folder: &Path| -> Vec<String> {
        let about = json(&fs::read_to_string(folder.join("pack.json")).unwrap());
        about.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&checked_in), keys(&bench.path("pack")));
}

#[test]
fn advice_is_what_was_measured() {
    let bench = finished();
    let table = json(&bench.ok(&["export", "--json"]));
    let ask = |memory: &str, at_least: &str| {
        let question = ["advise", "--docs", "10M", "--memory", memory, "--measure", "Recall@10"];
        json(&bench.ok(&[&question[..], &["--at-least", at_least, "sweep.yaml", "--json"]].concat()))
    };
    let all = ask("1T", "0");
    let fits = all["fits"].as_array().unwrap();
    assert_eq!(fits.len(), 5, "seeds are one configuration");
    assert!(fits.is_sorted_by_key(|fit| fit["memory_bytes"].as_u64().unwrap()));
    for fit in fits {
        let of = |row: &&Value| row["codec"] == fit["codec"] && row["measure"] == "Recall@10";
        let its: Vec<&Value> = table.as_array().unwrap().iter().filter(of).collect();
        let mean = its.iter().map(|row| row["value"].as_f64().unwrap()).sum::<f64>() / its.len() as f64;
        assert!((mean - fit["value"].as_f64().unwrap()).abs() < 1e-12, "{fit}");
        let [bytes, shared] = ["bytes_per_vector", "shared_bytes"].map(|name| its[0][name].as_u64().unwrap());
        assert_eq!(fit["memory_bytes"].as_u64().unwrap(), 10_000_000 * bytes + shared);
        assert_eq!(fit["seeds"], its.len());
        let [low, high] = [0, 1].map(|at| fit["interval"][at].as_f64().unwrap());
        assert!(low <= mean && mean <= high && fit["queries"] == 111, "{fit}");
    }
    let none = ask("1K", "0.9999");
    assert_eq!(none["fits"].as_array().unwrap().len(), 0);
    assert!(none["nearest"]["by_quality"].is_null() && none["nearest"].is_object(), "{none}");

    let question = ["--docs", "10M", "--measure", "Recall@10"];
    let shown = |rest: &[&str]| bench.ok(&[&["advise"], &question[..], rest].concat());
    let text = shown(&["--memory", "8GB", "--at-least", "0.0"]);
    for words in [
        "10,000,000 documents in 7.5 GiB",
        "cheapest first",
        "pq/8",
        "(mean of 2 seeds)",
        "surely",
        "Extrapolated",
        "Caution: dataset pocket: pq learns",
    ] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
    let text = shown(&["--memory", "100MB", "--at-least", "0.0", "--dataset", "pocket", "--model", "tiny"]);
    assert!(text.contains("pq/8") && !text.contains("float32"), "{text}");
    let text = shown(&["--memory", "1KB", "--at-least", "1"]);
    for words in ["nothing fits", "by memory   no configuration", "by quality  no configuration"] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
}

#[test]
fn a_query_of_the_sweep_is_answered_as_the_sweep_answered_it() {
    let bench = Bench::new();
    bench
        .write("sweep.yaml", MANIFEST.replace("{ source: file:tiny }", "{ source: file:tiny, query_prefix: \"q: \" }"));
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    bench.ok(&["export", "--format", "trec", "--out", "runs"]);
    let run = fs::read_to_string(bench.path("runs/tiny+pocket+float32.run")).unwrap();
    let queries = fs::read_to_string(bench.path("pocket/queries.jsonl")).unwrap();
    for line in queries.lines().take(5) {
        let query: Value = serde_json::from_str(line).unwrap();
        let of_query: Vec<Vec<&str>> = run
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .filter(|fields| fields[0] == query["_id"].as_str().unwrap())
            .take(10)
            .collect();
        let asked =
            ["demo", "sweep.yaml", "--codec", "binary/64", "--json", "--query", query["text"].as_str().unwrap()];
        let answer = json(&bench.ok(&asked));
        assert_eq!(answer["sides"][0]["cell"], "model=tiny,dataset=pocket,codec=binary/64,seed=0");
        assert_eq!(answer["sides"][1]["cell"], "model=tiny,dataset=pocket,codec=float32");
        let hits = answer["sides"][1]["hits"].as_array().unwrap();
        assert_eq!(hits.len(), 10);
        for (at, (hit, expected)) in hits.iter().zip(&of_query).enumerate() {
            // The vector differs from the one in a batch by rounding: scores by as much, and ranks of near ties.
            let [score, expected] = [hit["score"].as_f64().unwrap(), expected[4].parse::<f64>().unwrap()];
            assert!((score - expected).abs() < 1e-5, "{at}: {score} {expected}");
        }
        assert_eq!(hits[0]["document"], of_query[0][2]);
        let binary = answer["sides"][0]["hits"].as_array().unwrap();
        let scores: Vec<f64> = binary.iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|score| score.fract() == 0.0));
        for (at, hit) in binary.iter().enumerate() {
            let same = scores.iter().filter(|score| **score == scores[at]).count();
            assert!(same == 1 || hit["tied"] == true, "{hit}");
            assert_eq!(hit["rank"], 1 + scores.iter().position(|score| *score == scores[at]).unwrap());
            assert!(!hit["text"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn queries_come_line_by_line_too() {
    let bench = finished();
    let mut command = bench.command(&["demo", "--codec", "pq/8", "--against", "codec=binary/64,seed=1"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all("how bread rises\n\nwhat tides do\n".as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = text(&output.stdout);
    for words in ["how bread rises", "what tides do", "pq/8, searched in", "binary/64, seed 1, searched in", " in both"]
    {
        assert!(said.contains(words), "{words} in\n{said}");
    }
    assert_eq!(said.matches("searched in").count(), 4, "{said}");
}
