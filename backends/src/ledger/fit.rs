//! Whether a worker can run a job.

use bitsweep_proto::work::Work;
use bitsweep_proto::worker::Offer;

/// Why a worker with this offer cannot run `work`; `None` where it can.
pub fn unfit(work: &Work, offer: &Offer) -> Option<String> {
    let (kind, version) = (work.spec.kind(), work.spec.code_version());
    if !offer.kinds.contains(&(kind, version)) {
        let kinds: Vec<String> =
            offer.kinds.iter().map(|(kind, version)| format!("{} {version}", kind.name())).collect();
        return Some(format!("it is of the kind {} {version}, this worker runs {}", kind.name(), kinds.join(", ")));
    }
    if let Some(memory) = offer.device_memory_bytes.filter(|memory| *memory < work.device_memory_bytes) {
        return Some(format!(
            "it needs {} bytes of device memory, {} has {memory}",
            work.device_memory_bytes, offer.device
        ));
    }
    let profile = work.profile.as_ref()?;
    let (encoder, search) = (&offer.profiles.encoder, &offer.profiles.search);
    if profile == encoder || profile == search {
        return None;
    }
    Some(format!("it is planned for the numerics profile {profile}, this worker has {encoder} and {search}"))
}
