//! Texts to vectors: one row shard, chunk by chunk.
//!
//! A chunk is the unit of everything: its vectors depend on its texts and the model alone, it is one file, one
//! checkpoint and one item of the artifact. Chunks of the shard start at multiples of `chunk_rows` counted from its first
//! row. A checkpoint that is there is used as it is: it was verified by its checksum.

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use bitsweep_models::{Encoder, ModelError, ModelFiles, Settings};
use bitsweep_proto::job::{Embed, Texts};
use bitsweep_proto::wire::{Done, InputFile, ProducedFile, Task};

use crate::embedding_file::{self, chunk_name};
use crate::error::{Halt, JobError, causes, with_causes};
use crate::inputs;
use crate::steps::{Steps, with_stop};
use crate::texts::{Row, Rows};

/// An encoder with what it was loaded from.
pub(crate) struct LoadedEncoder {
    files: Vec<InputFile>,
    settings: Settings,
    encoder: Encoder,
}

pub(crate) fn run(
    spec: &Embed,
    task: &Task,
    steps: &mut dyn Steps,
    kept: &mut Option<LoadedEncoder>,
) -> Result<Done, Halt> {
    let found: BTreeSet<&str> = task.checkpoints.iter().map(|file| file.item.as_str()).collect();
    let mut rows = Rows::open(inputs::one(task, "texts")?, spec.first_row)?;
    let mut done = Done::default();
    let mut first = 0;
    while first < spec.rows {
        steps.progress(first, spec.rows)?;
        if steps.should_stop() {
            return Err(Halt::Stopped);
        }
        let count = spec.chunk_rows.min(spec.rows - first);
        let texts = rows.take(count)?;
        let name = chunk_name(spec.first_row + first);
        if !found.contains(name.as_str()) {
            // Loaded only now: a shard that is all checkpoints needs no model.
            let encoder = encoder(spec, task, steps, kept)?;
            let file = task.scratch.join(name.replace('/', "-"));
            let vectors = embed_chunk(spec, encoder, &texts, steps)?;
            embedding_file::write(&file, &vectors, encoder.dim())?;
            steps.checkpoint(&name, &file)?;
            // Kept: the scratch folder never holds more than one chunk.
            let _ = fs::remove_file(&file);
        }
        done.files.push((name.clone(), ProducedFile::Checkpoint(name)));
        first += count;
    }
    steps.progress(spec.rows, spec.rows)?;
    done.facts.insert("rows".to_owned(), spec.rows);
    done.facts.insert("dim".to_owned(), u64::from(spec.dim));
    Ok(done)
}

/// The vectors of one chunk, rows × dim.
pub(crate) fn embed_chunk(
    spec: &Embed,
    encoder: &Encoder,
    rows: &[Row],
    steps: &mut dyn Steps,
) -> Result<Vec<f32>, Halt> {
    let texts: Vec<String> = rows.iter().map(|row| encoder_text(spec, row)).collect();
    let embedded = with_stop(steps, |stop| encoder.embed(&texts, stop));
    let vectors = embedded.map_err(|error| match &error {
        ModelError::Tokenize { row, .. } => {
            let message = format!("the text of \"{}\" cannot be tokenised: {}", rows[*row].id, causes(&error));
            JobError::failed("embed/text", message)
        }
        _ => model_error(&error),
    });
    let vectors = vectors?.ok_or(Halt::Stopped)?;
    if let Some(at) = vectors.iter().position(|value| !value.is_finite()) {
        let id = &rows[at / encoder.dim()].id;
        let message = format!("the vector of \"{id}\" holds a value that is not finite: are the weights whole?");
        return Err(JobError::failed("embed/nan", message).into());
    }
    Ok(vectors)
}

fn model_error(error: &ModelError) -> JobError {
    let message = with_causes(error);
    match error {
        ModelError::Read { .. } | ModelError::Kernels { .. } => JobError::Machine { message },
        ModelError::Config { .. }
        | ModelError::Tokenizer { .. }
        | ModelError::Weights { .. }
        | ModelError::MaxTokens { .. }
        | ModelError::Tokenize { .. }
        | ModelError::Compute(_) => JobError::failed("embed/model", message),
    }
}

/// What the encoder is given: the prefix, then the document (title and text, trimmed) or the query as it is.
fn encoder_text(spec: &Embed, row: &Row) -> String {
    let text = match spec.texts {
        Texts::Documents => row.document(),
        Texts::Queries => row.text.clone(),
    };
    format!("{}{text}", spec.prefix)
}

/// The encoder of this job: the one kept from the last job where its files and settings are the same. Inputs are
/// named by their content, so equal paths are equal files.
pub(crate) fn encoder<'a>(
    spec: &Embed,
    task: &Task,
    steps: &mut dyn Steps,
    kept: &'a mut Option<LoadedEncoder>,
) -> Result<&'a Encoder, JobError> {
    let settings = Settings {
        max_tokens: spec.max_tokens as usize,
        pooling: spec.pooling,
        normalize: spec.normalize,
        precision: spec.precision,
    };
    let files: Vec<InputFile> = inputs::all(task, "model").into_iter().cloned().collect();
    let same = kept.as_ref().is_some_and(|loaded| loaded.files == files && loaded.settings == settings);
    if !same {
        // The old one goes first: two large models need not fit side by side.
        *kept = None;
        let began = Instant::now();
        let loaded = Encoder::load(&model_files(&files)?, settings.clone());
        let encoder = loaded.map_err(|error| model_error(&error))?;
        steps.note(&format!("model loaded in {:.3} s", began.elapsed().as_secs_f64()))?;
        *kept = Some(LoadedEncoder { files, settings, encoder });
    }
    let encoder = &kept.as_ref().expect("loaded above where it was not there").encoder;
    if encoder.dim() != spec.dim as usize {
        let message = format!("the model has {} dimensions, the job says {}", encoder.dim(), spec.dim);
        return Err(JobError::failed("embed/dim", message));
    }
    Ok(encoder)
}

fn model_files(files: &[InputFile]) -> Result<ModelFiles, JobError> {
    let one = |name: &str| {
        let found = files.iter().find(|file| file.item == name);
        found
            .map(|file| file.path.clone())
            .ok_or_else(|| JobError::failed("input/missing", format!("the model has no {name}")))
    };
    let weights = files.iter().filter(|file| file.item.ends_with(".safetensors")).map(|file| file.path.clone());
    Ok(ModelFiles { config: one("config.json")?, tokenizer: one("tokenizer.json")?, weights: weights.collect() })
}
