//! The edges of the graph in both directions, as two flat lists.

use bitsweep_proto::Plan;
use bitsweep_proto::plan::From;

/// Who needs whom. An input that a job reads twice (its own run as the reference) is two edges, in both directions.
#[derive(Debug)]
pub(super) struct Edges {
    inputs: Lists,
    dependants: Lists,
}

/// One list of jobs for each job: those of job `i` are `items[starts[i]..starts[i + 1]]`.
#[derive(Debug)]
struct Lists {
    starts: Vec<usize>,
    items: Vec<u32>,
}

impl Lists {
    fn of(&self, job: u32) -> &[u32] {
        let job = job as usize;
        &self.items[self.starts[job]..self.starts[job + 1]]
    }
}

impl Edges {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut inputs = Lists { starts: vec![0], items: Vec::new() };
        let mut counts = vec![0_usize; plan.jobs.len()];
        for job in &plan.jobs {
            for input in &job.inputs {
                if let From::Job(other) = input.from {
                    inputs.items.push(other);
                    counts[other as usize] += 1;
                }
            }
            inputs.starts.push(inputs.items.len());
        }
        let mut dependants = Lists { starts: vec![0], items: vec![0; inputs.items.len()] };
        for count in counts {
            let end = dependants.starts.last().copied().unwrap_or(0) + count;
            dependants.starts.push(end);
        }
        let mut next = dependants.starts.clone();
        for (job, window) in (0_u32..).zip(inputs.starts.windows(2)) {
            for &other in &inputs.items[window[0]..window[1]] {
                let place = &mut next[other as usize];
                dependants.items[*place] = job;
                *place += 1;
            }
        }
        Self { inputs, dependants }
    }

    /// The jobs that `job` reads.
    pub(super) fn inputs(&self, job: u32) -> &[u32] {
        self.inputs.of(job)
    }

    /// The jobs that read `job`.
    pub(super) fn dependants(&self, job: u32) -> &[u32] {
        self.dependants.of(job)
    }
}
