//! What binary codes are like: a table of its own, a table among the failures, and theory beside the codes.

use std::collections::BTreeMap;

use bitsweep_proto::job::{CodesSpec, Spec};
use bitsweep_proto::{Cell, Codec, Study};
use bitsweep_report::codes::Inspections;
use bitsweep_report::geometry::Geometries;
use bitsweep_report::html::{self, Texts};
use bitsweep_report::plot::{self, Hamming};
use bitsweep_report::{Table, export, markdown};

use crate::pages::{keep, rendered};
use crate::synthetic::{self, Sweep};

fn codec(name: &str, seed: u32) -> Codec {
    Codec::parse(name, None).or_else(|_| Codec::parse(name, Some(seed))).unwrap()
}

/// Adds a finished cell of the study.
fn looked_into(sweep: &mut Sweep, codec: Codec, values: &[(&str, f64)]) {
    let at = sweep.add(Cell::retrieval("m", "d", codec).studied(Study::Codes), codec) + 1;
    let key = sweep.plan.jobs[at as usize].key;
    sweep.plan.jobs[at as usize].spec = Spec::Codes(CodesSpec { codec: codec.stored(), dim: 384 });
    sweep.finish(at, Vec::new());
    let produced = &mut sweep.outcomes.get_mut(&key).unwrap().produced;
    produced.facts = BTreeMap::from([("documents".to_owned(), 5183), ("queries".to_owned(), 256)]);
    produced.values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
}

/// Values of a codec whose errors are `ratio` of the predicted, and whose signal would grow so much by centring.
fn values(ratio: f64, gain: f64, dead: f64) -> Vec<(&'static str, f64)> {
    let error = 0.06;
    vec![
        ("bits", 64.0),
        ("dead_bits", dead),
        ("near_dead_bits", 0.0),
        ("doubled_bits", 0.0),
        ("mean_minority_share", 0.41),
        ("mean_entropy", 0.9),
        ("greatest_correlation", 0.75),
        ("distinct_codes", 5000.0),
        ("shared_code_documents", 300.0),
        ("largest_code_group", 12.0),
        ("near_predicted", 0.2),
        ("near_observed", 0.21),
        ("near_error", 0.05 * ratio),
        ("near_error_predicted", 0.05),
        ("near_error_ratio", ratio),
        ("far_predicted", 0.4),
        ("far_observed", 0.39),
        ("far_error", 0.07 * ratio),
        ("far_error_predicted", 0.07),
        ("far_error_ratio", ratio),
        ("error", error * ratio),
        ("error_predicted", error),
        ("error_ratio", ratio),
        ("signal_as_is", 3.0),
        ("signal_centred", 3.0 * gain),
        ("signal_observed", 0.18 / (error * ratio)),
    ]
}

fn results() -> Sweep {
    let mut sweep = synthetic::empty(&["m"], &["d"], &["nDCG@10"]);
    sweep.done(("m", "d", Codec::Float32), &[0.6], 0.0);
    for seed in 0..2 {
        sweep.done(("m", "d", codec("binary/64", seed)), &[0.3], 0.01);
        sweep.done(("m", "d", codec("binary/64/mean+orthonormal", seed)), &[0.4], 0.01);
    }
    sweep.done(("m", "d", codec("binary/64/mean+pca", 0)), &[0.35], 0.01);
    sweep
}

fn sweep() -> Sweep {
    let mut sweep = results();
    looked_into(&mut sweep, codec("binary/64", 0), &values(1.1, 2.0, 2.0));
    looked_into(&mut sweep, codec("binary/64", 1), &values(0.9, 2.0, 4.0));
    // Another scoring of the same codes.
    looked_into(&mut sweep, codec("binary/64/none+gaussian/asymmetric", 1), &values(0.9, 2.0, 4.0));
    looked_into(&mut sweep, codec("binary/64/mean+orthonormal", 0), &values(0.8, 1.05, 0.0));
    looked_into(&mut sweep, codec("binary/64/mean+orthonormal", 1), &values(0.7, 1.05, 0.0));
    looked_into(&mut sweep, codec("binary/64/mean+pca", 0), &values(3.0, 2.0, 0.0));
    // One that is not done yet.
    let waiting = codec("binary/64", 2);
    sweep.add(Cell::retrieval("m", "d", waiting).studied(Study::Codes), waiting);
    sweep
}

fn page(sweep: &Sweep) -> String {
    rendered(sweep, (&sweep.answers(), &Texts::new()), markdown::render)
}

/// The line of a table that begins with these cells.
fn line<'t>(text: &'t str, begin: &str) -> &'t str {
    text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{begin}\n{text}"))
}

#[test]
fn codes_are_a_table_of_their_own() {
    let sweep = sweep();
    let mut csv = Vec::new();
    export::csv(&Inspections::of(&sweep.plan, &sweep.outcomes), &mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 1 + 6 * 26);
    assert_eq!(lines[0], "cell,model,dataset,codec,seed,name,value,documents,dims");
    assert_eq!(lines[1], "\"model=m,dataset=d,codec=binary/64,seed=0,study=codes\",m,d,binary/64,0,bits,64,5183,");
    let pca = lines.iter().find(|line| line.contains("mean+pca")).unwrap();
    assert!(pca.contains(",m,d,binary/64/mean+pca,,bits,64,"), "{pca}");
    // The results are those of a sweep that looks into nothing.
    let table = |sweep: &Sweep| Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    assert_eq!(table(&sweep), table(&results()));
}

