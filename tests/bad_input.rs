//! Bad input, one test per case: what the user does wrong or what breaks, the exit code, and every word of the answer.
//!
//! The answers are in docs/mistakes.md, which is also their documentation. `BITSWEEP_UPDATE=1 cargo test --test bad_input`
//! writes it anew; read the difference before committing it.

mod support;

use std::fs;
use std::path::PathBuf;

use bitsweep_proto::Digest;
use libtest_mimic::{Arguments, Failed, Trial};
use support::{Bench, MANIFEST, files, repository, text};

/// One thing that goes wrong.
struct Case {
    /// What it is, as a heading.
    name: &'static str,
    /// The exit code.
    exit: i32,
    /// What is done to a good bench.
    spoil: fn(&Bench),
    /// The command that meets it.
    args: &'static [&'static str],
    /// Its environment.
    environment: &'static [(&'static str, &'static str)],
}

const RUN: &[&str] = &["run", "sweep.yaml", "--quiet", "--slots", "1"];
const PLAN: &[&str] = &["plan", "sweep.yaml"];

const fn case(name: &'static str, exit: i32, args: &'static [&'static str], spoil: fn(&Bench)) -> Case {
    Case { name, exit, spoil, args, environment: &[] }
}

const fn with(case: Case, environment: &'static [(&'static str, &'static str)]) -> Case {
    Case { environment, ..case }
}

fn manifest(bench: &Bench, from: &str, to: &str) {
    assert!(MANIFEST.contains(from), "the manifest has no {from:?}");
    bench.write("sweep.yaml", MANIFEST.replacen(from, to, 1));
}

fn edit(bench: &Bench, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let bytes = fs::read(bench.path(name)).expect("the file is there");
    bench.write(name, change(bytes));
}

/// Replaces one line of a file, counted from 1.
fn line(bench: &Bench, name: &str, number: usize, new: &[u8]) {
    edit(bench, name, |bytes| {
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        lines[number - 1] = new;
        lines.join(&b'\n')
    });
}

fn remove(bench: &Bench, name: &str) {
    fs::remove_file(bench.path(name)).expect("the file is there");
}

fn finished(bench: &Bench) {
    bench.ok(RUN);
}

/// The stored blob of an imported file.
fn blob_of(bench: &Bench, name: &str) -> PathBuf {
    let digest = Digest::of(&fs::read(bench.path(name)).expect("the file is there")).to_string();
    files(&bench.path(".bitsweep/blobs")).into_iter().find(|file| file.ends_with(&digest)).expect("it is imported")
}

fn cases() -> Vec<Case> {
    let all = [manifests(), sources(), datasets(), pairs(), labels(), models(), stores(), readers(), takers()];
    all.into_iter().flatten().collect()
}

fn manifests() -> Vec<Case> {
    vec![
        case("no such manifest", 2, &["run", "swep.yaml"], |_| {}),
        case("manifest not in UTF-8", 2, PLAN, |b| b.write("sweep.yaml", b"sweep: a\nmodels: {\xff}\n")),
        case("manifest is not YAML", 2, PLAN, |b| manifest(b, "{ source: file:tiny }", "{ source: file:tiny")),
        case("manifest is empty", 2, PLAN, |b| b.write("sweep.yaml", "")),
        case("unknown key", 2, PLAN, |b| manifest(b, "measures:", "mesures:")),
        case("key given twice", 2, PLAN, |b| manifest(b, "codecs:", "sweep: again\ncodecs:")),
        case("unknown codec", 2, PLAN, |b| manifest(b, "- int8", "- int88")),
        case("bits that are no multiple of 8", 2, PLAN, |b| manifest(b, "[64, 128]", "[64, 100]")),
        case("measure in the wrong case", 2, PLAN, |b| manifest(b, "nDCG@10", "ndcg@10")),
        case("text where a number belongs", 2, PLAN, |b| manifest(b, "bytes: 8", "bytes: \"8\"")),
        case("several mistakes at once", 2, PLAN, |b| {
            b.write(
                "sweep.yaml",
                "sweep: a\nmodel: {}\ndatasets: {d: {source: ftp:x}}\ncodecs: [float16, {pq: {bites: 8}}]\n",
            );
        }),
        case("a speed without its braces", 2, PLAN, |b| manifest(b, "measures:", "speed: true\nmeasures:")),
        case("a speed of no rounds", 2, PLAN, |b| manifest(b, "measures:", "speed: { repeats: 0 }\nmeasures:")),
        case("exclude names an unknown model", 2, PLAN, |b| {
            manifest(b, "measures:", "exclude: [{ model: tinny }]\nmeasures:")
        }),
        case("exclude matches no cell", 2, PLAN, |b| {
            manifest(b, "measures:", "exclude: [{ codec: pq/32 }]\nmeasures:")
        }),
        case("exclude wants seeds of a codec that has none", 2, PLAN, |b| {
            manifest(b, "measures:", "exclude: [{ codec: { pq: { bytes: 8, seeds: [0] } } }]\nmeasures:")
        }),
        case("exclude wants seeds that a codec lacks", 2, PLAN, |b| {
            manifest(b, "measures:", "exclude: [{ codec: { binary: { bits: 64, seeds: [5] } } }]\nmeasures:")
        }),
        case("pq bytes that do not divide the dimension", 2, PLAN, |b| manifest(b, "bytes: 8", "bytes: 12")),
        case("pq4fs bytes that do not divide the dimension", 2, PLAN, |b| {
            manifest(b, "- int8", "- int8\n  - pq4fs: { bytes: 12 }")
        }),
        case("an expectation of a measure that is not measured", 2, PLAN, |b| {
            let entry = "{ model: tiny, dataset: pocket, measure: nDCG@20, value: 0.5, within: 0.002 }";
            manifest(b, "measures:", &format!("expect: [{entry}]\nmeasures:"))
        }),
        case("an expectation of an unknown model", 2, PLAN, |b| {
            let entry = "{ model: tinny, dataset: pocket, measure: nDCG@10, value: 0.5, within: -1 }";
            manifest(b, "measures:", &format!("expect: [{entry}]\nmeasures:"))
        }),
        case("unknown rotation", 2, PLAN, |b| manifest(b, "[64, 128]", "[64, 128], rotation: gausian")),
        case("scoring that is none", 2, PLAN, |b| manifest(b, "[64, 128]", "[64, 128], scoring: adc")),
        case("more lists looked into than there are", 2, PLAN, |b| {
            manifest(b, "- int8", "- ivfpq: { nlist: 4, bytes: 8, nprobe: [1, 8] }")
        }),
        case("more lists than documents", 2, PLAN, |b| {
            manifest(b, "- int8", "- ivfpq: { nlist: 100000, bytes: 8, nprobe: 1 }")
        }),
        case("a graph with too few links", 2, PLAN, |b| {
            manifest(b, "- int8", "- hnsw: { m: 2, ef_construction: 40, ef_search: 64 }")
        }),
        case("a graph with fewer candidates than links", 2, PLAN, |b| {
            manifest(b, "- int8", "- hnsw: { m: 32, ef_construction: 16, ef_search: [16, 64] }")
        }),
        case("a graph without saying how far searches go", 2, PLAN, |b| {
            manifest(b, "- int8", "- hnsw: { m: 32, ef_construction: 40 }")
        }),
        case("principal directions without centring", 2, PLAN, |b| manifest(b, "[64, 128]", "8, rotation: pca")),
        case("itq about medians", 2, PLAN, |b| manifest(b, "[64, 128]", "8, rotation: itq, centre: median")),
        case("more bits than dimensions without a projection", 2, PLAN, |b| {
            manifest(b, "[64, 128]", "[8, 128], rotation: none, centre: mean")
        }),
        case("more bits than principal directions", 2, PLAN, |b| {
            manifest(b, "[64, 128]", "[8, 128], rotation: [pca, itq], centre: mean")
        }),
        case("the frozen instrument written as a variant, twice", 2, PLAN, |b| {
            manifest(b, "- int8", "- int8\n  - binary: { bits: 64, centre: none, rotation: gaussian }")
        }),
        case("exclude names parameters that no cell has", 2, PLAN, |b| {
            manifest(b, "measures:", "exclude: [{ codec: { binary: { rotation: itq } } }]\nmeasures:")
        }),
        case("source of the wrong kind", 2, PLAN, |b| manifest(b, "file:tiny", "beir:tiny")),
    ]
}

fn sources() -> Vec<Case> {
    vec![
        case("folder of a dataset is missing", 2, PLAN, |b| manifest(b, "file:pocket", "file:poket")),
        case("environment variable is not set", 2, PLAN, |b| manifest(b, "file:pocket", "\"file:${NOWHERE}\"")),
        with(
            case("hub cannot be reached", 3, PLAN, |b| manifest(b, "file:tiny", "hf:org/name")),
            &[("HF_ENDPOINT", "http://127.0.0.1:9")],
        ),
        case("offline and nothing cached", 3, &["plan", "sweep.yaml", "--offline"], |b| {
            manifest(b, "file:tiny", "hf:org/name")
        }),
        with(
            case("Python is missing for pypi", 3, PLAN, |b| manifest(b, "file:tiny", "pypi:some-model")),
            &[("BITSWEEP_PYTHON", "/nowhere/python3")],
        ),
        case("lock file is broken", 2, PLAN, |b| b.write("sweep.yaml.lock", "{ \"version\": 1, ")),
        case("lock file of a newer version", 2, PLAN, |b| b.write("sweep.yaml.lock", "{ \"version\": 99 }")),
        case("dataset has changed since it was locked", 2, RUN, |b| {
            finished(b);
            line(b, "pocket/qrels/test.tsv", 2, b"q001\tbread-01\t2");
        }),
    ]
}

fn datasets() -> Vec<Case> {
    vec![
        case("corpus is missing", 2, PLAN, |b| remove(b, "pocket/corpus.jsonl")),
        case("corpus line not in UTF-8", 2, PLAN, |b| {
            line(b, "pocket/corpus.jsonl", 7, b"{\"_id\":\"x\",\"text\":\"\xc3(\"}")
        }),
        case("corpus line is broken JSON", 2, PLAN, |b| {
            line(b, "pocket/corpus.jsonl", 3, b"{\"_id\": \"x\", \"text\": ")
        }),
        case("corpus line without id", 2, PLAN, |b| line(b, "pocket/corpus.jsonl", 3, b"{\"text\": \"x\"}")),
        case("document id given twice", 2, PLAN, |b| {
            line(b, "pocket/corpus.jsonl", 9, b"{\"_id\": \"bread-01\", \"text\": \"x\"}")
        }),
        case("qrels line with a column too few", 2, PLAN, |b| line(b, "pocket/qrels/test.tsv", 5, b"q001\tbread-01")),
        case("qrels score that is no whole number", 2, PLAN, |b| {
            line(b, "pocket/qrels/test.tsv", 5, b"q009\tbread-01\t0.5")
        }),
        case("split is missing", 2, PLAN, |b| manifest(b, "file:pocket", "file:pocket, split: dev")),
        case("no query is judged", 2, PLAN, |b| {
            b.write("pocket/qrels/test.tsv", "query-id\tcorpus-id\tscore\nnobody\tbread-01\t1\n")
        }),
        case("too few documents for pq", 2, PLAN, |b| {
            edit(b, "pocket/corpus.jsonl", |bytes| {
                let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                lines[..200].concat()
            });
        }),
    ]
}

const PAIRS: &str = "task: similarity, source: file:pairs, fit: train";

/// A bench with pairs in the place of the collection.
fn with_pairs(bench: &Bench, entry: &str) {
    bench.write("pairs/sts-test.csv", "a cat,a dog,2.5\na cat,one cat,4\na dog,a horse,1\n");
    bench.write("pairs/sts-train.csv", "a horse,a cow,3\na hen,a cock,4.5\n");
    let pairs = MANIFEST.replace("{ source: file:pocket }", &format!("{{ {entry} }}"));
    let few = pairs.replace("  - pq: { bytes: 8 }\n", "");
    bench.write("sweep.yaml", few.replace("[nDCG@10, Recall@10, MRR@10, MRR, Overlap@10]", "Spearman"));
}

fn pairs() -> Vec<Case> {
    vec![
        case("pairs without a split to fit codecs on", 2, PLAN, |b| {
            with_pairs(b, "task: similarity, source: file:pairs")
        }),
        case("codecs fitted on the measured split", 2, PLAN, |b| {
            with_pairs(b, "task: similarity, source: file:pairs, fit: test")
        }),
        case("pairs from beir", 2, PLAN, |b| with_pairs(b, "task: similarity, source: beir:scifact, fit: train")),
        case("a split to fit on for retrieval", 2, PLAN, |b| manifest(b, "file:pocket", "file:pocket, fit: train")),
        case("unknown task", 2, PLAN, |b| with_pairs(b, "task: similarty, source: file:pairs, fit: train")),
        case("split of pairs is missing", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            remove(b, "pairs/sts-train.csv");
        }),
        case("row of pairs with a field too many", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            line(b, "pairs/sts-test.csv", 2, b"a cat, black,one cat,4");
        }),
        case("score of a pair is NaN", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            line(b, "pairs/sts-test.csv", 3, b"a dog,a horse,NaN");
        }),
        case("quote that is never closed", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            line(b, "pairs/sts-test.csv", 2, b"\"a cat,one cat,4");
        }),
        case("one pair", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            b.write("pairs/sts-test.csv", "a cat,a dog,2.5\n");
        }),
        case("scores of people that are all the same", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            b.write("pairs/sts-test.csv", "a cat,a dog,1\na cat,one cat,1.0\n");
        }),
        case("nothing left to fit codecs on", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            b.write("pairs/sts-train.csv", "a cat,a dog,1\n");
        }),
        case("too few sentences to fit pq on", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            edit(b, "sweep.yaml", |bytes| text(&bytes).replace("- int8", "- pq: { bytes: 8 }").into_bytes());
        }),
        case("no measure for pairs", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            edit(b, "sweep.yaml", |bytes| text(&bytes).replace("Spearman", "nDCG@10").into_bytes());
        }),
        case("geometry of pairs alone", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            edit(b, "sweep.yaml", |bytes| text(&bytes).replace("measures:", "geometry: true\nmeasures:").into_bytes());
        }),
        case("codes of pairs alone", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            edit(b, "sweep.yaml", |bytes| text(&bytes).replace("measures:", "codes: true\nmeasures:").into_bytes());
        }),
        case("speed of pairs alone", 2, PLAN, |b| {
            with_pairs(b, PAIRS);
            edit(b, "sweep.yaml", |bytes| text(&bytes).replace("measures:", "speed: {}\nmeasures:").into_bytes());
        }),
        case("correlations compared query by query", 2, &["compare", "float32", "int8"], |b| {
            with_pairs(b, PAIRS);
            finished(b);
        }),
        case(
            "correlation asked of a comparison",
            2,
            &["compare", "float32", "int8", "--measure", "Spearman"],
            finished,
        ),
    ]
}

