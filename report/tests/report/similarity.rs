//! Pairs of sentences: intervals over pairs, differences, and what the report says of them.

use std::collections::BTreeMap;

use bitsweep_measures::correlate;
use bitsweep_measures::statistics::{Sampling, correlations};
use bitsweep_proto::codec::Pq;
use bitsweep_proto::job::{Embed, SimilaritySpec, Texts as Side, TruncateSpec};
use bitsweep_proto::lock::{LockedFile, LockedSimilarity, Pooling, SimilarityCounts};
use bitsweep_proto::outcome::Measured;
use bitsweep_proto::plan::{From, Input, PlannedJob};
use bitsweep_proto::{Cell, Codec, Digest, Measure, Spec};
use bitsweep_report::html::{self, Texts};
use bitsweep_report::ruling::Ruling;
use bitsweep_report::similarity::{PairScores, PairsByJob, ROUNDS, Similarities};
use bitsweep_report::{Answers, ReportError, markdown};

use crate::findings::check;
use crate::pages::{keep, rendered};
use crate::synthetic::{self, Sweep};

const PAIRS: usize = 120;

fn binary(seed: u32) -> Codec {
    Codec::Binary { bits: 64, seed }
}

/// Scores of people: 0 to 5 in steps of a half.
fn gold() -> Vec<f64> {
    (0..PAIRS).map(|pair| (pair * 7 % 11) as f64 / 2.0).collect()
}

/// Scores that follow those of people, but for noise.
fn scores(noise: f64, salt: usize) -> Vec<f64> {
    let of = |pair: usize| ((pair * 7919 + salt * 31) % 997) as f64 / 997.0 - 0.5;
    gold().iter().enumerate().map(|(pair, gold)| gold + noise * of(pair)).collect()
}

/// Finishes a cell whose scores of pairs these are.
fn add(sweep: &mut Sweep, pairs: &mut PairsByJob, (codec, scores): (Codec, Vec<f64>)) {
    let at = sweep.add(Cell::retrieval("m", "sts", codec), codec) + 1;
    let measured = |measure: &Measure| correlate(*measure, &scores, &gold()).unwrap();
    let measures: Vec<Measured> = sweep.plan.measures.iter().map(measured).collect();
    sweep.finish(at, measures);
    let ids = (1..=PAIRS).map(|pair| pair.to_string()).collect();
    pairs.insert(sweep.plan.jobs[at as usize].key, PairScores { pairs: ids, scores, gold: gold() });
}

/// float32, two seeds of binary codes that are nearly as good, and pq and opq of their bytes, which are worse.
fn sweep() -> (Sweep, PairsByJob) {
    let mut sweep = synthetic::empty(&["m"], &[], &["Spearman", "Pearson"]);
    let file = |name: &str| LockedFile { name: name.to_owned(), bytes: 1, sha256: Digest::of(name.as_bytes()) };
    let locked = LockedSimilarity {
        source: "file:pairs".to_owned(),
        files: vec![file("test.csv")],
        split: "test".to_owned(),
        fit: "train".to_owned(),
        a: file("a"),
        b: file("b"),
        scores: file("scores"),
        fit_texts: file("fit_texts"),
        counts: SimilarityCounts { pairs: PAIRS as u64, fit: 10 },
        warnings: vec![],
    };
    sweep.plan.lock.similarity = BTreeMap::from([("sts".to_owned(), locked)]);
    let mut pairs = PairsByJob::new();
    let codecs = [
        (Codec::Float32, scores(1.0, 0)),
        (Codec::pq(8), scores(30.0, 3)),
        (binary(0), scores(1.5, 1)),
        (binary(1), scores(1.6, 2)),
        (Codec::opq(8), scores(25.0, 4)),
        (Codec::pq(16), scores(3.0, 5)),
    ];
    for (codec, scores) in codecs {
        add(&mut sweep, &mut pairs, (codec, scores));
    }
    (sweep, pairs)
}

fn of(sweep: &Sweep, pairs: &PairsByJob) -> Similarities {
    Similarities::of(&sweep.plan, &sweep.outcomes, pairs).unwrap()
}

