//! Models that cannot be used: what the user sees.

use serde_json::{Value, json};

use crate::setting::{Setting, model_files, safetensors};

/// The message for the small model after a change.
fn message(change: impl Fn(&Setting)) -> String {
    let mut setting = Setting::new();
    setting.write_all("m", &model_files());
    change(&setting);
    let error = setting.model(json!("file:m")).unwrap_err();
    assert!(setting.left_in_scratch().is_empty());
    let message = error.to_string();
    message.strip_prefix("model \"m\", file:m: ").unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn without(name: &str) -> impl Fn(&Setting) {
    move |setting| std::fs::remove_file(setting.path("m").join(name)).unwrap()
}

fn with(name: &str, json: Value) -> impl Fn(&Setting) {
    move |setting| setting.write(&format!("m/{name}"), json.to_string())
}

fn weights(bytes: Vec<u8>) -> impl Fn(&Setting) {
    move |setting| setting.write("m/model.safetensors", &bytes)
}

#[test]
fn missing_files() {
    let found = "1_Pooling/config.json, README.md, model.safetensors, modules.json, sentence_bert_config.json";
    assert_eq!(
        message(without("config.json")),
        format!("expected config.json in a model folder, found {found}, tokenizer.json")
    );
    let with_vocabulary = |setting: &Setting| {
        without("tokenizer.json")(setting);
        setting.write("m/vocab.txt", "");
    };
    let vocabulary = message(with_vocabulary);
    assert!(vocabulary.contains("expected tokenizer.json"), "{vocabulary}");
    assert!(vocabulary.ends_with("; save the model again with a fast tokenizer to get one"), "{vocabulary}");
    let none = message(without("model.safetensors"));
    assert!(none.starts_with("expected weights in model.safetensors, found 1_Pooling/config.json"), "{none}");
    let pickled = |setting: &Setting| {
        without("model.safetensors")(setting);
        setting.write("m/pytorch_model.bin", "");
    };
    assert_eq!(
        message(pickled),
        "expected weights in model.safetensors, found only pytorch_model.bin, which is not read because pickled weights \
         can run code; take a revision with safetensors, or convert it with save_pretrained(…, safe_serialization=True)"
    );
}

#[test]
fn damaged_weights() {
    let whole = safetensors(&[1.0; 4]);
    assert_eq!(
        message(weights(whole[..whole.len() - 3].to_vec())),
        format!("model.safetensors: is cut off: {} bytes, its header announces {}", whole.len() - 3, whole.len())
    );
    assert_eq!(
        message(weights([whole.as_slice(), &[0]].concat())),
        format!("model.safetensors: has {} bytes, its header announces only {}", whole.len() + 1, whole.len())
    );
    assert_eq!(
        message(weights(b"short".to_vec())),
        "model.safetensors: is cut off: 5 bytes, expected a safetensors file"
    );
    assert!(message(weights(whole[..20].to_vec())).contains("is cut off: 20 bytes, its header alone has "));
    assert_eq!(
        message(weights(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".to_vec())),
        "model.safetensors: is a Git LFS pointer and not the weights; fetch them with `git lfs pull`"
    );
    assert_eq!(
        message(weights(b"PK\x03\x04 some archive".to_vec())),
        "model.safetensors: is not a safetensors file: its first 8 bytes are no header length"
    );
    let mut no_json = whole.clone();
    no_json[8] = b'x';
    assert!(message(weights(no_json)).contains("its header is broken JSON"));
}

#[test]
fn settings_that_cannot_be_followed() {
    assert_eq!(
        message(|setting| setting.write("m/config.json", "{")),
        "config.json: broken JSON: EOF while parsing an object at line 1 column 1"
    );
    assert_eq!(
        message(with("config.json", json!({"model_type": "bert"}))),
        "config.json: hidden_size is missing, expected a positive whole number"
    );
    let pooling = |json| message(with("1_Pooling/config.json", json));
    assert_eq!(
        pooling(json!({"pooling_mode_max_tokens": true})),
        "pooling: mode max_tokens is not supported, expected mean or cls alone"
    );
    assert_eq!(
        pooling(json!({"word_embedding_dimension": 9, "pooling_mode_cls_token": true})),
        "pooling: word_embedding_dimension is 9, but hidden_size in config.json is 8"
    );
    let modules = |json| message(with("modules.json", json));
    assert_eq!(modules(json!({})), "modules.json: expected a list of modules");
    assert_eq!(
        modules(json!([{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])),
        "modules.json: module sentence_transformers.models.Dense is not supported, expected Transformer, Pooling and \
         Normalize"
    );
    assert_eq!(
        modules(json!([{"path": "../x", "type": "a.Pooling"}])),
        "modules.json: path \"../x\" is not a folder of the model"
    );
}

#[test]
fn indexes_of_shards() {
    let index = |json: Value| {
        message(move |setting| {
            without("model.safetensors")(setting);
            with("model.safetensors.index.json", json.clone())(setting);
        })
    };
    assert_eq!(index(json!({})), "model.safetensors.index.json: expected an object \"weight_map\" from tensor to file");
    assert_eq!(
        index(json!({"weight_map": {"a": 1}})),
        "model.safetensors.index.json: the file of \"a\" is 1, expected a name"
    );
    for shard in ["../x.safetensors", "/etc/passwd", "missing.safetensors", "README.md"] {
        let message = index(json!({"weight_map": {"a": shard}}));
        let begins =
            format!("model.safetensors.index.json: names \"{shard}\", expected a safetensors file beside it, found ");
        assert!(message.starts_with(&begins), "{message}");
    }
}

#[test]
fn a_model_without_modules_is_read_with_a_warning() {
    let mut setting = Setting::new();
    setting.write_all("e5-base-v2", &model_files());
    std::fs::remove_file(setting.path("e5-base-v2/modules.json")).unwrap();
    let model = setting.model(json!("file:e5-base-v2/")).unwrap();
    assert!(!model.facts.normalize);
    assert_eq!(model.facts.query_prefix, "query: ", "known by the name of the folder");
    assert_eq!(setting.told.warnings.len(), 1);
    assert!(setting.told.warnings[0].starts_with("model \"m\": there is no modules.json"));
}
