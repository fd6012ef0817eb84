//! Manifest → cells: matrix, minus `exclude`, plus `include`, each with its tier and track.
//!
//! Table order is models, then datasets, then codecs, each in manifest order. A cell of `include` whose codec is not in
//! `codecs` stands after the matrix cells of its model and dataset. `include` wins over `exclude`; no cell stands twice.

use std::collections::HashMap;

use bitsweep_proto::Codec;
use bitsweep_proto::Manifest;
use bitsweep_proto::Track;
use bitsweep_proto::manifest::{CodecAxis, Where};
use indexmap::{IndexMap, IndexSet};

use crate::errors::PlanError;

/// The tier of cells that no entry of `tiers` places.
pub const DEFAULT_TIER: u32 = 1;

/// The cells of a manifest in table order, and what is wrong with the entries that select them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expanded<'m> {
    /// The cells. Those of one model and dataset stand together.
    pub cells: Vec<ExpandedCell<'m>>,
    /// Entries that name or match nothing.
    pub problems: Vec<PlanError>,
}

/// One cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpandedCell<'m> {
    /// Model name.
    pub model: &'m str,
    /// Dataset name.
    pub dataset: &'m str,
    /// The codec with its seed.
    pub codec: Codec,
    /// Order of execution; 1 is first.
    pub tier: u32,
    /// Core or exploratory.
    pub track: Track,
}

/// The cells that `manifest` means.
pub fn expand(manifest: &Manifest) -> Expanded<'_> {
    let mut problems = Vec::new();
    let included = included(manifest, &mut problems);
    let matrix: IndexSet<Codec> = manifest.codecs.iter().flat_map(CodecAxis::expand).collect();
    let mut exclude = Entries::new(manifest.exclude.iter());
    let mut tiers = Entries::new(manifest.tiers.iter().map(|tier| &tier.which));
    let none = IndexSet::new();

    let mut cells = Vec::new();
    for model in manifest.models.keys() {
        for dataset in manifest.datasets.keys() {
            let added = included.get(&(model.as_str(), dataset.as_str())).unwrap_or(&none);
            let kept = matrix.iter().filter(|codec| {
                let excluded = exclude.any(model, dataset, codec);
                !excluded || added.contains(*codec)
            });
            let mut codecs: Vec<Codec> = kept.copied().collect();
            codecs.extend(added.iter().filter(|codec| !matrix.contains(*codec)));
            for codec in codecs {
                let entry = tiers.first(model, dataset, &codec).map(|entry| &manifest.tiers[entry]);
                let tier = entry.map_or(DEFAULT_TIER, |entry| entry.tier);
                let track = entry.and_then(|entry| entry.track).unwrap_or(manifest.track);
                cells.push(ExpandedCell { model, dataset, codec, tier, track });
            }
        }
    }
    problems.extend(exclude.unused().map(|i| PlanError::ExcludesNothing { entry: format!("exclude[{i}]") }));
    problems.extend(tiers.unused().map(|i| PlanError::PlacesNothing { entry: format!("tiers[{i}]") }));
    problems.extend(limits(manifest, &cells));
    if cells.is_empty() {
        problems.push(PlanError::NoCells);
    }
    Expanded { cells, problems }
}

/// Gates that hold nothing, or wait for what they hold; budgets that limit nothing.
fn limits(manifest: &Manifest, cells: &[ExpandedCell<'_>]) -> Vec<PlanError> {
    let mut problems = Vec::new();
    for (i, gate) in manifest.gates.iter().enumerate() {
        let entry = format!("gates[{i}]");
        let held = |cell: &&ExpandedCell<'_>| gate.hold.covers(cell.tier, cell.track);
        let awaited = |cell: &&ExpandedCell<'_>| gate.until.tier.is_none_or(|tier| tier == cell.tier);
        if !cells.iter().any(|cell| held(&cell)) {
            problems.push(PlanError::HoldsNothing { entry });
        } else if gate.until.tier.is_some() && !cells.iter().filter(awaited).any(|cell| !held(&cell)) {
            problems.push(PlanError::WaitsForItself { entry });
        }
    }
    for (i, budget) in manifest.budgets.iter().enumerate() {
        if !cells.iter().any(|cell| budget.covers(cell.tier, cell.track)) {
            problems.push(PlanError::LimitsNothing { entry: format!("budgets[{i}]") });
        }
    }
    problems
}

/// The codecs that `include` adds to each pair of model and dataset.
type Included<'m> = HashMap<(&'m str, &'m str), IndexSet<Codec>>;

fn included<'m>(manifest: &'m Manifest, problems: &mut Vec<PlanError>) -> Included<'m> {
    let mut cells = Included::new();
    for (i, include) in manifest.include.iter().enumerate() {
        for model in include.model.iter() {
            problems.extend(unknown(i, "model", model, &manifest.models));
        }
        for dataset in include.dataset.iter() {
            problems.extend(unknown(i, "dataset", dataset, &manifest.datasets));
        }
        for model in include.model.iter() {
            for dataset in include.dataset.iter() {
                let codecs = include.codec.iter().flat_map(CodecAxis::expand);
                cells.entry((model, dataset)).or_default().extend(codecs);
            }
        }
    }
    cells
}

fn unknown<T>(entry: usize, axis: &'static str, name: &str, known: &IndexMap<String, T>) -> Option<PlanError> {
    (!known.contains_key(name)).then(|| PlanError::UnknownName {
        entry: format!("include[{entry}]"),
        axis,
        name: name.to_owned(),
        known: known.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    })
}

/// Entries of `exclude` or `tiers`, and which of them have been of use.
struct Entries<'m> {
    entries: Vec<&'m Where>,
    used: Vec<bool>,
}

impl<'m> Entries<'m> {
    fn new(entries: impl Iterator<Item = &'m Where>) -> Self {
        let entries: Vec<&Where> = entries.collect();
        let used = vec![false; entries.len()];
        Self { entries, used }
    }

    /// Whether any entry matches. All that do count as used.
    fn any(&mut self, model: &str, dataset: &str, codec: &Codec) -> bool {
        let mut matched = false;
        for (entry, used) in self.entries.iter().zip(&mut self.used) {
            if entry.matches(model, dataset, codec) {
                *used = true;
                matched = true;
            }
        }
        matched
    }

    /// The first entry that matches; it alone counts as used.
    fn first(&mut self, model: &str, dataset: &str, codec: &Codec) -> Option<usize> {
        let found = self.entries.iter().position(|entry| entry.matches(model, dataset, codec))?;
        self.used[found] = true;
        Some(found)
    }

    fn unused(&self) -> impl Iterator<Item = usize> {
        self.used.iter().enumerate().filter(|(_, used)| !**used).map(|(i, _)| i)
    }
}
