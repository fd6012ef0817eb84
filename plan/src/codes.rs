//! The study of codes: one more cell for each binary codec of a retrieval dataset, beside the one that measures it.

use bitsweep_proto::manifest::Point;
use bitsweep_proto::plan::PlannedCell;
use bitsweep_proto::{Cell, Manifest, Study};

use crate::errors::PlanError;
use crate::expand::{ExpandedCell, is_searched};
use crate::graph::Graph;
use crate::recipe::Retrieval;

/// Whether the codes of a point are looked into: a second stage has those of its codec.
fn has_codes(point: &Point<'_>) -> bool {
    point.codec.as_sign().is_some() && point.rescore.is_none()
}

/// The cells that look into the codes of `points`, of one model, dataset and length, with the tiers and tracks of those. Scorings
/// share their codes, and so the job.
pub(crate) fn cells(graph: &mut Graph<'_>, recipe: &Retrieval<'_>, points: &[ExpandedCell<'_>]) -> Vec<PlannedCell> {
    let mut cells = Vec::new();
    for ExpandedCell { point, tier, track } in points {
        if has_codes(point) {
            let cell = Cell::retrieval(point.model, point.dataset, point.codec).truncated(point.dims);
            let job = recipe.codes(graph, point.codec);
            cells.push(PlannedCell { cell: cell.studied(Study::Codes), tier: *tier, track: *track, job });
        }
    }
    cells
}

/// Codes that are to be looked into where there are none.
pub(crate) fn of_nothing(manifest: &Manifest, cells: &[ExpandedCell<'_>]) -> Option<PlanError> {
    let is_there = cells.iter().any(|cell| has_codes(&cell.point) && is_searched(manifest, cell.point.dataset));
    (manifest.codes && !cells.is_empty() && !is_there).then_some(PlanError::CodesOfNothing)
}