const LABELS: &str = "task: classification, source: file:intents, fit: train";

/// A bench with labelled texts in the place of the collection.
fn with_labels(bench: &Bench, entry: &str) {
    bench.write("intents/test.csv", "text,label\na cat,animal\na rose,plant\n");
    bench.write("intents/train.csv", "text,label\na dog,animal\na horse,animal\nan oak,plant\na tulip,plant\n");
    let labelled = MANIFEST.replace("{ source: file:pocket }", &format!("{{ {entry} }}"));
    let few = labelled.replace("  - pq: { bytes: 8 }\n", "");
    bench.write("sweep.yaml", few.replace("[nDCG@10, Recall@10, MRR@10, MRR, Overlap@10]", "Accuracy@3"));
}

fn labels() -> Vec<Case> {
    vec![
        case("labelled texts without a split that votes", 2, PLAN, |b| {
            with_labels(b, "task: classification, source: file:intents")
        }),
        case("labelled texts that vote for themselves", 2, PLAN, |b| {
            with_labels(b, "task: classification, source: file:intents, fit: test")
        }),
        case("labelled texts from beir", 2, PLAN, |b| {
            with_labels(b, "task: classification, source: beir:scifact, fit: train")
        }),
        case("split of labelled texts is missing", 2, PLAN, |b| {
            with_labels(b, LABELS);
            remove(b, "intents/train.csv");
        }),
        case("two files for one split of labelled texts", 2, PLAN, |b| {
            with_labels(b, LABELS);
            b.write("intents/test.jsonl", "{\"text\": \"a cat\", \"label\": \"animal\"}\n");
        }),
        case("unknown column of labelled texts", 2, PLAN, |b| {
            with_labels(b, LABELS);
            line(b, "intents/test.csv", 1, b"text,lable");
        }),
        case("text without a label", 2, PLAN, |b| {
            with_labels(b, LABELS);
            line(b, "intents/train.csv", 3, b"a horse,");
        }),
        case("no labelled text", 2, PLAN, |b| {
            with_labels(b, LABELS);
            b.write("intents/test.csv", "text,label\n");
        }),
        case("one label for all texts", 2, PLAN, |b| {
            with_labels(b, LABELS);
            b.write("intents/train.csv", "text,label\na dog,animal\na horse,animal\n");
        }),
        case("no measure for labelled texts", 2, PLAN, |b| {
            with_labels(b, LABELS);
            edit(b, "sweep.yaml", |bytes| text(&bytes).replace("Accuracy@3", "Spearman").into_bytes());
        }),
        case("conventions of labelled texts", 2, &["conventions", "--cell", "codec=int8"], |b| {
            with_labels(b, LABELS);
            finished(b);
        }),
    ]
}

