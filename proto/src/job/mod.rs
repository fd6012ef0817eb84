//! The job kinds with all their parameters, written out.

mod kind;
mod specs;

use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::key::{Fields, JobKey};
use crate::measure::Measure;
use crate::profile::{Profile, Profiles};
use crate::rescore::Exact;

pub use kind::{Class, Kind};
pub use specs::{
    ClassifySpec, CodesSpec, Compress, Embed, GeometrySpec, MeasureSpec, Noop, RescoreSpec, Retrieve, SimilaritySpec,
    SpeedSpec, Texts, TruncateSpec,
};

/// Rows of one embedding job. An embedding is one job per shard from the start, so that any number of workers share it.
pub const SHARD_ROWS: u64 = 1024;

/// Rows of one checkpoint of an embedding job.
pub const CHUNK_ROWS: u64 = 128;

/// The network families that the encoder knows, as `model_type` of a model's `config.json` names them.
pub const ARCHITECTURES: [&str; 1] = ["bert"];

/// A job's kind with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Spec {
    /// See [`Embed`].
    Embed(Embed),
    /// See [`Compress`].
    Compress(Compress),
    /// See [`Retrieve`].
    Retrieve(Retrieve),
    /// See [`MeasureSpec`].
    Measure(MeasureSpec),
    /// See [`Noop`].
    Noop(Noop),
    /// See [`GeometrySpec`].
    Geometry(GeometrySpec),
    /// See [`RescoreSpec`].
    Rescore(RescoreSpec),
    /// See [`SimilaritySpec`].
    Similarity(SimilaritySpec),
    /// See [`CodesSpec`].
    Codes(CodesSpec),
    /// See [`TruncateSpec`].
    Truncate(TruncateSpec),
    /// See [`SpeedSpec`].
    Speed(SpeedSpec),
    /// See [`ClassifySpec`].
    Classify(ClassifySpec),
}

