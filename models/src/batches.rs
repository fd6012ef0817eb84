//! Which texts go through the network together.
//!
//! Owns: the cut of one chunk into batches. It decides how fast it goes and how much memory it takes, and no bit of a result.

/// Tokens of one batch at most; a longer text is a batch of its own. Enough for the products to be as fast as they get, few
/// enough for a batch's states to stay near the processor and for threads to end at about the same time.
pub(crate) const BATCH_TOKENS: usize = 512;

/// Batches of row numbers, from the longest texts to the shortest; equal lengths in the order given. `lengths` are the
/// tokens of each text. Every row is in one batch; no texts, no batches.
pub(crate) fn batches(lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut rows: Vec<usize> = (0..lengths.len()).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(lengths[*row]));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut tokens = 0;
    for row in rows {
        match batches.last_mut() {
            Some(batch) if tokens + lengths[row] <= BATCH_TOKENS => batch.push(row),
            _ => {
                batches.push(vec![row]);
                tokens = 0;
            }
        }
        tokens += lengths[row];
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cut_by_tokens_and_for_long_texts() {
        assert_eq!(batches(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(batches(&[5, 3, 5, 4]), [vec![0, 2, 3, 1]]);
        let half = BATCH_TOKENS / 2;
        assert_eq!(batches(&[half, half, half]), [vec![0, 1], vec![2]]);
        assert_eq!(batches(&[half, half + 1, half]), [vec![1], vec![0, 2]]);
        assert_eq!(batches(&[2, BATCH_TOKENS + 1, BATCH_TOKENS + 1, 3]), [vec![1], vec![2], vec![3, 0]]);
    }

    proptest! {
        #[test]
        fn every_row_once_within_the_budget(lengths in prop::collection::vec(1usize..600, 0..200)) {
            let batches = batches(&lengths);
            let mut seen: Vec<usize> = batches.concat();
            prop_assert!(seen.windows(2).all(|pair| lengths[pair[0]] >= lengths[pair[1]]));
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..lengths.len()));
            for batch in &batches {
                let tokens: usize = batch.iter().map(|row| lengths[*row]).sum();
                prop_assert!(batch.len() == 1 || tokens <= BATCH_TOKENS);
            }
        }
    }
}
