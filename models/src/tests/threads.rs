//! Neither the number of threads nor the instruction set changes a byte.
//!
//! Both are read from the environment once a process: so the test runs itself in processes of their own.

use std::process::Command;

use bitsweep_proto::digest::Digest;

use super::{tiny, varied};
use crate::fused::Instructions;
use crate::tiny::TinyModel;

const CHILD: &str = "BITSWEEP_TEST_THREADS_CHILD";

/// What a process prints: the digest of a chunk's vectors and its profile.
fn digests() -> String {
    let encoder = tiny(&TinyModel { dim: 384, layers: 1, max_tokens: 128, ..TinyModel::default() });
    let vectors = encoder.embed(&varied(128), &|| false).unwrap().unwrap();
    let bytes: Vec<u8> = vectors.iter().flat_map(|value| value.to_le_bytes()).collect();
    format!("digests: {} {}", Digest::of(&bytes), crate::profile().unwrap())
}

#[test]
fn bytes_are_the_same_at_any_number_of_threads() {
    if std::env::var_os(CHILD).is_some() {
        println!("{} threads {}", rayon::current_num_threads(), digests());
        return;
    }
    let run = |threads: usize, kernels: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "tests::threads::bytes_are_the_same_at_any_number_of_threads", "--nocapture"]);
        command.env(CHILD, "1").env("RAYON_NUM_THREADS", threads.to_string());
        let output = command.env("BITSWEEP_KERNELS", kernels).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&format!("{threads} threads digests: ")), "{text}");
        text.lines().find_map(|line| line.split_once("digests: ").map(|(_, digests)| digests.to_owned())).unwrap()
    };
    let fastest = Instructions::available().last().unwrap().name();
    let one = run(1, fastest);
    for threads in [2, 3, 8] {
        assert_eq!(run(threads, fastest), one, "{threads} threads");
    }
    for set in Instructions::available() {
        assert_eq!(run(2, set.name()), one, "{}", set.name());
    }
    // And in this process, whose number of threads is the machine's.
    assert_eq!(digests(), format!("digests: {one}"));
}
