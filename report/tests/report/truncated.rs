//! Truncated vectors stand beside whole ones and are mixed with them nowhere.

use bitsweep_proto::cell::Cell;
use bitsweep_proto::manifest::Expect;
use bitsweep_proto::rescore::Exact;
use bitsweep_proto::{Codec, Measure, Rescore};
use bitsweep_report::advise::{Question, advise};
use bitsweep_report::compare::{Chosen, Selector, Settings, pairs};
use bitsweep_report::export::trec_file_name;
use bitsweep_report::per_query::Measured;
use bitsweep_report::summary::{Line, Panel};
use bitsweep_report::{Table, html, markdown, missed, plot};

use crate::pages::{keep, rendered};
use crate::synthetic::{self, Sweep};

const RECALL: Measure = Measure::Recall { k: 10 };

fn cell(codec: Codec, dims: u32) -> Cell {
    Cell::retrieval("m", "d", codec).truncated(Some(dims))
}

/// A model of 384 dimensions, whole and truncated to 128 and to 64: float32, int8, two seeds of binary codes, pq of their bytes.
fn sweep() -> Sweep {
    let mut sweep = synthetic::empty(&["m"], &["d"], &["nDCG@10", "Recall@10"]);
    let codecs = [Codec::Float32, Codec::Int8, binary(0), binary(1), Codec::pq(8)];
    let values = [0.8, 0.79, 0.3, 0.32, 0.4];
    for (codec, value) in codecs.into_iter().zip(values) {
        sweep.done(("m", "d", codec), &[value, value], 0.0);
    }
    for (dims, loss) in [(128, 0.1), (64, 0.2)] {
        for (codec, value) in codecs.into_iter().zip(values) {
            sweep.done_cell((cell(codec, dims), codec), &[value - loss, value - loss], 0.0);
        }
    }
    sweep
}

fn binary(seed: u32) -> Codec {
    Codec::Binary { bits: 64, seed }
}

fn names(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.name.as_str()).collect()
}

#[test]
fn the_table_says_the_dimensions_in_force() {
    let sweep = sweep();
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    let row = |cell: &Cell| table.rows.iter().find(|row| row.cell == *cell).unwrap();
    for (cell, dim, bytes) in [
        (Cell::retrieval("m", "d", Codec::Float32), 384, 1536),
        (cell(Codec::Float32, 128), 128, 512),
        (cell(Codec::Int8, 128), 128, 128),
        (cell(Codec::Int8, 64), 64, 64),
        (cell(binary(1), 64), 64, 8),
    ] {
        let row = row(&cell);
        assert_eq!((row.dim, row.model_dim, row.footprint().bytes_per_vector), (dim, 384, bytes), "{cell}");
    }
}

#[test]
fn each_length_has_lines_of_its_own() {
    let sweep = sweep();
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    let panels = Panel::all(&table);
    let [panel] = panels.as_slice() else { panic!("one model, one dataset") };
    assert_eq!((panel.dim, panel.float32_bytes()), (384, 1536));
    assert_eq!(names(&panel.lines), ["float32", "int8", "binary/64", "pq/8"]);
    assert_eq!(panel.truncated.len(), 2 * 4);
    assert_eq!(names(&panel.truncated[..2]), ["float32, first 128 dimensions", "int8, first 128 dimensions"]);
    for line in panel.lines.iter().chain(&panel.truncated).filter(|line| line.codec == binary(0)) {
        let spread = line.spreads[0].unwrap();
        let loss = line.dims.map_or(0.0, |dims| if dims == 128 { 0.1 } else { 0.2 });
        assert!(spread.seeds == 2 && (spread.mean - (0.31 - loss)).abs() < 1e-12, "{}", line.name);
    }

    // Statistics: of truncated lines too, but contrasts and what is lost are of whole vectors.
    let answers = sweep.answers();
    let panel = answers.panel("m", "d").unwrap();
    assert_eq!(panel.lines.len(), 3 * 4);
    assert_eq!((panel.line("pq/8").unwrap().dims, panel.line("pq/8").unwrap().bytes_per_vector(384)), (None, 8));
    let truncated = panel.line("float32, first 128 dimensions").unwrap();
    assert_eq!((truncated.dims, truncated.bytes_per_vector(panel.dim)), (Some(128), 512));
    let [loss, low, high] = truncated.answers[&RECALL].loss.unwrap();
    assert!((loss + 0.1).abs() < 1e-9 && low <= loss && loss <= high, "against float32 of whole vectors");
    let contrasts: Vec<(&str, &str)> =
        panel.contrasts.iter().map(|one| (one.binary.as_str(), one.against.as_str())).collect();
    assert_eq!(contrasts, [("binary/64", "pq/8"); 2], "one for each measure");
}

