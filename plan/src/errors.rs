//! What keeps a manifest from becoming a plan. All of it is found before anything is reported.

use std::fmt;

use bitsweep_proto::{Measure, Task};

/// Lines that [`PlanErrors`] shows before it only counts.
const SHOWN: usize = 50;

/// Every problem of one manifest with its lock, in the order of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanErrors(pub Vec<PlanError>);

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{error}", if i == 0 { "" } else { "\n" })?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for PlanErrors {}

/// One problem, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// An `include` entry names something that the manifest does not have.
    #[error("{entry} names the {axis} \"{name}\", which the manifest does not have: add it, or use one of {known}")]
    UnknownName {
        /// The entry: `include[0]`.
        entry: String,
        /// `model` or `dataset`.
        axis: &'static str,
        /// What was found.
        name: String,
        /// What is allowed.
        known: String,
    },
    /// An `exclude` entry matches nothing, so it is most likely a slip.
    #[error("{entry} matches no cell of models × datasets × codecs: correct it or remove it")]
    ExcludesNothing {
        /// The entry: `exclude[0]`.
        entry: String,
    },
    /// A `tiers` entry places nothing, so it is most likely a slip.
    #[error("{entry} places no cell: none matches, or earlier entries took all that do. Correct it or remove it")]
    PlacesNothing {
        /// The entry: `tiers[0]`.
        entry: String,
    },
    /// A gate that holds nothing, so it is most likely a slip.
    #[error("{entry} holds no cell: none is in its tier and track. Correct `hold` or remove it")]
    HoldsNothing {
        /// The entry: `gates[0]`.
        entry: String,
    },
    /// A gate that could never open.
    #[error("{entry} waits for a tier of which every cell is held by it: correct `hold` or `until`")]
    WaitsForItself {
        /// The entry: `gates[0]`.
        entry: String,
    },
    /// A budget that limits nothing, so it is most likely a slip.
    #[error("{entry} limits no cell: none is in its tier and track. Correct it or remove it")]
    LimitsNothing {
        /// The entry: `budgets[0]`.
        entry: String,
    },
    /// An expectation of what is not measured.
    #[error("{entry} expects something of {what}, which the sweep does not measure: add it, or remove the entry")]
    ExpectsNothing {
        /// The entry: `expect[0]`.
        entry: String,
        /// What is missing.
        what: String,
    },
    /// Nothing is left to run.
    #[error("no cell is left: the manifest has no model, dataset or codec, or `exclude` removes every cell")]
    NoCells,
    /// Nothing would be measured.
    #[error("`measures` is empty: name at least one, such as nDCG@10")]
    NoMeasures,
    /// A dataset of which nothing would be measured.
    #[error(
        "dataset \"{dataset}\" is for {task}, and none of `measures` is: add one, such as {example}, or exclude the dataset"
    )]
    Unmeasured {
        /// Its name in the manifest.
        dataset: String,
        /// Its task.
        task: Task,
        /// What would do.
        example: &'static str,
    },
    /// A measure that measures nothing, so it is most likely a slip.
    #[error(
        "{measure} is for {task}, and the sweep has no such dataset: remove it from `measures`, or say `task: {task}`"
    )]
    MeasuresNothing {
        /// The measure.
        measure: Measure,
        /// What it is for.
        task: Task,
    },
    /// A geometry of nothing.
    #[error("`geometry` is of documents and queries, and no dataset is for retrieval: remove it")]
    GeometryOfNothing,
    /// Codes of nothing.
    #[error(
        "`codes` looks into the codes of binary codecs on retrieval datasets, and no cell has such a codec there: add one, or remove it"
    )]
    CodesOfNothing,
    /// A speed of nothing.
    #[error(
        "`speed` is of searches without a second stage on retrieval datasets, and no cell is one: add one, or remove it"
    )]
    SpeedOfNothing,
    /// The lock does not know a source.
    #[error("{axis} \"{name}\" is not in the lock: resolve the sources again with --update-lock")]
    NotLocked {
        /// `model` or `dataset`.
        axis: &'static str,
        /// Its name in the manifest.
        name: String,
    },
    /// The lock holds other judgements than the manifest asks for.
    #[error(
        "dataset \"{dataset}\": the manifest asks for the split \"{wanted}\", the lock holds \"{locked}\": resolve the \
         sources again with --update-lock"
    )]
    OtherSplit {
        /// Its name in the manifest.
        dataset: String,
        /// The manifest's split.
        wanted: String,
        /// The lock's split.
        locked: String,
    },
    /// A network that the encoder does not know.
    #[error("model \"{model}\" is of the family \"{found}\" (model_type in its config.json), supported: {known}")]
    Architecture {
        /// Its name in the manifest.
        model: String,
        /// What was found.
        found: String,
        /// What is allowed.
        known: String,
    },
    /// More tokens than the network has positions for.
    #[error(
        "model \"{model}\": max_tokens is {wanted}, the model takes at most {most} (max_position_embeddings in its config.json)"
    )]
    TooManyTokens {
        /// Its name in the manifest.
        model: String,
        /// What the manifest asks for.
        wanted: u32,
        /// What the model allows.
        most: u32,
    },
    /// A length that truncates nothing.
    #[error(
        "model \"{model}\": dims has {dims}, and its vectors have {dim} dimensions: name smaller lengths; whole vectors are measured \
         in any case"
    )]
    TooManyDims {
        /// Its name in the manifest.
        model: String,
        /// What the manifest asks for.
        dims: u32,
        /// What there is.
        dim: u32,
    },
    /// A dataset that cannot be searched or measured.
    #[error("dataset \"{dataset}\" has no {what}: correct its source or remove it from the manifest")]
    Empty {
        /// Its name in the manifest.
        dataset: String,
        /// What is missing.
        what: &'static str,
    },
    /// A codec that cannot hold this model's vectors or learn from this corpus.
    #[error("model \"{model}\", dataset \"{dataset}\", codec {codec}: {why}. Exclude the cell or change the codec")]
    Unfit {
        /// Model name.
        model: String,
        /// Dataset name.
        dataset: String,
        /// The codec's canonical name.
        codec: String,
        /// What is wrong.
        why: String,
    },
}
