//! The jobs that there are, and the sweeps that could be submitted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bitsweep_proto::manifest::{Budget, Gate, Hold, ReportState, Until};
use bitsweep_proto::plan::{From, PlannedCell};
use bitsweep_proto::{Cell, Codec, Kind, Plan, Track};
use proptest::prelude::*;

use crate::fixture::{Shape, graph};

#[derive(Clone)]
pub(super) struct Job {
    pub(super) shape: Shape,
    /// Holds other bytes each time it is made.
    pub(super) unsteady: bool,
    /// Fails, but for attempts that were thought lost.
    pub(super) doomed: bool,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shape, unsteady, doomed } = self;
        let words = [(shape.gpu, "gpu"), (*unsteady, "unsteady"), (*doomed, "doomed")];
        let words: Vec<&str> = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
        write!(f, "{:?} tier {} {} {}", shape.inputs, shape.tier, shape.track, words.join(" "))
    }
}

/// A sweep over some of the jobs.
#[derive(Clone)]
pub(super) struct Sweep {
    /// Its jobs, in the plan's order, each after its inputs.
    pub(super) jobs: Vec<usize>,
    pub(super) plan: Arc<Plan>,
}

impl fmt::Debug for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<usize> = self.plan.cells.iter().map(|cell| self.jobs[cell.job as usize]).collect();
        let gates: Vec<String> =
            self.plan.gates.iter().map(|gate| format!("{} until {}", gate.hold, gate.until)).collect();
        let budgets: Vec<String> = self.plan.budgets.iter().map(ToString::to_string).collect();
        write!(f, "jobs {:?} cells {cells:?} gates {gates:?} budgets {budgets:?}", self.jobs)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Universe {
    pub(super) jobs: Vec<Job>,
    pub(super) sweeps: Vec<Sweep>,
}

impl Universe {
    pub(super) fn inputs(&self, job: usize) -> Vec<usize> {
        self.jobs[job].shape.inputs.iter().map(|input| *input as usize).collect()
    }

    pub(super) fn level(&self, job: usize) -> usize {
        self.inputs(job).into_iter().map(|input| self.level(input) + 1).max().unwrap_or(0)
    }

    pub(super) fn kind(&self, job: usize) -> Kind {
        let shape = &self.jobs[job].shape;
        match (shape.gpu, shape.inputs.is_empty()) {
            (true, _) => Kind::Embed,
            (_, true) => Kind::Compress,
            _ => Kind::Measure,
        }
    }

    fn needs(&self, job: usize, other: usize) -> bool {
        job == other || self.inputs(job).into_iter().any(|input| self.needs(input, other))
    }

    /// The cells of a sweep that need a job, directly or not.
    pub(super) fn cells_needing(&self, sweep: usize, job: usize) -> Vec<usize> {
        let Sweep { jobs, plan } = &self.sweeps[sweep];
        let needing = |cell: &usize| self.needs(jobs[plan.cells[*cell].job as usize], job);
        (0..plan.cells.len()).filter(needing).collect()
    }

    /// Whether a gate of a sweep holds the job while it is shut.
    pub(super) fn holds(&self, (sweep, gate): (usize, usize), job: usize) -> bool {
        let plan = &self.sweeps[sweep].plan;
        let hold = &plan.gates[gate].hold;
        let cells = self.cells_needing(sweep, job);
        let shape = &self.jobs[job].shape;
        match cells.is_empty() {
            true => hold.covers(shape.tier, shape.track),
            false => cells.into_iter().all(|cell| hold.covers(plan.cells[cell].tier, plan.cells[cell].track)),
        }
    }

