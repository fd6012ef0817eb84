//! Labelled texts beside a retrieval set under a tiny model, from the files to the table.

mod support;

use std::fs;

use support::{Bench, MANIFEST, text};

/// Two sorts of texts.
fn sentence(row: usize) -> (String, &'static str) {
    match row % 2 {
        0 => (format!("how do I bake bread number {row}"), "baking"),
        _ => (format!("when does the bus {row} leave the station"), "travel"),
    }
}

/// Texts that vote in CSV, those that are measured in JSON lines: some of the others in capitals and with blanks between their words,
/// which the tokenizer does not see, and one of them as it is.
fn bench() -> Bench {
    let bench = Bench::new();
    let rows = (0..40).map(sentence).map(|(text, label)| format!("{text},{label},x\n"));
    bench.write("intents/train.csv", format!("text,label,label_text\n{}", rows.collect::<String>()));
    let line = |row: usize| {
        let (text, label) = sentence(row);
        format!("{{\"text\": \"{}\", \"label\": \"{label}\"}}\n", text.to_uppercase().replace(' ', "  "))
    };
    let lines: String = (0..12).map(line).collect();
    bench.write("intents/test.jsonl", format!("{lines}{{\"text\": \"{}\", \"label\": \"travel\"}}\n", sentence(39).0));
    let manifest = MANIFEST
        .replace("codecs:", "  intents: { task: classification, source: file:intents, fit: train }\ncodecs:")
        .replace("  - pq: { bytes: 8 }\n", "  - binary: { bits: 16, centre: mean, rotation: itq }\n")
        .replace("Overlap@10]", "Overlap@10, Accuracy@1, Accuracy@5]");
    bench.write("sweep.yaml", manifest);
    bench
}

/// Rows of the table as maps from columns to values.
fn rows(table: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row = |row: csv::StringRecord| {
        let fields = header.iter().zip(row.iter());
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

#[test]
fn labelled_texts_stand_beside_a_retrieval_set() {
    let bench = bench();
    let output = bench.run(&["plan", "sweep.yaml"]);
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    let line = "dataset intents: 13 texts (test) classified by 39 with 2 labels (train), on which codecs are fitted";
    assert!(said.contains(line) && said.contains("prefix of labelled texts \"\""), "{said}");
    assert!(told.contains("train.csv: 1 texts stand in test.jsonl too; they do not vote"), "{told}");
    bench.ok(&["run", "sweep.yaml"]);
    let table = bench.table();
    let all = rows(&table);
    // 7 cells on the collection with 5 measures, 7 on the labelled texts with 2.
    assert_eq!(all.len(), 7 * 5 + 7 * 2);
    let of_labels: Vec<_> = all.iter().filter(|row| row["dataset"] == "intents").collect();
    assert_eq!(of_labels.len(), 14);
    for row in &of_labels {
        let [value, min, max] = ["value", "value_min", "value_max"].map(|name| row[name].parse::<f64>().unwrap());
        assert!(row["measure"].starts_with("Accuracy@") && 0.0 <= min && min <= value && value <= max && max <= 1.0);
        assert_eq!([&row["queries"], &row["documents"], &row["value_trec_eval"]], ["13", "39", ""]);
    }
    let float32 = of_labels.iter().find(|row| row["codec"] == "float32" && row["measure"] == "Accuracy@1").unwrap();
    // What the tokenizer cannot tell from a text that votes has its vector and its label; one text has no such other.
    assert!(float32["value"].parse::<f64>().unwrap() >= 12.0 / 13.0 - 1e-9, "{float32:?}");
    // The same whatever it ran on.
    let other = self::bench();
    other.ok(&["run", "sweep.yaml", "--slots", "3"]);
    assert_eq!(other.table(), table);
    // Nothing is lost in a collection, and nothing is made again.
    bench.ok(&["gc"]);
    bench.ok(&["run", "sweep.yaml"]);
    assert_eq!(bench.table(), table);
    commands(&bench);
}

/// What the other commands make of it.
fn commands(bench: &Bench) {
    bench.ok(&["report", "sweep.yaml", "--out", "out.html"]);
    let page = fs::read_to_string(bench.path("out.html")).unwrap();
    assert!(page.contains("13 texts, classified by the labels of 39 others"));
    let by_query = bench.ok(&["export", "sweep.yaml", "--per-query", "--format", "csv"]);
    let of_labels =
        rows(&by_query).into_iter().filter(|row| row["dataset"] == "intents" && row["measure"] == "Accuracy@5");
    let queries: Vec<String> = of_labels.filter(|row| row["codec"] == "int8").map(|row| row["query"].clone()).collect();
    assert_eq!(queries, (1..=13).map(|number| number.to_string()).collect::<Vec<_>>());
    let output = bench.run(&["export", "sweep.yaml", "--format", "trec", "--out", "runs"]);
    assert!(output.status.success() && text(&output.stderr).contains("7 cells are of labelled texts"), "{output:?}");
    assert!(
        fs::read_dir(bench.path("runs")).unwrap().all(|file| !file
            .unwrap()
            .path()
            .to_string_lossy()
            .contains("intents"))
    );
    let compared = bench.ok(&["compare", "float32", "binary/64", "sweep.yaml", "--measure", "Accuracy@5"]);
    assert!(compared.contains("dataset=intents") && compared.contains("Accuracy@5"), "{compared}");
    assert!(!compared.contains("dataset=pocket"), "{compared}");
    let cell = "model=tiny,dataset=intents,codec=int8";
    let output = bench.run(&["conventions", "sweep.yaml", "--cell", cell]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("its run has no judgements to evaluate it by"), "{output:?}");
    bench.ok(&["export", "sweep.yaml", "--pack", "pack", "--runs"]);
    let readme = fs::read_to_string(bench.path("pack/README.md")).unwrap();
    assert!(readme.contains("| intents | `file:intents`, splits test and train |"), "{readme}");
}
