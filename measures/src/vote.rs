//! Accuracy@k: whether the label of most of the first k documents is that of the query. Each of them has one vote, whatever its
//! score; of fewer than k documents all vote, and without any the value is 0. A neighbour search without a model on top
//! (T. Cover and P. Hart, "Nearest neighbor pattern classification", 1967).
//!
//! Two things may be tied. Classes with equally many votes: one of the u best is picked at random, so the query's own class is
//! worth 1/u. Documents: of the n that have the score at the cut and share its m < n places, m are drawn at random, and the value
//! is the expectation over the draws. It is exact, without going through the draws one by one. A draw takes x_c documents of the
//! g_c that class c has in the group with probability Π C(g_c, x_c) / C(n, m): the distribution of independent binomials, each
//! with probability m/n, given that their sum is m. So for each number of documents that the own class may get, and hence votes
//! t, one sum of products over the other classes gives how likely each takes at most t, how many of them take t, and all places
//! are taken.
//!
//! Envelope: the least and the greatest value that some draw and some pick give, 0 or 1. It is 0 and 1 exactly where it is open
//! whether the own class wins.

use std::collections::BTreeMap;

use bitsweep_proto::{Measure, Task};

use crate::{MeasureError, QueryRun, Value};

/// Classes, numbered in any way.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// The class of each document, by row.
    pub documents: &'a [u32],
    /// The class of the query; `None` where no document has it.
    pub query: Option<u32>,
}

/// Evaluates one measure for one labelled query: [`Measure::Accuracy`]. `run` must hold the whole group that crosses the cut.
///
/// Time is linear in the documents down to the end of that group where the vote is decided without it; else with m places, at
/// most a documents of the own class and n in all about a·m·n, times the classes that can have as many votes as the own one.
/// Fails for a measure of another task, and where the run holds a document that has no class.
pub fn classify(measure: Measure, run: &QueryRun, labels: Labels<'_>) -> Result<Value, MeasureError> {
    let Measure::Accuracy { k } = measure else {
        return Err(MeasureError::OtherTask { measure, task: Task::Classification });
    };
    Ok(Votes::of(k as usize, run, labels)?.value())
}

/// The votes of a class.
#[derive(Clone, Copy, Debug, Default)]
struct Class {
    /// Documents that vote in any case.
    certain: usize,
    /// Documents in the group that crosses the cut.
    tied: usize,
}

/// All votes.
struct Votes {
    own: Class,
    others: Vec<Class>,
    /// Places left for the group that crosses the cut.
    places: usize,
}

impl Votes {
    fn of(k: usize, run: &QueryRun, labels: Labels<'_>) -> Result<Self, MeasureError> {
        let mut classes: BTreeMap<u32, Class> = BTreeMap::new();
        let mut open = 0;
        for group in run.groups().take_while(|group| group.before < k) {
            let places = group.places(k);
            let crosses = places < group.documents.len();
            open = if crosses { places } else { open };
            for document in group.documents {
                let known = labels.documents.get(*document as usize);
                let documents = labels.documents.len();
                let label = known.ok_or(MeasureError::UnknownDocument { document: *document, documents })?;
                let class = classes.entry(*label).or_default();
                let votes = if crosses { &mut class.tied } else { &mut class.certain };
                *votes += 1;
            }
        }
        let own = labels.query.and_then(|label| classes.remove(&label)).unwrap_or_default();
        Ok(Self { own, others: classes.into_values().collect(), places: open })
    }

    fn value(&self) -> Value {
        let (value, min, max) = match (self.can_win(), self.can_lose()) {
            (false, _) => (0.0, 0.0, 0.0),
            (true, false) => (1.0, 1.0, 1.0),
            (true, true) => (self.expected(), 0.0, 1.0),
        };
        Value { value, min, max, trec_eval: None }.enclosed()
    }

    /// Whether in some draw no class has more votes than the own one. If in any, then in one that takes as many of its
    /// documents as there are places.
    fn can_win(&self) -> bool {
        let drawn = self.own.tied.min(self.places);
        let votes = self.own.certain + drawn;
        let room = |class: &Class| votes.checked_sub(class.certain).map(|room| room.min(class.tied));
        let room: Option<usize> = self.others.iter().map(room).sum();
        votes > 0 && room.is_some_and(|room| room >= self.places - drawn)
    }

    /// Whether in some draw another class has at least as many votes, or none has any. If in any, then in one that takes as few
    /// of its documents as can be.
    fn can_lose(&self) -> bool {
        let others: usize = self.others.iter().map(|class| class.tied).sum();
        let drawn = self.places.min(others);
        let votes = self.own.certain + self.places - drawn;
        votes == 0 || self.others.iter().any(|class| class.certain + class.tied.min(drawn) >= votes)
    }

    /// The expectation over all draws; some class must have votes.
    fn expected(&self) -> f64 {
        let all = self.own.tied + self.others.iter().map(|class| class.tied).sum::<usize>();
        let left_out = all - self.places;
        let of = |class: &Class| Chances { class: *class, of: chances(class.tied, (self.places, left_out)) };
        let own = of(&self.own);
        let others: Vec<Chances> = self.others.iter().map(of).collect();
        let (mut won, mut any) = (0.0, 0.0);
        for (drawn, chance) in own.of.iter().enumerate() {
            let left = self.places - drawn;
            won += chance * shared(&others, self.own.certain + drawn, left);
            any += chance * taken(&others, left);
        }
        won / any
    }
}

/// How many documents of a class a draw may take.
struct Chances {
    class: Class,
    /// For each number of them how likely it is, were each document of the group drawn by itself.
    of: Vec<f64>,
}

