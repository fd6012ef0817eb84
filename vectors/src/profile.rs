//! The numerics profile of Faiss on this machine.
//!
//! What decides the bits of an index and of its scores: Faiss' version and compiler flags, the BLAS with the kernels that it
//! chose for this CPU, and a digest over outputs of these very kernels on a small fixed input. Machines with equal profiles
//! are taken to give equal bytes. The binary instrument is exact and needs none.

use std::ffi::CStr;

use bitsweep_proto::digest::Hasher;
use bitsweep_proto::{Codec, Profile};
use faiss::cluster::{Clustering, ClusteringParameters};

use crate::baseline::{CXXFLAGS, baseline};
use crate::error::VectorError;
use crate::index::build;
use crate::matrix::Matrix;
use crate::threads;

/// The profile of this machine and build; runs the self-test, about 50 ms on an idle core.
///
/// Fails on a CPU below the baseline, and where Faiss fails.
pub fn profile() -> Result<Profile, VectorError> {
    baseline()?;
    // SAFETY: returns a constant text.
    let version = unsafe { CStr::from_ptr(faiss_sys::faiss_get_version()) }.to_string_lossy();
    let target = CXXFLAGS.and_then(|flags| flags.split_whitespace().find_map(|flag| flag.strip_prefix("-march=")));
    let kernels = format!("faiss-{version} {}, {}", target.unwrap_or("generic"), threads::blas_name());
    let mut hasher = Hasher::new();
    self_test(&mut hasher)?;
    Ok(Profile { device: "cpu".to_owned(), precision: "f32".to_owned(), kernels, self_test: hasher.finish() })
}

/// Hashes what the kernels give. PQ is trained on as many points as Faiss wants for its 256 centroids, since it warns on
/// standard error about fewer; the k-means of wider sub-spaces runs by itself, with that warning off and few rounds.
fn self_test(hasher: &mut Hasher) -> Result<(), VectorError> {
    for (codec, rows, dim) in [
        (Codec::Float32, 70, 384),
        (Codec::Float32, 70, 101),
        (Codec::Int8, 70, 384),
        (Codec::Int8, 70, 101),
        (Codec::Int4, 70, 384),
        (Codec::Rabitq, 70, 64),
        (Codec::pq4fs(1), 700, 16),
        (Codec::pq(1), 9984, 16),
    ] {
        let index = build(codec, sample(rows, dim, 1), &|| false)?;
        let hits = index.search(&sample(4, dim, 2), 50, &|| false)?;
        hits.documents.iter().for_each(|document| hasher.update(&document.to_le_bytes()));
        hits.scores.iter().for_each(|score| hasher.update(&score.to_le_bytes()));
    }
    for (rows, dim) in [(4200, 6), (1100, 24), (1100, 128)] {
        for centroid in centroids(&sample(rows, dim, 3))? {
            hasher.update(&centroid.to_le_bytes());
        }
    }
    Ok(())
}

/// 256 centroids after two rounds of the k-means that PQ trains with.
fn centroids(points: &Matrix) -> Result<Vec<f32>, VectorError> {
    let failed = |error: faiss::error::Error| VectorError::Faiss { action: "cluster", message: error.to_string() };
    let mut parameters = ClusteringParameters::new();
    parameters.set_niter(2);
    parameters.set_min_points_per_centroid(1);
    let dim = points.dim as u32;
    let mut clustering = Clustering::new_with_params(dim, 256, &parameters).map_err(failed)?;
    let mut assignment = faiss::FlatIndex::new_l2(dim).map_err(failed)?;
    threads::use_one();
    clustering.train(&points.data, &mut assignment).map_err(failed)?;
    Ok(clustering.centroids().map_err(failed)?.concat())
}

/// Numbers in -½..½ by an explicit formula, exact in float32: the high 24 bits of a multiplicative hash of the place.
fn sample(rows: usize, dim: usize, salt: u32) -> Matrix {
    let value = |i: u32| {
        let mixed = (i ^ salt.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x85EB_CA6B);
        ((mixed ^ (mixed >> 15)).wrapping_mul(0xC2B2_AE35) >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    Matrix { rows, dim, data: (0..(rows * dim) as u32).map(value).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_the_same_twice_and_names_the_kernels() {
        let (first, start) = (profile().unwrap(), std::time::Instant::now());
        assert_eq!(first, profile().unwrap());
        println!("{first} in {:?}", start.elapsed());
        assert!(first.kernels.starts_with("faiss-1."), "{}", first.kernels);
    }
}
