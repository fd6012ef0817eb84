//! The facts of a model from its own files.

use bitsweep_proto::lock::{ModelFacts, Pooling};
use serde_json::Value;

use super::prefixes;

/// The files that facts are made of; `None` where a file is missing.
pub(super) struct Configs {
    /// `config.json`.
    pub(super) config: Value,
    /// `modules.json`.
    pub(super) modules: Modules,
    /// The pooling module's `config.json`.
    pub(super) pooling: Option<Value>,
    /// `sentence_bert_config.json`.
    pub(super) sentence: Option<Value>,
    /// `tokenizer_config.json`.
    pub(super) tokenizer: Option<Value>,
    /// `config_sentence_transformers.json`.
    pub(super) prompts: Option<Value>,
}

/// What `modules.json` says: the steps from text to vector.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Modules {
    /// Folder of the pooling module.
    pub(super) pooling: Option<String>,
    /// Whether there is a normalising module.
    pub(super) normalize: bool,
}

impl Modules {
    /// Reads `modules.json`: a transformer at the root, a pooling, perhaps a normalisation. Anything else would
    /// change the vectors in a way that we do not follow, and is an error.
    pub(super) fn read(json: &Value) -> Result<Self, String> {
        let list = json.as_array().ok_or("modules.json: expected a list of modules")?;
        let mut modules = Self::default();
        for module in list {
            let path = module["path"].as_str().ok_or("modules.json: expected a text \"path\" in every module")?;
            let kind = module["type"].as_str().ok_or("modules.json: expected a text \"type\" in every module")?;
            match kind.rsplit('.').next() {
                Some("Transformer") if path.is_empty() => {}
                Some("Transformer") => {
                    return Err(format!("modules.json: the transformer is in folder \"{path}\", expected at the root"));
                }
                Some("Pooling") => modules.pooling = Some(path.to_owned()),
                Some("Normalize") => modules.normalize = true,
                _ => {
                    return Err(format!(
                        "modules.json: module {kind} is not supported, expected Transformer, Pooling and Normalize"
                    ));
                }
            }
        }
        Ok(modules)
    }
}

/// The facts of a model. `names`: see [`prefixes::known`].
pub(super) fn facts(configs: &Configs, names: &[String]) -> Result<ModelFacts, String> {
    let config = &configs.config;
    let architecture = config["model_type"].as_str();
    let architecture = architecture.ok_or("config.json: expected a text \"model_type\", such as \"bert\"")?;
    let dim = count(config, "hidden_size")?;
    let (query_prefix, document_prefix) = match configs.prompts.as_ref().and_then(prompts) {
        Some(prompts) => prompts,
        None => prefixes::known(names),
    };
    Ok(ModelFacts {
        architecture: architecture.to_owned(),
        dim,
        layers: count(config, "num_hidden_layers")?,
        max_tokens: max_tokens(configs, architecture)?,
        positions: positions(configs, architecture)?,
        pooling: pooling(configs.pooling.as_ref(), dim)?,
        normalize: configs.modules.normalize,
        query_prefix,
        document_prefix,
    })
}

fn count(config: &Value, field: &str) -> Result<u32, String> {
    let found = config[field].as_u64().and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0);
    found.ok_or_else(|| format!("config.json: {field} is {}, expected a positive whole number", shown(&config[field])))
}

fn shown(value: &Value) -> String {
    if value.is_null() { "missing".to_owned() } else { value.to_string() }
}

/// Tokens that the network has positions for.
fn positions(configs: &Configs, architecture: &str) -> Result<u32, String> {
    let positions = count(&configs.config, "max_position_embeddings")?;
    // RoBERTa and its kin number positions from 2 on.
    let offset = match architecture {
        "roberta" | "xlm-roberta" | "camembert" | "mpnet" => 2,
        _ => 0,
    };
    Ok(positions.saturating_sub(offset))
}

