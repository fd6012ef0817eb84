//! The paired bootstrap of a correlation over pairs (B. Efron and R. Tibshirani, "An introduction to the bootstrap", 1993,
//! chapters 6 and 13): pairs are drawn with replacement, as many as there are, and the correlation is taken anew of what was drawn.
//! All systems see the same draws, so that differences are paired.
//!
//! A correlation is no mean over pairs: nothing can be added up pair by pair. But a resample is known by how often it holds each pair,
//! and the order of values by one sort for all resamples: average ranks in a resample follow from the counts along that order. So a
//! resample costs one pass over the pairs instead of a sort. Sums for Spearman are of whole numbers: each value is, to the last bit,
//! that of [`correlate`] on the pairs that were drawn.

use bitsweep_proto::Measure;

use super::bootstrap::percentile;
use super::sampler::Sampler;
use super::{Interval, Sampling, mean};
use crate::MeasureError;
use crate::correlation::{correlate, quotient};

/// A correlation on all pairs, and on each resample of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampled {
    /// On all pairs, as [`correlate`] gives it.
    pub value: f64,
    /// On each resample. Two of the same draws belong together round by round.
    pub rounds: Vec<f64>,
}

impl Resampled {
    /// The mean of several of the same draws, round by round: of the seeds of a codec. 0 and without rounds of nothing.
    ///
    /// # Panics
    /// Where one has fewer rounds than the first.
    pub fn mean(all: &[Self]) -> Self {
        let rounds = all.first().map_or(0, |first| first.rounds.len());
        let of_round = |round: usize| mean(&all.iter().map(|one| one.rounds[round]).collect::<Vec<_>>());
        let values: Vec<f64> = all.iter().map(|one| one.value).collect();
        Self { value: mean(&values), rounds: (0..rounds).map(of_round).collect() }
    }

    /// The difference to `other` of the same draws, round by round.
    ///
    /// # Panics
    /// Where they differ in their number of rounds.
    pub fn less(&self, other: &Self) -> Self {
        Self { value: self.value - other.value, rounds: super::differences(&self.rounds, &other.rounds) }
    }

    /// The percentile interval with confidence `level` (0.95: 95 %): the middle of the rounds. Without rounds the value itself.
    pub fn interval(&self, level: f64) -> Interval {
        if self.rounds.is_empty() {
            return Interval { low: self.value, high: self.value };
        }
        percentile(self.rounds.clone(), level)
    }
}

/// Correlates the scores of each of `systems` with `gold`, pair by pair, on all pairs and on `sampling.rounds` resamples of them, which
/// are the same for all. `measure` is a correlation. A resample in which one side does not vary gives 0, as [`correlate`] has it.
/// Without pairs there are no rounds.
///
/// Fails where [`correlate`] fails: on a score that is NaN or infinite, on a system of other pairs, for a measure of another task.
pub fn correlations(
    measure: Measure,
    gold: &[f64],
    systems: &[&[f64]],
    sampling: Sampling,
) -> Result<Vec<Resampled>, MeasureError> {
    let seen = |scores: &&[f64]| -> Result<Resampled, MeasureError> {
        Ok(Resampled { value: correlate(measure, scores, gold)?.value, rounds: Vec::new() })
    };
    let mut found: Vec<Resampled> = systems.iter().map(seen).collect::<Result<_, MeasureError>>()?;
    let pairs = gold.len();
    if pairs == 0 {
        return Ok(found);
    }
    let by_rank = measure == Measure::Spearman;
    let gold_order = Order::of(gold);
    let orders: Vec<Order> = systems.iter().filter(|_| by_rank).map(|scores| Order::of(scores)).collect();
    let mut draw = Draw { counts: vec![0; pairs], weights: vec![0; pairs], squares: 0 };
    let mut sampler = Sampler::new(sampling.seed);
    for _ in 0..sampling.rounds {
        draw.again(&mut sampler);
        if by_rank {
            draw.rank(&gold_order);
            for (found, order) in found.iter_mut().zip(&orders) {
                found.rounds.push(draw.spearman(order));
            }
        } else {
            for (found, scores) in found.iter_mut().zip(systems) {
                found.rounds.push(draw.pearson(scores, gold));
            }
        }
    }
    Ok(found)
}

/// The order of values, sorted once.
struct Order {
    /// Pairs by their value, least first.
    pairs: Vec<usize>,
    /// Where in `pairs` each group of equal values ends.
    ends: Vec<usize>,
}

impl Order {
    fn of(values: &[f64]) -> Self {
        let mut pairs: Vec<usize> = (0..values.len()).collect();
        // -0.0 and 0.0 are equal.
        pairs.sort_by(|a, b| (values[*a] + 0.0).total_cmp(&(values[*b] + 0.0)));
        let mut ends = Vec::new();
        let mut end = 0;
        for group in pairs.chunk_by(|a, b| values[*a] == values[*b]) {
            end += group.len();
            ends.push(end);
        }
        Self { pairs, ends }
    }

