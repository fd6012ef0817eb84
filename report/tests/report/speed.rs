//! The time of searches: a table and an appendix of its own, and nothing in any other.

use std::collections::BTreeMap;

use bitsweep_proto::job::{Spec, SpeedSpec};
use bitsweep_proto::{Cell, Codec, Study};
use bitsweep_report::geometry::Geometries;
use bitsweep_report::html::{self, Texts};
use bitsweep_report::speed::Speeds;
use bitsweep_report::{Table, export, markdown};

use crate::pages::{keep, rendered};
use crate::synthetic::{self, Sweep};

const BINARY: Codec = Codec::Binary { bits: 64, seed: 2 };

fn results() -> Sweep {
    let mut sweep = synthetic::empty(&["m"], &["d", "e"], &["nDCG@10"]);
    for dataset in ["d", "e"] {
        sweep.done(("m", dataset, Codec::Float32), &[0.6], 0.0);
        sweep.done(("m", dataset, Codec::Int8), &[0.6], 0.0);
        sweep.done(("m", dataset, BINARY), &[0.4], 0.01);
    }
    sweep
}

/// Adds a finished cell with these numbers of documents and queries per second.
fn timed(sweep: &mut Sweep, (dataset, codec): (&str, Codec), (documents, rate): (u64, f64)) {
    let at = sweep.add(Cell::retrieval("m", dataset, codec).studied(Study::Speed), codec) + 1;
    let (warm_up, repeats, depth) = (1, 2, 10);
    let key = sweep.plan.jobs[at as usize].key;
    sweep.plan.jobs[at as usize].spec = Spec::Speed(SpeedSpec { codec, dim: 384, warm_up, repeats, depth });
    sweep.finish(at, Vec::new());
    let produced = &mut sweep.outcomes.get_mut(&key).unwrap().produced;
    let facts = [("documents", documents), ("queries", 300), ("dim", 384), ("depth", 10), ("warm_up", 1)];
    let further = [("repeats", 2), ("threads", 1), ("kernel_bits", 256)];
    produced.facts = facts.into_iter().chain(further).map(|(name, count)| (name.to_owned(), count)).collect();
    let values = [
        ("latency_p50_ms", 0.25),
        ("latency_p95_ms", 1.5),
        ("latency_p99_ms", 120.0),
        ("queries_per_second_max", 2.0 * rate),
        ("queries_per_second_median", rate),
        ("queries_per_second_min", 50.0),
    ];
    produced.values = BTreeMap::from(values.map(|(name, value)| (name.to_owned(), value)));
}

fn sweep() -> Sweep {
    let mut sweep = results();
    timed(&mut sweep, ("d", Codec::Int8), (5183, 4321.4));
    timed(&mut sweep, ("d", BINARY), (5183, 1e6));
    timed(&mut sweep, ("e", BINARY), (171_332, 64.5));
    // One that is not done yet.
    sweep.add(Cell::retrieval("m", "e", Codec::Int8).studied(Study::Speed), Codec::Int8);
    sweep
}

#[test]
fn times_are_a_table_of_their_own() {
    let sweep = sweep();
    let mut csv = Vec::new();
    export::csv(&Speeds::of(&sweep.plan, &sweep.outcomes), &mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 1 + 3 * 6);
    assert_eq!(
        lines[0],
        "cell,model,dataset,codec,seed,name,value,documents,dim,bytes_per_vector,queries,depth,repeats,threads,kernels,cpu,version"
    );
    assert_eq!(
        lines[1],
        "\"model=m,dataset=d,codec=int8,study=speed\",m,d,int8,,latency_p50_ms,0.25,5183,384,384,300,10,2,1,faiss-0.13,An Example \
         CPU,0.1.0"
    );
    assert_eq!(
        lines[11],
        "\"model=m,dataset=d,codec=binary/64,seed=2,study=speed\",m,d,binary/64,2,queries_per_second_median,1000000,5183,384,8,300,\
         10,2,1,\"own, 256 bits\",An Example CPU,0.1.0"
    );
}

