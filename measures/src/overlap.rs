//! Overlap@k: how many of the first k documents of a run are among the first k of a reference run, divided by k, or by
//! the length of the reference run where that is less. A missing run or an empty reference gives 0.
//!
//! Ties: **one** uniformly random order of all documents breaks the ties of both runs, so that a run overlaps with
//! itself by exactly 1. In each run, documents are certain to be in, certain to be out, or in the one group B of n
//! documents that crosses the cut with 0 < m < n places left: then they are in if fewer than m others of B come before
//! them. With certain sets C and C', groups B and B':
//!
//! expectation = |C ∩ C'| + |B ∩ C'| m/n + |C ∩ B'| m'/n' + E, where E is the expected number of documents of B ∩ B'
//! that are in on both sides. The two events depend on one another; see [`expected_in_both`].
//!
//! Envelope: two choices S ⊂ B and S' ⊂ B' come from one common order exactly if, among the documents of B ∩ B', one
//! choice holds the other. Hence with c = |B ∩ C'|, s = |B ∩ B'| and o = n − c − s documents that cannot overlap, and
//! the same with dashes, the greatest overlap of the tied documents takes from c first and then from s, and the least
//! one takes from o first and has r = max(0, m − o) places left: r + r' − max(min(s, r), min(s, r')).

use crate::{QueryRun, Value};

/// The documents of a run that can be among the first k.
struct Top {
    /// Documents that always are, sorted by row.
    certain: Vec<u32>,
    /// Documents of the group that crosses the cut, sorted by row; empty where none does.
    tied: Vec<u32>,
    /// Places left for `tied`.
    places: usize,
}

impl Top {
    fn new(k: usize, run: &QueryRun) -> Self {
        let mut top = Self { certain: Vec::new(), tied: Vec::new(), places: 0 };
        for group in run.groups().take_while(|group| group.before < k) {
            let places = group.places(k);
            if places == group.documents.len() {
                top.certain.extend(group.documents);
            } else {
                top.tied.extend(group.documents);
                top.places = places;
            }
        }
        top.certain.sort_unstable();
        top.tied.sort_unstable();
        top
    }

    /// Expected number that are in, out of `count` documents of the tied group.
    fn share(&self, count: usize) -> f64 {
        if count == 0 { 0.0 } else { (count * self.places) as f64 / self.tied.len() as f64 }
    }
}

pub(crate) fn evaluate(k: usize, run: &QueryRun, reference: &QueryRun) -> Value {
    let (a, b) = (Top::new(k, run), Top::new(k, reference));
    let out_of = k.min(reference.documents().len());
    if out_of == 0 {
        return Value { trec_eval: None, ..Value::ZERO };
    }
    let certain = in_common(&a.certain, &b.certain);
    let (a_certain, b_certain) = (in_common(&a.tied, &b.certain), in_common(&a.certain, &b.tied));
    let shared = in_common(&a.tied, &b.tied);
    let only = [a.tied.len() - shared, b.tied.len() - shared];
    let both = expected_in_both(shared, only, [a.places, b.places]);
    let value = certain as f64 + (a.share(a_certain) + b.share(b_certain) + both);
    let (a_most, b_most) = (a_certain.min(a.places), b_certain.min(b.places));
    let max = certain + a_most + b_most + shared.min(a.places - a_most).min(b.places - b_most);
    let (a_left, b_left) = (a.places.saturating_sub(only[0] - a_certain), b.places.saturating_sub(only[1] - b_certain));
    let min = certain + a_left + b_left - shared.min(a_left).max(shared.min(b_left));
    let of = |count: f64| count / out_of as f64;
    Value { value: of(value), min: of(min as f64), max: of(max as f64), trec_eval: None }.enclosed()
}

/// Documents in both lists; each is sorted and holds no document twice.
fn in_common(a: &[u32], b: &[u32]) -> usize {
    let (mut i, mut j, mut count) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        count += usize::from(a[i] == b[j]);
        let (x, y) = (a[i], b[j]);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    count
}

