//! A dataset of labelled texts beside one of retrieval: it is answered query by query as any other, by its own measure.

use bitsweep_measures::statistics::{Sampling, bootstrap, differences};
use bitsweep_proto::lock::{ClassificationCounts, LockedClassification, LockedFile};
use bitsweep_proto::rescore::Exact;
use bitsweep_proto::{Cell, Codec, Digest, Measure, Rescore, Task};
use bitsweep_report::advise::{Question, advise};
use bitsweep_report::compare::Settings;
use bitsweep_report::html::{self, Texts};
use bitsweep_report::per_query::Measured;
use bitsweep_report::plot::Rescoring;
use bitsweep_report::{Table, markdown};

use crate::pages::rendered;
use crate::synthetic::{self, Sweep};

const ACCURACY: Measure = Measure::Accuracy { k: 10 };
const RECALL: Measure = Measure::Recall { k: 10 };

fn labelled() -> LockedClassification {
    let file = |name: &str| LockedFile { name: name.to_owned(), bytes: 7, sha256: Digest::of(name.as_bytes()) };
    LockedClassification {
        source: "file:intents".to_owned(),
        files: vec![file("test.csv"), file("train.csv")],
        split: "test".to_owned(),
        fit: "train".to_owned(),
        documents: file("documents.jsonl"),
        document_labels: file("document_labels.jsonl"),
        queries: file("queries.jsonl"),
        query_labels: file("query_labels.jsonl"),
        counts: ClassificationCounts { documents: 10_003, classes: 77, queries: 3_080 },
        warnings: vec!["train.csv: 3 texts stand in test.csv too".to_owned()],
    }
}

/// float32, binary codes and pq of 8 bytes on `d` by recall and on `intents` by accuracy.
fn sweep() -> Sweep {
    let mut sweep = synthetic::empty(&["m"], &["d"], &["Recall@10", "Accuracy@10"]);
    sweep.plan.lock.classification.insert("intents".to_owned(), labelled());
    let all = sweep.plan.measures.clone();
    for (dataset, measure) in [("d", RECALL), ("intents", ACCURACY)] {
        sweep.plan.measures = vec![measure];
        sweep.done(("m", dataset, Codec::Float32), &[0.9], 0.0);
        for seed in 0..2 {
            let value = 0.6 + 0.02 * f64::from(seed);
            sweep.done(("m", dataset, Codec::Binary { bits: 64, seed }), &[value], 0.03);
        }
        sweep.done(("m", dataset, Codec::pq(8)), &[0.7], 0.001);
    }
    sweep.plan.measures = all;
    sweep
}

#[test]
fn labels_are_compared_query_by_query() {
    let sweep = sweep();
    assert_eq!(sweep.plan.searches().count(), 8);
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    let rows: Vec<_> = table.rows.iter().filter(|row| row.cell.dataset() == "intents").collect();
    assert!(rows.len() == 4 && rows.iter().all(|row| row.measured.measure == ACCURACY && row.documents == 10_003));
    let answers = sweep.answers();
    assert_eq!(answers.hero, Some(RECALL));
    let panel = answers.panel("m", "intents").unwrap();
    let [contrast] = panel.contrasts.as_slice() else { panic!("{:?}", panel.contrasts) };
    assert_eq!(
        (contrast.binary.as_str(), contrast.against.as_str(), contrast.measure),
        ("binary/64", "pq/8", ACCURACY)
    );
    let values = |name: &str| panel.line(name).unwrap().answers[&ACCURACY].values.clone();
    let sampling = Sampling { rounds: 10_000, seed: 0 };
    let interval = bootstrap(&differences(&values("binary/64"), &values("pq/8")), 0.95, sampling);
    assert_eq!(contrast.interval, [interval.low, interval.high]);
}

#[test]
fn the_report_says_what_was_classified() {
    let sweep = sweep();
    let shown = (&sweep.answers(), &Texts::new());
    for page in [rendered(&sweep, shown, html::render), rendered(&sweep, shown, markdown::render)] {
        for part in [
            "texts, classified by the labels of 10,003 others",
            "train votes with 77 labels, and codecs are fitted on it",
            "Queries whose Recall@10 is open",
            "Queries whose Accuracy@10 is open",
            "By Recall@10.",
            "By Accuracy@10.",
            "Of labelled texts a query is also open where labels have equally many votes.",
            "Of labelled texts it also spans what labels with equally many votes leave open.",
            "dataset intents: train.csv: 3 texts stand in test.csv too",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
    }
}

/// Where the hero measure is of labels, second stages are drawn by one of retrieval, with their paired intervals.
#[test]
fn second_stages_are_of_retrieval() {
    let (ndcg, codec) = (Measure::Ndcg { k: 10 }, Codec::Binary { bits: 64, seed: 0 });
    let mut sweep = synthetic::empty(&["m"], &["d"], &["Accuracy@10", "nDCG@10"]);
    sweep.plan.lock.classification.insert("intents".to_owned(), labelled());
    let all = sweep.plan.measures.clone();
    sweep.plan.measures = vec![ACCURACY];
    sweep.done(("m", "intents", Codec::Float32), &[0.9], 0.0);
    sweep.plan.measures = vec![ndcg];
    sweep.done(("m", "d", Codec::Float32), &[0.8], 0.0);
    sweep.done(("m", "d", codec), &[0.4], 0.0);
    let cell = Cell::retrieval("m", "d", codec).rescored(Some(Rescore { with: Exact::Float32, candidates: 40 }));
    sweep.done_cell((cell, codec), &[0.6], 0.0);
    sweep.plan.measures = all;
    let answers = sweep.answers();
    let of_task = |task| answers.hero_of_task(&sweep.plan.measures, task);
    assert_eq!(answers.hero, Some(ACCURACY));
    let expected = [Some(ndcg), Some(ACCURACY), None];
    assert_eq!([Task::Retrieval, Task::Classification, Task::Similarity].map(of_task), expected);
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    let figures = Rescoring::all(&table, &answers);
    assert_eq!(figures.iter().map(|figure| figure.measure).collect::<Vec<_>>(), [ndcg]);
    let stages = &figures[0].curves[0].stages;
    assert!(stages.len() == 2 && stages.iter().all(|stage| stage.interval.is_some()), "{stages:?}");
}

#[test]
fn advice_may_be_by_accuracy() {
    let sweep = sweep();
    let cells = sweep.plan.cells.iter().filter(|planned| planned.cell.dataset() == "intents");
    let cells: Vec<Measured> = cells
        .map(|planned| {
            let values = sweep.per_query[&sweep.plan.jobs[planned.job as usize].key].clone();
            Measured { cell: planned.cell.clone(), values }
        })
        .collect();
    let question = Question { documents: 10_003, memory_bytes: 1 << 20, measure: ACCURACY, at_least: 0.5 };
    let advice = advise(&sweep.plan, &cells, (question, Settings::default())).unwrap();
    let found: Vec<(&str, u64, f64)> =
        advice.fits().map(|found| (found.codec.as_str(), found.documents, found.times)).collect();
    assert_eq!(found, [("binary/64", 10_003, 1.0), ("pq/8", 10_003, 1.0)]);
}
