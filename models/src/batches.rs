//! Which texts go through the network together.
//!
//! Owns: the cut of one chunk into batches, a pure function of the texts' lengths. Kernels choose code by shape, so the
//! batches decide bits of the result: whoever changes the constants or the rule raises the code version of `embed`.

/// Texts of one batch at most.
pub(crate) const BATCH_ROWS: usize = 32;

/// Tokens of one batch at most, padding included; a longer text is a batch of its own. From 512 to 4096 the speed on a CPU
/// is the same (30,500 tokens of SciFact in 21 CPU seconds each); with this many, one attention matrix of bge-large-en-v1.5
/// is 67 MB at most.
pub(crate) const BATCH_TOKENS: usize = 2048;

/// Batches of row numbers, from the shortest texts to the longest; equal lengths in the order given. `lengths` are the
/// tokens of each text. Every row is in one batch; no texts, no batches.
pub(crate) fn batches(lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut rows: Vec<usize> = (0..lengths.len()).collect();
    rows.sort_by_key(|row| lengths[*row]);
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for row in rows {
        match batches.last_mut() {
            // Rows come by length: the newest is the width of the batch.
            Some(batch) if batch.len() < BATCH_ROWS && (batch.len() + 1) * lengths[row] <= BATCH_TOKENS => {
                batch.push(row)
            }
            _ => batches.push(vec![row]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cut_by_rows_by_tokens_and_for_long_texts() {
        assert_eq!(batches(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(batches(&[5, 3, 5, 4]), [vec![1, 3, 0, 2]]);
        assert_eq!(batches(&[9; 33]), [(0..32).collect::<Vec<_>>(), vec![32]]);
        let half = BATCH_TOKENS / 2;
        assert_eq!(batches(&[half, half, half]), [vec![0, 1], vec![2]]);
        assert_eq!(batches(&[half + 1, half, half]), [vec![1, 2], vec![0]]);
        assert_eq!(batches(&[BATCH_TOKENS + 1, 2, BATCH_TOKENS + 1]), [vec![1], vec![0], vec![2]]);
    }

    proptest! {
        #[test]
        fn every_row_once_within_the_budget(lengths in prop::collection::vec(1usize..600, 0..200)) {
            let batches = batches(&lengths);
            let mut seen: Vec<usize> = batches.concat();
            prop_assert!(seen.windows(2).all(|pair| (lengths[pair[0]], pair[0]) < (lengths[pair[1]], pair[1])));
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..lengths.len()));
            for batch in &batches {
                let width = batch.iter().map(|row| lengths[*row]).max().unwrap();
                prop_assert!(batch.len() <= BATCH_ROWS && batch.len() * width <= BATCH_TOKENS);
            }
        }
    }
}