    /// The groups of equal values, least first.
    fn groups(&self) -> impl Iterator<Item = &[usize]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(move |(start, end)| &self.pairs[start..*end])
    }
}

/// One resample.
struct Draw {
    /// How often each pair was drawn.
    counts: Vec<i64>,
    /// For each pair its count times twice its centred average rank by the scores of people.
    weights: Vec<i64>,
    /// The sum of squares of those ranks over what was drawn.
    squares: i128,
}

impl Draw {
    fn again(&mut self, sampler: &mut Sampler) {
        let pairs = self.counts.len();
        self.counts.fill(0);
        for _ in 0..pairs {
            self.counts[sampler.below(pairs)] += 1;
        }
    }

    /// Twice the average rank of `count` equal values above `below` others, less twice the mean rank.
    fn twice_centred(&self, below: i64, count: i64) -> i64 {
        2 * below + count + 1 - (self.counts.len() as i64 + 1)
    }

    /// Ranks what was drawn by the scores of people.
    fn rank(&mut self, gold: &Order) {
        let (mut below, mut squares) = (0_i64, 0_i128);
        for group in gold.groups() {
            let count: i64 = group.iter().map(|pair| self.counts[*pair]).sum();
            let rank = self.twice_centred(below, count);
            for pair in group {
                self.weights[*pair] = self.counts[*pair] * rank;
            }
            squares += i128::from(count) * i128::from(rank) * i128::from(rank);
            below += count;
        }
        self.squares = squares;
    }

    /// Spearman's ρ of what was drawn, once it is ranked.
    fn spearman(&self, order: &Order) -> f64 {
        let (mut below, mut both, mut squares) = (0_i64, 0_i128, 0_i128);
        for group in order.groups() {
            let (mut count, mut weight) = (0_i64, 0_i64);
            for pair in group {
                count += self.counts[*pair];
                weight += self.weights[*pair];
            }
            let rank = self.twice_centred(below, count);
            both += i128::from(rank) * i128::from(weight);
            squares += i128::from(count) * i128::from(rank) * i128::from(rank);
            below += count;
        }
        quotient(both as f64, squares as f64, self.squares as f64)
    }

    /// Pearson's correlation of what was drawn, from the first pair to the last: each counts as often as it was drawn.
    fn pearson(&self, x: &[f64], y: &[f64]) -> f64 {
        let drawn = |values: &[f64]| -> Vec<(f64, f64)> {
            let each = self.counts.iter().zip(values).filter(|(count, _)| **count > 0);
            each.map(|(count, value)| (*count as f64, *value)).collect()
        };
        let (mut x, mut y) = (drawn(x), drawn(y));
        for values in [&mut x, &mut y] {
            if values.iter().all(|(_, value)| *value == values[0].1) {
                return 0.0;
            }
            let sum = values.iter().fold(0.0, |sum, (count, value)| sum + count * value);
            let mean = sum / self.counts.len() as f64;
            values.iter_mut().for_each(|(_, value)| *value -= mean);
        }
        let (mut both, mut of_x, mut of_y) = (0.0, 0.0, 0.0);
        for ((count, x), (_, y)) in x.iter().zip(&y) {
            both += count * x * y;
            of_x += count * x * x;
            of_y += count * y * y;
        }
        quotient(both, of_x, of_y)
    }
}

#[cfg(test)]
mod tests {
    use bitsweep_proto::Task;

    use super::*;

    const SAMPLING: Sampling = Sampling { rounds: 200, seed: 11 };

    /// Scores of pairs: some tied, many by `steps`.
    fn scores(pairs: usize, salt: usize, steps: usize) -> Vec<f64> {
        (0..pairs).map(|pair| ((pair * 7919 + salt * 104_729) % 1009 % steps) as f64 / 7.3 - 3.0).collect()
    }

    /// By the definition: the pairs that were drawn, one after the other, and their correlation.
    fn by_definition(measure: Measure, gold: &[f64], system: &[f64], sampling: Sampling) -> Vec<f64> {
        let mut sampler = Sampler::new(sampling.seed);
        let mut round = || {
            let drawn: Vec<usize> = (0..gold.len()).map(|_| sampler.below(gold.len())).collect();
            let of = |values: &[f64]| drawn.iter().map(|pair| values[*pair]).collect::<Vec<_>>();
            correlate(measure, &of(system), &of(gold)).unwrap().value
        };
        (0..sampling.rounds).map(|_| round()).collect()
    }

