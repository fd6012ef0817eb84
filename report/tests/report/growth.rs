//! What more candidates, more bits and other embeddings give: curves of second stages, slopes, geometry against quality.

use bitsweep_measures::statistics::{Sampling, bootstrap, differences};
use bitsweep_proto::rescore::Exact;
use bitsweep_proto::{Cell, Codec, Measure, Rescore};
use bitsweep_report::codes::Inspections;
use bitsweep_report::geometry::Geometries;
use bitsweep_report::html::{self, Texts};
use bitsweep_report::plot::{self, Rescoring};
use bitsweep_report::relation::Relations;
use bitsweep_report::slopes::{Slope, slopes};
use bitsweep_report::{Answers, Table, markdown};

use crate::pages::{keep, rendered};
use crate::synthetic::{self, Sweep};

const RECALL: Measure = Measure::Recall { k: 10 };

fn table(sweep: &Sweep) -> Table {
    Table::of(&sweep.plan, &sweep.outcomes).unwrap()
}

fn page(sweep: &Sweep) -> String {
    rendered(sweep, (&sweep.answers(), &Texts::new()), html::render)
}

fn text(sweep: &Sweep) -> String {
    rendered(sweep, (&sweep.answers(), &Texts::new()), markdown::render)
}

/// Names of the plots' files.
fn files(sweep: &Sweep) -> Vec<String> {
    let geometries = Geometries::of(&sweep.plan, &sweep.outcomes);
    let codes = Inspections::of(&sweep.plan, &sweep.outcomes);
    let files = plot::files((&table(sweep), &geometries, &codes), &sweep.answers()).unwrap();
    files.into_iter().map(|(name, _)| name).collect()
}

/// Adds the codec alone, and with second stages that close these shares of its gap to 0.8.
fn add_stages(sweep: &mut Sweep, (codec, alone): (Codec, f64), with: Exact) {
    for (candidates, share) in [(10, 0.25), (40, 0.75), (160, 1.0)] {
        let value = alone + share * (0.8 - alone);
        let cell = Cell::retrieval("m", "d", codec).rescored(Some(Rescore { with, candidates }));
        sweep.done_cell((cell, codec), &[value, value], 0.0);
    }
}

/// Binary codes of 64 and 256 bits with two seeds each, ranked again by float32.
fn rescored() -> Sweep {
    let mut sweep = synthetic::empty(&["m"], &["d"], &["Recall@10", "nDCG@10"]);
    sweep.done(("m", "d", Codec::Float32), &[0.8, 0.7], 0.0);
    for (bits, alone) in [(64, 0.3), (256, 0.6)] {
        for seed in 0..2 {
            let (codec, alone) = (Codec::Binary { bits, seed }, alone + 0.04 * f64::from(seed));
            sweep.done(("m", "d", codec), &[alone, alone], 0.01);
            add_stages(&mut sweep, (codec, alone), Exact::Float32);
        }
    }
    sweep
}

