//! Where tools put documents of equal score.

use std::cmp::Ordering;

use super::Own;
use crate::run::no_document_twice;
use crate::{Hit, MeasureError, QueryRun};

/// Where documents of equal score stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// By document id as a byte string, descending.
    IdDescending,
    /// As the file lists them: a stable sort by score.
    FileOrder,
    /// As the rank column says; it alone: scores are not looked at.
    RankColumn,
    /// Where two passes of numba's quicksort over the negated scores leave them. ranx sorts once when it reads a run, and
    /// once more when `make_comparable` has added the queries that the run lacks.
    Quicksort,
}

impl Order {
    const ALL: [Self; 4] = [Self::IdDescending, Self::FileOrder, Self::RankColumn, Self::Quicksort];
}

/// One line of the file of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// The document with its score.
    pub hit: Hit,
    /// The rank column. Ranks of one query are 1, 2, 3 …, in any order of the lines.
    pub rank: u32,
}

impl Line {
    /// A document's row with its score, and the rank column.
    pub fn new((document, score): (u32, f64), rank: u32) -> Self {
        Self { hit: Hit { document, score }, rank }
    }
}

/// One judged query, as a tool reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// The lines of the run in the order of the file; none where the run lacks the query.
    pub lines: Vec<Line>,
    /// The row of the document that has the query's id, where there is one.
    pub own: Option<u32>,
    /// Grades of documents by row, in any order.
    pub grades: Vec<(u32, i32)>,
    /// Grades of judged documents that the corpus lacks.
    pub absent: Vec<i32>,
}

/// A query with its documents in every order that some tool puts them in.
pub struct Ranked<'q> {
    query: &'q Query,
    /// By [`Order::ALL`]: the strict list, and without the query's own document where the run has that.
    lists: [(QueryRun, Option<QueryRun>); Order::ALL.len()],
    /// With its ties.
    tied: QueryRun,
}

impl<'q> Ranked<'q> {
    /// `name_order` as in [`QueryRun::new`], whose errors these are.
    pub fn new(query: &'q Query, name_order: &[u32]) -> Result<Self, MeasureError> {
        let tied = QueryRun::new(query.lines.iter().map(|line| line.hit), name_order)?;
        no_document_twice("judgements", query.grades.iter().map(|(document, _)| *document).collect())?;
        let lists = Order::ALL.map(|order| {
            let documents = match order {
                Order::IdDescending => tied.documents().to_vec(),
                Order::FileOrder => by_score(&query.lines),
                Order::RankColumn => by_rank(&query.lines),
                Order::Quicksort => by_quicksort(&query.lines),
            };
            let has_own = query.own.is_some_and(|own| documents.contains(&own));
            let without = documents.iter().copied().filter(|document| Some(*document) != query.own).collect();
            (QueryRun::strict(documents), has_own.then(|| QueryRun::strict(without)))
        });
        Ok(Self { query, lists, tied })
    }

    /// The query.
    pub fn query(&self) -> &'q Query {
        self.query
    }

    /// The run with its ties, as our own measures take it.
    pub fn tied(&self) -> &QueryRun {
        &self.tied
    }

    pub(crate) fn list(&self, order: Order, own: Own) -> &QueryRun {
        let at = Order::ALL.iter().position(|one| *one == order).unwrap_or_default();
        match &self.lists[at] {
            (_, Some(without)) if own == Own::Dropped => without,
            (all, _) => all,
        }
    }
}

fn documents<'l>(lines: impl IntoIterator<Item = &'l Line>) -> Vec<u32> {
    lines.into_iter().map(|line| line.hit.document).collect()
}

fn by_score(lines: &[Line]) -> Vec<u32> {
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort_by(|a, b| b.hit.score.partial_cmp(&a.hit.score).unwrap_or(Ordering::Equal));
    documents(lines)
}

fn by_rank(lines: &[Line]) -> Vec<u32> {
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort_by_key(|line| line.rank);
    documents(lines)
}

fn by_quicksort(lines: &[Line]) -> Vec<u32> {
    let mut sorted: Vec<&Line> = lines.iter().collect();
    for _ in 0..2 {
        let keys: Vec<f64> = sorted.iter().map(|line| -line.hit.score).collect();
        let mut places: Vec<usize> = (0..keys.len()).collect();
        quicksort(&keys, &mut places);
        sorted = places.into_iter().map(|place| sorted[place]).collect();
    }
    documents(sorted)
}

/// So many places and fewer are sorted by insertion.
const FEW: usize = 15;

/// Sorts `places` by their keys, ascending, with the very exchanges that numba's quicksort makes (`numba/misc/quicksort.py`):
/// they decide where equal keys end. Pivots are medians of the first, middle and last; the parts are sorted each by itself.
fn quicksort(keys: &[f64], places: &mut [usize]) {
    let mut part = places;
    while part.len() > FEW {
        let at = partition(keys, part);
        let (before, from) = part.split_at_mut(at);
        let behind = &mut from[1..];
        let (shorter, longer) = if before.len() < behind.len() { (before, behind) } else { (behind, before) };
        quicksort(keys, shorter);
        part = longer;
    }
    for end in 1..part.len() {
        let place = part[end];
        let mut at = end;
        while at > 0 && keys[place] < keys[part[at - 1]] {
            part[at] = part[at - 1];
            at -= 1;
        }
        part[at] = place;
    }
}

/// Puts no greater keys before a pivot and no smaller ones behind it; returns where the pivot is. Needs three places.
fn partition(keys: &[f64], part: &mut [usize]) -> usize {
    let last = part.len() - 1;
    let middle = last / 2;
    for (low, high) in [(0, middle), (middle, last), (0, middle)] {
        if keys[part[high]] < keys[part[low]] {
            part.swap(low, high);
        }
    }
    part.swap(middle, last);
    let pivot = keys[part[last]];
    let (mut from, mut to) = (0, last);
    loop {
        while from < last && keys[part[from]] < pivot {
            from += 1;
        }
        while to > 0 && pivot < keys[part[to - 1]] {
            to -= 1;
        }
        if from + 1 >= to {
            break;
        }
        part.swap(from, to - 1);
        from += 1;
        to -= 1;
    }
    part.swap(from, last);
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quicksort_sorts_whatever_it_is_given() {
        for n in [0, 1, 2, 15, 16, 17, 40, 333] {
            for modulus in [1, 2, 7, 1000] {
                let keys: Vec<f64> = (0..n).map(|at| f64::from((at * 7919 + 13) % modulus)).collect();
                let mut places: Vec<usize> = (0..keys.len()).collect();
                quicksort(&keys, &mut places);
                assert!(places.is_sorted_by(|a, b| keys[*a] <= keys[*b]), "{n} keys below {modulus}");
                places.sort_unstable();
                assert!(places.into_iter().eq(0..keys.len()));
            }
        }
    }

    /// By hand: of 16 equal keys the pivot, in the middle, changes places with the last; each exchange then turns around an
    /// outer pair, until both meet in the middle; there the pivot goes back, and the last back to the end.
    #[test]
    fn quicksort_moves_equal_keys() {
        let mut places: Vec<usize> = (0..16).collect();
        quicksort(&[0.0; 16], &mut places);
        assert_eq!(places, [14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 15]);
        let mut places: Vec<usize> = (0..15).collect();
        quicksort(&[0.0; 15], &mut places);
        assert!(places.into_iter().eq(0..15), "insertion is stable");
    }
}