#[test]
fn times_enter_no_other_table() {
    let (plain, with) = (results(), sweep());
    let table = |sweep: &Sweep| Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    assert_eq!(table(&plain), table(&with));
    assert_eq!(Geometries::of(&with.plan, &with.outcomes).all, []);
    assert_eq!(Speeds::of(&plain.plan, &plain.outcomes).all, []);
}

#[test]
fn the_report_has_an_appendix() {
    let (plain, with) = (results(), sweep());
    let (answers, texts) = (with.answers(), Texts::new());
    let page = rendered(&with, (&answers, &texts), html::render);
    let text = rendered(&with, (&answers, &texts), markdown::render);
    keep("speed.html", &page);
    for words in [
        "Appendix: speed of searches",
        "2 rounds after 1 of warm-up; each search returns 10 documents",
        "binary/64, seed 2",
        "own, 256 bits",
        "An Example CPU",
        "4,321",
        "50–8,643",
        "its batch speed is not measured",
        "paths of this program, not codecs",
        "0.2500",
        "1.50",
        "1,000,000",
        "64.5",
        "5,183 documents (d)",
        "171,332 documents (e)",
        "p95, ms",
    ] {
        assert!(page.contains(&words.replace('/', "&#x2f;")), "{words}");
        assert!(text.contains(words), "{words} in\n{text}");
    }
    assert!(text.contains("| m | d | binary/64, seed 2 | An Example CPU | 0.1.0 | own, 256 bits | 5,183 |"), "{text}");
    assert!(
        text.contains(
            "| m | binary/64 | An Example CPU | 0.1.0 | own, 256 bits | 384 | 1,000,000 | 0.2500 | 1.50 | 64.5 | 0.2500 | \
             1.50 |"
        ),
        "{text}"
    );
    assert!(!rendered(&plain, (&plain.answers(), &texts), html::render).contains("speed of searches"));
}

/// Two versions of the program are two lines, and two datasets of one size two columns.
#[test]
fn growth_mixes_neither_versions_nor_datasets() {
    let mut sweep = synthetic::empty(&["m"], &["d", "e", "f"], &["nDCG@10"]);
    sweep.done(("m", "d", Codec::Float32), &[0.6], 0.0);
    timed(&mut sweep, ("d", Codec::Int8), (5183, 4321.4));
    timed(&mut sweep, ("e", Codec::Int8), (5183, 1000.0));
    let page = |sweep: &Sweep| rendered(sweep, (&sweep.answers(), &Texts::new()), markdown::render);
    let text = page(&sweep);
    assert!(!text.contains("| m | int8 | An Example CPU |"), "two datasets of one size are no growth: {text}");
    timed(&mut sweep, ("f", Codec::Int8), (171_332, 30.0));
    let text = page(&sweep);
    let sizes = ["5,183 documents (d)", "5,183 documents (e)", "171,332 documents (f)"];
    let heads = sizes.map(|size| format!("| {size} | p50, ms | p95, ms ")).concat();
    assert!(text.contains(&heads), "{text}");
    let row =
        "| m | int8 | An Example CPU | 0.1.0 | faiss-0.13 | 384 | 4,321 | 0.2500 | 1.50 | 1,000 | 0.2500 | 1.50 | 30 |";
    assert!(text.contains(row), "{text}");
    let last = sweep.plan.cells.last().unwrap().job;
    let key = sweep.plan.jobs[last as usize].key;
    sweep.outcomes.get_mut(&key).unwrap().provenance.version = "0.2.0".to_owned();
    let text = page(&sweep);
    assert!(text.contains("| m | f | int8 | An Example CPU | 0.2.0 | faiss-0.13 | 171,332 |"), "{text}");
    assert!(!text.contains("| m | int8 | An Example CPU |"), "one number of documents in each version: {text}");
}

/// Sizes are set side by side only where there are several.
#[test]
fn one_size_has_no_growth() {
    let mut sweep = results();
    timed(&mut sweep, ("d", BINARY), (5183, 1e6));
    let page = rendered(&sweep, (&sweep.answers(), &Texts::new()), html::render);
    assert!(page.contains("Appendix: speed of searches") && !page.contains("By the number of documents:"));
}
