//! The network: embeddings, then layers of attention and of two products.

use bitsweep_proto::Precision;
use candle_core::Result;
use candle_nn::VarBuilder;
use candle_transformers::models::bert::Config;

use super::attention::{Attend, Heads, Workspace};
use super::instructions::{Instructions, With};
use super::linear::{Add, Apply, Form, Gelu, Inputs, Linear};
use super::norm::{Norm, Normalize};
use super::product::{BLOCK, Plain, Rows, RowsMut, stride};
use super::simd::Simd;

/// A BERT encoder with its weights packed for one instruction set.
pub(crate) struct Network {
    instructions: Instructions,
    /// Vocabulary × hidden.
    words: Vec<f32>,
    /// Positions × hidden.
    positions: Vec<f32>,
    /// What the first segment adds to every token.
    segment: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    heads: Heads,
    hidden: usize,
    inner: usize,
}

struct Layer {
    /// Queries, keys, values.
    inputs: Linear,
    output: Linear,
    attended: Norm,
    up: Linear,
    down: Linear,
    done: Norm,
}

/// How a network computes. The instructions change no bit, the precision does.
#[derive(Clone, Copy)]
pub(crate) struct How {
    pub(crate) instructions: Instructions,
    pub(crate) precision: Precision,
}

/// What a forward pass works in; kept from pass to pass, so that memory is taken once.
#[derive(Default)]
pub(crate) struct Scratch {
    hidden: Vec<f32>,
    inputs: Vec<f32>,
    context: Vec<f32>,
    sum: Vec<f32>,
    inner: Vec<f32>,
    attention: Workspace,
    shorts: Inputs,
}

impl Network {
    /// The network whose weights `builder` has, as float32.
    pub(crate) fn load(builder: &VarBuilder<'_>, config: &Config, how: How) -> Result<Self> {
        how.instructions.run(Load { builder, config, how })
    }

    pub(crate) fn hidden(&self) -> usize {
        self.hidden
    }

    /// The last hidden states of the tokens of `texts`: gives `take` the rows of each text in turn, and the numbers from
    /// one row to the next, of which the first [`hidden`](Self::hidden) are the token's.
    ///
    /// Every text has one to as many tokens as the network has positions, all less than the vocabulary.
    pub(crate) fn forward(&self, texts: &[&[u32]], scratch: &mut Scratch, mut take: impl FnMut(&[f32], usize)) {
        self.instructions.run(Forward { network: self, texts, scratch });
        let step = stride(self.hidden);
        let mut rest = scratch.hidden.as_slice();
        for ids in texts {
            let (rows, after) = rest.split_at(ids.len() * step);
            take(rows, step);
            rest = after;
        }
    }
}

struct Load<'a, 'b> {
    builder: &'a VarBuilder<'b>,
    config: &'a Config,
    how: How,
}

impl With for Load<'_, '_> {
    type Output = Result<Network>;

    fn with<S: Simd>(self, _: S) -> Result<Network> {
        let Self { builder, config, how: How { instructions, precision } } = self;
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        // Attention takes differences of what its inputs become: bytes are too coarse for it.
        let (first, rest) = match precision {
            Precision::Float32 => (Form::Float, Form::Float),
            Precision::Int8 => (Form::Short, Form::Byte),
        };
        let epsilon = config.layer_norm_eps as f32;
        let embeddings = builder.pp("embeddings");
        let table = |name: &str, rows| numbers(&embeddings.pp(name), &[rows, hidden], "weight");
        let segments = table("token_type_embeddings", config.type_vocab_size)?;
        Ok(Network {
            instructions,
            words: table("word_embeddings", config.vocab_size)?,
            positions: table("position_embeddings", config.max_position_embeddings)?,
            segment: segments[..hidden].to_vec(),
            norm: norm(&embeddings.pp("LayerNorm"), hidden, epsilon)?,
            layers: (0..config.num_hidden_layers)
                .map(|layer| {
                    let layer = builder.pp("encoder.layer").pp(layer);
                    let attention = layer.pp("attention");
                    let inputs = ["query", "key", "value"].map(|name| attention.pp("self").pp(name));
                    Ok(Layer {
                        inputs: linear::<S>(&inputs, [hidden, hidden], first)?,
                        output: linear::<S>(&[attention.pp("output.dense")], [hidden, hidden], rest)?,
                        attended: norm(&attention.pp("output.LayerNorm"), hidden, epsilon)?,
                        up: linear::<S>(&[layer.pp("intermediate.dense")], [inner, hidden], rest)?,
                        down: linear::<S>(&[layer.pp("output.dense")], [hidden, inner], rest)?,
                        done: norm(&layer.pp("output.LayerNorm"), hidden, epsilon)?,
                    })
                })
                .collect::<Result<_>>()?,
            heads: Heads { count: config.num_attention_heads, dim: hidden / config.num_attention_heads },
            hidden,
            inner,
        })
    }
}

fn numbers(builder: &VarBuilder<'_>, shape: &[usize], name: &str) -> Result<Vec<f32>> {
    builder.get(shape, name)?.flatten_all()?.to_vec1::<f32>()
}

