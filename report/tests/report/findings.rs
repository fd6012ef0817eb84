//! What a report finds query by query: contrasts, failures, the checklist; and the report as Markdown.

use std::collections::{BTreeMap, BTreeSet};

use bitsweep_measures::statistics::{Sampling, bootstrap, differences, holm, randomisation};
use bitsweep_proto::cell::Cell;
use bitsweep_proto::codec::Pq;
use bitsweep_proto::lock::LockedSample;
use bitsweep_proto::manifest::Expect;
use bitsweep_proto::{Codec, Measure};
use bitsweep_report::compare::PerQuery;
use bitsweep_report::html::{self, Texts};
use bitsweep_report::ruling::{MARGIN, Ruling};
use bitsweep_report::{Answers, ReportError, markdown};

use crate::pages::{keep, rendered};
use crate::synthetic::{self, Sweep};

const RECALL: Measure = Measure::Recall { k: 10 };

fn binary(bits: u32, seed: u32) -> Codec {
    Codec::Binary { bits, seed }
}

/// One model on one dataset, with two recalls: binary codes of 64 and 256 bits, pq of 8 and 32 bytes, opq of 32.
fn small() -> Sweep {
    let mut sweep = synthetic::empty(&["m"], &["d"], &["Recall@10", "Recall@100"]);
    sweep.done(("m", "d", Codec::Float32), &[0.8, 0.9], 0.0);
    for seed in 0..2 {
        let shift = 0.02 * f64::from(seed);
        sweep.done(("m", "d", binary(64, seed)), &[0.2 + shift, 0.4], 0.03);
        sweep.done(("m", "d", binary(256, seed)), &[0.7 + shift, 0.85], 0.01);
    }
    sweep.done(("m", "d", Codec::pq(8)), &[0.4, 0.6], 0.001);
    sweep.done(("m", "d", Codec::pq(32)), &[0.69, 0.84], 0.001);
    sweep.done(("m", "d", Codec::opq(32)), &[0.75, 0.86], 0.001);
    sweep
}

#[test]
fn binary_codes_are_set_against_pq_of_their_bytes() {
    let sweep = small();
    let answers = sweep.answers();
    let panel = answers.panel("m", "d").unwrap();
    let of_recall: Vec<_> = panel.contrasts.iter().filter(|one| one.measure == RECALL).collect();
    let pairs: Vec<(&str, &str, u64)> =
        of_recall.iter().map(|one| (one.binary.as_str(), one.against.as_str(), one.bytes)).collect();
    assert_eq!(pairs, [("binary/64", "pq/8", 8), ("binary/256", "pq/32", 32), ("binary/256", "opq/32", 32)]);
    // Each number as the statistics give it for this pair alone.
    let sampling = Sampling { rounds: 10_000, seed: 0 };
    let values = |name: &str| panel.line(name).unwrap().answers[&RECALL].values.clone();
    let mut ps = Vec::new();
    for one in &of_recall {
        let column = differences(&values(&one.binary), &values(&one.against));
        let interval = bootstrap(&column, 0.95, sampling);
        assert_eq!(one.interval, [interval.low, interval.high]);
        assert_eq!(one.p, randomisation(&column, sampling));
        assert_eq!(one.ruling, Ruling::of(one.interval, MARGIN));
        assert!((one.difference - (one.means[0] - one.means[1])).abs() < 1e-12);
        ps.push(one.p);
    }
    assert_eq!(of_recall.iter().map(|one| one.p_holm).collect::<Vec<_>>(), holm(&ps));
    assert_eq!(of_recall[0].ruling, Ruling::ClearlyWorse, "{:?}", of_recall[0]);
    let [least, greatest] = of_recall[0].by_seed.unwrap();
    assert!((least + 0.2).abs() < 1e-9 && (greatest + 0.18).abs() < 1e-9, "each seed by itself: {least} {greatest}");
}