#[test]
fn second_stages_are_curves() {
    let sweep = rescored();
    let (table, answers) = (table(&sweep), sweep.answers());
    let figures = Rescoring::all(&table, &answers);
    assert_eq!(figures.len(), 1);
    let figure = &figures[0];
    assert_eq!((figure.measure, figure.float32, figure.part), (RECALL, Some(0.8), None));
    let names: Vec<String> = figure.curves.iter().map(|curve| curve.codec.name()).collect();
    assert_eq!(names, ["binary/64", "binary/256"], "float32 has no second stage");
    let curve = &figure.curves[0];
    assert_eq!(curve.stages.iter().map(|stage| stage.candidates).collect::<Vec<_>>(), [0, 10, 40, 160]);
    let means = [0.32, 0.32 + 0.25 * 0.48, 0.32 + 0.75 * 0.48, 0.8];
    for (stage, mean) in curve.stages.iter().zip(means) {
        assert!((stage.mean - mean).abs() < 1e-9, "{stage:?}: the mean of both seeds");
        let [low, high] = stage.interval.unwrap();
        assert!(low <= stage.mean + 1e-9 && stage.mean <= high + 1e-9, "{stage:?}");
    }
    // The paired interval, as the statistics give it for this stage alone.
    let panel = answers.panel("m", "d").unwrap();
    let values = |name: &str| panel.line(name).unwrap().answers[&RECALL].values.clone();
    let column = differences(&values("codec=binary/64,rescore=float32/40"), &values("float32"));
    let interval = bootstrap(&column, 0.95, Sampling::default());
    assert_eq!(curve.stages[2].interval, Some([0.8 + interval.low, 0.8 + interval.high]));

    let svg = plot::rescoring_svg(figure).unwrap();
    for part in ["alone", "160", "as multiples of 10 ranks", "16×", "8 B", "32 B", "#0072B2", "float32 (log scale)"] {
        assert!(svg.contains(part), "{part}");
    }
    let sizes = svg.split("font-size=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse::<f64>().unwrap());
    assert!(sizes.fold(f64::INFINITY, f64::min) > 15.99);
    assert!(!svg.contains("NaN") && svg == plot::rescoring_svg(figure).unwrap());
    keep("rescoring.svg", &svg);
    keep("rescoring.png", plot::png(&svg).unwrap());

    let (page, text, name) = (page(&sweep), text(&sweep), "m-d-Recall-at-10-rescored-float32");
    keep("growth.html", &page);
    assert!(
        page.contains("m on d: Recall@10 by candidates ranked again by float32; the numbers are in the table below")
    );
    assert!(page.contains("interval of 95 % of the paired difference to float32"));
    assert!(text.contains(&format!("[SVG](<report.plots/{name}.svg>), [PNG](<report.plots/{name}.png>)")));
    assert_eq!(files(&sweep).iter().filter(|file| *file == name).count(), 1);
}

/// Without values by query there are curves, and no bars; without second stages there is nothing.
#[test]
fn curves_are_where_second_stages_are() {
    let sweep = rescored();
    let table = table(&sweep);
    let figures = Rescoring::all(&table, &Answers { hero: Some(RECALL), ..Answers::default() });
    assert!(figures[0].curves.iter().flat_map(|curve| &curve.stages).all(|stage| stage.interval.is_none()));
    plot::rescoring_svg(&figures[0]).unwrap();
    let plain = synthetic::scifact();
    assert!(Rescoring::all(&self::table(&plain), &plain.answers()).is_empty());
    assert!(!page(&plain).contains("by candidates") && !text(&plain).contains("by candidates"));
    assert!(!files(&plain).iter().any(|file| file.contains("rescored")));
}

/// A figure holds twelve curves; sizes stay whole, and what is ranked again with has figures of its own.
#[test]
fn many_codecs_are_shared_out_by_size() {
    let mut sweep = synthetic::empty(&["m"], &["d"], &["Recall@10", "nDCG@10"]);
    let mut codecs = vec![Codec::Int8];
    for bytes in [8, 16, 32, 64] {
        codecs.extend([Codec::pq(bytes), Codec::opq(bytes), Codec::pq4fs(bytes)]);
    }
    for codec in &codecs {
        sweep.done(("m", "d", *codec), &[0.4, 0.4], 0.0);
        add_stages(&mut sweep, (*codec, 0.4), Exact::Float32);
    }
    add_stages(&mut sweep, (Codec::pq(8), 0.4), Exact::Int8);
    let (table, answers) = (table(&sweep), sweep.answers());
    let figures = Rescoring::all(&table, &answers);
    let parts: Vec<(usize, Option<[u64; 2]>)> = figures.iter().map(|one| (one.curves.len(), one.part)).collect();
    assert_eq!(parts, [(12, Some([8, 64])), (1, Some([384, 384])), (1, None)]);
    let names: Vec<String> = figures.iter().map(Rescoring::file_name).collect();
    let expected = ["rescored-float32-8-to-64-bytes", "rescored-float32-384-to-384-bytes", "rescored-int8"];
    assert_eq!(names, expected.map(|part| format!("m-d-Recall-at-10-{part}")));
    assert!(figures[0].title().ends_with("ranked again by float32, codes of 8 to 64 bytes"));
    for figure in &figures {
        let svg = plot::rescoring_svg(figure).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("float32 on"), "{}", figure.title());
        keep(&format!("{}.svg", figure.file_name()), svg);
    }
}