/// The least of what the files say: `max_seq_length`, else `model_max_length`, never more than there are positions.
/// (Tokenizers write 10³⁰ where they know no limit.)
fn max_tokens(configs: &Configs, architecture: &str) -> Result<u32, String> {
    let positions = positions(configs, architecture)?;
    let said = |json: &Option<Value>, field: &str| json.as_ref().and_then(|json| json[field].as_u64());
    let said = said(&configs.sentence, "max_seq_length").or_else(|| said(&configs.tokenizer, "model_max_length"));
    let tokens = said.and_then(|tokens| u32::try_from(tokens).ok()).unwrap_or(positions).min(positions);
    if tokens < 3 {
        return Err(format!(
            "the model takes {tokens} tokens at most, expected at least 3 (one beside the special ones)"
        ));
    }
    Ok(tokens)
}

/// Pooling by name (newer files) or by flags (older ones). Without a file it is the mean, as in sentence-transformers.
fn pooling(json: Option<&Value>, dim: u32) -> Result<Pooling, String> {
    let Some(json) = json else { return Ok(Pooling::Mean) };
    let width = json["word_embedding_dimension"].as_u64();
    if width.is_some_and(|width| width != u64::from(dim)) {
        let width = &json["word_embedding_dimension"];
        return Err(format!("pooling: word_embedding_dimension is {width}, but hidden_size in config.json is {dim}"));
    }
    let flags = json.as_object().into_iter().flatten().filter(|(_, value)| **value == Value::Bool(true));
    let flags = flags.filter_map(|(name, _)| name.strip_prefix("pooling_mode_"));
    let modes: Vec<&str> = json["pooling_mode"].as_str().into_iter().chain(flags).collect();
    match modes.as_slice() {
        ["mean" | "mean_tokens"] => Ok(Pooling::Mean),
        ["cls" | "cls_token"] => Ok(Pooling::Cls),
        [] => Err("pooling: the configuration turns no mode on, expected mean or cls".into()),
        other => Err(format!("pooling: mode {} is not supported, expected mean or cls alone", other.join(" with "))),
    }
}