/// Layers with the same inputs, as one.
fn linear<S: Simd>(parts: &[VarBuilder<'_>], [outputs, inputs]: [usize; 2], form: Form) -> Result<Linear> {
    let (mut weights, mut bias) = (Vec::new(), Vec::new());
    for part in parts {
        weights.extend(numbers(part, &[outputs, inputs], "weight")?);
        bias.extend(numbers(part, &[outputs], "bias")?);
    }
    Ok(Linear::pack::<S>(&weights, &bias, inputs, form))
}

fn norm(builder: &VarBuilder<'_>, dim: usize, epsilon: f32) -> Result<Norm> {
    Ok(Norm::new(&numbers(builder, &[dim], "weight")?, &numbers(builder, &[dim], "bias")?, epsilon))
}

struct Forward<'a> {
    network: &'a Network,
    texts: &'a [&'a [u32]],
    scratch: &'a mut Scratch,
}

impl With for Forward<'_> {
    type Output = ();

    fn with<S: Simd>(self, simd: S) {
        let Self { network, texts, scratch } = self;
        let tokens = texts.iter().map(|text| text.len()).sum();
        scratch.grow(network, tokens);
        let mut pass = Pass { simd, network, texts, scratch };
        pass.embed();
        for layer in &network.layers {
            pass.attend(layer);
            for first in (0..tokens).step_by(BLOCK) {
                pass.transform(layer, first, BLOCK.min(tokens - first));
            }
        }
    }
}

impl Scratch {
    fn grow(&mut self, network: &Network, tokens: usize) {
        let hidden = stride(network.hidden);
        self.hidden.resize(tokens * hidden, 0.0);
        self.inputs.resize(tokens * stride(3 * network.hidden), 0.0);
        self.context.resize(tokens * hidden, 0.0);
        self.sum.resize(BLOCK * hidden, 0.0);
        self.inner.resize(BLOCK * stride(network.inner), 0.0);
    }
}

/// One forward pass.
struct Pass<'a, S> {
    simd: S,
    network: &'a Network,
    texts: &'a [&'a [u32]],
    scratch: &'a mut Scratch,
}

impl<S: Simd> Pass<'_, S> {
    /// Words, positions and the segment, normalised.
    fn embed(&mut self) {
        let Network { words, positions, segment, norm, hidden, .. } = self.network;
        let step = stride(*hidden);
        let mut rows = self.scratch.hidden.chunks_exact_mut(step);
        for text in self.texts {
            for ((id, position), row) in text.iter().zip(positions.chunks_exact(*hidden)).zip(&mut rows) {
                let word = &words[*id as usize * hidden..][..*hidden];
                for (((value, word), segment), position) in row.iter_mut().zip(word).zip(segment).zip(position) {
                    *value = word + segment + position;
                }
            }
        }
        for to in self.scratch.hidden.chunks_mut(BLOCK * step) {
            self.scratch.sum[..to.len()].copy_from_slice(to);
            let (from, rows) = (RowsMut { values: &mut self.scratch.sum, stride: step }, to.len() / step);
            self.simd.run(Normalize { norm, from, rows, to: RowsMut { values: to, stride: step } });
        }
    }

    /// The contexts of all tokens.
    fn attend(&mut self, layer: &Layer) {
        let (step, input_step) = (stride(self.network.hidden), stride(3 * self.network.hidden));
        let simd = self.simd;
        let Scratch { hidden, inputs, context, attention, shorts, .. } = &mut *self.scratch;
        let blocks = hidden.chunks(BLOCK * step).zip(inputs.chunks_mut(BLOCK * input_step));
        for (from, to) in blocks {
            let rows = from.len() / step;
            let (from, to) = (Rows { values: from, stride: step }, RowsMut { values: to, stride: input_step });
            Apply { layer: &layer.inputs, from, rows, to, then: Plain, inputs: shorts }.run(simd);
        }
        let mut first = 0;
        for text in self.texts {
            self.simd.run(Attend {
                heads: self.network.heads,
                from: Rows { values: &inputs[first * input_step..], stride: input_step },
                tokens: text.len(),
                to: RowsMut { values: &mut context[first * step..], stride: step },
                workspace: attention,
            });
            first += text.len();
        }
    }

    /// The rest of a layer, which looks at one token at a time, over `rows` tokens from `first` on.
    fn transform(&mut self, layer: &Layer, first: usize, rows: usize) {
        let (simd, step, inner_step) = (self.simd, stride(self.network.hidden), stride(self.network.inner));
        let Scratch { hidden, context, sum, inner, shorts, .. } = &mut *self.scratch;
        let hidden = &mut hidden[first * step..(first + rows) * step];
        let context = Rows { values: &context[first * step..], stride: step };

        let to = RowsMut { values: sum, stride: step };
        let then = Add(Rows { values: hidden, stride: step });
        Apply { layer: &layer.output, from: context, rows, to, then, inputs: shorts }.run(simd);
        let (from, to) = (RowsMut { values: sum, stride: step }, RowsMut { values: hidden, stride: step });
        simd.run(Normalize { norm: &layer.attended, from, rows, to });

        let (from, to) = (Rows { values: hidden, stride: step }, RowsMut { values: inner, stride: inner_step });
        Apply { layer: &layer.up, from, rows, to, then: Gelu, inputs: shorts }.run(simd);
        let (from, to) = (Rows { values: inner, stride: inner_step }, RowsMut { values: sum, stride: step });
        Apply { layer: &layer.down, from, rows, to, then: Add(Rows { values: hidden, stride: step }), inputs: shorts }
            .run(simd);
        let (from, to) = (RowsMut { values: sum, stride: step }, RowsMut { values: hidden, stride: step });
        simd.run(Normalize { norm: &layer.done, from, rows, to });
    }
}
