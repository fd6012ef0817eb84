//! Manifest → cells: matrix, minus `exclude`, plus `include`, each with its tier and track.
//!
//! Table order is models, then datasets, then codecs, each in manifest order; the second stages of a codec stand after the codec
//! alone. A cell of `include` whose codec is not in `codecs` stands after the matrix cells of its model and dataset, and has no
//! second stage. `include` wins over `exclude`; no cell stands twice. Those of truncated vectors follow, for each length of the model
//! the whole matrix again; `include` adds none of them.

use std::collections::HashMap;

use bitsweep_proto::manifest::{CodecAxis, Point, Where};
use bitsweep_proto::{Codec, Manifest, Rescore, Task, Track};
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
    /// Where it is in the matrix.
    pub point: Point<'m>,
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
    for (model, said) in &manifest.models {
        for dataset in manifest.datasets.keys() {
            let added = included.get(&(model.as_str(), dataset.as_str())).unwrap_or(&none);
            let point = |codec, rescore| Point { model, dataset, codec, dims: None, rescore };
            let of_matrix =
                matrix.iter().flat_map(|codec| stages(manifest, (dataset, codec)).map(|stage| point(*codec, stage)));
            let of_matrix: Vec<Point<'_>> = of_matrix.collect();
            let kept = of_matrix.iter().copied().filter(|point| {
                let excluded = exclude.any(point);
                !excluded || point.rescore.is_none() && added.contains(&point.codec)
            });
            let mut points: Vec<Point<'_>> = kept.collect();
            points.extend(added.iter().filter(|codec| !matrix.contains(*codec)).map(|codec| point(*codec, None)));
            let of_length = |dims| of_matrix.iter().map(move |point| Point { dims: Some(dims), ..*point });
            let truncated = said.dims.iter().copied().flat_map(of_length);
            points.extend(truncated.filter(|point| !exclude.any(point)));
            for point in points {
                let entry = tiers.first(&point).map(|entry| &manifest.tiers[entry]);
                let tier = entry.map_or(DEFAULT_TIER, |entry| entry.tier);
                let track = entry.and_then(|entry| entry.track).unwrap_or(manifest.track);
                cells.push(ExpandedCell { point, tier, track });
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

/// Whether a dataset is for retrieval: second stages, timed searches and codes that are looked into are of those alone.
pub(crate) fn is_searched(manifest: &Manifest, dataset: &str) -> bool {
    manifest.datasets.get(dataset).is_some_and(|dataset| dataset.task == Task::Retrieval)
}

/// The codec alone, then its second stages: those of retrieval. Nothing is ranked in pairs, and a vote is of the codec alone.
fn stages(manifest: &Manifest, (dataset, codec): (&str, &Codec)) -> impl Iterator<Item = Option<Rescore>> {
    let ranked = is_searched(manifest, dataset);
    let rescored = manifest.rescore.iter().filter(move |_| ranked).flat_map(|axis| axis.expand(codec));
    std::iter::once(None).chain(rescored.map(Some))
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
    fn any(&mut self, point: &Point<'_>) -> bool {
        let mut matched = false;
        for (entry, used) in self.entries.iter().zip(&mut self.used) {
            if entry.matches(point) {
                *used = true;
                matched = true;
            }
        }
        matched
    }

    /// The first entry that matches; it alone counts as used.
    fn first(&mut self, point: &Point<'_>) -> Option<usize> {
        let found = self.entries.iter().position(|entry| entry.matches(point))?;
        self.used[found] = true;
        Some(found)
    }

    fn unused(&self) -> impl Iterator<Item = usize> {
        self.used.iter().enumerate().filter(|(_, used)| !**used).map(|(i, _)| i)
    }
}
