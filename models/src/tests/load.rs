//! Model folders that cannot be used, and what is said about them.

use std::fs;

use serde_json::{Value, json};

use crate::tiny::{TinyModel, write_tiny_model};
use crate::{Encoder, ModelError, ModelFiles, Settings};

/// Loads a tiny model after `damage` was done to its files; gives the error with its causes.
fn error(damage: impl FnOnce(&mut ModelFiles)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut files = write_tiny_model(folder.path(), &TinyModel { shards: 2, ..TinyModel::default() }).unwrap();
    damage(&mut files);
    let error = Encoder::load(&files, TinyModel::default().settings()).map(|_| ()).unwrap_err();
    let machine = matches!(error, ModelError::Read { .. });
    let text = error.to_string();
    assert_eq!(text.contains(folder.path().to_str().unwrap()), machine, "{text}");
    text
}

fn change(path: &std::path::Path, edit: impl FnOnce(&mut Value)) {
    let mut json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    edit(&mut json);
    fs::write(path, json.to_string()).unwrap();
}

#[track_caller]
fn says(found: &str, expected: &[&str]) {
    assert!(expected.iter().all(|part| found.contains(part)), "\"{found}\" does not contain all of {expected:?}");
}

#[test]
fn broken_config() {
    let config = |edit: fn(&mut Value)| error(|files| change(&files.config, edit));
    says(
        &error(|files| fs::write(&files.config, "{\"model_type\": ").unwrap()),
        &["config.json: is broken JSON", "line 1"],
    );
    says(
        &error(|files| fs::write(&files.config, "[]").unwrap()),
        &["config.json: model_type is missing, supported: bert"],
    );
    says(
        &config(|json| json["model_type"] = json!("xlm-roberta")),
        &["model_type is \"xlm-roberta\", supported: bert"],
    );
    says(&config(|json| drop(json.as_object_mut().unwrap().remove("hidden_size"))), &["config.json", "`hidden_size`"]);
    says(&config(|json| json["hidden_act"] = json!("silu")), &["config.json", "`silu`", "`gelu`"]);
    says(&config(|json| json["position_embedding_type"] = json!("relative_key")), &["`relative_key`", "`absolute`"]);
    says(&config(|json| json["num_attention_heads"] = json!(0)), &["num_attention_heads is 0"]);
    says(&config(|json| json["num_attention_heads"] = json!(5)), &["hidden_size 32", "num_attention_heads 5"]);
    says(&config(|json| json["pad_token_id"] = json!(5000)), &["pad_token_id is 5000", "vocab_size"]);
    says(&error(|files| fs::remove_file(&files.config).unwrap()), &["failed to read the model file", "config.json"]);
}

#[test]
fn broken_tokenizer() {
    let tokenizer = |edit: fn(&mut Value)| error(|files| change(&files.tokenizer, edit));
    says(
        &error(|files| fs::write(&files.tokenizer, "not json").unwrap()),
        &["tokenizer.json: is not a tokenizer", "line 1"],
    );
    says(&error(|files| fs::write(&files.tokenizer, "{}").unwrap()), &["tokenizer.json: is not a tokenizer"]);
    says(&tokenizer(|json| json["post_processor"] = Value::Null), &["tokenizer.json: adds no special tokens", "[CLS]"]);
    says(&tokenizer(|json| json["model"]["vocab"]["zebra"] = json!(4000)), &["\"zebra\" has id 4000", "vocab_size"]);
    says(
        &error(|files| fs::remove_file(&files.tokenizer).unwrap()),
        &["failed to read the model file", "tokenizer.json"],
    );
}

#[test]
fn broken_weights() {
    let config = |edit: fn(&mut Value)| error(|files| change(&files.config, edit));
    says(&error(|files| files.weights.clear()), &["weights: there is no safetensors file"]);
    says(
        &error(|files| fs::write(&files.weights[1], "PK\u{3}\u{4} pytorch_model").unwrap()),
        &["weights, file 2 of 2: is not a safetensors file"],
    );
    says(
        &error(|files| fs::write(&files.weights[0], "").unwrap()),
        &["weights, file 1 of 2: is not a safetensors file"],
    );
    let cut = |files: &mut ModelFiles| {
        let bytes = fs::read(&files.weights[1]).unwrap();
        fs::write(&files.weights[1], &bytes[..bytes.len() - 1]).unwrap();
    };
    says(&error(cut), &["weights, file 2 of 2: is not a safetensors file"]);
    says(&error(|files| drop(files.weights.pop())), &["weights: ", "cannot find tensor"]);
    says(
        &config(|json| json["num_hidden_layers"] = json!(3)),
        &["weights: ", "cannot find tensor encoder.layer.2.attention.self.query.weight"],
    );
    says(
        &config(|json| json["intermediate_size"] = json!(96)),
        &["weights: ", "encoder.layer.0.intermediate.dense.weight", "[96, 32]", "[128, 32]"],
    );
    says(
        &error(|files| fs::remove_file(&files.weights[0]).unwrap()),
        &["failed to read the model file", "model-00001"],
    );
}

#[test]
fn too_many_or_too_few_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_tiny_model(folder.path(), &TinyModel::default()).unwrap();
    let load =
        |max_tokens| Encoder::load(&files, Settings { max_tokens, ..TinyModel::default().settings() }).map(|_| ());
    assert!(load(3).is_ok() && load(128).is_ok());
    for wrong in [0, 2, 129, usize::MAX] {
        let message = load(wrong).unwrap_err().to_string();
        says(&message, &[&format!("max_tokens is {wrong}, the model takes 3 to 128"), "max_position_embeddings"]);
    }
}

#[test]
fn tiny_folders_are_the_same_every_time() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let files = folders.each_ref().map(|folder| write_tiny_model(folder.path(), &TinyModel::default()).unwrap());
    assert_eq!(fs::read(&files[0].weights[0]).unwrap(), fs::read(&files[1].weights[0]).unwrap());
    assert_eq!(fs::read(&files[0].tokenizer).unwrap(), fs::read(&files[1].tokenizer).unwrap());
}
