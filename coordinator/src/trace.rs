//! One trace from submission to commit, without anything to remember: the ids follow from what is done.

use bitsweep_proto::{JobKey, SweepId};

/// The W3C trace context of a job of a sweep: the trace is the sweep (the first 16 bytes of its id), the parent span is
/// the job (the first 8 bytes of its key). A coordinator that takes over goes on with the same trace.
pub(crate) fn traceparent(sweep: &SweepId, key: &JobKey) -> String {
    let (sweep, key) = (sweep.to_string(), key.to_string());
    format!("00-{}-{}-01", &sweep[..32], &key[..16])
}

#[cfg(test)]
mod tests {
    use bitsweep_proto::Digest;

    use super::*;

    #[test]
    fn it_is_a_version_00_context() {
        let context = traceparent(&SweepId(Digest::of(b"a")), &JobKey(Digest::of(b"b")));
        let parts: Vec<&str> = context.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
        assert!(
            parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()))
        );
    }
}