#[test]
fn a_doubling_is_worth_what_the_line_says() {
    let mut sweep = synthetic::empty(&["m"], &["d"], &["Recall@10", "nDCG@10"]);
    sweep.done(("m", "d", Codec::Float32), &[0.9, 0.9], 0.0);
    for (doublings, bits) in [(0.0, 64), (1.0, 128), (2.0, 256)] {
        for (seed, slope) in [(0, 0.1), (1, 0.12)] {
            sweep.done(("m", "d", Codec::Binary { bits, seed }), &[0.2 + slope * doublings, 0.5], 0.0);
        }
        sweep.done(("m", "d", Codec::pq(bits / 8)), &[0.3 + 0.05 * doublings, 0.5], 0.0);
    }
    // Two sizes are no family, a third seed without all sizes is left out, and second stages are no sizes.
    sweep.done(("m", "d", Codec::opq(8)), &[0.3, 0.5], 0.0);
    sweep.done(("m", "d", Codec::opq(16)), &[0.4, 0.5], 0.0);
    sweep.done(("m", "d", Codec::Binary { bits: 64, seed: 2 }), &[0.7, 0.5], 0.0);
    add_stages(&mut sweep, (Codec::opq(32), 0.4), Exact::Float32);
    let found = slopes(&table(&sweep));
    let of_recall: Vec<&Slope> = found.iter().filter(|slope| slope.measure == RECALL).collect();
    let names: Vec<(&str, &str)> = of_recall.iter().map(|slope| (slope.family.as_str(), slope.unit)).collect();
    assert_eq!(names, [("pq", "bytes"), ("binary", "bits")]);
    let [pq, binary] = [of_recall[0], of_recall[1]];
    assert!((pq.mean() - 0.05).abs() < 1e-12 && pq.range().is_none() && !pq.is_seeded, "{pq:?}");
    assert!((binary.mean() - 0.11).abs() < 1e-12 && (binary.last - 0.11).abs() < 1e-12, "{binary:?}");
    let [least, greatest] = binary.range().unwrap();
    assert!((least - 0.1).abs() < 1e-12 && (greatest - 0.12).abs() < 1e-12);
    assert_eq!((binary.sizes.as_slice(), binary.by_seed.len(), binary.incomplete), (&[64, 128, 256][..], 2, 1));
    assert!((binary.open.unwrap() - 0.48 / 0.7).abs() < 1e-9, "{binary:?}");
    assert!(found.iter().filter(|slope| slope.measure != RECALL).all(|slope| slope.mean().abs() < 1e-12));

    let row =
        "| m on d | binary | 64, 128, 256 bits | 2 of 3 | +0.1100 | +0.1000 to +0.1200 | +0.1100 | 0.4200 | 68.6 % |";
    let text = text(&sweep);
    assert!(text.contains(row), "{text}");
    assert!(text.find("### Recall@10 per doubling").unwrap() < text.find("### nDCG@10 per doubling").unwrap());
    assert!(page(&sweep).contains("id=\"slopes\"") && page(&sweep).contains("<td class=\"n\">+0.1000 to +0.1200</td>"));
}

/// Models on one dataset: float32 has 0.8, and binary/256 with two seeds keeps these shares of it. Geometries: one value in the
/// order of the shares, one with two neighbours swapped twice, one that does not vary.
fn studied(shares: &[f64]) -> Sweep {
    let models: Vec<String> = (0..shares.len()).map(|model| format!("m{model}")).collect();
    let names: Vec<&str> = models.iter().map(String::as_str).collect();
    let mut sweep = synthetic::empty(&names, &["d"], &["Recall@10"]);
    for (at, (model, share)) in names.iter().zip(shares).enumerate() {
        sweep.done((model, "d", Codec::Float32), &[0.8], 0.0);
        for (seed, shift) in [(0, -0.01), (1, 0.01)] {
            sweep.done((model, "d", Codec::Binary { bits: 256, seed }), &[0.8 * share + shift], 0.0);
        }
        let swapped = [2.0, 1.0, 4.0, 3.0, 5.0].get(at).copied().unwrap_or(at as f64 + 1.0);
        add_geometry(
            &mut sweep,
            model,
            &[("isoscore", at as f64), ("mle", swapped), ("outlier_means", 0.0), ("query_hubness_gini", at as f64)],
        );
    }
    // A codec that fewer have is not the reference.
    sweep.done((names[0], "d", Codec::Binary { bits: 64, seed: 0 }), &[0.1], 0.0);
    sweep
}

fn add_geometry(sweep: &mut Sweep, model: &str, values: &[(&str, f64)]) {
    let at = sweep.add(Cell::geometry(model, "d"), Codec::Float32) + 1;
    sweep.finish(at, Vec::new());
    let outcome = sweep.outcomes.get_mut(&sweep.plan.jobs[at as usize].key).unwrap();
    outcome.produced.values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
}

fn relations(sweep: &Sweep) -> Option<Relations> {
    Relations::of(&Geometries::of(&sweep.plan, &sweep.outcomes), &table(sweep), &sweep.answers())
}