fn models() -> Vec<Case> {
    vec![
        case("model folder without config.json", 2, PLAN, |b| remove(b, "tiny/config.json")),
        case("model family that is not supported", 2, RUN, |b| {
            edit(b, "tiny/config.json", |bytes| text(&bytes).replace("\"bert\"", "\"t5\"").into_bytes());
        }),
        case("weights only as a pickle", 2, PLAN, |b| {
            fs::rename(b.path("tiny/model.safetensors"), b.path("tiny/pytorch_model.bin")).expect("it can be renamed");
        }),
        case("weights cut off", 2, RUN, |b| {
            edit(b, "tiny/model.safetensors", |bytes| bytes[..bytes.len() / 2].to_vec())
        }),
        case("weights that are not numbers", 1, RUN, |b| {
            edit(b, "tiny/model.safetensors", |mut bytes| {
                let header = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")));
                let first = 8 + header.expect("a header fits in memory");
                bytes[first..].chunks_exact_mut(4).for_each(|weight| weight.copy_from_slice(&f32::NAN.to_le_bytes()));
                bytes
            });
        }),
        case("tokenizer is broken", 1, RUN, |b| b.write("tiny/tokenizer.json", "{}")),
        case("more tokens than the model knows", 2, RUN, |b| manifest(b, "file:tiny", "file:tiny, max_tokens: 4000")),
    ]
}

