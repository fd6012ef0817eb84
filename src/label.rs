//! What people call a job.

use bitsweep_proto::Spec;
use bitsweep_proto::job::Texts;

/// `embed documents 0–1023`, `compress pq/32`, `retrieve binary/64 seed 0 to depth 1000`, `measure`.
pub(crate) fn label(spec: &Spec) -> String {
    let seeded = |codec: &bitsweep_proto::Codec| match codec.seed() {
        Some(seed) => format!("{codec} seed {seed}"),
        None => codec.name(),
    };
    match spec {
        Spec::Embed(embed) => {
            let texts = match embed.texts {
                Texts::Documents => "documents",
                Texts::Queries => "queries",
            };
            format!("embed {texts} {}–{}", embed.first_row, embed.first_row + embed.rows.saturating_sub(1))
        }
        Spec::Truncate(truncate) => format!("truncate {} dimensions to {}", truncate.dim, truncate.dims),
        Spec::Compress(compress) => format!("compress to {}", seeded(&compress.codec)),
        Spec::Retrieve(retrieve) => format!("retrieve from {} to depth {}", seeded(&retrieve.codec), retrieve.depth),
        Spec::Rescore(rescore) => format!("rank {} again by {}", rescore.candidates, rescore.with.name()),
        Spec::Measure(_) => "measure".to_owned(),
        Spec::Geometry(_) => "geometry".to_owned(),
        Spec::Codes(codes) => format!("look into codes of {}", seeded(&codes.codec)),
        Spec::Similarity(similarity) => format!("similarity of pairs by {}", seeded(&similarity.codec)),
        Spec::Classify(_) => "classify by the nearest labels".to_owned(),
        Spec::Speed(speed) => format!("time searches of {} to depth {}", seeded(&speed.codec), speed.depth),
        Spec::Noop(noop) => format!("do nothing, number {}", noop.number),
    }
}