/// Seeds are averaged query by query, and queries alone are drawn.
#[test]
fn seeds_are_averaged_before_queries_are_drawn() {
    let sweep = small();
    let answers = sweep.answers();
    let answer = &answers.panel("m", "d").unwrap().line("binary/64").unwrap().answers[&RECALL];
    let cells: Vec<&PerQuery> = sweep
        .plan
        .cells
        .iter()
        .filter(|planned| planned.cell.codec().is_ok_and(|codec| codec.name() == "binary/64"))
        .map(|planned| &sweep.per_query[&sweep.plan.jobs[planned.job as usize].key])
        .collect();
    let mean: Vec<f64> = (0..answer.values.len())
        .map(|query| (cells[0].values[&RECALL][query] + cells[1].values[&RECALL][query]) / 2.0)
        .collect();
    assert_eq!(answer.values, mean);
    let interval = bootstrap(&mean, 0.95, Sampling::default());
    assert_eq!(answer.interval, [interval.low, interval.high]);
    assert!((answer.seeds[0] - 0.2).abs() < 1e-9 && (answer.seeds[1] - 0.22).abs() < 1e-9);
    assert!(answer.deviations.is_some());
    assert_eq!(answer.open, 0.5);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let mut sweep = small();
    let waiting = binary(128, 0);
    sweep.add(Cell::retrieval("m", "d", waiting), waiting);
    let page = rendered(&sweep, (&sweep.answers(), &Texts::new()), markdown::render);
    for part in [
        "- 64 bits (8 bytes): no opq/8 was planned",
        "- 128 bits (16 bytes): no pq/16 was planned; no opq/16 was planned; binary/128 has no results that can be compared",
        "- 512 bits (64 bytes): no binary codec was planned; no pq/64 was planned; no opq/64 was planned",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(!page.contains("256 bits (32 bytes):"), "nothing is lacking there");
}

/// What the gate withholds enters no interval, no contrast and no failure.
#[test]
fn what_is_withheld_stays_away() {
    let mut sweep = small();
    sweep.plan.expect =
        vec![Expect { model: "m".to_owned(), dataset: "d".to_owned(), measure: RECALL, value: 0.1, within: 0.01 }];
    let answers = sweep.answers();
    let panel = answers.panel("m", "d").unwrap();
    assert_eq!(panel.lines.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["float32"]);
    assert!(panel.contrasts.is_empty());
}

#[test]
fn cells_without_values_by_query_are_counted() {
    let mut sweep = small();
    let key = *sweep.per_query.keys().next().unwrap();
    sweep.per_query.remove(&key);
    assert_eq!(sweep.answers().unread, 1);
    sweep.per_query.clear();
    let answers = sweep.answers();
    assert_eq!((answers.unread, answers.panels.len()), (8, 0));
    let page = rendered(&sweep, (&answers, &Texts::new()), html::render);
    assert!(page.contains("No values by query are at hand") && !page.contains("Failure modes"));
    assert!(page.contains("Pareto front"), "the front needs no values by query");
}

#[test]
fn cells_of_one_dataset_answer_the_same_queries() {
    let mut sweep = small();
    let other = sweep.per_query.values_mut().next().unwrap();
    other.queries[0] = "another".to_owned();
    let error = Answers::of(&sweep.plan, &sweep.outcomes, &sweep.per_query).unwrap_err();
    assert!(matches!(error, ReportError::OtherQueries { .. }), "{error}");
}

#[test]
fn the_hardest_queries_come_with_their_texts() {
    let sweep = small();
    let answers = sweep.answers();
    let wanted = answers.hard_queries();
    let ids: &BTreeSet<&str> = &wanted["d"];
    assert!(!ids.is_empty() && ids.len() <= 8 + 1);
    let panel = answers.panel("m", "d").unwrap();
    let is_lost = |id: &&str| {
        let at = panel.queries.iter().position(|query| query == id).unwrap();
        let value = |name: &str| panel.line(name).unwrap().answers[&RECALL].values[at];
        let codecs = ["binary/64", "binary/256", "pq/8", "pq/32", "opq/32"];
        value("float32") > 0.0 && codecs.iter().any(|name| value(name) < value("float32") / 2.0)
    };
    assert!(ids.iter().filter(|id| is_lost(id)).count() >= ids.len() - 1, "all but the one that ties decide");
    let some = *ids.iter().find(|id| is_lost(id)).unwrap();
    let texts = Texts::from([("d".to_owned(), BTreeMap::from([(some.to_owned(), "what is <lost>?".to_owned())]))]);
    let page = rendered(&sweep, (&answers, &texts), html::render);
    assert!(page.contains("what is &lt;lost&gt;?"));
    keep("small.html", &page);
}

/// One query stands for those that the order of tied documents decides: the widest of any codec and seed.
#[test]
fn a_query_that_ties_decide_is_named() {
    let sweep = small();
    let mut answers = sweep.answers();
    let panel = answers.panel("m", "d").unwrap();
    let widest = |name: &str| panel.line(name).unwrap().answers[&RECALL].widest;
    assert_eq!(widest("float32"), None);
    let found = widest("binary/64").unwrap();
    assert_eq!((found.query, found.min, found.max), (0, 0.0, 1.0), "of several the first");
    assert!(answers.hard_queries()["d"].contains("q0"), "its text is wanted");
    let texts = Texts::from([("d".to_owned(), BTreeMap::from([("q0".to_owned(), "what is tied?".to_owned())]))]);
    let text = rendered(&sweep, (&answers, &texts), markdown::render);
    let sentence = "For example: query q0 (“what is tied?”) under binary/64. By the order of tied documents alone its \
                    Recall@10 lies anywhere from 0.0000 to 1.0000";
    assert!(text.contains(sentence), "{text}");
    for line in &mut answers.panels[0].lines {
        line.answers.get_mut(&RECALL).unwrap().widest = None;
    }
    assert!(!rendered(&sweep, (&answers, &texts), html::render).contains("For example: query"));
}

/// The whole of a small report. Numbers are those of a made-up sweep.
#[test]
fn a_report_as_markdown() {
    let sweep = small();
    let text = rendered(&sweep, (&sweep.answers(), &Texts::new()), markdown::render);
    keep("small.md", &text);
    let version = format!("Written by bitsweep {}", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(text.replace(&version, "Written by bitsweep VERSION"));
}

#[test]
fn markdown_holds_hostile_names_as_text() {
    let hostile = "a|b\n# c <script> [x](y) `z` ```";
    let mut sweep = synthetic::empty(&[hostile], &[hostile], &["MRR"]);
    sweep.plan.name = hostile.to_owned();
    sweep.plan.manifest = hostile.to_owned();
    sweep.done((hostile, hostile, Codec::Float32), &[0.5], 0.0);
    let text = rendered(&sweep, (&sweep.answers(), &Texts::new()), markdown::render);
    let (before, _) =
        text.split_once("````\na|b\n# c").expect("the manifest, in a fence longer than its own backticks");
    assert!(!before.contains("<script>") && !before.contains("\n# c"));
    assert!(text.contains("# a\\|b \\# c &lt;script&gt; \\[x\\](y) \\`z\\`"));
}

/// Two datasets that differ in the seed of their subsample are draws of one; another size is not.
#[test]
fn draws_of_a_subsample_are_set_together() {
    let mut sweep = synthetic::empty(&["m"], &["a", "b", "c"], &["Recall@10"]);
    for (name, documents, seed) in [("a", 1000, 1), ("b", 1000, 2), ("c", 500, 3)] {
        let (of, judged, pooled, drawn) = (5000, 100, 200, documents - 300);
        let sample = LockedSample { documents, pool: vec![], depth: 100, seed, of, judged, pooled, drawn };
        sweep.plan.lock.datasets.get_mut(name).unwrap().sample = Some(sample);
    }
    sweep.done(("m", "a", Codec::Int8), &[0.5], 0.0);
    let page = |sweep: &Sweep| rendered(sweep, (&sweep.answers(), &Texts::new()), markdown::render);
    assert!(!page(&sweep).contains("Draws of a subsample"), "one draw tells nothing");
    sweep.done(("m", "b", Codec::Int8), &[0.6], 0.0);
    sweep.done(("m", "c", Codec::Int8), &[0.9], 0.0);
    let page = page(&sweep);
    let row = page.lines().find(|line| line.starts_with("| m | a, b | int8 | 0.5500 | 0.5000 to 0.6000 | "));
    let cells: Vec<f64> =
        row.unwrap().split(" | ").skip(5).filter_map(|cell| cell.trim_end_matches(" |").parse().ok()).collect();
    let [between_draws, between_queries, ..] = cells[..] else { panic!("{row:?}") };
    // A second dataset of a draw that is there is no further draw, nor is one by another rule, nor where nothing is left to draw.
    let names = |sweep: &Sweep| {
        let text = rendered(sweep, (&sweep.answers(), &Texts::new()), markdown::render);
        text.lines().find(|line| line.starts_with("| m | a, ")).map(|line| line.split(" | ").nth(1).unwrap().to_owned())
    };
    let second = sweep.plan.lock.datasets["b"].sample.clone();
    sweep.plan.lock.datasets.get_mut("c").unwrap().sample = second;
    assert_eq!(names(&sweep).as_deref(), Some("a, b"), "c is the draw of b");
    let change = |sweep: &mut Sweep, of: fn(&mut LockedSample)| {
        of(sweep.plan.lock.datasets.get_mut("c").unwrap().sample.as_mut().unwrap())
    };
    change(&mut sweep, |sample| sample.seed = 3);
    assert_eq!(names(&sweep).as_deref(), Some("a, b, c"));
    change(&mut sweep, |sample| sample.depth = 50);
    assert_eq!(names(&sweep).as_deref(), Some("a, b"));
    for name in ["a", "b", "c"] {
        sweep.plan.lock.datasets.get_mut(name).unwrap().sample.as_mut().unwrap().of = 1000;
    }
    assert_eq!(names(&sweep), None, "all documents are kept");
    // A tenth between two means, and queries that are right or wrong.
    assert!(between_draws > 0.05 && between_draws < 0.0708 && between_queries > 0.4, "{row:?}");
}

/// The line of the checklist that starts so.
pub(crate) fn check(sweep: &Sweep, what: &str) -> String {
    let text = rendered(sweep, (&Answers::default(), &Texts::new()), markdown::render);
    let (_, list) = text.split_once("## Fairness checklist").unwrap();
    list.lines().find(|line| line.starts_with(&format!("| {what}"))).unwrap_or_else(|| panic!("{what}")).to_owned()
}

#[test]
fn the_checklist_is_read_off_the_plan() {
    let mut sweep = synthetic::empty(&["m", "n"], &["d"], &["Recall@10"]);
    for seed in 0..10 {
        sweep.done(("m", "d", binary(64, seed)), &[0.3], 0.0);
    }
    for (what, answer) in [
        ("every planned cell", "yes | all 10 cells of the plan"),
        ("several models", "no | models: 1"),
        ("float32 as the baseline", "no | not for m on d"),
        ("float32 gives what is published", "no | the manifest expects nothing"),
        ("at least 10 projection seeds", "yes | at least 10 of each"),
        ("pq of the same bytes", "no | lacking: pq/8 (m on d)"),
        ("opq beside", "no | there is nothing to set it beside"),
        ("at least 10 starts", "no | this sweep has no such codec"),
        ("int8", "no | not run"),
        ("centred", "no | not run"),
        ("nothing is learnt from queries", "yes | 10 of 10"),
    ] {
        assert!(check(&sweep, what).contains(answer), "{}", check(&sweep, what));
    }
    sweep.done(("m", "d", Codec::Float32), &[0.5], 0.0);
    sweep.done(("n", "d", Codec::Float32), &[0.5], 0.0);
    sweep.done(("n", "d", Codec::Int8), &[0.5], 0.0);
    sweep.done(("n", "d", Codec::parse("binary/64/mean+itq/asymmetric", Some(0)).unwrap()), &[0.5], 0.0);
    let expect = |model: &str| {
        let model = model.to_owned();
        Expect { model, dataset: "d".to_owned(), measure: RECALL, value: 0.5, within: 0.01 }
    };
    sweep.plan.expect = vec![expect("m")];
    for (what, answer) in [
        ("several models", "partly | models: 2"),
        ("float32 as the baseline", "yes | for every pair of model and dataset (2)"),
        ("float32 gives what is published", "partly | 1 of 1 expectations kept; nothing is expected of n on d"),
        ("at least 10 projection seeds", "partly | fewer: binary/64/mean+itq/asymmetric (1)"),
        ("int8", "partly | int8; not for m on d"),
        ("centred", "partly | binary/64/mean+itq/asymmetric"),
        ("asymmetric scoring", "partly"),
    ] {
        assert!(check(&sweep, what).contains(answer), "{}", check(&sweep, what));
    }
    for seed in 0..10 {
        sweep.done(("m", "d", Codec::Pq(Pq { seed: Some(seed), ..Pq::new(8) })), &[0.3], 0.0);
    }
    assert!(check(&sweep, "at least 10 starts").contains("yes | at least 10 of each"));
    sweep.done(("n", "d", Codec::opq(8)), &[0.3], 0.0);
    sweep.done(("n", "d", Codec::Rabitq), &[0.3], 0.0);
    let starts = check(&sweep, "at least 10 starts");
    assert!(starts.contains("partly | fewer: opq/8 (1); rabitq: always from Faiss's fixed seed"), "{starts}");
    sweep.plan.expect.push(expect("n"));
    assert!(check(&sweep, "float32 gives what is published").contains("yes | 2 of 2 expectations kept"));
    sweep.plan.expect[1].value = 0.7;
    let missed = check(&sweep, "float32 gives what is published");
    assert!(
        missed.contains("partly | 1 of 2 expectations kept; compressed results of the others are withheld"),
        "{missed}"
    );
    // A compressing job that sees queries is found out.
    let at = sweep.plan.jobs.iter().position(|job| matches!(job.spec, bitsweep_proto::Spec::Compress(_))).unwrap();
    sweep.plan.jobs[at].inputs = sweep.plan.jobs[at + 1].inputs.clone();
    assert!(check(&sweep, "nothing is learnt from queries").contains("partly | 25 of 26"));
    sweep.plan.lock.datasets.get_mut("d").unwrap().ignore_identical_ids = true;
    assert!(check(&sweep, "nothing is learnt from queries").contains("in d a query may itself be a document"));
}
