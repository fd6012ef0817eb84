//! The bits of the documents' codes, one by one and two by two, and documents of one code.

use std::collections::HashSet;

use crate::error::VectorError;
use crate::exact::ln;
use crate::matrix::Codes;

/// Bits of a code up to which all pairs of bits are correlated: the work grows with the square.
pub(super) const MOST_CORRELATED: usize = 512;

/// Documents in a word of a column.
const WORD: usize = 64;

/// Words between two safe points.
const STRIDE: usize = 64;

/// The bits of all documents' codes. The module docs of [`inspect`](super) define each value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bits {
    /// Bits of a code.
    pub bits: u64,
    /// Bits with one value in all documents.
    pub dead: u64,
    /// Other bits whose rarer value is in fewer than 1 % of the documents.
    pub near_dead: u64,
    /// Bits, not dead, that are equal to an earlier one in every document, or opposite to it in every document.
    pub doubled: u64,
    /// Share of the documents that have a bit's rarer value, mean over the bits: 0.5 where all are balanced.
    pub mean_minority_share: f64,
    /// Entropy of a bit, mean over the bits, in bits: 1 where all are balanced.
    pub mean_entropy: f64,
    /// Greatest absolute correlation of two bits that are not dead. `None` with fewer than two such bits, and for codes of more
    /// than 512 bits.
    pub greatest_correlation: Option<f64>,
}

/// Documents and their codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Different codes.
    pub distinct: u64,
    /// Documents whose code another has too.
    pub shared: u64,
    /// Documents of the code that most have.
    pub largest: u64,
}

impl Bits {
    /// `None` without documents.
    pub(super) fn of(codes: &Codes, stop: &dyn Fn() -> bool) -> Result<Option<Self>, VectorError> {
        if codes.rows == 0 {
            return Ok(None);
        }
        let columns = Columns::of(codes, stop)?;
        let (documents, bits) = (codes.rows as u64, 8 * codes.bytes);
        let set: Vec<u64> = (0..bits).map(|bit| ones(columns.column(bit))).collect();
        let live: Vec<usize> = (0..bits).filter(|bit| set[*bit] > 0).collect();
        let minority = |set: &u64| (*set).min(documents - set);
        let shares = || set.iter().map(|set| minority(set) as f64 / documents as f64);
        let mean = |sum: f64| sum / bits as f64;
        let is_near_dead = |bit: &&usize| 100 * u128::from(minority(&set[**bit])) < u128::from(documents);
        let mut seen = HashSet::new();
        let doubled = live.iter().filter(|bit| !seen.insert(columns.column(**bit))).count();
        Ok(Some(Self {
            bits: bits as u64,
            dead: (bits - live.len()) as u64,
            near_dead: live.iter().filter(is_near_dead).count() as u64,
            doubled: doubled as u64,
            mean_minority_share: mean(shares().fold(0.0, |sum, share| sum + share)),
            mean_entropy: mean(shares().fold(0.0, |sum, share| sum + entropy(share))),
            greatest_correlation: columns.greatest_correlation((&live, &set), stop)?,
        }))
    }
}

/// One column of bits for each bit of the codes. A bit that is 1 in the first document is turned round in all: what is counted
/// here is the same for a bit and its opposite, and then the dead ones are 0 everywhere, and doubled ones are equal.
struct Columns {
    documents: u64,
    /// Words of a column.
    words: usize,
    /// `data[bit * words + row / 64] >> (row % 64)`; behind the last document 0.
    data: Vec<u64>,
}

impl Columns {
    fn of(codes: &Codes, stop: &dyn Fn() -> bool) -> Result<Self, VectorError> {
        let words = codes.rows.div_ceil(WORD);
        let mut data = vec![0; 8 * codes.bytes * words];
        let first = codes.row(0);
        for (at, rows) in codes.data.chunks(WORD * codes.bytes).enumerate() {
            if at % STRIDE == 0 && stop() {
                return Err(VectorError::Stopped);
            }
            for (byte, turn) in first.iter().enumerate() {
                let mut eight = [0_u64; 8];
                for (row, code) in rows.chunks_exact(codes.bytes).enumerate() {
                    let value = code[byte] ^ turn;
                    for (bit, word) in eight.iter_mut().enumerate() {
                        *word |= u64::from(value >> bit & 1) << row;
                    }
                }
                for (bit, word) in eight.into_iter().enumerate() {
                    data[(8 * byte + bit) * words + at] = word;
                }
            }
        }
        Ok(Self { documents: codes.rows as u64, words, data })
    }

