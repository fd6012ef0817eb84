//! The nearest documents of one query, as the search meets them.
//!
//! A histogram of the distances kept so far gives the bound: the distance of the document at the wanted rank, exact
//! after every few documents. What lies beyond it cannot be in the result, what ties with it must be, so the order in
//! which documents come changes how much work is done and nothing else. What fell out of reach since it was kept is
//! dropped when the list has doubled: so it stays within a constant of the result, and dropping takes constant time a
//! document.

use crate::hits::Hits;

/// The list is not gone through before it is this long.
const LEAST_CAP: usize = 4096;

/// Documents that are compared with the bound together: rarely one of them is within.
const CHUNK: usize = 16;

/// What one query has found.
pub(super) struct Nearest {
    /// Documents wanted, without ties; at least 1.
    wanted: usize,
    /// Documents farther than this are of no use.
    bound: u32,
    /// Documents kept that are not.
    within: usize,
    /// `counts[distance]` documents were kept; exact up to the bound.
    counts: Vec<u32>,
    /// Documents kept: row and distance, in the order of rows.
    kept: Vec<(u32, u32)>,
    /// Length of `kept` at which to drop what is beyond the bound.
    cap: usize,
}

impl Nearest {
    /// For codes of `bits` bits.
    pub(super) fn new(bits: usize) -> Self {
        Self { wanted: 1, bound: 0, within: 0, counts: vec![0; bits + 1], kept: Vec::new(), cap: LEAST_CAP }
    }

    /// Forgets everything, to look for `wanted` documents, at least 1.
    pub(super) fn start(&mut self, wanted: usize) {
        assert!(wanted > 0, "at least one document is wanted");
        self.wanted = wanted;
        self.bound = (self.counts.len() - 1) as u32;
        self.within = 0;
        self.counts.fill(0);
        self.kept.clear();
        self.cap = LEAST_CAP;
    }

    /// The greatest distance that is of use.
    pub(super) fn bound(&self) -> u32 {
        self.bound
    }

    /// Keeps those of consecutive rows, behind all rows before, that are within the bound.
    pub(super) fn offer(&mut self, first_row: u32, distances: &[u32]) {
        for (distances, row) in distances.chunks(CHUNK).zip((first_row..).step_by(CHUNK)) {
            if distances.iter().fold(u32::MAX, |least, distance| least.min(*distance)) <= self.bound {
                self.keep(row, distances);
            }
        }
    }

    /// The same for at most [`CHUNK`] documents. No branch depends on one of them: it could not be predicted.
    fn keep(&mut self, first_row: u32, distances: &[u32]) {
        let (mut kept, mut len) = ([(0, 0); CHUNK], 0);
        for (distance, row) in distances.iter().zip(first_row..) {
            let within = *distance <= self.bound;
            kept[len] = (row, *distance);
            len += usize::from(within);
            self.counts[*distance as usize] += u32::from(within);
        }
        self.kept.extend_from_slice(&kept[..len]);
        self.within += len;
        // The farthest group goes once there are enough without it. That ends: without the group at 0 there are none.
        loop {
            let nearer = self.within - self.counts[self.bound as usize] as usize;
            if nearer < self.wanted {
                break;
            }
            self.within = nearer;
            self.bound -= 1;
        }
        if self.kept.len() >= self.cap {
            self.kept.retain(|(_, distance)| *distance <= self.bound);
            self.cap = LEAST_CAP.max(2 * self.kept.len());
        }
    }

    /// Adds the list: a counting sort of what is within the bound, by distance, then row.
    pub(super) fn finish(&mut self, hits: &mut Hits) {
        // From counts to places: `counts[d]` becomes the place of the next document at distance d, from `base`.
        let base = hits.documents.len();
        let mut total = 0;
        for (distance, count) in self.counts.iter_mut().enumerate().take(self.bound as usize + 1) {
            let first = total;
            total += *count;
            hits.scores.resize(base + total as usize, 0.0 - distance as f32);
            *count = first;
        }
        hits.documents.resize(base + total as usize, 0);
        for (row, distance) in self.kept.iter().filter(|(_, distance)| *distance <= self.bound) {
            let place = &mut self.counts[*distance as usize];
            hits.documents[base + *place as usize] = *row;
            *place += 1;
        }
        hits.end_query();
    }
}
