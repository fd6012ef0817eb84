//! Measures exhaustive Hamming search for the ten nearest, on one thread, after one call that is not counted:
//! `cargo run --release --workspace --example hamming -- BYTES DOCUMENTS QUERIES`.
//!
//! Prints queries per second, all in one call and each in a call of its own, and the sum of the ten least distances of
//! each query, to compare with a peer's.
//!
//! Codes are the bytes, least first, of SplitMix64 (Steele, Lea, Flood 2014) from seed 1 for documents, 2 for queries.

use std::time::Instant;

use bitsweep_vectors::{Codes, hamming};

const DEPTH: usize = 10;

fn main() {
    let numbers: Vec<usize> =
        std::env::args().skip(1).map(|text| text.parse().expect("a whole number: bytes, documents, queries")).collect();
    let [bytes, documents, queries] = numbers[..] else { panic!("three numbers: bytes, documents, queries") };
    let (documents, queries) = (codes(1, documents, bytes), codes(2, queries, bytes));
    let search =
        |queries: &Codes| hamming::search(&documents, queries, DEPTH, &|| false).expect("the codes can be searched");
    search(&queries);
    let start = Instant::now();
    let hits = search(&queries);
    let together = queries.rows as f64 / start.elapsed().as_secs_f64();
    let each: Vec<Codes> =
        (0..queries.rows).map(|row| Codes::new(1, bytes, queries.row(row).to_vec()).expect("one row")).collect();
    let start = Instant::now();
    for query in &each {
        search(query);
    }
    let alone = queries.rows as f64 / start.elapsed().as_secs_f64();
    let sum: f32 = hits.iter().flat_map(|(_, scores)| scores.iter().take(DEPTH)).map(|score| -score).sum();
    println!("{{\"queries_per_second\": {together:.1}, \"one_at_a_time\": {alone:.1}, \"sum\": {sum}}}");
}

fn codes(seed: u64, rows: usize, bytes: usize) -> Codes {
    let words = (1..=(rows * bytes).div_ceil(8) as u64).map(|number| {
        let mut word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(seed);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    });
    let mut data: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    data.truncate(rows * bytes);
    Codes::new(rows, bytes, data).expect("rows of bytes")
}
