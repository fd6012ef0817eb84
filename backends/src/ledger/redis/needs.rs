//! What a worker must have, in words that a script can compare. [`super::super::fit`] says the same in full.

use bitsweep_proto::Digest;
use bitsweep_proto::job::Kind;
use bitsweep_proto::profile::Profile;
use bitsweep_proto::work::Work;
use bitsweep_proto::worker::Offer;

/// `<kind>/<code version> <device memory in bytes> <profile, or ->`.
pub(super) fn of_work(work: &Work) -> String {
    let profile = work.profile.as_ref().map_or_else(|| "-".to_owned(), profile);
    format!("{} {} {profile}", kind(work.spec.kind(), work.spec.code_version()), work.device_memory_bytes)
}

/// The kinds, the device memory (-1 where any is enough) and the profiles of an offer; lists with a space around each.
pub(super) fn of_offer(offer: &Offer) -> [String; 3] {
    let kinds = offer.kinds.iter().fold(" ".to_owned(), |list, (name, version)| list + &kind(*name, *version) + " ");
    let memory = offer.device_memory_bytes.map_or_else(|| "-1".to_owned(), |bytes| bytes.to_string());
    let profiles = format!(" {} {} ", profile(&offer.profiles.encoder), profile(&offer.profiles.search));
    [kinds, memory, profiles]
}

fn kind(kind: Kind, version: u32) -> String {
    format!("{}/{version}", kind.name())
}

fn profile(profile: &Profile) -> String {
    let Profile { device, precision, kernels, self_test } = profile;
    let text = format!("{device:?} {precision:?} {kernels:?} {self_test}");
    Digest::of(text.as_bytes()).to_string()[..16].to_owned()
}
