//! The speed of searches: which cells and jobs measure it.

use bitsweep_proto::manifest::Speed;
use bitsweep_proto::plan::PlannedCell;
use bitsweep_proto::{Cell, Manifest, Study};
use indexmap::IndexMap;

use crate::errors::PlanError;
use crate::expand::{ExpandedCell, is_searched};
use crate::graph::Graph;
use crate::recipe::Retrieval;

/// A cell for each codec of `group`, which is of one model, dataset and length: of its seeds the lowest, for they are searched
/// alike; without second stages. Where only those are left of a codec, there is none. Each has tier and track of the cell whose
/// search it measures.
pub(crate) fn cells(
    graph: &mut Graph<'_>,
    recipe: &Retrieval<'_>,
    (group, speed): (&[ExpandedCell<'_>], &Speed),
) -> Vec<PlannedCell> {
    let mut chosen: IndexMap<String, &ExpandedCell<'_>> = IndexMap::new();
    for cell in group.iter().filter(|cell| cell.point.rescore.is_none()) {
        let kept = chosen.entry(cell.point.codec.name()).or_insert(cell);
        if cell.point.codec.seed() < kept.point.codec.seed() {
            *kept = cell;
        }
    }
    let planned = |cell: &ExpandedCell<'_>| {
        let point = cell.point;
        let studied = Cell::retrieval(point.model, point.dataset, point.codec).truncated(point.dims);
        let job = recipe.speed(graph, point.codec, speed);
        PlannedCell { cell: studied.studied(Study::Speed), tier: cell.tier, track: cell.track, job }
    };
    chosen.into_values().map(planned).collect()
}

/// A speed that is to be measured where no search is timed.
pub(crate) fn of_nothing(manifest: &Manifest, cells: &[ExpandedCell<'_>]) -> Option<PlanError> {
    let is_timed = |cell: &ExpandedCell<'_>| cell.point.rescore.is_none() && is_searched(manifest, cell.point.dataset);
    let is_there = cells.iter().any(is_timed);
    (manifest.speed.is_some() && !cells.is_empty() && !is_there).then_some(PlanError::SpeedOfNothing)
}
