//! Plots and pages. They are left in the build's `tmp` folder, for looking at.

use std::path::Path;

use crate::synthetic::{self, Sweep};
use bitsweep_proto::{Cell, Codec, Digest};
use bitsweep_report::{Answers, ReportError, Table, html, plot};

fn page(sweep: &Sweep) -> String {
    rendered(sweep, (&sweep.answers(), &html::Texts::new()), html::render)
}

pub(crate) fn rendered(
    sweep: &Sweep,
    (answers, texts): (&Answers, &html::Texts),
    render: impl Fn(&html::Report<'_>) -> Result<String, ReportError>,
) -> String {
    let Sweep { plan, outcomes, failed, .. } = sweep;
    let (command, plots) = ("bitsweep report sweep.yaml --out report.html", "report.plots");
    render(&html::Report { plan, outcomes, answers, texts, failed, command, plots }).unwrap()
}

pub(crate) fn keep(name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), bytes).unwrap();
}

#[test]
fn a_plot_shows_every_family_by_colour_and_marker() {
    let sweep = synthetic::scifact();
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    let figures = plot::Figure::all(&table, &Answers::default());
    assert_eq!(figures.len(), 4 * 4);
    assert!(figures.iter().all(|figure| !figure.hero), "without values by query all plots are plain");
    assert_eq!(figures[0].title(), "all-MiniLM-L6-v2 on scifact: nDCG@10 by bytes per vector");
    let svg = plot::svg(&figures[0]).unwrap();
    for part in
        ["#009E73", "#D55E00", "#0072B2", "nDCG@10", "bytes per vector (log scale)", "compression over float32", "192×"]
    {
        assert!(svg.contains(part), "{part}");
    }
    assert!(svg.contains("font-family=\"DejaVu Sans, Verdana, Arial, sans-serif\""));
    let sizes = svg.split("font-size=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse::<f64>().unwrap());
    assert!(sizes.fold(f64::INFINITY, f64::min) > 15.99);
    let corners = |count: usize| {
        let points =
            svg.split("points=\"").skip(1).map(|rest| rest.split('"').next().unwrap().split_whitespace().count());
        points.filter(|corners| *corners == count).count()
    };
    assert!(
        corners(3) >= 5 && corners(4) >= 4 && corners(16) >= 5,
        "a triangle, square and circle each, and one in the legend"
    );
    assert_eq!(svg, plot::svg(&figures[0]).unwrap());
    keep("plot.svg", &svg);
}

#[test]
fn a_picture_has_300_pixels_an_inch() {
    let sweep = synthetic::scifact();
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    let bytes = plot::png(&plot::svg(&plot::Figure::all(&table, &Answers::default())[0]).unwrap()).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    let info = reader.info();
    assert_eq!((info.width, info.height), (2250, 1563));
    assert_eq!(info.pixel_dims.map(|dims| (dims.xppu, dims.yppu)), Some((11_811, 11_811)));
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let black = pixels.chunks(3).filter(|pixel| pixel.iter().all(|value| *value < 64)).count();
    assert!(black > 20_000, "text is drawn: {black} dark pixels");
    keep("plot.png", &bytes);
}

#[test]
fn one_point_and_no_point_are_plots() {
    let mut sweep = synthetic::empty(&["m"], &["d"], &["MRR"]);
    assert!(page(&sweep).contains("No cell has results yet."));
    sweep.done(("m", "d", Codec::pq(8)), &[0.0], 0.0);
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    let svg = plot::svg(&plot::Figure::all(&table, &Answers::default())[0]).unwrap();
    assert!(!svg.contains("NaN") && !svg.contains("float32<"));
    plot::png(&svg).unwrap();
}

#[test]
fn the_page_says_what_was_run_and_found() {
    let mut sweep = synthetic::scifact();
    let broken = Codec::pq(24);
    let at = sweep.add(Cell::retrieval("e5-base-v2", "nq", broken), broken);
    let message = "12 points cannot train 256 centroids; use fewer bytes";
    sweep.failed.insert(sweep.plan.jobs[at as usize].key, message.to_owned());
    let waiting = Codec::Binary { bits: 1024, seed: 0 };
    sweep.add(Cell::retrieval("e5-base-v2", "nq", waiting), waiting);
    let page = page(&sweep);
    keep("report.html", &page);
    assert!(page.find("<h2>Cautions").unwrap() < page.find("<h2>Results").unwrap());
    let self_test = Digest::of(b"test");
    let parts = [
        "<h1>binary-vs-pq</h1>",
        "72 of 74 cells have results",
        "2 have none.",
        "binary&#x2f;64 (3 seeds)",
        "binary&#x2f;1024 (1 seed)",
        "5,183",
        "<td class=\"n\">196,608<small>37.9 per vector</small></td>",
        "<td class=\"n\">192×</td>",
        "</small><small>seeds 0.2280–0.2520</small>",
        "title=\"least–greatest of 3 seeds; orders of ties: 0.1931 to 0.2869; trec_eval 0.2283\"",
        "12 judgements name 3 documents that the corpus lacks",
        "Failed: compress: 12 points cannot train 256 centroids; use fewer bytes",
        "Not run yet",
        "<code>model=e5-base-v2,dataset=nq,codec=binary&#x2f;1024,seed=0</code>",
        "An Example CPU",
        "candle-0.11.1",
        "sweep: binary-vs-pq",
        "bitsweep report sweep.yaml --out report.html",
        "The dashed line is float32.",
        "it is not a confidence interval",
        "In the plots of the other measures: Each point is a codec.",
        "10,000 resamples, seed\n0 of the manifest",
        "384 dimensions, 5,183 documents, 300 queries",
        "<td>source</td><td>corpus.jsonl.gz</td>",
        "<td>canonical form</td><td>document_ids.jsonl</td>",
        &format!("<td title=\"{self_test}\"><code>{}</code></td>", self_test.short()),
        &Digest::of(b"model.safetensors").to_string(),
    ];
    for part in parts {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("<svg").count(), 16);
}

#[test]
fn settings_are_those_that_were_used() {
    let mut sweep = synthetic::empty(&["m", "plain"], &["d"], &["MRR"]);
    let facts = "<td class=\"n\">256</td><td>mean, normalised</td><td>none</td>";
    assert_eq!(page(&sweep).matches(facts).count(), 2, "a manifest that cannot be read sets nothing");
    sweep.plan.manifest =
        "sweep: s\nmodels:\n  m: { source: file:m, max_tokens: 16, pooling: cls, query_prefix: 'q: ' }\n  \
                           plain: { source: file:plain, max_tokens: 256 }\ndatasets: { d: { source: file:d } }\n\
                           codecs: float32\n"
            .to_owned();
    let page = page(&sweep);
    for part in [
        facts,
        "<td class=\"n\">256 → 16 (manifest)</td>",
        "<td>mean, normalised → cls, normalised (manifest)</td>",
        "<td>none → queries &quot;q: &quot; (manifest)</td>",
    ] {
        assert_eq!(page.matches(part).count(), 1, "{part}");
    }
}

#[test]
fn seeds_are_those_of_the_cells() {
    let mut sweep = synthetic::empty(&["m", "n"], &["d"], &["MRR"]);
    for (model, seed) in [("m", 0), ("m", 4), ("n", 4)] {
        let codec = Codec::Binary { bits: 64, seed };
        sweep.add(Cell::retrieval(model, "d", codec), codec);
    }
    assert!(page(&sweep).contains("<b>Codecs:</b> binary&#x2f;64 (1 to 2 seeds)."));
}

#[test]
fn plots_of_a_measure_share_an_axis_and_the_legend_names_what_is_drawn() {
    let mut sweep = synthetic::empty(&["m", "n"], &["d"], &["MRR"]);
    sweep.done(("m", "d", Codec::Int8), &[0.2], 0.0);
    sweep.done(("n", "d", Codec::Int8), &[0.62], 0.05);
    let svgs = |sweep: &Sweep| -> Vec<String> {
        let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
        plot::Figure::all(&table, &Answers::default()).iter().map(|figure| plot::svg(figure).unwrap()).collect()
    };
    let labels = |svg: &String| -> Vec<String> {
        let texts = svg.lines().filter(|line| line.trim().parse::<f64>().is_ok_and(|value| value <= 1.0));
        texts.map(|line| line.trim().to_owned()).collect()
    };
    let shared = svgs(&sweep);
    assert_eq!(labels(&shared[0]), labels(&shared[1]));
    assert_eq!(labels(&shared[0]).len(), 8, "0.0 to 0.7");
    assert!(!page(&sweep).contains("dashed") && page(&sweep).contains("A bar with ends is the interval"));
    sweep.outcomes.clear();
    sweep.per_query.clear();
    sweep.done(("m", "d", Codec::Float32), &[0.2], 0.0);
    assert!(page(&sweep).contains("dashed") && !page(&sweep).contains("A pale bar"));
    let exact = &svgs(&sweep)[0];
    assert!(exact.contains("1024\n") && exact.contains("2048\n"), "ticks on both sides of 1536");
}

#[test]
fn the_page_needs_nothing_else() {
    let page = page(&synthetic::scifact());
    for part in ["http:", "https:", "//", "<script", "<img", "<link", "url(", "@import", "src="] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("default-src 'none'"));
}

#[test]
fn hostile_names_stay_text() {
    let hostile = "</svg></title><script>alert(1)</script>\"' onload=x {{ 7 * 7 }}\u{1}";
    let mut sweep = synthetic::empty(&[hostile], &[hostile], &["MRR"]);
    sweep.plan.name = hostile.to_owned();
    sweep.plan.manifest = hostile.to_owned();
    sweep.plan.lock.datasets.get_mut(hostile).unwrap().warnings = vec![hostile.to_owned()];
    sweep.done((hostile, hostile, Codec::Float32), &[0.5], 0.0);
    let at = sweep.add(Cell::retrieval(hostile, hostile, Codec::Int8), Codec::Int8);
    sweep.failed.insert(sweep.plan.jobs[at as usize].key, hostile.to_owned());
    let page = page(&sweep);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;") && page.contains("{{ 7 * 7 }}"));
    assert_eq!(page.matches("</svg>").count(), 1);
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    plot::png(&plot::svg(&plot::Figure::all(&table, &Answers::default())[0]).unwrap()).unwrap();
}