    #[test]
    fn ranks_by_counts_are_those_of_what_was_drawn() {
        for pairs in [1, 2, 3, 10, 257] {
            let gold = scores(pairs, 0, 6);
            let systems: Vec<Vec<f64>> = [2, 5, 40, 1009].map(|steps| scores(pairs, steps, steps)).into();
            let slices: Vec<&[f64]> = systems.iter().map(Vec::as_slice).collect();
            let found = correlations(Measure::Spearman, &gold, &slices, SAMPLING).unwrap();
            for (found, system) in found.iter().zip(&systems) {
                assert_eq!(found.rounds, by_definition(Measure::Spearman, &gold, system, SAMPLING), "{pairs}");
                assert_eq!(found.value, correlate(Measure::Spearman, system, &gold).unwrap().value);
            }
        }
    }

    #[test]
    fn pearson_is_that_of_what_was_drawn() {
        let (gold, system) = (scores(257, 0, 6), scores(257, 3, 1009));
        let found = correlations(Measure::Pearson, &gold, &[&system], SAMPLING).unwrap();
        let expected = by_definition(Measure::Pearson, &gold, &system, SAMPLING);
        assert_eq!(found[0].rounds.len(), expected.len());
        assert!(found[0].rounds.iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 1e-12));
        let constant = correlations(Measure::Pearson, &gold, &[&[0.1; 257]], SAMPLING).unwrap();
        assert!(constant[0].rounds.iter().all(|value| *value == 0.0));
    }

    /// By hand: of two pairs half of the resamples hold both, which gives 1, and half one alone twice, which gives 0.
    #[test]
    fn two_pairs_are_drawn_in_four_ways() {
        let sampling = Sampling { rounds: 4_000, seed: 5 };
        let found = correlations(Measure::Spearman, &[1.0, 2.0], &[&[3.0, 4.0], &[4.0, 3.0]], sampling).unwrap();
        let ones = found[0].rounds.iter().filter(|value| **value == 1.0).count();
        assert!((1_800..2_200).contains(&ones), "{ones}");
        assert_eq!(found[0].rounds.iter().filter(|value| **value == 0.0).count(), 4_000 - ones);
        assert_eq!((found[0].value, found[0].interval(0.95)), (1.0, Interval { low: 0.0, high: 1.0 }));
        let difference = found[0].less(&found[1]);
        assert_eq!((difference.value, difference.interval(0.95)), (2.0, Interval { low: 0.0, high: 2.0 }));
    }

    #[test]
    fn differences_are_paired() {
        let gold = scores(100, 0, 1009);
        let bent: Vec<f64> = scores(100, 1, 1009).iter().map(|score| score.powi(3)).collect();
        let found = correlations(Measure::Spearman, &gold, &[&scores(100, 1, 1009), &bent], SAMPLING).unwrap();
        let interval = found[0].less(&found[1]).interval(0.95);
        assert_eq!(interval, Interval { low: 0.0, high: 0.0 }, "the same order in every resample");
        assert!(found[0].interval(0.95).high - found[0].interval(0.95).low > 0.1);
    }

    /// Seeds are averaged in each resample, before the middle is taken.
    #[test]
    fn seeds_are_averaged_first() {
        let seeds =
            [[0.0, 1.0, 2.0], [4.0, 3.0, 2.0]].map(|rounds| Resampled { value: rounds[0], rounds: rounds.into() });
        assert_eq!(Resampled::mean(&seeds), Resampled { value: 2.0, rounds: vec![2.0; 3] });
        assert_eq!(Resampled::mean(&[]), Resampled { value: 0.0, rounds: vec![] });
    }

    /// What one system gives does not depend on its neighbours.
    #[test]
    fn systems_do_not_see_one_another() {
        let gold = scores(50, 0, 9);
        let systems: Vec<Vec<f64>> = (1..5).map(|salt| scores(50, salt, 100)).collect();
        let slices: Vec<&[f64]> = systems.iter().map(Vec::as_slice).collect();
        for measure in [Measure::Spearman, Measure::Pearson] {
            let all = correlations(measure, &gold, &slices, SAMPLING).unwrap();
            let alone = |system: &&[f64]| correlations(measure, &gold, &[*system], SAMPLING).unwrap().remove(0);
            assert_eq!(all, slices.iter().map(alone).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_cannot_be_resampled_has_no_width() {
        let none = correlations(Measure::Spearman, &[], &[&[]], SAMPLING).unwrap();
        assert_eq!(none[0].interval(0.95), Interval { low: 0.0, high: 0.0 });
        let sampling = Sampling { rounds: 0, seed: 0 };
        let found = correlations(Measure::Spearman, &[1.0, 2.0], &[&[1.0, 2.0]], sampling).unwrap();
        assert_eq!(found[0].interval(0.95), Interval { low: 1.0, high: 1.0 });
        let error = correlations(Measure::Spearman, &[1.0], &[&[1.0, 2.0]], SAMPLING).unwrap_err();
        assert_eq!(error, MeasureError::OtherPairs { scores: 2, gold: 1 });
        let error = correlations(Measure::Bpref, &[1.0], &[&[1.0]], SAMPLING).unwrap_err();
        assert_eq!(error, MeasureError::OtherTask { measure: Measure::Bpref, task: Task::Similarity });
    }
}