fn stores() -> Vec<Case> {
    vec![
        with(case("no space left in the store", 3, RUN, |_| {}), &[("BITSWEEP_FAULTS", "full-after=25")]),
        with(case("store is read-only", 3, RUN, finished_without_pq), &[("BITSWEEP_FAULTS", "read-only")]),
        case("store is a file", 2, &["run", "sweep.yaml", "--store", "sweep.yaml"], |_| {}),
        case("store of a newer version", 2, RUN, |b| {
            finished(b);
            edit(b, ".bitsweep/format.json", |bytes| {
                let text = text(&bytes);
                let record = text.lines().nth(1).expect("two lines").replace("\"version\":2", "\"version\":99");
                format!("{{\"sha256\":\"{}\"}}\n{record}", Digest::of(record.as_bytes())).into_bytes()
            });
        }),
        case("stored plan is damaged", 2, &["export"], |b| {
            finished(b);
            for plan in files(&b.path(".bitsweep/plans")) {
                let bytes = fs::read(&plan).expect("the plan can be read");
                fs::write(&plan, &bytes[..bytes.len() / 2]).expect("the plan can be written");
            }
        }),
        case("imported file is lost and its source gone", 2, RUN, |b| {
            finished_without_pq(b);
            fs::remove_file(blob_of(b, "tiny/model.safetensors")).expect("it can be removed");
            fs::remove_dir_all(b.path("tiny")).expect("it can be removed");
            manifest(b, "seeds: 2", "seeds: 3");
        }),
    ]
}

