//! How high each document stands in a graph: the draw of Faiss' `HNSW`, so that what a graph weighs is known before it is
//! built. Faiss draws in the order of rows from the Mersenne Twister MT19937 with seed 12345 (`HNSW::random_level`); a document
//! is in layer l and all below it with a chance of about m^-l.

/// Faiss' seed.
const SEED: u32 = 12_345;

/// Layers with a lower chance do not exist.
const LEAST_CHANCE: f64 = 1e-9;

/// Numbers that the generator keeps.
const STATE: usize = 624;

/// More documents are not drawn one by one: a second or so is enough for a size that is asked about and not built.
const MOST_DRAWN: u64 = 1 << 26;

/// The sum over `documents` documents of the layers above the lowest that each stands in. `m` is at least 2. Beyond 67 million
/// documents it is the mean of the draw.
pub(super) fn above_lowest(m: u32, documents: u64) -> u64 {
    let chances = chances(m);
    if documents > MOST_DRAWN {
        let layers: f64 = (0_u32..).zip(&chances).map(|(layer, chance)| f64::from(layer) * chance).sum();
        return (documents as f64 * layers).round() as u64;
    }
    let mut numbers = Twister::new(SEED);
    (0..documents).map(|_| layer(&chances, numbers.next())).sum()
}

/// The chance of each layer to be the highest of a document: arithmetic and roundings are those of
/// `HNSW::set_default_probas`.
fn chances(m: u32) -> Vec<f64> {
    let scale = (1.0 / f64::from(m).ln()) as f32;
    let falls = |layers: f32| f64::from(-layers / scale).exp();
    let chance = |layer: u16| f64::from((falls(f32::from(layer)) * (1.0 - falls(1.0))) as f32);
    (0..).map(chance).take_while(|chance| *chance >= LEAST_CHANCE).collect()
}

/// The highest layer of a document whose draw is `number`.
fn layer(chances: &[f64], number: u32) -> u64 {
    let mut left = f64::from(number as f32 / u32::MAX as f32);
    for (layer, chance) in (0..).zip(chances) {
        if left < *chance {
            return layer;
        }
        left -= chance;
    }
    chances.len() as u64 - 1
}

/// MT19937 (Matsumoto and Nishimura 1998).
struct Twister {
    state: [u32; STATE],
    at: usize,
}

impl Twister {
    fn new(seed: u32) -> Self {
        let mut state = [seed; STATE];
        for i in 1..STATE {
            let last = state[i - 1];
            state[i] = (last ^ last >> 30).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Self { state, at: STATE }
    }

    fn next(&mut self) -> u32 {
        if self.at == STATE {
            self.twist();
        }
        let mut number = self.state[self.at];
        self.at += 1;
        number ^= number >> 11;
        number ^= number << 7 & 0x9D2C_5680;
        number ^= number << 15 & 0xEFC6_0000;
        number ^ number >> 18
    }

    fn twist(&mut self) {
        for i in 0..STATE {
            let joined = self.state[i] & 0x8000_0000 | self.state[(i + 1) % STATE] & 0x7FFF_FFFF;
            let odd = if joined & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[i] = self.state[(i + 397) % STATE] ^ joined >> 1 ^ odd;
        }
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ISO C++ requires this number of `std::mt19937`.
    #[test]
    fn the_ten_thousandth_number_is_that_of_the_standard() {
        let mut twister = Twister::new(5489);
        let last = (0..10_000).map(|_| twister.next()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn chances_fall_by_m_and_sum_to_one() {
        for (m, layers) in [(4, 15), (16, 8), (32, 6), (64, 5)] {
            let chances = chances(m);
            assert_eq!(chances.len(), layers, "{m}");
            assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-6);
            assert!(chances.windows(2).all(|pair| (pair[0] / pair[1] - f64::from(m)).abs() < 1e-3 * f64::from(m)));
        }
    }

    /// Counted in Python's faiss: `hnsw.levels` of indexes with so many documents, see
    /// `vectors/tests/golden/approximate.py`.
    #[test]
    fn layers_are_those_of_faiss() {
        for (m, documents, expected) in
            [(4, 5183, 1671), (16, 5183, 315), (32, 5183, 141), (32, 100_000, 3286), (64, 5183, 74)]
        {
            assert_eq!(above_lowest(m, documents), expected, "{m} {documents}");
        }
        assert_eq!(above_lowest(32, 0), 0);
    }
}