    fn column(&self, bit: usize) -> &[u64] {
        &self.data[bit * self.words..][..self.words]
    }

    /// `set`: documents that have each bit.
    fn greatest_correlation(
        &self,
        (live, set): (&[usize], &[u64]),
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<f64>, VectorError> {
        if set.len() > MOST_CORRELATED {
            return Ok(None);
        }
        let mut greatest: Option<f64> = None;
        for (at, a) in live.iter().enumerate() {
            if stop() {
                return Err(VectorError::Stopped);
            }
            for b in &live[..at] {
                let both = self.column(*a).iter().zip(self.column(*b)).map(|(a, b)| u64::from((a & b).count_ones()));
                let found = correlation(self.documents, [set[*a], set[*b]], both.sum()).abs();
                greatest = Some(found.max(greatest.unwrap_or(0.0)));
            }
        }
        Ok(greatest)
    }
}

fn ones(column: &[u64]) -> u64 {
    column.iter().map(|word| u64::from(word.count_ones())).sum()
}

/// The correlation of two bits that are set in so many of `documents`, and together in `both`; neither is dead.
fn correlation(documents: u64, set: [u64; 2], both: u64) -> f64 {
    // Documents are fewer than 2^32: nothing overflows, and the covariance is exact.
    let [n, a, b, both] = [documents, set[0], set[1], both].map(i128::from);
    let spread = |set: i128| (set * (n - set)) as f64;
    let covariance = (n * both - a * b) as f64;
    covariance / (spread(a) * spread(b)).sqrt()
}

/// The entropy, in bits, of one that has its rarer value in this share.
fn entropy(share: f64) -> f64 {
    if share <= 0.0 {
        return 0.0;
    }
    -(share * ln(share) + (1.0 - share) * ln(1.0 - share)) / std::f64::consts::LN_2
}

impl Groups {
    /// All 0 without documents.
    pub(super) fn of(codes: &Codes) -> Self {
        let mut order: Vec<&[u8]> = codes.data.chunks_exact(codes.bytes).collect();
        order.sort_unstable();
        let mut groups = Self { distinct: 0, shared: 0, largest: 0 };
        for group in order.chunk_by(|a, b| a == b) {
            let documents = group.len() as u64;
            groups.distinct += 1;
            groups.shared += if documents > 1 { documents } else { 0 };
            groups.largest = groups.largest.max(documents);
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bit(codes: &Codes, row: usize, bit: usize) -> bool {
        codes.row(row)[bit / 8] >> (bit % 8) & 1 == 1
    }

    /// Codes by formula, with two dead bits, a near-dead one, an equal pair and an opposite pair.
    fn odd(rows: usize) -> Codes {
        let value = |row: usize, bit: usize| match bit {
            3 => true,
            17 => false,
            5 => row == 1,
            9 | 12 => (row * 7 + 1) % 5 < 2,
            20 => (row * 7 + 1) % 5 >= 2,
            bit => (row * row * 31 + row * (bit + 3) * 7 + bit * bit) % 13 < 6,
        };
        let byte =
            |row: usize, byte: usize| (0..8).fold(0, |sum, bit| sum | u8::from(value(row, 8 * byte + bit)) << bit);
        Codes::new(rows, 3, (0..3 * rows).map(|at| byte(at / 3, at % 3)).collect()).unwrap()
    }

    /// The definitions once more, one document at a time.
    fn naive(codes: &Codes) -> Bits {
        let (n, bits) = (codes.rows, 8 * codes.bytes);
        let column = |at: usize| -> Vec<bool> { (0..n).map(|row| bit(codes, row, at)).collect() };
        let columns: Vec<Vec<bool>> = (0..bits).map(column).collect();
        let share = |column: &Vec<bool>| column.iter().filter(|set| **set).count() as f64 / n as f64;
        let minority: Vec<f64> = columns.iter().map(|column| share(column).min(1.0 - share(column))).collect();
        let is_dead = |column: &Vec<bool>| column.iter().all(|set| *set == column[0]);
        let is_twin = |a: &Vec<bool>, b: &Vec<bool>| {
            let opposite: Vec<bool> = b.iter().map(|set| !set).collect();
            a == b || *a == opposite
        };
        let live: Vec<&Vec<bool>> = columns.iter().filter(|column| !is_dead(column)).collect();
        let doubled = (0..live.len()).filter(|at| live[..*at].iter().any(|earlier| is_twin(live[*at], earlier)));
        let correlation = |a: &Vec<bool>, b: &Vec<bool>| {
            let (p, q) = (share(a), share(b));
            let both = a.iter().zip(b).filter(|(a, b)| **a && **b).count() as f64 / n as f64;
            (both - p * q).abs() / (p * (1.0 - p) * q * (1.0 - q)).sqrt()
        };
        let pairs = (0..live.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let greatest = pairs.map(|(i, j)| correlation(live[i], live[j])).reduce(f64::max);
        let entropy = |share: &f64| match *share {
            0.0 => 0.0,
            p => -p * p.log2() - (1.0 - p) * (1.0 - p).log2(),
        };
        Bits {
            bits: bits as u64,
            dead: columns.iter().filter(|column| is_dead(column)).count() as u64,
            near_dead: minority.iter().filter(|share| **share > 0.0 && **share < 0.01).count() as u64,
            doubled: doubled.count() as u64,
            mean_minority_share: minority.iter().sum::<f64>() / bits as f64,
            mean_entropy: minority.iter().map(entropy).sum::<f64>() / bits as f64,
            greatest_correlation: greatest,
        }
    }

    #[test]
    fn bits_are_those_of_the_definitions() {
        for rows in [1, 2, 3, 63, 64, 65, 130, 401] {
            let codes = odd(rows);
            let (found, expected) = (Bits::of(&codes, &|| false).unwrap().unwrap(), naive(&codes));
            let counts = |bits: &Bits| [bits.bits, bits.dead, bits.near_dead, bits.doubled];
            assert_eq!(counts(&found), counts(&expected), "{rows}");
            let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{rows}: {a} {b}");
            near(found.mean_minority_share, expected.mean_minority_share);
            near(found.mean_entropy, expected.mean_entropy);
            assert_eq!(found.greatest_correlation.is_some(), expected.greatest_correlation.is_some());
            near(found.greatest_correlation.unwrap_or(0.0), expected.greatest_correlation.unwrap_or(0.0));
        }
        let many = Bits::of(&odd(401), &|| false).unwrap().unwrap();
        assert_eq!((many.dead, many.near_dead, many.greatest_correlation), (2, 1, Some(1.0)));
        assert!(many.doubled >= 2, "one equal and one opposite to the ninth: {}", many.doubled);
    }

    #[test]
    fn one_document_has_dead_bits_alone_and_none_has_none() {
        let one = Bits::of(&odd(1), &|| false).unwrap().unwrap();
        assert_eq!((one.dead, one.near_dead, one.doubled, one.greatest_correlation), (24, 0, 0, None));
        let none = Codes::new(0, 3, Vec::new()).unwrap();
        assert_eq!(Bits::of(&none, &|| false).unwrap(), None);
        assert_eq!(Groups::of(&none), Groups { distinct: 0, shared: 0, largest: 0 });
        assert!(matches!(Bits::of(&odd(1), &|| true), Err(VectorError::Stopped)));
    }

    #[test]
    fn balanced_bits_have_an_entropy_of_one() {
        let codes = Codes::new(4, 1, vec![0b0000_1111, 0b0011_0011, 0b1100_1100, 0b1111_0000]).unwrap();
        let bits = Bits::of(&codes, &|| false).unwrap().unwrap();
        assert_eq!((bits.mean_minority_share, bits.dead), (0.5, 0));
        assert!((bits.mean_entropy - 1.0).abs() < 1e-15);
        // Bits 0 and 1 are equal, 2 and 3 too, 4 and 5 opposite to those, 6 and 7 to the first.
        assert_eq!((bits.doubled, bits.greatest_correlation), (6, Some(1.0)));
    }

    #[test]
    fn long_codes_are_not_correlated() {
        let wide = Codes::new(2, MOST_CORRELATED / 8 + 1, vec![0x5a; MOST_CORRELATED / 4 + 2]).unwrap();
        assert_eq!(Bits::of(&wide, &|| false).unwrap().unwrap().greatest_correlation, None);
    }

    #[test]
    fn documents_of_one_code_are_counted() {
        let codes = Codes::new(6, 2, vec![1, 0, 2, 0, 1, 0, 1, 0, 2, 0, 0, 1]).unwrap();
        assert_eq!(Groups::of(&codes), Groups { distinct: 3, shared: 5, largest: 3 });
    }
}
