//! The hero figures: intervals, the front, what is beaten.

use bitsweep_proto::{Codec, Measure};
use bitsweep_report::{Table, plot};

use crate::pages::keep;
use crate::synthetic;

#[test]
fn the_first_recall_has_intervals_and_a_front() {
    let sweep = synthetic::scifact();
    let (table, answers) = (Table::of(&sweep.plan, &sweep.outcomes).unwrap(), sweep.answers());
    assert_eq!(answers.hero, Some(Measure::Recall { k: 100 }), "the first recall that is listed");
    let figures = plot::Figure::all(&table, &answers);
    assert_eq!(figures.len(), 4 * 4, "it replaces the plots of its measure");
    let heroes = figures.iter().take_while(|figure| figure.hero).count();
    assert_eq!((heroes, figures.iter().filter(|figure| figure.hero).count()), (4, 4));
    let hero = &figures[0];
    for point in &hero.points {
        let [low, high] = point.interval.unwrap();
        assert!(low <= point.spread.mean && point.spread.mean <= high, "{point:?}");
        assert_eq!(point.seeds.len(), if matches!(point.codec, Codec::Binary { .. }) { 3 } else { 0 });
        // By the definition.
        let beats = |other: &&plot::Point| {
            let (bytes, mean) = (other.bytes_per_vector, other.spread.mean);
            bytes <= point.bytes_per_vector
                && mean >= point.spread.mean
                && (bytes < point.bytes_per_vector || mean > point.spread.mean)
        };
        assert_eq!(point.dominated, hero.points.iter().any(|other| beats(&other)), "{point:?}");
    }
    let names: Vec<String> = hero.front().iter().map(|point| point.codec.name()).collect();
    assert_eq!(names, ["pq/8", "pq/16", "pq/32", "pq/64", "int8", "float32"]);
    let svg = plot::svg(hero).unwrap();
    for part in ["Pareto front", "Recall@100", "compression over float32", "#0072B2", "<circle"] {
        assert!(svg.contains(part), "{part}");
    }
    let sizes = svg.split("font-size=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse::<f64>().unwrap());
    assert!(sizes.fold(f64::INFINITY, f64::min) > 15.99);
    assert_eq!(svg, plot::svg(hero).unwrap());
    keep("hero.svg", &svg);
    keep("hero.png", plot::png(&svg).unwrap());
}

/// The measure is that of the manifest, in the manifest's order, and not the table's.
#[test]
fn the_manifest_says_which_measure_comes_first() {
    let mut sweep = synthetic::empty(&["m"], &["d"], &["nDCG@10", "Recall@10", "Recall@100"]);
    let manifest = |measures: &str| {
        format!(
            "sweep: s\nseed: 7\nmodels: {{ m: {{ source: file:m }} }}\ndatasets: {{ d: {{ source: file:d }} }}\ncodecs: float32\n{measures}"
        )
    };
    for (measures, hero) in [
        ("", "Recall@10"),
        ("measures: [MRR, Recall@100, Recall@10]\n", "Recall@100"),
        ("measures: [nDCG@10]\n", "Recall@10"),
        ("measures: [MRR]\n", "Recall@10"),
    ] {
        sweep.plan.manifest = manifest(measures);
        let answers = sweep.answers();
        assert_eq!(answers.hero.map(|measure| measure.to_string()).as_deref(), Some(hero), "{measures}");
        assert_eq!(answers.settings.sampling.seed, 7);
    }
    sweep.plan.measures.retain(|measure| !matches!(measure, Measure::Recall { .. }));
    assert_eq!(sweep.answers().hero, Some(Measure::Ndcg { k: 10 }));
    sweep.plan.measures.clear();
    assert_eq!(sweep.answers().hero, None);
}

#[test]
fn one_codec_and_values_of_zero_are_hero_figures() {
    let mut sweep = synthetic::empty(&["m"], &["d"], &["Recall@10"]);
    sweep.done(("m", "d", Codec::pq(8)), &[0.0], 0.0);
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    let figures = plot::Figure::all(&table, &sweep.answers());
    let svg = plot::svg(&figures[0]).unwrap();
    assert!(!svg.contains("NaN") && figures[0].hero);
    plot::png(&svg).unwrap();
}