/// The binomial distribution of `tied` documents, each drawn with probability places / (places + left out), as far as there are
/// places; of sum 1. Each value follows from its neighbour, from the greatest one on: nothing overflows, and what underflows is
/// too small to matter.
fn chances(tied: usize, (places, left_out): (usize, usize)) -> Vec<f64> {
    let most = tied.min(places);
    let mut chances = vec![1.0; most + 1];
    if most == 0 {
        return chances;
    }
    let mode = ((tied + 1) * places / (places + left_out)).min(most);
    let ratio = |drawn: usize| ((tied - drawn) * places) as f64 / ((drawn + 1) * left_out) as f64;
    for drawn in mode..most {
        chances[drawn + 1] = chances[drawn] * ratio(drawn);
    }
    for drawn in (0..mode).rev() {
        chances[drawn] = chances[drawn + 1] / ratio(drawn);
    }
    let sum = chances.iter().fold(0.0, |sum, chance| sum + chance);
    chances.iter_mut().for_each(|chance| *chance /= sum);
    chances
}

/// How likely the others take exactly `places`.
fn taken(others: &[Chances], places: usize) -> f64 {
    let mut taken = vec![0.0; places + 1];
    taken[0] = 1.0;
    for other in others {
        for sum in (0..=places).rev() {
            let terms = other.of.iter().take(sum + 1).enumerate();
            taken[sum] = terms.fold(0.0, |total, (drawn, chance)| total + chance * taken[sum - drawn]);
        }
    }
    taken[places]
}

/// How likely the others take exactly `places` and none has more than `votes`, where each way counts one over the number of
/// classes with `votes`, the own one among them. 0 where that is no vote at all.
fn shared(others: &[Chances], votes: usize, places: usize) -> f64 {
    if votes == 0 {
        return 0.0;
    }
    let mut start = vec![0.0; places + 1];
    start[0] = 1.0;
    // By the number of other classes with as many votes, then by the places taken.
    let mut ways = vec![start];
    for other in others {
        let Some(room) = votes.checked_sub(other.class.certain) else { return 0.0 };
        ways = with_one_more(&ways, (other.of.as_slice(), room));
    }
    let shares = ways.iter().zip(1..).map(|(way, classes)| way[places] / f64::from(classes));
    shares.fold(0.0, |sum, share| sum + share)
}

/// The ways with one more class, which may take `room` documents: then it has as many votes as the own class.
fn with_one_more(ways: &[Vec<f64>], (chances, room): (&[f64], usize)) -> Vec<Vec<f64>> {
    let places = ways[0].len() - 1;
    let mut next = vec![vec![0.0; places + 1]; ways.len() + 1];
    for (classes, way) in ways.iter().enumerate() {
        for (taken, likely) in way.iter().enumerate().filter(|(_, likely)| **likely > 0.0) {
            let most = room.min(places - taken);
            for (drawn, chance) in chances.iter().enumerate().take(most + 1) {
                next[classes + usize::from(drawn == room)][taken + drawn] += likely * chance;
            }
        }
    }
    while next.len() > 1 && next[next.len() - 1].iter().all(|likely| *likely == 0.0) {
        next.pop();
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(own: [usize; 2], others: &[[usize; 2]], places: usize) -> Value {
        let class = |[certain, tied]: [usize; 2]| Class { certain, tied };
        let others = others.iter().copied().map(class).collect();
        Votes { own: class(own), others, places }.value()
    }

    #[test]
    fn worked_by_hand() {
        let near = |found: Value, value: f64| assert!((found.value - value).abs() < 1e-14, "{found:?}, {value}");
        // Three votes against two, and against three; against three and three.
        assert_eq!(value([3, 0], &[[2, 0]], 0).value, 1.0);
        assert_eq!(value([3, 0], &[[3, 0]], 0), Value { value: 0.5, min: 0.0, max: 1.0, trec_eval: None });
        near(value([3, 0], &[[3, 0], [3, 0]], 0), 1.0 / 3.0);
        assert_eq!(value([2, 0], &[[3, 0]], 0).max, 0.0);
        // One place for one of 1 own and 3 others: won where the own is drawn, shared by two where it is not.
        near(value([1, 1], &[[0, 3]], 1), 1.0 / 4.0 + 3.0 / 4.0 / 2.0);
        // Two of 2 own, 2 of one other, 1 of another: both own 1/10; own and other, in 6 of 10, share by two; else lost or none.
        near(value([0, 2], &[[0, 2], [0, 1]], 2), 0.1 + 0.6 / 2.0);
        // The same with one certain vote of the own: it needs one more to be alone, and has 3 of 10 draws without.
        near(value([1, 2], &[[0, 2], [0, 1]], 2), 0.7 + 0.1 * 0.0 + 0.2 / 3.0);
        // A vote that no draw changes.
        assert_eq!(value([3, 5], &[[0, 9]], 2).min, 1.0);
        // No vote at all.
        assert_eq!(value([0, 0], &[], 0), Value { value: 0.0, min: 0.0, max: 0.0, trec_eval: None });
    }

    /// Two classes of half the group each: by symmetry one half, whatever the size.
    #[test]
    fn large_groups_stay_exact() {
        for (tied, places) in [(1000, 10), (50_000, 100), (300, 599), (100_000, 7)] {
            let found = value([0, tied], &[[0, tied]], places).value;
            assert!((found - 0.5).abs() < 1e-12, "{tied} {places}: {found}");
        }
        // Each of 50 classes alike: one in 50.
        let found = value([0, 40], &[[0, 40]; 49], 25).value;
        assert!((found - 0.02).abs() < 1e-12, "{found}");
    }
}
