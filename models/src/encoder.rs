//! The encoder: loads a model's files, turns texts into vectors.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use bitsweep_proto::Precision;
use bitsweep_proto::lock::Pooling;
use rayon::prelude::*;

use crate::batches::batches;
use crate::config;
use crate::error::ModelError;
use crate::fused::{How, Instructions, Network, Scratch};
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
    /// What products are computed in.
    pub precision: Precision,
}

/// A loaded sentence encoder of the BERT family.
pub struct Encoder {
    network: Network,
    tokens: Tokens,
    settings: Settings,
    /// What threads work in, for the next that needs one.
    scratches: Mutex<Vec<Scratch>>,
}

impl Encoder {
    /// Loads a model onto the CPU. Anything wrong with its files is found here, not at the first text.
    ///
    /// Weights may be float32, float16 or bfloat16 and are computed with as float32; their names may begin with `bert.`;
    /// tensors that the encoder has no use for (pooler, heads) are ignored.
    pub fn load(files: &ModelFiles, settings: Settings) -> Result<Self, ModelError> {
        let how = How { instructions: Instructions::chosen()?, precision: settings.precision };
        let config = config::parse(&config::read(&files.config)?)?;
        let tokens = Tokens::parse(&config::read(&files.tokenizer)?, &config, settings.max_tokens)?;
        let network = weights::load(&files.weights, |builder| Network::load(builder, &config, how))?;
        Ok(Self { network, tokens, settings, scratches: Mutex::default() })
    }

    /// Dimensions of a vector.
    pub fn dim(&self) -> usize {
        self.network.hidden()
    }

    /// The vectors of some texts, float32, row-major texts × [`dim`](Self::dim), in the order of the texts; `None` if
    /// `stop` said so, which is asked after each batch.
    ///
    /// The vector of a text depends on nothing but the files, the settings and that text: other texts and the number of
    /// threads change no bit. An empty text is the special tokens alone. No texts give no values. Values that are not
    /// finite (broken weights) are passed on.
    pub fn embed(&self, texts: &[String], stop: &dyn Fn() -> bool) -> Result<Option<Vec<f32>>, ModelError> {
        let ids = self.token_ids(texts)?;
        let lengths: Vec<usize> = ids.iter().map(Vec::len).collect();
        let batches = batches(&lengths);
        let mut vectors = vec![0.0; texts.len() * self.dim()];
        let stopped = AtomicBool::new(false);
        let (done, each) = mpsc::channel();
        // Threads take batches as they come, and this one collects: nobody waits for the slowest of a round.
        rayon::in_place_scope(|scope| {
            for rows in &batches {
                let (done, stopped, ids) = (done.clone(), &stopped, &ids);
                scope.spawn(move |_| {
                    if !stopped.load(Ordering::Relaxed) {
                        let texts: Vec<&[u32]> = rows.iter().map(|row| ids[*row].as_slice()).collect();
                        // Nobody listens any more where the collector has panicked.
                        let _ = done.send((rows, self.embed_batch(&texts)));
                    }
                });
            }
            drop(done);
            while let Some((rows, batch)) = next(&each) {
                for (row, vector) in rows.iter().zip(batch.chunks_exact(self.dim())) {
                    vectors[row * self.dim()..][..self.dim()].copy_from_slice(vector);
                }
                if !stopped.load(Ordering::Relaxed) && stop() {
                    stopped.store(true, Ordering::Relaxed);
                }
            }
        });
        Ok((!stopped.into_inner()).then_some(vectors))
    }

    /// Tokens of all texts together, special tokens counted, as they are encoded.
    pub fn tokens(&self, texts: &[String]) -> Result<usize, ModelError> {
        Ok(self.token_ids(texts)?.iter().map(Vec::len).sum())
    }

    pub(crate) fn token_ids(&self, texts: &[String]) -> Result<Vec<Vec<u32>>, ModelError> {
        let ids = texts
            .par_iter()
            .enumerate()
            .map(|(row, text)| self.tokens.ids(text).map_err(|source| ModelError::Tokenize { row, source }));
        ids.collect()
    }

    /// The vectors of one batch, in its order.
    fn embed_batch(&self, batch: &[&[u32]]) -> Vec<f32> {
        let scratches = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = scratches().pop().unwrap_or_default();
        let mut vectors = Vec::with_capacity(batch.len() * self.dim());
        self.network.forward(batch, &mut scratch, |hidden, stride| {
            let mut vector = match self.settings.pooling {
                Pooling::Cls => hidden[..self.dim()].to_vec(),
                Pooling::Mean => pooling::mean(hidden, stride, self.dim()),
            };
            if self.settings.normalize {
                pooling::normalize(&mut vector);
            }
            vectors.extend(vector);
        });
        scratches().push(scratch);
        vectors
    }
}

/// The next of the results, `None` after the last. Rayon's threads do the work: where this is one of them, it works too.
fn next<T>(each: &mpsc::Receiver<T>) -> Option<T> {
    loop {
        match each.try_recv() {
            Ok(result) => return Some(result),
            Err(mpsc::TryRecvError::Disconnected) => return None,
            Err(mpsc::TryRecvError::Empty) => match rayon::yield_now() {
                Some(rayon::Yield::Executed) => {}
                // Nothing is left to begin, or this is no thread of rayon's.
                Some(rayon::Yield::Idle) | None => return each.recv().ok(),
            },
        }
    }
}
