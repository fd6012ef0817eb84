//! `hf:` where all goes well.

use bitsweep_proto::Digest;
use bitsweep_proto::lock::Pooling;
use serde_json::json;

use crate::fake_server::{FakeServer, Reply, Request};
use crate::setting::{DECIDING, Setting, dataset_files, model_files, names, safetensors};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the hub says of a revision with these files.
pub(crate) fn info(files: &[(String, Vec<u8>)]) -> Reply {
    let siblings: Vec<_> = files.iter().map(|(name, _)| json!({"rfilename": name})).collect();
    Reply::ok(json!({"sha": COMMIT, "siblings": siblings}).to_string())
}

/// The answer of a plain hub that holds `files` in the model `org/m`.
pub(crate) fn plain(request: &Request, files: &[(String, Vec<u8>)]) -> Reply {
    if request.path.starts_with("/api/models/org/m/revision/") {
        return info(files);
    }
    let name = request.path.strip_prefix(&format!("/org/m/resolve/{COMMIT}/"));
    match files.iter().find(|(file, _)| Some(file.as_str()) == name) {
        Some((_, bytes)) => Reply::file(request, bytes, "\"tag\""),
        None => Reply::new(404),
    }
}

/// Starts a plain hub in which `special` may answer first, and points a setting at it.
pub(crate) fn hub(special: impl Fn(&Request) -> Option<Reply> + Send + 'static) -> (FakeServer, Setting) {
    let server = FakeServer::start(move |request| special(request).unwrap_or_else(|| plain(request, &model_files())));
    let mut setting = Setting::new();
    setting.set("HF_ENDPOINT", server.url());
    (server, setting)
}

/// Whether a request is for the weights.
pub(crate) fn for_weights(request: &Request) -> bool {
    request.path.ends_with("/model.safetensors")
}

#[test]
fn a_model_is_resolved_to_a_commit_and_imported() {
    let (server, mut setting) = hub(|_| None);
    let model = setting.model(json!("hf:org/m@v1.0/x")).unwrap();
    assert_eq!((model.source.as_str(), model.revision.as_deref()), ("hf:org/m@v1.0/x", Some(COMMIT)));
    assert_eq!(names(&model.files), DECIDING);
    for (name, bytes) in model_files().iter().filter(|(name, _)| name != "README.md") {
        let file = model.files.iter().find(|file| file.name == *name).unwrap();
        assert_eq!((file.sha256, file.bytes), (Digest::of(bytes), bytes.len() as u64));
    }
    assert_eq!((model.facts.dim, model.facts.layers, model.facts.max_tokens), (8, 2, 32));
    assert_eq!((model.facts.pooling, model.facts.normalize), (Pooling::Cls, true));
    let asked = server.asked();
    assert_eq!(asked[0].path, "/api/models/org/m/revision/v1.0%2Fx");
    assert_eq!(asked.len(), 1 + DECIDING.len(), "README.md is not fetched");
    let weights = "org/m/model.safetensors".to_owned();
    assert!(setting.told.progress.contains(&(weights, 20_069, Some(20_069))), "{:?}", setting.told.progress);
    assert!(setting.left_in_scratch().is_empty());
}

#[test]
fn the_token_goes_to_the_hub_alone() {
    let bytes = safetensors(&[1.0; 5000]);
    let cdn = FakeServer::start(move |request| Reply::file(request, &safetensors(&[1.0; 5000]), "\"cdn\""));
    let target = format!("{}/blob?signature=x", cdn.url());
    let (server, mut setting) = hub(move |request| {
        let large = for_weights(request).then(|| {
            let sum = Digest::of(&bytes);
            Reply::redirect(&target).with("x-linked-etag", format!("\"{sum}\"")).with("x-linked-size", "20069")
        });
        let moved = request.path.strip_prefix("/moved");
        let tokenizer = request.path.ends_with("/tokenizer.json") && moved.is_none();
        let away = tokenizer.then(|| Reply::redirect(format!("/moved{}", request.path)));
        large.or(away).or_else(|| moved.map(|_| Reply::ok("{}")))
    });
    setting.set("HF_TOKEN", "hf_secret\n");
    let model = setting.model(json!("hf:org/m")).unwrap();
    assert_eq!(names(&model.files), DECIDING);
    for request in server.asked() {
        assert_eq!(request.headers.get("authorization").map(String::as_str), Some("Bearer hf_secret"));
    }
    assert!(server.asked().iter().any(|request| request.path.starts_with("/moved")));
    assert_eq!(cdn.asked().len(), 1);
    assert_eq!(cdn.asked()[0].headers.get("authorization"), None);
    assert!(!format!("{:?}", (setting.told.lines, setting.told.warnings)).contains("hf_secret"));
}

#[test]
fn the_token_is_read_from_files() {
    let of = |variable: &str, value: &str| {
        let (server, mut setting) = hub(|_| None);
        setting.write("t/token", "from_file\n");
        setting.write("home/.cache/huggingface/token", "from_home");
        if !variable.is_empty() {
            let path = setting.path(value);
            setting.set(variable, path.display().to_string());
        }
        setting.model(json!("hf:org/m")).unwrap();
        server.asked()[0].headers["authorization"].clone()
    };
    assert_eq!(of("", ""), "Bearer from_home");
    assert_eq!(of("HF_TOKEN_PATH", "t/token"), "Bearer from_file");
    assert_eq!(of("HF_HOME", "t"), "Bearer from_file");
}

#[test]
fn weights_in_shards_are_imported_with_their_index() {
    let index =
        json!({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}});
    let mut files = model_files();
    files.retain(|(name, _)| name != "model.safetensors");
    files.push(("model.safetensors.index.json".into(), index.to_string().into_bytes()));
    files.push(("model-1.safetensors".into(), safetensors(&[1.0])));
    files.push(("model-2.safetensors".into(), safetensors(&[2.0])));
    let server = FakeServer::start(move |request| plain(request, &files));
    let mut setting = Setting::new();
    setting.set("HF_ENDPOINT", server.url());
    let model = setting.model(json!("hf:org/m")).unwrap();
    let weights: Vec<&str> = names(&model.files).into_iter().filter(|name| name.contains("safetensors")).collect();
    assert_eq!(weights, ["model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json"]);
}

#[test]
fn a_dataset_may_come_from_the_hub() {
    let server = FakeServer::start(|request| {
        if request.path == "/api/datasets/org/d/revision/main" {
            return info(&dataset_files());
        }
        let name = request.path.strip_prefix(&format!("/datasets/org/d/resolve/{COMMIT}/"));
        let file = dataset_files().into_iter().find(|(file, _)| Some(file.as_str()) == name);
        file.map_or_else(|| Reply::new(404), |(_, bytes)| Reply::file(request, &bytes, "\"tag\""))
    });
    let mut setting = Setting::new();
    setting.set("HF_ENDPOINT", server.url());
    let dataset = setting.dataset(json!("hf:org/d")).unwrap();
    assert_eq!((dataset.counts.documents, dataset.counts.queries), (2, 1));
}