/// Prefixes as the model's files give them. Texts that are all empty say nothing: sentence-transformers writes them
/// into every model it saves.
fn prompts(json: &Value) -> Option<(String, String)> {
    let prompts = json["prompts"].as_object()?;
    let prompt = |name: &str| prompts.get(name).and_then(Value::as_str);
    let fallback = json["default_prompt_name"].as_str().and_then(prompt).unwrap_or_default();
    let query = prompt("query").unwrap_or(fallback);
    let document = prompt("document").or_else(|| prompt("passage")).unwrap_or(fallback);
    (!query.is_empty() || !document.is_empty()).then(|| (query.to_owned(), document.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bert() -> Configs {
        Configs {
            config: json!({"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 2, "max_position_embeddings": 512}),
            modules: Modules::default(),
            pooling: None,
            sentence: None,
            tokenizer: None,
            prompts: None,
        }
    }

    #[test]
    fn the_least_limit_counts() {
        let tokens = |change: &dyn Fn(&mut Configs)| {
            let mut configs = bert();
            change(&mut configs);
            facts(&configs, &[]).map(|facts| facts.max_tokens)
        };
        assert_eq!(tokens(&|_| {}), Ok(512));
        assert_eq!(tokens(&|c| c.sentence = Some(json!({"max_seq_length": 256}))), Ok(256));
        assert_eq!(tokens(&|c| c.sentence = Some(json!({"max_seq_length": 1024}))), Ok(512));
        assert_eq!(tokens(&|c| c.sentence = Some(json!({"max_seq_length": null}))), Ok(512));
        assert_eq!(tokens(&|c| c.tokenizer = Some(json!({"model_max_length": 128}))), Ok(128));
        assert_eq!(tokens(&|c| c.tokenizer = Some(json!({"model_max_length": 1e30}))), Ok(512));
        let both = |c: &mut Configs| {
            c.sentence = Some(json!({"max_seq_length": 256}));
            c.tokenizer = Some(json!({"model_max_length": 128}));
        };
        assert_eq!(tokens(&both), Ok(256));
        assert_eq!(tokens(&|c| c.config["model_type"] = json!("xlm-roberta")), Ok(510));
        assert!(tokens(&|c| c.sentence = Some(json!({"max_seq_length": 2}))).unwrap_err().contains("at least 3"));
    }

    #[test]
    fn pooling_is_read_from_flags_or_name() {
        let read = |json: Value| pooling(Some(&json), 8);
        assert_eq!(pooling(None, 8), Ok(Pooling::Mean));
        assert_eq!(read(json!({"word_embedding_dimension": 8, "pooling_mode_cls_token": true})), Ok(Pooling::Cls));
        let flags = json!({"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true, "include_prompt": true});
        assert_eq!(read(flags), Ok(Pooling::Mean));
        assert_eq!(read(json!({"pooling_mode": "cls"})), Ok(Pooling::Cls));
        assert!(
            read(json!({"pooling_mode_max_tokens": true})).unwrap_err().contains("mode max_tokens is not supported")
        );
        let two = json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true});
        assert!(read(two).unwrap_err().contains("cls_token with mean_tokens"));
        assert!(read(json!({})).unwrap_err().contains("turns no mode on"));
        let wide = json!({"word_embedding_dimension": 9, "pooling_mode_mean_tokens": true});
        assert!(read(wide).unwrap_err().contains("is 9, but hidden_size"));
    }

    #[test]
    fn only_known_modules_are_taken() {
        let module =
            |kind: &str, path: &str| json!({"type": format!("sentence_transformers.models.{kind}"), "path": path});
        let read = |modules: &[Value]| Modules::read(&Value::from(modules.to_vec()));
        let (transformer, pooling) = (module("Transformer", ""), module("Pooling", "1_Pooling"));
        let normalize = module("Normalize", "2_Normalize");
        let full = read(&[transformer.clone(), pooling.clone(), normalize]).unwrap();
        assert_eq!(full, Modules { pooling: Some("1_Pooling".into()), normalize: true });
        assert!(!read(&[transformer.clone(), pooling.clone()]).unwrap().normalize);
        let dense = read(&[transformer, pooling, module("Dense", "2_Dense")]);
        assert!(dense.unwrap_err().contains("models.Dense is not supported"));
        assert!(read(&[module("Transformer", "0_BERT")]).unwrap_err().contains("folder \"0_BERT\""));
    }

    #[test]
    fn prefixes_of_the_files_win_over_the_table() {
        let with = |prompts: Value| {
            let mut configs = bert();
            configs.prompts = Some(prompts);
            let facts = facts(&configs, &["e5-base-v2".into()]).unwrap();
            (facts.query_prefix, facts.document_prefix)
        };
        let pair = |query: &str, document: &str| (query.to_owned(), document.to_owned());
        assert_eq!(with(json!({})), pair("query: ", "passage: "));
        assert_eq!(with(json!({"prompts": {"query": "", "document": ""}})), pair("query: ", "passage: "));
        assert_eq!(with(json!({"prompts": {"query": "q ", "passage": "p "}})), pair("q ", "p "));
        assert_eq!(with(json!({"prompts": {"query": "q "}})), pair("q ", ""));
        let default = json!({"prompts": {"all": "a ", "query": "q "}, "default_prompt_name": "all"});
        assert_eq!(with(default), pair("q ", "a "));
    }

    #[test]
    fn missing_numbers_are_named() {
        let mut configs = bert();
        configs.config["hidden_size"] = json!("8");
        assert_eq!(
            facts(&configs, &[]).unwrap_err(),
            "config.json: hidden_size is \"8\", expected a positive whole number"
        );
        configs.config = json!({});
        assert!(facts(&configs, &[]).unwrap_err().contains("model_type"));
    }
}
