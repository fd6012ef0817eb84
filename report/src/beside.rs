//! Two ranked lists of the same query side by side: what stands higher in one than in the other.
//!
//! The rank of a document is 1 and as many as have a greater score: documents that tie share the better rank, as in a
//! contest. Lists come as searches give them: best first, with the whole group that ties at their end.

use std::collections::BTreeMap;

use serde::Serialize;

/// A document in one of the lists.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Its row in the corpus.
    pub row: u32,
    /// Its score; scores of two codecs cannot be compared.
    pub score: f32,
    /// Its rank.
    pub rank: usize,
    /// Whether another document has the same score.
    pub tied: bool,
    /// Its rank in the other list; `None` where that does not reach down to it.
    pub other_rank: Option<usize>,
}

impl Line {
    /// By how many ranks it stands higher here than in the other list; negative: lower. `None` where that is not known.
    pub fn rise(&self) -> Option<i64> {
        self.other_rank.map(|other| other as i64 - self.rank as i64)
    }
}

/// Both lists with the ranks of either, whole.
pub fn beside(lists: [&[(u32, f32)]; 2]) -> [Vec<Line>; 2] {
    let ranked = lists.map(ranked);
    let by_row = ranked.each_ref().map(|list| {
        let ranks: BTreeMap<u32, usize> = list.iter().map(|line| (line.row, line.rank)).collect();
        ranks
    });
    let [mut first, mut second] = ranked;
    for (list, other) in [(&mut first, &by_row[1]), (&mut second, &by_row[0])] {
        for line in list {
            line.other_rank = other.get(&line.row).copied();
        }
    }
    [first, second]
}

fn ranked(list: &[(u32, f32)]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::with_capacity(list.len());
    for (at, (row, score)) in list.iter().enumerate() {
        let mut line = Line { row: *row, score: *score, rank: at + 1, tied: false, other_rank: None };
        if let Some(last) = lines.last_mut().filter(|last| last.score == *score) {
            last.tied = true;
            (line.tied, line.rank) = (true, last.rank);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_tie_share_the_better_rank() {
        let lists = [&[(7, 0.9), (2, 0.5), (4, 0.5), (1, 0.5), (3, 0.1)][..], &[(4, -2.0), (7, -3.0), (9, -3.0)]];
        let [first, second] = beside(lists);
        let shown = |list: &[Line]| -> Vec<_> {
            list.iter().map(|line| (line.row, line.rank, line.tied, line.rise())).collect()
        };
        let expected = [
            (7, 1, false, Some(1)),
            (2, 2, true, None),
            (4, 2, true, Some(-1)),
            (1, 2, true, None),
            (3, 5, false, None),
        ];
        assert_eq!(shown(&first), expected);
        assert_eq!(shown(&second), [(4, 1, false, Some(1)), (7, 2, true, Some(-1)), (9, 2, true, None)]);
    }

    #[test]
    fn a_list_beside_itself_moves_nothing_and_an_empty_one_is_empty() {
        let list = [(1, 1.0), (2, 1.0), (0, 0.5)];
        let [first, second] = beside([&list, &list]);
        assert!(first == second && first.iter().all(|line| line.rise() == Some(0)));
        assert_eq!(beside([&[], &list])[0], []);
    }
}
