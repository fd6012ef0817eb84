//! Model folders in Hugging Face layout: which files decide the vectors, and what they say of how to use the model.
//!
//! Facts are read before weights are fetched, so that a model that cannot be used costs no download. What the
//! manifest overrides is applied by the planner, not here: the lock says what the model's own files say.

mod facts;
mod prefixes;

use std::collections::BTreeSet;

use bitsweep_proto::lock::{LockedFile, LockedModel};
use serde_json::Value;

use crate::archive::is_safe;
use crate::error::Problem;
use crate::origin::Origin;
use crate::safetensors;
use crate::session::Session;

use facts::{Configs, Modules};

/// The weights in one file.
pub(crate) const WEIGHTS: &str = "model.safetensors";
/// The index of weights in several.
pub(crate) const SHARD_INDEX: &str = "model.safetensors.index.json";

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const MODULES: &str = "modules.json";
const SENTENCE_CONFIG: &str = "sentence_bert_config.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const PROMPTS: &str = "config_sentence_transformers.json";

/// Files that decide the vectors of a model wherever they are there, so that a folder must not gain one unnoticed.
/// (A pooling configuration counts if `modules.json` names it, the index of shards if there is no single file.)
pub(crate) const DECIDING: [&str; 6] = [CONFIG, TOKENIZER, WEIGHTS, MODULES, SENTENCE_CONFIG, PROMPTS];

/// Reads and imports a model. `names` are the names by which prefixes may be known, see [`prefixes`].
pub(crate) fn read(origin: &mut Origin, names: &[String], session: &mut Session<'_>) -> Result<LockedModel, Problem> {
    for required in [CONFIG, TOKENIZER] {
        require(origin, required)?;
    }
    let mut files = BTreeSet::from([CONFIG, TOKENIZER].map(str::to_owned));
    let facts = {
        let configs = configs(origin, session, &mut files)?;
        facts::facts(&configs, names).map_err(Problem::Broken)?
    };
    if !origin.has(MODULES) {
        session.warn(
            "there is no modules.json: its vectors are the mean over tokens, not normalised, unless the manifest \
             says otherwise",
        );
    }
    let weights = weights(origin, session, &mut files)?;
    let mut imported: Vec<LockedFile> = Vec::new();
    for name in &files {
        let path = origin.get(name, session)?;
        if weights.contains(name) {
            safetensors::check(name, &path)?;
        }
        imported.push(session.import(name, &path)?);
    }
    Ok(LockedModel { source: String::new(), revision: origin.revision.clone(), files: imported, facts })
}

fn require(origin: &Origin, name: &str) -> Result<(), Problem> {
    if origin.has(name) {
        return Ok(());
    }
    let hint = match name {
        TOKENIZER if origin.has("vocab.txt") => "; save the model again with a fast tokenizer to get one",
        _ => "",
    };
    Err(Problem::Broken(format!("expected {name} in a model folder, {}{hint}", origin.what_is_there())))
}

/// Reads what facts are made of, and notes the files.
fn configs(origin: &mut Origin, session: &mut Session<'_>, files: &mut BTreeSet<String>) -> Result<Configs, Problem> {
    let mut json = |name: &str, files: &mut BTreeSet<String>| -> Result<Option<Value>, Problem> {
        let value = origin.json(name, session)?;
        if value.is_some() {
            files.insert(name.to_owned());
        }
        Ok(value)
    };
    let config = json(CONFIG, files)?.unwrap_or(Value::Null);
    let modules = match json(MODULES, files)? {
        Some(modules) => Modules::read(&modules).map_err(Problem::Broken)?,
        None => Modules::default(),
    };
    let pooling = match &modules.pooling {
        Some(folder) if !is_safe(folder) => {
            return Err(Problem::Broken(format!("{MODULES}: path \"{folder}\" is not a folder of the model")));
        }
        Some(folder) => json(&format!("{folder}/config.json"), files)?,
        None => None,
    };
    let sentence = json(SENTENCE_CONFIG, files)?;
    // Read only where it decides.
    let says_max_tokens = sentence.as_ref().is_some_and(|sentence| sentence["max_seq_length"].is_u64());
    let tokenizer = if says_max_tokens { None } else { json(TOKENIZER_CONFIG, files)? };
    let prompts = json(PROMPTS, files)?;
    Ok(Configs { config, modules, pooling, sentence, tokenizer, prompts })
}

/// Notes the files of the weights and returns their names, without the index.
fn weights(
    origin: &mut Origin,
    session: &mut Session<'_>,
    files: &mut BTreeSet<String>,
) -> Result<BTreeSet<String>, Problem> {
    if origin.has(WEIGHTS) {
        files.insert(WEIGHTS.to_owned());
        return Ok(BTreeSet::from([WEIGHTS.to_owned()]));
    }
    let Some(index) = origin.json(SHARD_INDEX, session)? else {
        let pickled = origin.names.iter().find(|name| name.starts_with("pytorch_model") && name.ends_with(".bin"));
        let found = match pickled {
            Some(name) => format!(
                "found only {name}, which is not read because pickled weights can run code; take a revision with \
                 safetensors, or convert it with save_pretrained(…, safe_serialization=True)"
            ),
            None => origin.what_is_there(),
        };
        return Err(Problem::Broken(format!("expected weights in {WEIGHTS}, {found}")));
    };
    let wrong = |what: String| Problem::Broken(format!("{SHARD_INDEX}: {what}"));
    let map = index["weight_map"].as_object().filter(|map| !map.is_empty());
    let map = map.ok_or_else(|| wrong("expected an object \"weight_map\" from tensor to file".into()))?;
    let mut shards = BTreeSet::new();
    for (tensor, shard) in map {
        let shard =
            shard.as_str().ok_or_else(|| wrong(format!("the file of \"{tensor}\" is {shard}, expected a name")))?;
        if !is_safe(shard) || !shard.ends_with(".safetensors") || !origin.has(shard) {
            return Err(wrong(format!(
                "names \"{shard}\", expected a safetensors file beside it, {}",
                origin.what_is_there()
            )));
        }
        shards.insert(shard.to_owned());
    }
    files.insert(SHARD_INDEX.to_owned());
    files.extend(shards.iter().cloned());
    Ok(shards)
}
