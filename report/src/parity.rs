//! The parity gate: whether float32 of whole vectors gives what is known of a model on a dataset.

use std::fmt;

use bitsweep_proto::manifest::Expect;
use bitsweep_proto::{Cell, Codec, Plan};

use crate::Outcomes;

/// An expectation that is not met: compressed results of its model and dataset are withheld.
#[derive(Clone, Debug, PartialEq)]
pub struct Missed {
    /// What was expected.
    pub expect: Expect,
    /// What float32 gives; `None`: not known yet.
    pub found: Option<f64>,
}

impl Missed {
    /// Whether the results of `cell` are withheld for it.
    pub fn withholds(&self, cell: &Cell) -> bool {
        (cell.model(), cell.dataset()) == (&self.expect.model, &self.expect.dataset)
            && cell.codec().is_ok_and(|codec| codec != Codec::Float32 || cell.dims().is_some())
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the manifest expects {}; ", self.expect)?;
        match self.found {
            Some(found) => write!(f, "it is {found:.5}"),
            None => f.write_str("it is not known yet"),
        }?;
        f.write_str(": the results of compressed vectors there are withheld")
    }
}

/// All expectations that are not met, in the manifest's order.
pub fn missed(plan: &Plan, outcomes: &Outcomes) -> Vec<Missed> {
    let found = |expect: &Expect| {
        let float32 = plan.cells.iter().find(|planned| {
            let cell = &planned.cell;
            (cell.model(), cell.dataset()) == (&expect.model, &expect.dataset)
                && cell.codec().is_ok_and(|codec| codec == Codec::Float32 && cell.dims().is_none())
        })?;
        let outcome = outcomes.get(&plan.jobs[float32.job as usize].key)?;
        let measured = outcome.produced.measures.iter().find(|measured| measured.measure == expect.measure)?;
        Some(measured.value)
    };
    let each = plan.expect.iter().map(|expect| Missed { expect: expect.clone(), found: found(expect) });
    each.filter(|missed| !missed.found.is_some_and(|found| (found - missed.expect.value).abs() <= missed.expect.within))
        .collect()
}