#[test]
fn geometry_is_set_against_what_is_kept() {
    let mut sweep = studied(&[0.5, 0.6, 0.7, 0.8, 0.9]);
    let found = relations(&sweep).unwrap();
    assert_eq!((found.codec.as_deref(), found.points.len(), found.sources()), (Some("binary/256"), 5, [5, 1]));
    assert!((found.points[1].kept - 0.6).abs() < 1e-12 && found.points[1].seeds == 2);
    let of = |name: &str| found.all.iter().find(|one| one.name == name).unwrap();
    let (isoscore, adjusted) = of("isoscore").found.unwrap();
    assert_eq!((isoscore.rho, isoscore.p, isoscore.exact), (1.0, 2.0 / 120.0, true));
    assert_eq!((adjusted, found.tried), (4.0 / 120.0, 2), "two were tried: what does not vary is none");
    let (mle, adjusted) = of("mle").found.unwrap();
    assert!((mle.rho - 0.8).abs() < 1e-12 && mle.p == 16.0 / 120.0 && adjusted == mle.p, "tables of Spearman’s ρ");
    assert!(found.all.iter().all(|one| one.name != "query_hubness_gini"), "it goes with the number of queries");
    assert_eq!((of("outlier_means").found, of("outlier_means").points.len()), (None, 5));
    assert_eq!(found.strongest(2).iter().map(|one| one.name).collect::<Vec<_>>(), ["isoscore", "mle"]);

    let svg = plot::scatter_svg(&found).unwrap().unwrap();
    for part in ["share of Recall@10 that binary/256 keeps", "ρ = +1.00, N = 5", "ρ = +0.80, N = 5", "isoscore", "mle"]
    {
        assert!(svg.contains(part), "{part}");
    }
    assert!(!svg.contains("NaN"));
    keep("geometry.svg", &svg);
    keep("geometry.png", plot::png(&svg).unwrap());
    assert!(files(&sweep).contains(&"geometry-Recall-at-10".to_owned()));

    add_geometry(&mut sweep, "m9", &[("isoscore", 0.5)]);
    let (page, text) = (page(&sweep), text(&sweep));
    keep("relation.html", &page);
    for part in [
        "N = 5",
        "no independent draws",
        "2 values were tried",
        "The hubness of queries is not among them",
        "hubness of queries to documents",
        "of all 120 orders of the points",
        "With so many points and no ties\nthe least p this test can give is 0.017, by Holm 0.033.",
        "No points, for want of float32 or of this codec: m9 on d.",
        "the strongest relations of Recall@10 with the geometry",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        text.contains("| intrinsic dimension, maximum likelihood of 20 neighbours | mle | 5 | +0.80 | 0.133 | 0.133 |")
    );
    assert!(text.contains("[SVG](<report.plots/geometry-Recall-at-10.svg>)"));
}

/// Random orders cannot give a p as small as all orders could: what the text calls the least is what the table can have.
#[test]
fn many_points_have_the_least_p_of_random_orders() {
    let shares: Vec<f64> = (0..12).map(|model| 0.5 + 0.03 * f64::from(model)).collect();
    let sweep = studied(&shares);
    let found = relations(&sweep).unwrap();
    let isoscore = found.all.iter().find(|one| one.name == "isoscore").unwrap();
    let (association, _) = isoscore.found.unwrap();
    assert_eq!((association.p, association.exact), (1.0 / 10_001.0, false));
    let text = text(&sweep);
    for part in [
        "of 10,000 random orders of the points, seed 0 (all orders for a value that at most 8 points have); p (Holm)",
        "With so many points and no ties the least p this test can give is 0.00010, by Holm 0.00020.",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn few_points_are_listed_and_show_nothing() {
    let sweep = studied(&[0.5, 0.7, 0.9]);
    let found = relations(&sweep).unwrap();
    assert!(found.tried == 0 && found.all.iter().all(|one| one.found.is_none()));
    assert_eq!(plot::scatter_svg(&found).unwrap(), None);
    for part in ["N = 3.", "3 points cannot show a\nrelation", "<td>m1 on d</td>", "0.700"] {
        assert!(page(&sweep).contains(part), "{part}");
    }
    assert!(!page(&sweep).contains("p (Holm)</th>") && !text(&sweep).contains("ρ"));
    assert!(!files(&sweep).iter().any(|file| file.starts_with("geometry")));
    let none = synthetic::scifact();
    assert_eq!(relations(&none), None);
    assert!(!page(&none).contains("Geometry against quality"));
    // A geometry and nothing to set it against.
    let mut alone = synthetic::empty(&["m"], &["d"], &["Recall@10"]);
    add_geometry(&mut alone, "m", &[("mle", 3.0)]);
    assert!(page(&alone).contains("there is nothing to set against one\nanother"));
}

#[test]
fn paper_is_light_and_shows_everything() {
    let page = page(&rescored());
    for part in ["@media print", "@page { size: A4", "color-scheme: light;", "break-inside: avoid"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        page.find("prefers-color-scheme: dark").unwrap() < page.find("@media print").unwrap(),
        "the later one counts"
    );
}
