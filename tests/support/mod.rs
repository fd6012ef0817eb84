//! A folder with a manifest, a tiny model and a small dataset, and the command run in it.

#![expect(dead_code, reason = "each test binary uses a part of this")]

pub(crate) mod random;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bitsweep_models::tiny::{TinyModel, write_tiny_model};
use serde_json::Value;

/// A place to run sweeps in.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

/// A small manifest with every codec family.
pub(crate) const MANIFEST: &str = "\
sweep: bench
models:
  tiny: { source: file:tiny }
datasets:
  pocket: { source: file:pocket }
codecs:
  - float32
  - int8
  - binary: { bits: [64, 128], seeds: 2 }
  - pq: { bytes: 8 }
measures: [nDCG@10, Recall@10, MRR@10, MRR, Overlap@10]
";

impl Bench {
    /// The shipped collection under a tiny model.
    pub(crate) fn new() -> Self {
        let bench = Self::empty();
        write_tiny_model(&bench.path("tiny"), &TinyModel::default()).expect("the model can be written");
        copy(&repository().join("examples/data/pocket"), &bench.path("pocket"));
        bench.write("sweep.yaml", MANIFEST);
        bench
    }

    /// As [`Bench::new`], in a folder beside the build.
    pub(crate) fn tiny_on_disk() -> Self {
        let bench = Self::on_disk();
        write_tiny_model(&bench.path("tiny"), &TinyModel::default()).expect("the model can be written");
        copy(&repository().join("examples/data/pocket"), &bench.path("pocket"));
        bench
    }

    /// Nothing.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder for the test") }
    }

    /// Nothing, in a folder beside the build: on a disk, where flushes cost what they cost.
    pub(crate) fn on_disk() -> Self {
        Self { folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder beside the build") }
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders can be made");
        fs::write(path, content).expect("files can be written");
    }

    /// `bitsweep ARGS` in the folder, not yet started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bitsweep"));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("BITSWEEP_") || name.starts_with("HF_") {
                command.env_remove(name);
            }
        }
        // A test must not find the models of whoever runs it.
        command.env("HOME", self.folder.path()).env_remove("XDG_CACHE_HOME");
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("bitsweep starts")
    }

    /// Runs it, expects exit code 0, returns standard output.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "bitsweep {args:?}: {:?}\n{}", output.status, text(&output.stderr));
        text(&output.stdout)
    }

    /// The exported table.
    pub(crate) fn table(&self) -> String {
        self.ok(&["export", "sweep.yaml", "--format", "csv"])
    }

    /// All attempts on record in the store. One that an outcome names committed it: it has no end, and no start if it was
    /// short.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        let mut attempts: BTreeMap<String, Attempt> = BTreeMap::new();
        for record in records(&self.path(".bitsweep/attempts")) {
            let nonce = record["attempt"].as_str().expect("a record names its attempt").to_owned();
            let attempt = attempts.entry(nonce).or_default();
            attempt.key = record["key"].as_str().expect("a record names its job").to_owned();
            match record.get("verdict") {
                Some(verdict) => attempt.verdict = Some(verdict.clone()),
                None => attempt.started = record["started_at"].as_u64(),
            }
        }
        for outcome in self.outcomes() {
            let nonce = outcome["attempt"].as_str().expect("an outcome names its attempt");
            let attempt = attempts.entry(nonce.to_owned()).or_default();
            attempt.key = outcome["key"].as_str().expect("an outcome names its job").to_owned();
            attempt.verdict = Some("committed".into());
        }
        attempts.into_values().collect()
    }

    /// Keys of committed outcomes with the attempt that made them.
    pub(crate) fn outcomes(&self) -> Vec<Value> {
        records(&self.path(".bitsweep/outcomes"))
    }
}

/// One attempt, as its records say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempt {
    /// The job.
    pub(crate) key: String,
    /// Seconds since 1970 of its start, where that is on record.
    pub(crate) started: Option<u64>,
    /// How it ended; `None`: killed.
    pub(crate) verdict: Option<Value>,
}

/// The repository's root.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Real data for tests, or `None` after saying that the test is skipped. In CI its absence is a failure.
pub(crate) fn test_data(name: &str) -> Option<PathBuf> {
    let base =
        std::env::var_os("BITSWEEP_TEST_DATA").map_or_else(|| repository().join("../shared/data"), PathBuf::from);
    found(base.join(name))
}

/// A model folder made by scripts/test-models; see [`test_data`].
pub(crate) fn test_model(name: &str) -> Option<PathBuf> {
    let base =
        std::env::var_os("BITSWEEP_TEST_MODELS").map_or_else(|| repository().join("target/test-models"), PathBuf::from);
    found(base.join(name))
}

fn found(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
    println!("SKIPPED: {} is missing", path.display());
    None
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every file below `folder`, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    found
}

/// Every stored record below `folder`. `name#1` is none: what a kill left half written, before it got its name.
fn records(folder: &Path) -> Vec<Value> {
    let written = |file: &&PathBuf| !file.to_string_lossy().contains('#');
    files(folder).iter().filter(written).map(|file| record(file)).collect()
}

/// The content of a stored record: its second line, below the checksum.
pub(crate) fn record(file: &Path) -> Value {
    let text = fs::read_to_string(file).expect("a record can be read");
    let (_, record) = text.split_once('\n').expect("a record has two lines");
    serde_json::from_str(record).expect("a record is JSON")
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).expect("below the folder"));
        fs::create_dir_all(target.parent().expect("a file has a folder")).expect("folders can be made");
        fs::copy(&file, target).expect("files can be copied");
    }
}