fn finished_without_pq(bench: &Bench) {
    manifest(bench, "  - pq: { bytes: 8 }\n", "");
    finished(bench);
    bench.write("sweep.yaml", MANIFEST);
}

fn readers() -> Vec<Case> {
    vec![
        case("no store yet", 2, &["status"], |_| {}),
        case("manifest was never run", 2, &["export", "other.yaml"], |b| {
            finished(b);
            b.write("other.yaml", MANIFEST.replace("sweep: bench", "sweep: other"));
        }),
        case("unknown sweep", 2, &["status", "0123456789"], finished),
        case("unknown cell", 2, &["explain", "codec=pq/64"], finished),
        case("name that fits several cells", 2, &["explain", "binary/64"], finished),
        case("trec without a folder", 2, &["export", "--format", "trec"], finished),
        case("unknown format", 2, &["export", "--format", "xlsx"], |_| {}),
        case("comparison with a codec that is not there", 2, &["compare", "float32", "binary/65"], finished),
        case(
            "comparison by a measure that is not there",
            2,
            &["compare", "float32", "int8", "--measure", "MAP"],
            finished,
        ),
        case("comparison of what is no selection", 2, &["compare", "float32", "bits=64"], finished),
        case("comparison of everything with itself", 2, &["compare", "dataset=pocket", "int8"], finished),
        case("interval of impossible confidence", 2, &["compare", "float32", "int8", "--level", "95"], finished),
        case("conventions of no cell", 2, &["conventions", "--cell", "codec=pq/64"], finished),
        case("conventions of several cells", 2, &["conventions", "--cell", "binary/64"], finished),
        case(
            "conventions of a measure that no other tool has",
            2,
            &["conventions", "--cell", "codec=int8", "--measure", "Overlap@10"],
            finished,
        ),
        case(
            "conventions of a measure deeper than the run",
            2,
            &["conventions", "--cell", "codec=int8", "--measure", "Recall@5000"],
            finished,
        ),
        case("coordinator that is not there", 3, &["status", "--to", "http://127.0.0.1:9"], |_| {}),
        case("address that is none of a coordinator", 2, &["status", "--to", "localhost:8700"], |_| {}),
        case("address with a token in it", 2, &["status", "--to", "http://me:secret@host:8700"], |_| {}),
        case("cancel without a coordinator", 2, &["cancel", "bench"], finished),
        case(
            "token file that is not there",
            2,
            &["status", "--to", "http://127.0.0.1:9", "--token-file", "none"],
            |_| {},
        ),
        case("limit that is none", 2, &["resume", "--budget", "0", "40h", "--to", "http://127.0.0.1:9"], |_| {}),
        case("option that is not a number", 2, &["run", "sweep.yaml", "--slots", "0"], |_| {}),
    ]
}