#[test]
fn intervals_are_those_of_the_statistics() {
    let (sweep, pairs) = sweep();
    let found = of(&sweep, &pairs);
    assert_eq!((found.panels.len(), found.unread, found.settings.sampling.rounds), (1, 0, ROUNDS));
    let panel = found.panel("m", "sts").unwrap();
    let names: Vec<&str> = panel.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["float32", "pq/8", "binary/64", "opq/8", "pq/16"]);
    let sampling = Sampling { rounds: ROUNDS, seed: 0 };
    let systems = [scores(1.0, 0), scores(1.5, 1), scores(1.6, 2)];
    let systems: Vec<&[f64]> = systems.iter().map(Vec::as_slice).collect();
    for measure in [Measure::Spearman, Measure::Pearson] {
        let rounds = correlations(measure, &gold(), &systems, sampling).unwrap();
        let float32 = &panel.line("float32").unwrap().values[&measure];
        let interval = rounds[0].interval(0.95);
        assert_eq!((float32.value, float32.interval), (rounds[0].value, [interval.low, interval.high]));
        assert_eq!(float32.loss, None);
        // Seeds by hand: their mean in each round, then the differences of that.
        let binary = &panel.line("binary/64").unwrap().values[&measure];
        assert_eq!(binary.seeds, [rounds[1].value, rounds[2].value]);
        assert_eq!(binary.value, (rounds[1].value + rounds[2].value) / 2.0);
        let round = |round: usize| (rounds[1].rounds[round] + rounds[2].rounds[round]) / 2.0 - rounds[0].rounds[round];
        let mut differences: Vec<f64> = (0..ROUNDS as usize).map(round).collect();
        differences.sort_by(f64::total_cmp);
        let [difference, low, high] = binary.loss.unwrap();
        assert_eq!(difference, binary.value - float32.value);
        // Places 0.025 × 1999 and 0.975 × 1999 of what was sorted.
        assert!((differences[49]..=differences[50]).contains(&low), "{low}");
        assert!((differences[1949]..=differences[1950]).contains(&high), "{high}");
    }
}

#[test]
fn binary_codes_stand_against_all_of_their_bytes() {
    let (sweep, pairs) = sweep();
    let found = of(&sweep, &pairs);
    let spearman = found.panels[0].contrasts.iter().filter(|contrast| contrast.measure == Measure::Spearman);
    let contrasts: Vec<_> = spearman.collect();
    let sides: Vec<(&str, &str)> = contrasts.iter().map(|one| (one.binary.as_str(), one.against.as_str())).collect();
    assert_eq!(sides, [("binary/64", "pq/8"), ("binary/64", "opq/8")], "pq/16 has other bytes");
    for contrast in contrasts {
        assert_eq!((contrast.bytes, contrast.ruling), (8, Ruling::ClearlyBetter), "{contrast:?}");
        let [binary, other] = contrast.values;
        assert_eq!(contrast.difference, binary - other);
        let [low, high] = contrast.interval;
        assert!(low < contrast.difference && contrast.difference < high);
        let [least, greatest] = contrast.by_seed.unwrap();
        assert!(least < contrast.difference && contrast.difference < greatest);
    }
}

#[test]
fn the_report_shows_intervals_and_differences() {
    let (sweep, pairs) = sweep();
    let answers = Answers { similarities: of(&sweep, &pairs), ..sweep.answers() };
    let page = rendered(&sweep, (&answers, &Texts::new()), html::render);
    keep("similarity.html", &page);
    let text = rendered(&sweep, (&answers, &Texts::new()), markdown::render);
    for part in ["Pairs of sentences: intervals and differences", "120 pairs.", "2,000 resamples", "clearly better"] {
        assert!(page.contains(part) && text.contains(part), "{part}");
    }
    let [low, high] = answers.similarities.panels[0].line("pq/16").unwrap().values[&Measure::Spearman].interval;
    assert!(page.contains(&format!("<small>[{low:.4}–{high:.4}]</small>")), "in the table of results too");
    assert!(page.contains(&format!("{low:.4} to {high:.4}")) && text.contains(&format!("{low:.4} to {high:.4}")));
    assert!(!page.contains("No values by query") && !page.contains("NaN") && !text.contains("NaN"));
    let without = rendered(&sweep, (&sweep.answers(), &Texts::new()), html::render);
    assert!(!without.contains("Pairs of sentences: intervals"));
}

