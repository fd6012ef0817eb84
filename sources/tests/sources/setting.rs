//! What every test needs: a folder for content, a report that remembers, small manifests and models.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bitsweep_proto::digest::Hasher;
use bitsweep_proto::lock::{LockedDataset, LockedFile, LockedModel};
use bitsweep_proto::{Digest, Lock, Manifest};
use bitsweep_sources::{Content, ContentError, Options, Report, SourceError, resolve};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Content in a folder, one file per blob.
pub(crate) struct FolderContent {
    pub(crate) folder: TempDir,
    pub(crate) puts: Cell<usize>,
}

impl FolderContent {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), puts: Cell::new(0) }
    }

    pub(crate) fn read(&self, file: &LockedFile) -> String {
        String::from_utf8(fs::read(self.folder.path().join(file.sha256.to_string())).unwrap()).unwrap()
    }
}

impl Content for FolderContent {
    fn has(&self, digest: &Digest) -> Result<bool, ContentError> {
        Ok(self.folder.path().join(digest.to_string()).exists())
    }
    fn put_file(&self, path: &Path) -> Result<(Digest, u64), ContentError> {
        self.puts.set(self.puts.get() + 1);
        let mut hasher = Hasher::new();
        let read = fs::File::open(path).and_then(|mut file| std::io::copy(&mut file, &mut hasher));
        let bytes = read.map_err(|error| ContentError::caused_by("reading", error))?;
        let digest = hasher.finish();
        let copied = fs::copy(path, self.folder.path().join(digest.to_string()));
        copied.map(|_| (digest, bytes)).map_err(|error| ContentError::caused_by("writing", error))
    }
    fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, ContentError> {
        self.puts.set(self.puts.get() + 1);
        let digest = Digest::of(bytes);
        let written = fs::write(self.folder.path().join(digest.to_string()), bytes);
        written.map(|()| digest).map_err(|error| ContentError::caused_by("writing", error))
    }
}

/// Remembers what it is told, and never sleeps.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) lines: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) waits: Vec<Duration>,
    pub(crate) progress: Vec<(String, u64, Option<u64>)>,
}

impl Told {
    pub(crate) fn seconds_waited(&self) -> Vec<u64> {
        self.waits.iter().map(Duration::as_secs).collect()
    }
}

impl Report for Told {
    fn line(&mut self, message: &str) {
        self.lines.push(message.to_owned());
    }
    fn warning(&mut self, message: &str) {
        self.warnings.push(message.to_owned());
    }
    fn progress(&mut self, name: &str, bytes: u64, total_bytes: Option<u64>) {
        self.progress.push((name.to_owned(), bytes, total_bytes));
    }
    fn wait(&mut self, reason: &str, time: Duration) {
        self.lines.push(reason.to_owned());
        self.waits.push(time);
    }
}

/// A manifest's folder, an environment, a store, a scratch folder.
pub(crate) struct Setting {
    pub(crate) folder: TempDir,
    pub(crate) content: FolderContent,
    pub(crate) told: Told,
    pub(crate) options: Options,
}

impl Setting {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let options = Options {
            manifest_folder: folder.path().to_owned(),
            // Nothing of this machine's own settings, but a home without a token or cache.
            environment: BTreeMap::from([("HOME".to_owned(), folder.path().join("home").display().to_string())]),
            offline: false,
            scratch: folder.path().join("scratch"),
            update_lock: false,
        };
        Self { folder, content: FolderContent::new(), told: Told::default(), options }
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.options.environment.insert(name.to_owned(), value.into());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn write_all(&self, folder: &str, files: &[(String, Vec<u8>)]) {
        for (name, bytes) in files {
            self.write(&format!("{folder}/{name}"), bytes);
        }
    }

    pub(crate) fn resolve(&mut self, manifest: &Manifest, locked: Option<&Lock>) -> Result<Lock, SourceError> {
        resolve(manifest, locked, &self.content, &self.options, &mut self.told)
    }

    pub(crate) fn model(&mut self, source: Value) -> Result<LockedModel, SourceError> {
        let lock = self.resolve(&manifest(json!({"m": {"source": source}}), json!({})), None)?;
        Ok(lock.models["m"].clone())
    }

    pub(crate) fn dataset(&mut self, source: Value) -> Result<LockedDataset, SourceError> {
        let lock = self.resolve(&manifest(json!({}), json!({"d": {"source": source}})), None)?;
        Ok(lock.datasets["d"].clone())
    }

    /// What is left in the scratch folder, folders apart.
    pub(crate) fn left_in_scratch(&self) -> Vec<PathBuf> {
        let mut left = Vec::new();
        let mut folders = vec![self.options.scratch.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { left.push(path) }
            }
        }
        left
    }
}

/// A manifest of these models and datasets.
pub(crate) fn manifest(models: Value, datasets: Value) -> Manifest {
    let json = json!({"sweep": "s", "models": models, "datasets": datasets, "codecs": ["float32"]});
    serde_json::from_value(json).unwrap()
}

/// A whole safetensors file with one tensor.
pub(crate) fn safetensors(values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let header = json!({"w": {"dtype": "F32", "shape": [values.len()], "data_offsets": [0, bytes.len()]}}).to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes].concat()
}

/// A small sentence encoder in Hugging Face layout.
pub(crate) fn model_files() -> Vec<(String, Vec<u8>)> {
    let config = json!({"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 2, "max_position_embeddings": 64});
    let modules = json!([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
    ]);
    let pooling = json!({"word_embedding_dimension": 8, "pooling_mode_cls_token": true});
    let file = |name: &str, text: String| (name.to_owned(), text.into_bytes());
    vec![
        file("1_Pooling/config.json", pooling.to_string()),
        file("README.md", "a model".into()),
        file("config.json", config.to_string()),
        ("model.safetensors".to_owned(), safetensors(&[1.0; 5000])),
        file("modules.json", modules.to_string()),
        file("sentence_bert_config.json", json!({"max_seq_length": 32}).to_string()),
        file("tokenizer.json", "{}".into()),
    ]
}

/// The names of the files of [`model_files`] that decide its vectors.
pub(crate) const DECIDING: [&str; 6] = [
    "1_Pooling/config.json",
    "config.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
];

/// The names of locked files.
pub(crate) fn names(files: &[LockedFile]) -> Vec<&str> {
    files.iter().map(|file| file.name.as_str()).collect()
}

/// A small dataset in BEIR layout.
pub(crate) fn dataset_files() -> Vec<(String, Vec<u8>)> {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    vec![
        file(
            "corpus.jsonl",
            "{\"_id\": \"d1\", \"title\": \"One\", \"text\": \"first\"}\n{\"_id\": \"d2\", \"text\": \"second\"}\n",
        ),
        file("queries.jsonl", "{\"_id\": \"q1\", \"text\": \"which?\"}\n{\"_id\": \"q2\", \"text\": \"unjudged\"}\n"),
        file("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td2\t1\nq1\td1\t0\n"),
    ]
}

/// The data of the tests' real cases; `None` where it is missing, which CI does not accept.
pub(crate) fn real_data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BITSWEEP_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    skipped(&format!("{} is missing", path.display()));
    None
}

/// Says that a test was skipped; CI accepts none.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    println!("SKIPPED {why}");
}
