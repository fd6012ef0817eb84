//! `config.json`: the shape of the network.

use std::path::Path;

use candle_transformers::models::bert::{Config, HiddenAct};
use serde_json::Value;

use crate::error::ModelError;

/// The values of `model_type` that we have a network for.
const SUPPORTED: [&str; 1] = ["bert"];

/// Reads a file; the error names it.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    std::fs::read(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })
}

/// The network's shape from the bytes of `config.json`. What the network would panic on or silently misread is an error.
pub(crate) fn parse(json: &[u8]) -> Result<Config, ModelError> {
    let wrong = |problem: String| ModelError::Config { problem };
    let value: Value = serde_json::from_slice(json).map_err(|error| wrong(format!("is broken JSON: {error}")))?;
    let found = value.get("model_type");
    if !found.and_then(Value::as_str).is_some_and(|name| SUPPORTED.contains(&name)) {
        let found = found.map_or_else(|| "missing".to_owned(), Value::to_string);
        return Err(wrong(format!("model_type is {found}, supported: {}", SUPPORTED.join(", "))));
    }
    let config: Config = serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?;
    if config.hidden_act != HiddenAct::Gelu {
        return Err(wrong(format!("hidden_act is {}, supported: \"gelu\"", value["hidden_act"])));
    }
    let sizes = [
        ("vocab_size", config.vocab_size),
        ("hidden_size", config.hidden_size),
        ("num_attention_heads", config.num_attention_heads),
        ("intermediate_size", config.intermediate_size),
        ("max_position_embeddings", config.max_position_embeddings),
        ("type_vocab_size", config.type_vocab_size),
    ];
    if let Some((field, _)) = sizes.iter().find(|(_, size)| *size == 0) {
        return Err(wrong(format!("{field} is 0, expected at least 1")));
    }
    let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
    if hidden % heads != 0 {
        return Err(wrong(format!("hidden_size {hidden} is not a multiple of num_attention_heads {heads}")));
    }
    if config.pad_token_id >= config.vocab_size {
        let (pad, size) = (config.pad_token_id, config.vocab_size);
        return Err(wrong(format!("pad_token_id is {pad}, expected less than vocab_size {size}")));
    }
    Ok(config)
}