    fn sweep(jobs: &[Job], pick: &Picked) -> Sweep {
        let mut wanted: Vec<bool> = (0..jobs.len()).map(|job| pick.jobs & (1 << job) != 0).collect();
        for job in (0..jobs.len()).rev() {
            if wanted[job] {
                for &input in &jobs[job].shape.inputs {
                    wanted[input as usize] = true;
                }
            }
        }
        let own: Vec<usize> = (0..jobs.len()).filter(|job| wanted[*job]).collect();
        let place: BTreeMap<u32, u32> =
            (0_u32..).zip(&own).map(|(place, job)| (u32::try_from(*job).unwrap(), place)).collect();
        let shapes: Vec<Shape> = jobs.iter().map(|job| job.shape.clone()).collect();
        let mut plan = graph(&shapes);
        plan.jobs = own.iter().map(|job| plan.jobs[*job].clone()).collect();
        for input in plan.jobs.iter_mut().flat_map(|job| &mut job.inputs) {
            if let From::Job(other) = &mut input.from {
                *other = place[other];
            }
        }
        for (job, planned) in (0_u32..).zip(&plan.jobs) {
            if pick.cells & (1 << own[job as usize]) != 0 {
                let cell = Cell::retrieval("m", "d", Codec::Binary { bits: 64, seed: job });
                plan.cells.push(PlannedCell { cell, tier: planned.tier, track: planned.track, job });
            }
        }
        (plan.gates, plan.budgets) = (pick.gates.clone(), pick.budgets.clone());
        Sweep { jobs: own, plan: Arc::new(plan) }
    }
}

#[derive(Clone, Debug)]
struct Picked {
    jobs: u16,
    cells: u16,
    gates: Vec<Gate>,
    budgets: Vec<Budget>,
}

fn track() -> impl Strategy<Value = Track> {
    prop_oneof![3 => Just(Track::Core), 1 => Just(Track::Exploratory)]
}

fn jobs() -> impl Strategy<Value = Vec<Job>> {
    let kind = (1_u32..4, track(), any::<bool>());
    let job = (any::<u16>(), any::<u16>(), kind, any::<bool>(), prop::bool::weighted(0.1));
    prop::collection::vec(job, 1..11).prop_map(|jobs| {
        let mut made: Vec<Job> = Vec::new();
        for (mask, also, (tier, track, gpu), unsteady, doomed) in jobs {
            let before = u32::try_from(made.len()).unwrap();
            let mut inputs: Vec<u32> = (0..before).filter(|input| mask & also & (1 << input) != 0).collect();
            if mask % 5 == 0 {
                inputs.extend(inputs.first().copied()); // Read twice, as the float32 run is.
            }
            made.push(Job { shape: Shape { inputs, tier, track, gpu }, unsteady, doomed });
        }
        made
    })
}

fn gate() -> impl Strategy<Value = Gate> {
    let hold = (prop::option::of(track()), prop::option::of(1_u32..4));
    let done = prop_oneof![Just(None), Just(Some(0.5)), Just(Some(1.0))];
    (hold, prop::option::of(1_u32..4), done, prop::bool::weighted(0.2)).prop_map(
        |((track, tier), until, done, report)| {
            let report = report.then_some(ReportState::Exists);
            Gate { hold: Hold { track, tier }, until: Until { tier: until, kinds: None, done, report } }
        },
    )
}

pub(super) fn budget() -> impl Strategy<Value = Budget> {
    let most = || prop::option::weighted(0.4, (0_u32..12).prop_map(|quarters| f64::from(quarters) / 4.0));
    let bytes = prop::option::weighted(0.2, 0_u64..1_000);
    let configurations = prop::option::weighted(0.3, 0_u64..6);
    let of = (prop::option::of(1_u32..4), prop::option::of(track()));
    (most(), most(), bytes, configurations, of).prop_map(|(gpu_hours, usd, bytes, configurations, (tier, track))| {
        Budget { gpu_hours, usd, bytes, configurations, tier, track }
    })
}

pub(super) fn universe() -> impl Strategy<Value = Universe> {
    let gates = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(gate(), 1..3)];
    let budgets = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(budget(), 1..3)];
    let pick = (any::<u16>(), any::<u16>(), gates, budgets);
    let pick = pick.prop_map(|(jobs, cells, gates, budgets)| Picked { jobs, cells, gates, budgets });
    (jobs(), prop::collection::vec(pick, 1..4)).prop_map(|(jobs, mut picks)| {
        picks[0].jobs = u16::MAX; // One has them all.
        let sweeps = picks.iter().map(|pick| Universe::sweep(&jobs, pick)).collect();
        Universe { jobs, sweeps }
    })
}
