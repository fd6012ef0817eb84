//! Self-attention within one text (Vaswani et al. 2017): softmax(Q Kᵀ / √d) V, head by head.

use super::functions::exp;
use super::product::{Finish, Place, Plain, Product, Rows, RowsMut, columns, stride};
use super::simd::{LANES, Simd, Work};

/// The shape of the heads.
#[derive(Clone, Copy)]
pub(super) struct Heads {
    pub(super) count: usize,
    /// Dimensions of one.
    pub(super) dim: usize,
}

/// What it works in, kept from text to text.
#[derive(Default)]
pub(super) struct Workspace {
    /// Keys of one head in panels of tokens: panel, dimension, token.
    keys: Vec<f32>,
    /// Scores of as many queries as are computed at once, then their exponentials.
    scores: Vec<f32>,
}

/// One text: rows of queries, keys and values side by side, to rows of contexts.
pub(super) struct Attend<'a> {
    pub(super) heads: Heads,
    pub(super) from: Rows<'a>,
    pub(super) tokens: usize,
    pub(super) to: RowsMut<'a>,
    pub(super) workspace: &'a mut Workspace,
}

impl Work for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn work<S: Simd>(self, simd: S) {
        let Self { heads: Heads { count, dim }, from, tokens, to, workspace } = self;
        let (hidden, width) = (count * dim, columns::<S>());
        let scale = 1.0 / (dim as f32).sqrt();
        let score_stride = stride(tokens);
        workspace.keys.resize(tokens.next_multiple_of(width) * dim, 0.0);
        workspace.scores.resize(S::ROWS * score_stride, 0.0);
        let Workspace { keys, scores } = workspace;
        for head in 0..count {
            let first = head * dim;
            let key = Rows { values: &from.values[hidden + first..], stride: from.stride };
            pack_keys(keys, key, tokens, [dim, width]);
            for query in (0..tokens).step_by(S::ROWS) {
                let rows = S::ROWS.min(tokens - query);
                for (at, panel) in keys.chunks_exact(dim * width).enumerate() {
                    let column = at * width;
                    let product = Product {
                        left: Rows { values: &from.values[query * from.stride + first..], stride: from.stride },
                        rows,
                        depth: dim,
                        panel: Rows { values: panel, stride: width },
                        columns: width,
                        to: RowsMut { values: &mut scores[column..], stride: score_stride },
                        finish: &Plain,
                        column,
                    };
                    product.work(simd);
                }
                let mut shares = [0.0; 16];
                for (row, share) in shares.iter_mut().enumerate().take(rows) {
                    *share = 1.0 / exponentials(simd, &mut scores[row * score_stride..], tokens, scale);
                }
                for column in (0..dim).step_by(width) {
                    let product = Product {
                        left: Rows { values: scores, stride: score_stride },
                        rows,
                        depth: tokens,
                        panel: Rows { values: &from.values[2 * hidden + first + column..], stride: from.stride },
                        columns: width.min(dim - column),
                        to: RowsMut { values: &mut to.values[query * to.stride + first + column..], stride: to.stride },
                        finish: &Shares(&shares),
                        column,
                    };
                    product.work(simd);
                }
            }
        }
    }
}

/// Copies the keys of a head; panels are filled up with zeros.
#[inline(always)]
fn pack_keys(keys: &mut [f32], from: Rows<'_>, tokens: usize, [dim, width]: [usize; 2]) {
    for (at, panel) in keys.chunks_exact_mut(dim * width).enumerate() {
        for place in 0..width {
            let token = at * width + place;
            if token < tokens {
                let key = &from.values[token * from.stride..][..dim];
                for (d, value) in key.iter().enumerate() {
                    panel[d * width + place] = *value;
                }
            } else {
                for d in 0..dim {
                    panel[d * width + place] = 0.0;
                }
            }
        }
    }
}

/// Replaces scores by e^(score·scale − greatest), and gives their sum. The row is filled up to a multiple of sixteen with
/// numbers too small to change it.
#[inline(always)]
fn exponentials<S: Simd>(simd: S, row: &mut [f32], tokens: usize, scale: f32) -> f32 {
    let filled = tokens.next_multiple_of(LANES);
    let row = &mut row[..filled];
    row[tokens..].fill(f32::NEG_INFINITY);
    // SAFETY: the row has `filled` numbers, a multiple of sixteen.
    unsafe {
        let mut greatest = simd.load(row.as_ptr());
        for i in (LANES..filled).step_by(LANES) {
            greatest = simd.max(greatest, simd.load(row.as_ptr().add(i)));
        }
        let (scale, less) = (simd.splat(scale), simd.splat(-simd.greatest(greatest) * scale));
        let mut sum = simd.splat(0.0);
        for i in (0..filled).step_by(LANES) {
            let at = row.as_mut_ptr().add(i);
            let value = exp(simd, simd.mul_add(simd.load(at), scale, less));
            simd.store(at, value);
            sum = simd.add(sum, value);
        }
        simd.sum(sum)
    }
}

/// Each row times its share.
struct Shares<'a>(&'a [f32; 16]);

impl Finish for Shares<'_> {
    #[inline(always)]
    fn covers(&self, rows: usize, _: usize) -> bool {
        rows <= self.0.len()
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, simd: S, sum: S::V, at: Place) -> S::V {
        simd.mul(sum, simd.splat(self.0[at.row]))
    }
}
