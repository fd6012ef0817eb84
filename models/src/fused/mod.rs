//! BERT on a CPU, made for encoding: the forward pass and nothing else.
//!
//! Owns: the network's weights in the form they are read in, and the arithmetic, to the last bit. candle reads the files, and
//! is the reference that tests compare with.
//!
//! What makes it fast: weights are packed once; the queries, keys and values of a layer are one product; texts are not padded
//! (their tokens stand one after the other, and only attention looks at where a text ends); bias, GELU and residuals are
//! added while sums are in registers; nothing is allocated once a [`Scratch`] has grown; a thread has a batch to itself, so
//! threads never wait for one another inside the network.
//!
//! The promise: a text's vectors depend on the weights and its tokens alone, to the last bit: not on the other texts of its
//! batch, not on threads, not on the instruction set. It holds because each number is made by IEEE operations in one stated
//! order ([`product`], [`simd`]), and the exponential and erf are our own ([`functions`]).

mod attention;
mod byte;
mod functions;
mod instructions;
mod linear;
mod network;
mod norm;
mod product;
mod short;
mod simd;
#[cfg(test)]
mod tests;

pub(crate) use instructions::Instructions;
pub(crate) use network::{How, Network, Scratch};
