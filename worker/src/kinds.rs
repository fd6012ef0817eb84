//! What a supervisor knows of each kind: for how long it may be silent, whether it has checkpoints, whether it computes alone.

use std::time::Duration;

use bitsweep_proto::Kind;

/// For how long a child at work may say nothing before it is taken for hung. A child says something at each safe point
/// (at most once a second), so this is the longest way between two of them, on a slow machine with a cold disk:
///
/// | kind | the longest way |
/// |---|---|
/// | embed | reading a large model; one round of batches |
/// | truncate | reading one chunk |
/// | compress | one call of Faiss, which trains on everything and cannot be interrupted |
/// | retrieve | reading a large index; then one query |
/// | rescore | reading the vectors |
/// | measure | reading the runs |
/// | geometry | the spectrum of many dimensions |
/// | codes | reading the vectors and the codes |
/// | similarity | training the codec, one call of Faiss |
/// | classify | reading the run; then the votes of some queries |
/// | speed | reading a large index; then one query |
/// | noop | none |
pub(crate) fn patience(kind: Kind) -> Duration {
    let minutes = match kind {
        Kind::Embed => 15,
        Kind::Truncate => 30,
        Kind::Compress => 6 * 60,
        Kind::Retrieve => 60,
        Kind::Rescore => 30,
        Kind::Measure => 30,
        Kind::Geometry => 30,
        Kind::Codes => 30,
        Kind::Similarity => 6 * 60,
        Kind::Classify => 30,
        Kind::Speed => 60,
        Kind::Noop => 1,
    };
    Duration::from_secs(minutes * 60)
}

/// Whether attempts leave checkpoints. For those that do not, none are looked for and none are dropped.
pub(crate) fn has_checkpoints(kind: Kind) -> bool {
    match kind {
        Kind::Embed => true,
        Kind::Truncate
        | Kind::Compress
        | Kind::Retrieve
        | Kind::Rescore
        | Kind::Measure
        | Kind::Geometry
        | Kind::Codes
        | Kind::Similarity
        | Kind::Classify
        | Kind::Speed
        | Kind::Noop => false,
    }
}

/// Whether a worker computes nothing beside it: its result is a time.
pub(crate) fn computes_alone(kind: Kind) -> bool {
    kind == Kind::Speed
}
