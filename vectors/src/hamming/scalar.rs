//! The scalar reference: portable code that the other paths must equal.

/// The Hamming distance of two codes of equal length.
///
/// # Panics
/// Where the lengths differ.
pub fn distance(a: &[u8], b: &[u8]) -> u32 {
    assert_eq!(a.len(), b.len(), "codes of equal length");
    let (words_a, rest_a) = a.as_chunks::<8>();
    let (words_b, rest_b) = b.as_chunks::<8>();
    let words =
        words_a.iter().zip(words_b).map(|(a, b)| (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b)).count_ones());
    let rest = rest_a.iter().zip(rest_b).map(|(a, b)| (a ^ b).count_ones());
    words.sum::<u32>() + rest.sum::<u32>()
}

/// Distances of `query` to each code of `codes`.
pub(super) fn distances(query: &[u8], codes: &[u8], out: &mut [u32]) {
    for (code, out) in codes.chunks_exact(query.len()).zip(out) {
        *out = distance(query, code);
    }
}