impl Spec {
    /// The kind of this job.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Embed(_) => Kind::Embed,
            Self::Truncate(_) => Kind::Truncate,
            Self::Compress(_) => Kind::Compress,
            Self::Retrieve(_) => Kind::Retrieve,
            Self::Measure(_) => Kind::Measure,
            Self::Geometry(_) => Kind::Geometry,
            Self::Codes(_) => Kind::Codes,
            Self::Rescore(_) => Kind::Rescore,
            Self::Similarity(_) => Kind::Similarity,
            Self::Classify(_) => Kind::Classify,
            Self::Speed(_) => Kind::Speed,
            Self::Noop(_) => Kind::Noop,
        }
    }

    /// Version of the code that runs it. Raised whenever the same parameters and inputs give other bytes.
    pub fn code_version(&self) -> u32 {
        self.kind().code_version()
    }

    /// The profile that decides this job's bits, or `None` for exact kinds.
    pub fn profile<'a>(&self, offered: &'a Profiles) -> Option<&'a Profile> {
        match self {
            Self::Embed(_) => Some(&offered.encoder),
            Self::Compress(Compress { codec, .. })
            | Self::Retrieve(Retrieve { codec, .. })
            | Self::Similarity(SimilaritySpec { codec, .. }) => (!codec.is_exact()).then_some(&offered.search),
            // Faiss decodes what int8 has stored.
            Self::Rescore(RescoreSpec { with, .. }) => (*with == Exact::Int8).then_some(&offered.search),
            // Times are a machine's, also those of exact codes.
            Self::Speed(_) => Some(&offered.search),
            // Binary codes are exact.
            Self::Truncate(_)
            | Self::Measure(_)
            | Self::Geometry(_)
            | Self::Codes(_)
            | Self::Classify(_)
            | Self::Noop(_) => None,
        }
    }

    /// All that the key covers but the inputs: kind, code version, profile, every parameter. The planner adds the
    /// inputs with [`push_input`] and takes [`Fields::key`].
    pub fn fields(&self, offered: &Profiles) -> Fields {
        let mut fields = Fields::default();
        fields.push("kind", self.kind().name());
        fields.push("code_version", self.code_version());
        if let Some(profile) = self.profile(offered) {
            fields.push_text("profile.device", &profile.device);
            fields.push_text("profile.precision", &profile.precision);
            fields.push_text("profile.kernels", &profile.kernels);
            fields.push("profile.self_test", profile.self_test);
        }
        match self {
            // Taken apart without `..`: a new parameter has to be put into the key to compile.
            Self::Embed(Embed {
                texts,
                architecture,
                dim,
                prefix,
                max_tokens,
                pooling,
                normalize,
                precision,
                first_row,
                rows,
                chunk_rows,
            }) => {
                fields.push_text("architecture", architecture);
                let texts = match texts {
                    Texts::Documents => "documents",
                    Texts::Queries => "queries",
                };
                fields.push("texts", texts);
                fields.push("dim", dim);
                fields.push_text("prefix", prefix);
                fields.push("max_tokens", max_tokens);
                fields.push("pooling", pooling.name());
                fields.push("normalize", normalize);
                fields.push("precision", precision.name());
                fields.push("first_row", first_row);
                fields.push("rows", rows);
                fields.push("chunk_rows", chunk_rows);
            }
            Self::Truncate(TruncateSpec { dim, dims, normalize }) => {
                fields.push("dim", dim);
                fields.push("dims", dims);
                fields.push("normalize", normalize);
            }
            Self::Compress(Compress { codec, dim }) | Self::Codes(CodesSpec { codec, dim }) => {
                push_codec(&mut fields, *codec);
                fields.push("dim", dim);
            }
            Self::Retrieve(Retrieve { codec, dim, depth, ignore_identical_ids }) => {
                push_codec(&mut fields, *codec);
                fields.push("dim", dim);
                fields.push("depth", depth);
                fields.push("ignore_identical_ids", ignore_identical_ids);
            }
            Self::Measure(MeasureSpec { measures }) => push_measures(&mut fields, measures),
            Self::Geometry(GeometrySpec { dim }) => fields.push("dim", dim),
            Self::Rescore(RescoreSpec { with, candidates, dim, depth }) => {
                fields.push("with", with.name());
                fields.push("candidates", candidates);
                fields.push("dim", dim);
                fields.push("depth", depth);
            }
            Self::Similarity(SimilaritySpec { codec, dim, measures }) => {
                push_codec(&mut fields, *codec);
                fields.push("dim", dim);
                push_measures(&mut fields, measures);
            }
            Self::Classify(ClassifySpec { measures }) => push_measures(&mut fields, measures),
            Self::Speed(SpeedSpec { codec, dim, warm_up, repeats, depth }) => {
                push_codec(&mut fields, *codec);
                fields.push("dim", dim);
                fields.push("warm_up", warm_up);
                fields.push("repeats", repeats);
                fields.push("depth", depth);
            }
            Self::Noop(Noop { number }) => fields.push("number", number),
        }
        fields
    }
}

fn push_codec(fields: &mut Fields, codec: Codec) {
    fields.push("codec", codec);
    if let Some(seed) = codec.seed() {
        fields.push("seed", seed);
    }
}

fn push_measures(fields: &mut Fields, measures: &[Measure]) {
    let names: Vec<String> = measures.iter().map(Measure::to_string).collect();
    fields.push("measures", names.join(" "));
}

/// Adds one input to a job's fields: `input.<name>` with the hash of a blob or the key of a job.
pub fn push_input(fields: &mut Fields, name: &str, content: InputKey) {
    let name = format!("input.{name}");
    match content {
        InputKey::Blob(digest) => fields.push(name, format_args!("blob:{digest}")),
        InputKey::Job(key) => fields.push(name, format_args!("job:{key}")),
    }
}

/// What stands for an input in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKey {
    /// The hash of imported content.
    Blob(crate::Digest),
    /// The key of the job that makes it.
    Job(JobKey),
}

#[cfg(test)]
mod tests;
