//! The jobs of a plan in groups that gates and budgets treat alike.
//!
//! Owns: which gates hold a job, and which jobs a limit on configurations leaves out. Does not own: whether a gate is open
//! or a budget used up. A job waits behind a gate if all cells that need it, directly or not, do; it is left out if all
//! cells that need it are. What no cell needs goes by its own tier and track, and is never left out.

use std::collections::HashMap;

use bitsweep_proto::manifest::{Budget, Gate};
use bitsweep_proto::plan::From;
use bitsweep_proto::{Cell, Kind, Plan, Track};

/// What the jobs of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Common {
    pub(super) kind: Kind,
    pub(super) tier: u32,
    pub(super) track: Track,
    /// The gates that hold them, in order.
    pub(super) gates: Vec<u32>,
    /// The budget whose configurations leave them out.
    pub(super) left_out: Option<u32>,
}

/// The groups of a plan, and which one each job is in.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) groups: Vec<Common>,
    pub(super) of: Vec<u32>,
}

impl Grouping {
    pub(super) fn new(plan: &Plan, gates: &[Gate], budgets: &[Budget]) -> Self {
        let needed = marked(plan, |_| true);
        // A gate holds what none of these needs.
        let free: Vec<Vec<bool>> = gates
            .iter()
            .map(|gate| {
                marked(plan, |cell| {
                    let cell = &plan.cells[cell];
                    !gate.hold.covers(cell.tier, cell.track)
                })
            })
            .collect();
        let left_out = left_out(plan, budgets);
        let (mut groups, mut places, mut of) = (Vec::new(), HashMap::new(), Vec::with_capacity(plan.jobs.len()));
        for (index, job) in plan.jobs.iter().enumerate() {
            let held = (0_u32..).zip(gates).zip(&free).filter(|((_, gate), free)| match needed[index] {
                true => !free[index],
                false => gate.hold.covers(job.tier, job.track),
            });
            let common = Common {
                kind: job.spec.kind(),
                tier: job.tier,
                track: job.track,
                gates: held.map(|((gate, _), _)| gate).collect(),
                left_out: left_out.as_ref().and_then(|left_out| left_out[index]),
            };
            of.push(*places.entry(common).or_insert_with_key(|common: &Common| {
                groups.push(common.clone());
                u32::try_from(groups.len() - 1).expect("there are no more groups than jobs")
            }));
        }
        Self { groups, of }
    }
}

/// The jobs that one of these cells needs, directly or not. Jobs stand in the plan after their inputs.
fn marked(plan: &Plan, cells: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut marked = vec![false; plan.jobs.len()];
    for (index, cell) in plan.cells.iter().enumerate() {
        marked[cell.job as usize] |= cells(index);
    }
    for (index, job) in plan.jobs.iter().enumerate().rev() {
        if marked[index] {
            for input in &job.inputs {
                if let From::Job(other) = input.from {
                    marked[other as usize] = true;
                }
            }
        }
    }
    marked
}

/// For each job the first budget whose configurations leave it out; `None` where no budget counts configurations.
fn left_out(plan: &Plan, budgets: &[Budget]) -> Option<Vec<Option<u32>>> {
    budgets.iter().any(|budget| budget.configurations.is_some()).then_some(())?;
    // What else is studied explains configurations; it is none.
    let mut order: Vec<usize> = (0..plan.cells.len()).filter(|cell| plan.cells[*cell].cell.is_retrieval()).collect();
    order.sort_by_key(|cell| plan.cells[*cell].tier);
    let mut beyond: Vec<Option<u32>> = vec![None; plan.cells.len()];
    for (place, budget) in (0_u32..).zip(budgets) {
        let Some(most) = budget.configurations else { continue };
        let covered = order.iter().filter(|cell| budget.covers(plan.cells[**cell].tier, plan.cells[**cell].track));
        for cell in covered.skip(usize::try_from(most).unwrap_or(usize::MAX)) {
            beyond[*cell].get_or_insert(place);
        }
    }
    // What else is studied of a configuration goes with it.
    let named = order.iter().map(|cell| (&plan.cells[*cell].cell, beyond[*cell]));
    let left: HashMap<&Cell, Option<u32>> = named.collect();
    for (cell, planned) in plan.cells.iter().enumerate().filter(|(_, planned)| !planned.cell.is_retrieval()) {
        beyond[cell] = left.get(&planned.cell.configuration()).copied().flatten();
    }
    let within = marked(plan, |cell| beyond[cell].is_none());
    let mut jobs = vec![None; plan.jobs.len()];
    for place in (0_u32..).take(budgets.len()) {
        let also = marked(plan, |cell| beyond[cell] == Some(place));
        for (job, budget) in jobs.iter_mut().enumerate() {
            if also[job] && !within[job] {
                budget.get_or_insert(place);
            }
        }
    }
    Some(jobs)
}