/// Those who take something out of a finished sweep.
fn takers() -> Vec<Case> {
    const ADVISE: &[&str] = &["advise", "--docs", "1M", "--memory", "1G", "--measure", "Recall@10", "--at-least", "70"];
    vec![
        case("values by query as trec", 2, &["export", "--per-query", "--format", "trec", "--out", "x"], finished),
        case("pack as an archive", 2, &["export", "--pack", "packs/mine.tar.gz"], finished),
        case("pack over what is there", 2, &["export", "--pack", "pocket"], finished),
        case("pack of the geometry", 2, &["export", "--pack", "mine", "--geometry"], finished),
        case("times of searches as trec", 2, &["export", "--speed", "--format", "trec", "--out", "x"], finished),
        case("advice for a percentage", 2, ADVISE, finished),
        case(
            "advice by a measure that is not there",
            2,
            &["advise", "--docs", "1M", "--memory", "1G", "--measure", "Recall@100", "--at-least", "0.7"],
            finished,
        ),
        case(
            "advice for a number of documents that is none",
            2,
            &["advise", "--docs", "1.5M", "--memory", "1G", "--measure", "Recall@10", "--at-least", "0.7"],
            finished,
        ),
        case(
            "advice for a memory without a size",
            2,
            &["advise", "--docs", "1M", "--memory", "lots", "--measure", "Recall@10", "--at-least", "0.7"],
            finished,
        ),
        case(
            "advice about a model that is not there",
            2,
            &[
                "advise",
                "--docs",
                "1M",
                "--memory",
                "1G",
                "--measure",
                "Recall@10",
                "--at-least",
                "0.7",
                "--model",
                "tinny",
            ],
            finished,
        ),
        case("demo of a codec that is not there", 2, &["demo", "--codec", "pq/64", "--query", "bread"], finished),
        case("demo of a dataset that is not there", 2, &["demo", "--dataset", "poket", "--query", "bread"], finished),
        case("demo without words", 2, &["demo", "--query", " "], finished),
        case("demo of a sweep that is not done", 2, &["demo", "--codec", "pq/8", "--query", "bread"], |b| {
            finished(b);
            for file in files(&b.path(".bitsweep/outcomes")) {
                if text(&fs::read(&file).expect("it can be read")).contains("\"kind\":\"compress\"") {
                    fs::remove_file(file).expect("it can be removed");
                }
            }
        }),
    ]
}