#[test]
fn bits_stand_among_the_failures() {
    let text = page(&sweep());
    let (_, bits) = text.split_once("#### Bits and codes").unwrap();
    assert_eq!(
        line(bits, "| binary/64 |"),
        "| binary/64 | 2 | 64 | 3 (2–4) | 0 | 0 | 0.750 | 0.410 | 0.900 | 300 | 5,000 | 12 |"
    );
    assert!(!bits.contains("asymmetric |"), "scorings share their codes");
    assert!(line(bits, "- Most dead bits").contains("binary/64, 3 (2–4)."));
    assert!(line(bits, "- Most documents that share a code").contains("300."));
    assert!(!bits.contains("Most doubled bits"), "nothing is worst where all is well");
    assert!(!text.contains("the manifest says codes: true"));
}

#[test]
fn theory_stands_beside_the_codes_and_gaps_have_reasons() {
    let text = page(&sweep());
    let (_, section) = text.split_once("## Hamming error, predicted and observed").unwrap();
    let plain = line(section, "| binary/64 |");
    // The root of the mean of 1.1² and 0.9².
    assert!(plain.contains("| 0.2000 | 0.2100 | 0.4000 | 0.3900 | 0.0600 | 0.0603 | 1.00 (0.90–1.10) |"), "{plain}");
    // The mean of 0.18 / 0.066 and 0.18 / 0.054.
    assert!(plain.contains("| 3.00 → 6.00 | 3.03 |"), "{plain}");
    assert!(plain.contains("3.00 → 6.00") && plain.ends_with("| centring would explain: predicted signal 2.0-fold |"));
    let orthonormal = line(section, "| binary/64/mean+orthonormal |");
    assert!(
        orthonormal.ends_with("| rotation matters: error 0.75 of the predicted; all seeds agree |"),
        "{orthonormal}"
    );
    // It centres already.
    let pca = line(section, "| binary/64/mean+pca |");
    assert!(pca.ends_with("| rotation matters: error 3.00 of the predicted |"), "{pca}");
    assert!(section.contains("(<report.plots/hamming-error.svg>)"));
}

/// A departure under the theory's own rows is laid to the draw, not to the rotation.
#[test]
fn what_one_seed_shows_may_be_chance() {
    let flag = |name: &str, ratios: &[f64]| {
        let mut sweep = results();
        for (seed, ratio) in (0..).zip(ratios) {
            looked_into(&mut sweep, codec(name, seed), &values(*ratio, 1.0, 0.0));
        }
        let text = page(&sweep);
        let (_, section) = text.split_once("## Hamming error").unwrap();
        let cells: Vec<&str> = line(section, &format!("| {name} |")).split('|').map(str::trim).collect();
        cells[cells.len() - 2].to_owned()
    };
    assert_eq!(flag("binary/64", &[1.1]), "");
    assert_eq!(
        flag("binary/64", &[1.3]),
        "the theory is of these very rows, so the draw: error 1.30 of the predicted; one seed, may be chance"
    );
    assert!(
        flag("binary/64/median+gaussian", &[1.5, 0.9])
            .ends_with("error 1.24 of the predicted; seeds disagree, may be chance")
    );
    assert_eq!(
        flag("binary/64/none+orthonormal", &[0.8, 0.84]),
        "rotation matters: error 0.82 of the predicted; all seeds agree"
    );
}

#[test]
fn the_figure_shows_each_rotation() {
    let sweep = sweep();
    let figure = Hamming::of(&Inspections::of(&sweep.plan, &sweep.outcomes)).unwrap();
    // Three codecs, near and far.
    assert_eq!(figure.points.len(), 6);
    let first = figure.points[0];
    assert!(first.is_near && first.ends == [0.05 * 0.9, 0.05 * 1.1]);
    let svg = plot::hamming_svg(&figure).unwrap();
    for part in ["#0072B2", "#56B4E9", "#CC79A7", "gaussian", "orthonormal", "pca", "predicted error", "observed error"]
    {
        assert!(svg.contains(part), "{part}");
    }
    assert!(!svg.contains("NaN") && !svg.contains("itq"));
    assert_eq!(svg, plot::hamming_svg(&figure).unwrap());
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    let geometries = Geometries::of(&sweep.plan, &sweep.outcomes);
    let codes = Inspections::of(&sweep.plan, &sweep.outcomes);
    let files = plot::files((&table, &geometries, &codes), &sweep.answers()).unwrap();
    assert_eq!(files.last(), Some(&("hamming-error".to_owned(), svg.clone())));
    keep("hamming.svg", &svg);
    let html = rendered(&sweep, (&sweep.answers(), &Texts::new()), html::render);
    assert!(html.contains(
        "Errors of Hamming distances: near pairs hollow, far ones filled; the numbers are in the tables below."
    ));
    keep("codes.html", &html);
}

#[test]
fn without_the_study_there_is_a_sentence_alone() {
    let sweep = results();
    assert_eq!(Hamming::of(&Inspections::of(&sweep.plan, &sweep.outcomes)), None);
    let text = page(&sweep);
    assert!(text.contains("counted where the manifest says codes: true"));
    assert!(!text.contains("Hamming error") && !text.contains("Bits and codes"));
}