/// Two groups A and B have `shared` documents in common and `only` further ones each. One random order of all of them:
/// how many shared documents are, on average, among the first `places[0]` of A and also among the first `places[1]` of
/// B? Each count of places is less than its group's size.
///
/// With s shared, u only in A, v only in B, n = s + u, places p and q, take one shared document d:
///
/// - j others of A come before d: each j = 0 … n − 1 has probability 1/n, and j < p is wanted;
/// - x of these j are shared: hypergeometric, `mixed[x]` = P(x | j) for j draws from s − 1 shared and u others;
/// - z documents of B alone come before d: given j, this does not depend on x, since it only asks where the v fall
///   among the members of A. z + x < q is wanted, with probability `within[q − 1 − x]`, where `within[c]` = P(z ≤ c | j).
///
/// So E = s/n · Σ over j < p and x of P(x | j) P(z ≤ q − 1 − x | j). Both tables follow from the row before by the
/// lattice recurrence of drawing without replacement ("the next one drawn is …"): sums of products of positive numbers,
/// so nothing cancels, and what underflows is too small to matter. Time p·q, memory q; the relative error is at most
/// about p + q units in the last place, and it is 0 for a group compared with itself.
fn expected_in_both(shared: usize, only: [usize; 2], places: [usize; 2]) -> f64 {
    let ([u, v], [p, q]) = (only, places);
    if shared == 0 || p == 0 || q == 0 {
        return 0.0;
    }
    let n = shared + u;
    let mut mixed = vec![0.0; q.min(shared)];
    mixed[0] = 1.0;
    // passed[z]: the first j + z documents of A and B alone hold j of A and z of B.
    let mut passed = vec![0.0; q.min(v + 1)];
    let mut within = passed.clone();
    let mut sum = 0.0;
    for j in 0..p {
        let mut so_far = 0.0;
        for z in 0..passed.len() {
            let left = (n + v - j - z) as f64;
            let from_a = if j == 0 { f64::from(z == 0) } else { passed[z] * (n - j + 1) as f64 / (left + 1.0) };
            let from_b = if z == 0 { 0.0 } else { passed[z - 1] * (v - z + 1) as f64 / (left + 1.0) };
            passed[z] = from_a + from_b;
            so_far += passed[z] * ((n - j) as f64 / left);
            within[z] = so_far;
        }
        if j > 0 {
            let left = (n - j) as f64;
            for x in (0..mixed.len()).rev() {
                let others = (u + x + 1).saturating_sub(j) as f64;
                let from_shared = if x == 0 { 0.0 } else { mixed[x - 1] * (shared - x) as f64 / left };
                mixed[x] = mixed[x] * others / left + from_shared;
            }
        }
        let reach = within.len() - 1;
        for (x, chance) in mixed.iter().enumerate().take(j + 1) {
            sum += chance * within[(q - 1 - x).min(reach)];
        }
    }
    shared as f64 * sum / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same expectation by integrating over the position t of one document: given t, every other one comes before
    /// it with probability t, independently.
    fn by_quadrature(shared: usize, only: [usize; 2], places: [usize; 2]) -> f64 {
        fn binomial(n: usize, t: f64) -> Vec<f64> {
            let mut row = vec![1.0];
            for _ in 0..n {
                let mut next = vec![0.0; row.len() + 1];
                for (i, chance) in row.iter().enumerate() {
                    next[i] += chance * (1.0 - t);
                    next[i + 1] += chance * t;
                }
                row = next;
            }
            row
        }
        let steps = 2000;
        let mut integral = 0.0;
        for step in 0..=steps {
            let t = f64::from(step) / f64::from(steps);
            let [x, y, z] = [shared - 1, only[0], only[1]].map(|n| binomial(n, t));
            let mut chance = 0.0;
            for (before, of_shared) in x.iter().enumerate().take(places[0].min(places[1])) {
                let up_to = |row: &[f64], places: usize| row.iter().take(places - before).sum::<f64>();
                chance += of_shared * up_to(&y, places[0]) * up_to(&z, places[1]);
            }
            let weight = if step == 0 || step == steps {
                1.0
            } else if step % 2 == 1 {
                4.0
            } else {
                2.0
            };
            integral += weight * chance;
        }
        shared as f64 * integral / (3.0 * f64::from(steps))
    }

    #[test]
    fn agrees_with_the_integral_over_positions() {
        let cases = [(1, [0, 3], [0, 1]), (5, [2, 9], [3, 4]), (30, [20, 50], [17, 31]), (7, [60, 3], [40, 2])];
        for (shared, only, places) in cases {
            let (fast, slow) = (expected_in_both(shared, only, places), by_quadrature(shared, only, places));
            assert!((fast - slow).abs() < 1e-9, "{shared} {only:?} {places:?}: {fast} {slow}");
        }
    }

    #[test]
    fn is_symmetric_and_exact_for_equal_groups() {
        assert_eq!(expected_in_both(5000, [0, 0], [100, 100]), 100.0);
        assert_eq!(expected_in_both(7, [0, 0], [3, 5]), 3.0);
        let (one, other) = (expected_in_both(900, [70, 4000], [100, 60]), expected_in_both(900, [4000, 70], [60, 100]));
        assert!((one - other).abs() < 1e-11 * one, "{one} {other}");
    }

    #[test]
    fn huge_groups_stay_finite_and_near_their_limit() {
        // Nothing but d shared: A and B fall apart into two independent orders around d.
        let many = expected_in_both(250_000, [250_000, 250_000], [1000, 1000]);
        assert!(many > 250.0 && many < 1000.0, "{many}");
        // B is nearly all documents, A few of them: being in B's first 10 of 100,000 is rare.
        let few = expected_in_both(3, [2, 100_000], [2, 10]);
        assert!(few > 0.0 && few < 3.0 * 10.0 / 100_003.0, "{few}");
    }
}
