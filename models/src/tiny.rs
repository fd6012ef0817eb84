//! Tiny model folders in Hugging Face layout, for tests: real networks with weights by formula. Behind the feature
//! `test-models`; nothing of it is in the program.
//!
//! A folder depends on its [`TinyModel`] alone, byte for byte. Its vectors mean nothing, but texts that share words and
//! letters are nearer to each other than others are, and every file is one that the real thing would have.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bitsweep_proto::Precision;
use bitsweep_proto::lock::Pooling;
use candle_core::Tensor;
use candle_transformers::models::bert::Config;
use serde_json::{Value, json};

use crate::encoder::{ModelFiles, Settings};
use crate::weights;

/// What to write. The default is like all-MiniLM-L6-v2 and e5-base-v2: mean pooling, normalised.
#[derive(Clone, Debug)]
pub struct TinyModel {
    /// Dimensions, a multiple of 4.
    pub dim: usize,
    /// Layers.
    pub layers: usize,
    /// Tokens a text is cut to, as `sentence_bert_config.json` says.
    pub max_tokens: usize,
    /// Positions the network knows.
    pub positions: usize,
    /// Pooling, as `1_Pooling/config.json` says.
    pub pooling: Pooling,
    /// Whether `modules.json` has a normalising module.
    pub normalize: bool,
    /// What tensor names begin with: nothing, or `bert.`.
    pub prefix: &'static str,
    /// Files the weights are spread over.
    pub shards: usize,
    /// Seed of the weights: another seed is another model.
    pub seed: u64,
}

impl Default for TinyModel {
    fn default() -> Self {
        Self {
            dim: 32,
            layers: 2,
            max_tokens: 64,
            positions: 128,
            pooling: Pooling::Mean,
            normalize: true,
            prefix: "",
            shards: 1,
            seed: 0,
        }
    }
}

impl TinyModel {
    /// In the layout of bge-large-en-v1.5: the first token's vector, normalised.
    pub fn cls() -> Self {
        Self { pooling: Pooling::Cls, ..Self::default() }
    }

    /// The settings that the folder's files ask for.
    pub fn settings(&self) -> Settings {
        Settings {
            max_tokens: self.max_tokens,
            pooling: self.pooling,
            normalize: self.normalize,
            precision: Precision::Float32,
        }
    }

    fn config(&self) -> Config {
        Config {
            vocab_size: vocabulary().len(),
            hidden_size: self.dim,
            num_hidden_layers: self.layers,
            num_attention_heads: 4,
            intermediate_size: 4 * self.dim,
            max_position_embeddings: self.positions,
            ..Config::default()
        }
    }
}

/// Writes the folder, which is made where it is missing, and says where the files are that the encoder needs.
pub fn write_tiny_model(folder: &Path, model: &TinyModel) -> io::Result<ModelFiles> {
    fs::create_dir_all(folder.join("1_Pooling"))?;
    let mut modules = vec![
        json!({"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}),
        json!({"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}),
    ];
    if model.normalize {
        modules.push(
            json!({"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}),
        );
    }
    let pooling = json!({
        "word_embedding_dimension": model.dim,
        "pooling_mode_cls_token": model.pooling == Pooling::Cls,
        "pooling_mode_mean_tokens": model.pooling == Pooling::Mean,
        "pooling_mode_max_tokens": false,
        "pooling_mode_mean_sqrt_len_tokens": false
    });
    let files = [
        ("config.json", config_json(&model.config())),
        ("tokenizer.json", tokenizer_json()),
        (
            "tokenizer_config.json",
            json!({"do_lower_case": true, "model_max_length": model.positions, "tokenizer_class": "BertTokenizer"}),
        ),
        ("modules.json", Value::Array(modules)),
        ("1_Pooling/config.json", pooling),
        ("sentence_bert_config.json", json!({"max_seq_length": model.max_tokens, "do_lower_case": false})),
    ];
    for (name, content) in files {
        fs::write(folder.join(name), format!("{content:#}\n"))?;
    }
    let weights = write_weights(folder, model).map_err(io::Error::other)?;
    Ok(ModelFiles { config: folder.join("config.json"), tokenizer: folder.join("tokenizer.json"), weights })
}

/// `model.safetensors`, or shards with their index; beside the encoder the pooler that real files carry too.
fn write_weights(folder: &Path, model: &TinyModel) -> candle_core::Result<Vec<PathBuf>> {
    let mut tensors: BTreeMap<String, Tensor> = weights::by_formula(&model.config(), model.seed)?.into_iter().collect();
    for (name, shape) in [("pooler.dense.weight", vec![model.dim, model.dim]), ("pooler.dense.bias", vec![model.dim])] {
        tensors.insert(name.to_owned(), weights::tensor(name, &shape, model.seed)?);
    }
    let mut shards = vec![HashMap::new(); model.shards];
    let mut index = BTreeMap::new();
    for (at, (name, tensor)) in tensors.into_iter().enumerate() {
        let name = format!("{}{name}", model.prefix);
        index.insert(name.clone(), shard_name(at % model.shards, model.shards));
        shards[at % model.shards].insert(name, tensor);
    }
    let mut paths = Vec::new();
    for (at, shard) in shards.iter().enumerate() {
        let path = folder.join(shard_name(at, model.shards));
        candle_core::safetensors::save(shard, &path)?;
        paths.push(path);
    }
    if model.shards > 1 {
        fs::write(folder.join("model.safetensors.index.json"), json!({"weight_map": index}).to_string())?;
    }
    Ok(paths)
}

fn shard_name(at: usize, count: usize) -> String {
    if count == 1 { "model.safetensors".to_owned() } else { format!("model-{:05}-of-{count:05}.safetensors", at + 1) }
}

fn config_json(config: &Config) -> Value {
    json!({
        "architectures": ["BertModel"],
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": config.hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": config.intermediate_size,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": config.max_position_embeddings,
        "model_type": "bert",
        "num_attention_heads": config.num_attention_heads,
        "num_hidden_layers": config.num_hidden_layers,
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2,
        "use_cache": true,
        "vocab_size": config.vocab_size
    })
}

/// Special tokens, letters and digits at the start and inside of a word, punctuation, some short words: every text of
/// them has tokens, other characters are `[UNK]`.
fn vocabulary() -> Vec<String> {
    let mut words: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned).into();
    for letter in ('a'..='z').chain('0'..='9') {
        words.push(letter.to_string());
        words.push(format!("##{letter}"));
    }
    words.extend(".,;:!?'\"()-/%".chars().map(String::from));
    let short =
        "the of and in to is for that with as are by on an be or was from at it not this which cell gene bird tree";
    words.extend(short.split(' ').map(str::to_owned));
    words
}

/// BERT's pipeline over [`vocabulary`], with a truncation and a padding baked in that are to be overridden.
fn tokenizer_json() -> Value {
    let words = vocabulary();
    let id = |token: &str| words.iter().position(|word| word == token);
    let special = |token: &str| {
        json!({
            "id": id(token), "content": token, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false, "special": true
        })
    };
    let template = |token: &str| json!({"id": token, "ids": [id(token)], "tokens": [token]});
    let vocabulary: serde_json::Map<String, Value> =
        words.iter().enumerate().map(|(id, word)| (word.clone(), Value::from(id))).collect();
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0},
        "padding": {
            "strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"
        },
        "added_tokens": (words[..5].iter().map(|token| special(token)).collect::<Vec<_>>()),
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}}
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": (template("[CLS]")), "[SEP]": (template("[SEP]"))}
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary
        }
    })
}
