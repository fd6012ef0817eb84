//! The encoder: loads a model's files, turns texts into vectors.

use std::path::PathBuf;

use bitsweep_proto::lock::Pooling;
use candle_core::{Device, Tensor};
use candle_transformers::models::bert::BertModel;
use rayon::prelude::*;

use crate::batches::batches;
use crate::config;
use crate::error::ModelError;
use crate::pooling;
use crate::tokens::Tokens;
use crate::weights;

/// The files of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// `config.json`.
    pub config: PathBuf,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// The weights: safetensors, one file or all shards in any order.
    pub weights: Vec<PathBuf>,
}

/// How a model is used. Part of what the vectors depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Tokens a text is cut to, special tokens counted.
    pub max_tokens: usize,
    /// How token vectors become one.
    pub pooling: Pooling,
    /// Whether vectors are scaled to length 1 (the zero vector stays zero).
    pub normalize: bool,
}

/// A loaded sentence encoder of the BERT family, float32.
pub struct Encoder {
    model: BertModel,
    tokens: Tokens,
    settings: Settings,
    device: Device,
    dim: usize,
    pad: u32,
}

impl Encoder {
    /// Loads a model onto the CPU. Anything wrong with its files is found here, not at the first text.
    ///
    /// Weights may be float32, float16 or bfloat16 and are computed with as float32; their names may begin with `bert.`;
    /// tensors that the encoder has no use for (pooler, heads) are ignored.
    pub fn load(files: &ModelFiles, settings: Settings) -> Result<Self, ModelError> {
        Self::load_on(files, settings, Device::Cpu)
    }

    fn load_on(files: &ModelFiles, settings: Settings, device: Device) -> Result<Self, ModelError> {
        let config = config::parse(&config::read(&files.config)?)?;
        let tokens = Tokens::parse(&config::read(&files.tokenizer)?, &config, settings.max_tokens)?;
        let model = weights::load(&files.weights, &config, &device)?;
        let pad = u32::try_from(config.pad_token_id).expect("less than vocab_size, and token ids are u32");
        Ok(Self { model, tokens, settings, device, dim: config.hidden_size, pad })
    }

    /// Dimensions of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The vectors of one chunk, float32, row-major texts × [`dim`](Self::dim), in the order of the texts; `None` if
    /// `stop` said so, which is asked before each round of batches.
    ///
    /// Equal texts in equal order give equal bytes on machines of one profile, at any number of rayon threads. An empty
    /// text is the special tokens alone. No texts give no values. Values that are not finite (broken weights) are passed on.
    pub fn embed(&self, texts: &[String], stop: &dyn Fn() -> bool) -> Result<Option<Vec<f32>>, ModelError> {
        let ids = self.token_ids(texts)?;
        let lengths: Vec<usize> = ids.iter().map(Vec::len).collect();
        let mut vectors = vec![0.0; texts.len() * self.dim];
        // One batch a thread: candle's element-wise operations use one thread each.
        for round in batches(&lengths).chunks(rayon::current_num_threads()) {
            if stop() {
                return Ok(None);
            }
            let done = round.par_iter().map(|rows| {
                let batch: Vec<&[u32]> = rows.iter().map(|row| ids[*row].as_slice()).collect();
                self.embed_batch(&batch)
            });
            let done: Vec<Vec<f32>> = done.collect::<Result<_, _>>()?;
            for (rows, batch) in round.iter().zip(&done) {
                for (row, vector) in rows.iter().zip(batch.chunks_exact(self.dim)) {
                    vectors[row * self.dim..][..self.dim].copy_from_slice(vector);
                }
            }
        }
        Ok(Some(vectors))
    }

    pub(crate) fn token_ids(&self, texts: &[String]) -> Result<Vec<Vec<u32>>, ModelError> {
        let ids = texts
            .par_iter()
            .enumerate()
            .map(|(row, text)| self.tokens.ids(text).map_err(|source| ModelError::Tokenize { row, source }));
        ids.collect()
    }

    /// The vectors of one batch, in its order. Texts are padded to the longest of them; padding is masked out of the
    /// attention, where its weight is exactly 0.
    fn embed_batch(&self, batch: &[&[u32]]) -> Result<Vec<f32>, ModelError> {
        let mut lengths: Vec<usize> = batch.iter().map(|ids| ids.len()).collect();
        let width = lengths.iter().copied().max().unwrap_or(0);
        let mut ids = vec![self.pad; batch.len() * width];
        let mut mask = vec![0f32; batch.len() * width];
        for (row, text) in batch.iter().enumerate() {
            ids[row * width..][..text.len()].copy_from_slice(text);
            mask[row * width..][..text.len()].fill(1.0);
        }
        let shape = (batch.len(), width);
        let ids = Tensor::from_vec(ids, shape, &self.device)?;
        let mask = Tensor::from_vec(mask, shape, &self.device)?;
        let segments = ids.zeros_like()?;
        let mut hidden = self.model.forward(&ids, &segments, Some(&mask))?;
        if self.settings.pooling == Pooling::Cls {
            // The mean of the first token alone is that token.
            hidden = hidden.narrow(1, 0, 1)?;
            lengths.fill(1);
        }
        let hidden = hidden.flatten_all()?.to_vec1::<f32>()?;
        let mut vectors = pooling::mean(&hidden, &lengths, self.dim);
        if self.settings.normalize {
            vectors.chunks_exact_mut(self.dim).for_each(pooling::normalize);
        }
        Ok(vectors)
    }
}