/// What is not at hand is counted, and what cannot be paired is refused.
#[test]
fn cells_without_scores_are_counted() {
    let (sweep, mut pairs) = sweep();
    let last = sweep.plan.jobs.last().unwrap().key;
    let scores = pairs.remove(&last).unwrap();
    let found = of(&sweep, &pairs);
    assert_eq!((found.unread, found.panels[0].lines.len()), (1, 4));
    let other = PairScores { gold: vec![0.5; PAIRS], ..scores };
    pairs.insert(last, other);
    let error = Similarities::of(&sweep.plan, &sweep.outcomes, &pairs).unwrap_err();
    assert!(matches!(error, ReportError::OtherPairs { .. }), "{error}");
}

/// What codecs of pairs lack is lacking, what they are fitted on is looked at, and their datasets count.
#[test]
fn the_checklist_looks_at_pairs_too() {
    let (mut sweep, _) = sweep();
    sweep.plan.lock.datasets = synthetic::empty(&[], &["d"], &[]).plan.lock.datasets;
    for seed in 0..10 {
        sweep.done(("m", "d", Codec::Pq(Pq { seed: Some(seed), ..Pq::new(8) })), &[0.3], 0.0);
    }
    let starts = check(&sweep, "at least 10 starts");
    assert!(starts.contains("partly | fewer: opq/8 (1), pq/16 (1), pq/8 (1)"), "{starts}");
    assert!(check(&sweep, "at least 10 projection seeds").contains("no | fewer: binary/64 (2)"));
    assert!(check(&sweep, "several models").contains("datasets: 2"));
    let cosine = check(&sweep, "pq and opq scored by the cosine");
    assert!(cosine.contains("lacking: pq/8/cosine (m on d)") && !cosine.contains("sts"), "{cosine}");
}

/// What a codec of pairs is fitted on is read off the plan: sentences kept for that, or others.
#[test]
fn sentences_to_fit_on_are_none_that_are_measured() {
    let fitted_on = |texts: &str| {
        let (mut sweep, _) = sweep();
        sweep.plan.jobs.retain(|job| !matches!(job.spec, Spec::Compress(_)));
        sweep.plan.cells.clear();
        let first = sweep.plan.jobs.len() as u32;
        let like = sweep.plan.jobs[0].clone();
        let input = |name: &str, from: From| Input { name: name.to_owned(), item: String::new(), from };
        let texts = input("texts", From::Blob(Digest::of(texts.as_bytes())));
        let embed = Embed {
            texts: Side::Queries,
            architecture: "bert".to_owned(),
            dim: 384,
            prefix: String::new(),
            max_tokens: 256,
            pooling: Pooling::Mean,
            normalize: true,
            precision: bitsweep_proto::Precision::Float32,
            first_row: 0,
            rows: 10,
            chunk_rows: 10,
        };
        let score = SimilaritySpec { codec: Codec::pq(8), dim: 128, measures: vec![] };
        let specs = [
            (Spec::Embed(embed), texts),
            (Spec::Truncate(TruncateSpec { dim: 384, dims: 128, normalize: true }), input("vectors", From::Job(first))),
            (Spec::Similarity(score), input("fit", From::Job(first + 1))),
        ];
        let jobs = specs.into_iter().map(|(spec, of)| PlannedJob { spec, inputs: vec![of], ..like.clone() });
        sweep.plan.jobs.extend(jobs);
        check(&sweep, "nothing is learnt from queries")
    };
    let apart = fitted_on("fit_texts");
    assert!(apart.contains("yes | 1 of 1 jobs that fit a codec for pairs") && !apart.contains("documents"), "{apart}");
    assert!(fitted_on("a").contains("no | 0 of 1 jobs that fit a codec for pairs"), "{}", fitted_on("a"));
}

#[test]
fn a_file_of_pairs_is_read() {
    let text = "{\"pair\":\"1\",\"score\":0.25,\"gold\":3.5}\n{\"pair\":\"2\",\"score\":-7.0,\"gold\":0.0}\n";
    let read = PairScores::read(text).unwrap();
    let expected =
        PairScores { pairs: vec!["1".to_owned(), "2".to_owned()], scores: vec![0.25, -7.0], gold: vec![3.5, 0.0] };
    assert_eq!(read, expected);
    assert!(PairScores::read("{\"pair\":\"1\",\"score\":null,\"gold\":3.5}\n").is_err());
}