/// A text with one and the same name for all jobs, sweeps and blobs: theirs depend on the processor, whose arithmetic is
/// part of what they are named by.
fn without_names(text: &str) -> String {
    const NAME: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let mut rest = text;
    let mut without = String::new();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len()).max(first.len_utf8());
        let (word, behind) = rest.split_at(word);
        let is_name = matches!(word.len(), 12 | 64) && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        without += if is_name { &NAME[..word.len()] } else { word };
        rest = behind;
    }
    without
}

/// What the user sees, without what differs from place to place, or how the exit code differs.
fn answer(case: &Case) -> Result<String, String> {
    let bench = Bench::new();
    (case.spoil)(&bench);
    let output = bench.command(case.args).envs(case.environment.iter().copied()).output().expect("bitsweep starts");
    let folder = bench.path("");
    let folder = folder.to_string_lossy();
    let said = without_names(&text(&output.stderr)).replace(folder.trim_end_matches('/'), "DIR");
    let code = output.status.code().map_or_else(|| output.status.to_string(), |code| code.to_string());
    let settings: String = case.environment.iter().map(|(name, value)| format!("{name}={value} ")).collect();
    if code != case.exit.to_string() {
        return Err(format!("{}: exit {code}, expected {}: {said}", case.name, case.exit));
    }
    let (name, args) = (case.name, case.args.join(" "));
    Ok(format!("## {name}\n\n```\n$ {settings}bitsweep {args}\n{}\n```\nexit {code}\n", said.trim_end()))
}

fn document() -> PathBuf {
    repository().join("docs/mistakes.md")
}

fn check(case: &Case) -> Result<(), Failed> {
    let answer = answer(case)?;
    let document = fs::read_to_string(document())?;
    if document.contains(&answer) {
        return Ok(());
    }
    Err(format!("docs/mistakes.md does not hold this answer; BITSWEEP_UPDATE=1 writes it anew\n\n{answer}").into())
}

fn update() {
    let mut all =
        "# What a user sees when something is wrong\n\nWritten by `BITSWEEP_UPDATE=1 cargo test --test bad_input`; \
                   each entry is a test. Exit codes: 1 some cells failed, 2 the user's to mend, 3 a service.\n"
            .to_owned();
    for case in cases() {
        match answer(&case) {
            Ok(answer) => all.extend(["\n", &answer]),
            Err(wrong) => println!("{wrong}\n"),
        }
    }
    fs::write(document(), all).expect("the document can be written");
}

fn main() {
    let arguments = Arguments::from_args();
    if std::env::var_os("BITSWEEP_UPDATE").is_some() {
        update();
    }
    let trials =
        cases().into_iter().map(|case| Trial::test(case.name.replace(' ', "_"), move || check(&case))).collect();
    libtest_mimic::run(&arguments, trials).exit();
}