#[test]
fn figures_and_pages_show_them_apart() {
    let sweep = sweep();
    let (table, answers) = (Table::of(&sweep.plan, &sweep.outcomes).unwrap(), sweep.answers());
    let figures = plot::Figure::all(&table, &answers);
    assert_eq!(figures.len(), 2);
    let hero = &figures[0];
    assert_eq!((hero.measure, hero.float32_bytes, hero.points.len()), (RECALL, 1536, 3 * 4));
    assert!(hero.points.iter().all(|point| point.interval.is_some()));
    let front: Vec<String> = hero.front().iter().map(|point| point.name()).collect();
    let expected = ["pq/8", "int8, first 64 dimensions", "int8, first 128 dimensions", "int8", "float32"];
    assert_eq!(front, expected);
    for figure in &figures {
        let svg = plot::svg(figure).unwrap();
        for part in ["float32, fewer dimensions", "others, fewer dimensions"] {
            assert!(svg.contains(part), "{part}");
        }
    }
    keep("truncated.svg", plot::svg(hero).unwrap());

    let texts = html::Texts::new();
    let page = rendered(&sweep, (&answers, &texts), html::render);
    let text = rendered(&sweep, (&answers, &texts), markdown::render);
    for part in ["Truncated vectors", "int8, first 64 dimensions"] {
        assert!(page.contains(part) && text.contains(part), "{part}");
    }
    // Codec, dimensions, bytes: the whole vectors first.
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| int8 | ")).collect();
    let begins = |begin: &str| rows.iter().any(|row| row.starts_with(begin));
    assert!(
        begins("| int8 | 384 | 384 |") && begins("| int8 | 128 | 128 |") && begins("| int8 | 64 | 64 |"),
        "{rows:?}"
    );
    keep("truncated.html", &page);

    let without = synthetic::scifact();
    let page = rendered(&without, (&without.answers(), &texts), html::render);
    assert!(!page.contains("Truncated vectors") && !page.contains("Fewer dimensions"));
}

/// What a second stage reads lies beside the codes, and is said.
#[test]
fn second_stages_say_what_lies_beside() {
    let mut sweep = sweep();
    let rescore = Some(Rescore { with: Exact::Float32, candidates: 40 });
    let whole = Cell::retrieval("m", "d", binary(0));
    for cell in [whole, cell(binary(0), 128)] {
        sweep.done_cell((cell.rescored(rescore), binary(0)), &[0.6, 0.6], 0.0);
    }
    let texts = html::Texts::new();
    let text = rendered(&sweep, (&sweep.answers(), &texts), markdown::render);
    for row in [
        "| binary/64, then float32/40 | 384 | 8 + 1,536 beside |",
        "| binary/64, then float32/40 | 128 | 8 + 512 beside |",
        "| binary/64 | 128 | 8 |",
    ] {
        assert!(text.contains(row), "{row}\n{text}");
    }
    assert!(text.contains("Bytes “beside” are the better vectors of the second stage, for each document."));
}

/// The gate stands on float32 of whole vectors; what is truncated is compressed.
#[test]
fn a_missed_expectation_withholds_what_is_truncated() {
    let mut sweep = sweep();
    let expect =
        |value| Expect { model: "m".to_owned(), dataset: "d".to_owned(), measure: RECALL, value, within: 0.001 };
    sweep.plan.expect = vec![expect(0.8)];
    assert!(missed(&sweep.plan, &sweep.outcomes).is_empty());
    // What float32 of 128 dimensions gives.
    sweep.plan.expect = vec![expect(0.7)];
    let found = missed(&sweep.plan, &sweep.outcomes);
    assert_eq!(found[0].found, Some(0.8));
    assert!(found[0].withholds(&cell(Codec::Float32, 128)) && found[0].withholds(&cell(Codec::Int8, 128)));
    assert!(!found[0].withholds(&Cell::retrieval("m", "d", Codec::Float32)));
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    assert!(table.rows.iter().all(|row| row.codec == Codec::Float32 && row.dim == 384));
    assert_eq!((table.cells, table.withheld), (15, 14));
}

/// The cells with their values.
fn measured(sweep: &Sweep) -> Vec<Measured> {
    let plan = &sweep.plan;
    let of = |planned: &bitsweep_proto::plan::PlannedCell| Measured {
        cell: planned.cell.clone(),
        values: sweep.per_query[&plan.jobs[planned.job as usize].key].clone(),
    };
    plan.cells.iter().map(of).collect()
}

#[test]
fn comparisons_choose_one_length() {
    let sweep = sweep();
    let sides = |text: &str| {
        let selector = Selector::parse(text).unwrap();
        let cells: Vec<Measured> = measured(&sweep).into_iter().filter(|one| selector.fits(&one.cell)).collect();
        (selector, cells)
    };
    assert_eq!(sides("binary/64").1.len(), 2, "the seeds of whole vectors");
    assert_eq!(sides("codec=binary/64,dims=128").1.len(), 2);
    assert_eq!(sides("dims=64").1.len(), 5);
    let ((a, of_a), (b, of_b)) = (sides("codec=int8,dims=128"), sides("pq/8"));
    let lock = synthetic::empty(&["m"], &["d"], &[]).plan.lock;
    let [a, b] = [(&a, of_a), (&b, of_b)].map(|(selector, cells)| Chosen { selector, lock: &lock, cells });
    let found = pairs(a, b).unwrap();
    assert_eq!((found[0].a.name.as_str(), found[0].b.name.as_str()), ("int8, first 128 dimensions", "pq/8"));
    assert_eq!(trec_file_name(&cell(binary(1), 128)), "m+d+binary-64+seed-1+dims-128");
}

#[test]
fn advice_weighs_what_is_kept() {
    let sweep = sweep();
    let question = Question { documents: 1000, memory_bytes: 200_000, measure: RECALL, at_least: 0.65 };
    let advice = advise(&sweep.plan, &measured(&sweep), (question, Settings::default())).unwrap();
    assert_eq!(advice.configurations.len(), 3 * 4);
    let fits: Vec<(String, u64)> = advice.fits().map(|found| (found.name(), found.memory_bytes)).collect();
    // 128 bytes a vector, and the least and the greatest value of each dimension once.
    assert_eq!(fits, [("int8, first 128 dimensions".to_owned(), 128_000 + 1024)]);
    let json = serde_json::to_value(&advice.configurations).unwrap();
    let dims: Vec<Option<u64>> = json.as_array().unwrap().iter().map(|one| one.get("dims")?.as_u64()).collect();
    assert_eq!(dims.iter().flatten().count(), 8, "{dims:?}");
}
