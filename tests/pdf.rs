//! The report as PDF, by the browser of this machine.

mod support;

use std::env;
use std::fs;
use std::path::PathBuf;

use support::{Bench, files, text};

/// Geometry and second stages, so that every part of a report is printed.
const MANIFEST: &str = "\
sweep: bench
models:
  tiny: { source: file:tiny }
datasets:
  pocket: { source: file:pocket }
codecs:
  - float32
  - binary: { bits: [32, 64, 128], seeds: 2 }
rescore: [0, 1, 2, 4]
measures: [Recall@10, nDCG@10]
geometry: true
";

/// The browser that a report would find, or `None` after saying that the test is skipped.
fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let mut all = env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    let found = all.find(|program| program.is_file());
    if found.is_none() {
        println!("SKIPPED: no Chromium or Chrome is on the PATH");
    }
    found
}

#[test]
fn a_report_is_printed() {
    let bench = Bench::new();
    bench.write("sweep.yaml", MANIFEST);
    let output = bench
        .command(&["report", "sweep.yaml", "--out", "out.pdf"])
        .env("BITSWEEP_BROWSER", "/nowhere/chrome")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "before anything else");
    assert!(text(&output.stderr).contains("BITSWEEP_BROWSER is \"/nowhere/chrome\""), "{}", text(&output.stderr));
    assert!(!bench.path("out.pdf").exists());

    bench.ok(&["run", "sweep.yaml"]);
    bench.ok(&["report", "sweep.yaml", "--out", "out.html"]);
    let page = fs::read_to_string(bench.path("out.html")).unwrap();
    for part in ["Recall@10 by candidates ranked again by float32", "id=\"slopes\"", "N = 1.", "size: A4"] {
        assert!(page.contains(part), "{part}");
    }
    let names: Vec<String> =
        files(&bench.path("out.plots")).iter().map(|file| file.file_name().unwrap().to_string_lossy().into()).collect();
    for name in ["tiny-pocket-Recall-at-10-rescored-float32.svg", "tiny-pocket-Recall-at-10-rescored-float32.png"] {
        assert!(names.iter().any(|other| other == name), "{name}: {names:?}");
    }

    // A program that prints nothing: what it says is passed on, and nothing is left behind but the plots.
    let output =
        bench.command(&["report", "sweep.yaml", "--out", "no.PDF"]).env("BITSWEEP_BROWSER", "false").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("printed no PDF"), "{}", text(&output.stderr));
    assert!(!bench.path("no.PDF").exists());
    assert_eq!(files(&bench.path("no.plots")).len(), names.len(), "the plots are there all the same");
    let left = files(&bench.path("")).into_iter().any(|file| file.to_string_lossy().contains("bitsweep-pdf-"));
    assert!(!left, "the folder that it was to be printed in is removed");

    let Some(browser) = browser() else { return };
    let output =
        bench.command(&["report", "sweep.yaml", "--out", "out.pdf"]).env("BITSWEEP_BROWSER", browser).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(fs::read(bench.path("out.pdf")).unwrap().starts_with(b"%PDF"));
}
