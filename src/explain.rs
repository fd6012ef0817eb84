//! `bitsweep explain`: why the jobs of a cell run, or why they do not.

use std::collections::BTreeMap;
use std::path::Path;

use bitsweep_proto::cell::Axis;
use bitsweep_proto::manifest::{self, CodecAxis, Include, OneOrMany};
use bitsweep_proto::plan::{From, PlannedCell};
use bitsweep_proto::{Cell, JobKey, Outcome, Plan, SweepId};
use serde_json::{Value, json};

use crate::cli::{ExplainArgs, SourceArgs};
use crate::exit::{Exit, Failure};
use crate::label::label;
use crate::place::Place;
use crate::print::out;
use crate::{plan, print, reasons, sweep};

/// Names shown when a part of a name fits several cells, or none.
const CANDIDATES_SHOWN: usize = 8;

pub(crate) async fn explain(args: ExplainArgs) -> Result<Exit, Failure> {
    let (place, id, plan) = place_and_plan(&args).await?;
    let planned = choose(&plan, &args.cell)?;
    let lineage = bitsweep_plan::lineage(&plan, planned.job);
    let mut known =
        Known { attempts: BTreeMap::new(), outcomes: BTreeMap::new(), failures: place.failures((&id, &plan)).await? };
    for index in &lineage {
        let key = plan.jobs[*index as usize].key;
        let (outcome, attempts) = place.job(key).await?;
        known.attempts.insert(key, attempts);
        known.outcomes.extend(outcome.map(|outcome| (key, outcome)));
    }
    if lineage.iter().any(|index| !known.outcomes.contains_key(&plan.jobs[*index as usize].key)) {
        // Why a job was never made is seen by comparing it with all that was.
        known.outcomes = place.all_outcomes().await?;
    }
    let jobs: Vec<Value> = lineage.iter().map(|index| known.job(&plan, *index)).collect();
    let entries = entries(&plan, &planned.cell);
    if args.json {
        let cell = planned.cell.to_string();
        out(&format!("{:#}\n", json!({ "cell": cell, "tier": planned.tier, "entries": entries, "jobs": jobs })))?;
        return Ok(Exit::Done);
    }
    out(&format!("{} (tier {})\nof the manifest: {}\n", planned.cell, planned.tier, entries.join(", ")))?;
    for job in &jobs {
        let text = |name: &str| job[name].as_str().unwrap_or_default();
        out(&format!("\n{} ({}): {}\n  {}\n", text("job"), &text("key")[..12], text("state"), text("why")))?;
    }
    Ok(Exit::Done)
}

/// The entries of the manifest that made a cell: its model, its dataset, and the first entry that lists its codec.
fn entries(plan: &Plan, cell: &Cell) -> Vec<String> {
    let mut entries = vec![format!("models.{}", cell.model()), format!("datasets.{}", cell.dataset())];
    // A plan holds the text that it was made from: it was read once.
    let (Ok(manifest), Ok(codec)) = (manifest::read(&plan.manifest, "manifest"), cell.codec()) else { return entries };
    let listed = |axis: &CodecAxis| axis.expand().contains(&codec);
    let in_matrix = || Some(format!("codecs[{}]", manifest.codecs.iter().position(listed)?));
    let included = || {
        let place = |include: &Include| {
            let is = |names: &OneOrMany<String>, name: &str| names.iter().any(|one| one == name);
            is(&include.model, cell.model()) && is(&include.dataset, cell.dataset())
        };
        let wanted = |include: &Include| place(include) && include.codec.iter().any(listed);
        Some(format!("include[{}]", manifest.include.iter().position(wanted)?))
    };
    entries.extend(in_matrix().or_else(included));
    entries
}

/// Where to look, and the plan. Without a coordinator a manifest is explained as it is now: what would run is the question.
async fn place_and_plan(args: &ExplainArgs) -> Result<(Place, SweepId, Plan), Failure> {
    let manifest = args.sweep.sweep.as_deref().map(Path::new).filter(|path| path.is_file());
    if let (Some(path), Some(place)) = (manifest, sweep::local_place(&args.sweep.place, manifest)) {
        let (store, plan) = plan::fresh(path, &place, &SourceArgs { update_lock: false, offline: false }).await?;
        return Ok((Place::Store(store), plan.id(), plan));
    }
    let found = sweep::find(&args.sweep).await?;
    Ok((found.place, found.id, found.plan))
}

/// What is known of the jobs.
struct Known {
    attempts: BTreeMap<JobKey, usize>,
    outcomes: BTreeMap<JobKey, Outcome>,
    failures: BTreeMap<JobKey, String>,
}

impl Known {
    fn job(&self, plan: &Plan, index: u32) -> Value {
        let job = &plan.jobs[index as usize];
        let mut value = json!({
            "job": label(&job.spec), "kind": job.spec.kind(), "key": job.key, "fields": plan.fields(index),
        });
        let (state, why) = if let Some(outcome) = self.outcomes.get(&job.key) {
            let attempts = self.attempts.get(&job.key).copied().unwrap_or_default();
            let again = match outcome.generation {
                0 => String::new(),
                lost => format!(", after its result was lost {}", print::count(lost as usize, "time", "times")),
            };
            let attempts = print::count(attempts, "attempt", "attempts");
            let host = &outcome.provenance.host;
            (
                "done",
                format!(
                    "made on {host} in {attempts}{again}; nothing that could change it has changed, so it is reused"
                ),
            )
        } else if let Some(reason) = self.failures.get(&job.key) {
            ("failed", reason.clone())
        } else {
            let waits =
                |from| matches!(from, From::Job(other) if !self.outcomes.contains_key(&plan.jobs[other as usize].key));
            let first = job.inputs.iter().any(|input| waits(input.from));
            let why = reasons::explain(plan, index, &self.outcomes).to_string();
            ("to run", if first { "an input of it is made first (see above)".to_owned() } else { why })
        };
        value["state"] = state.into();
        value["why"] = why.into();
        value
    }
}

/// The one cell that `name` means.
pub(crate) fn choose<'p>(plan: &'p Plan, name: &str) -> Result<&'p PlannedCell, Failure> {
    if let Some(exact) = plan.cells.iter().find(|planned| planned.cell.to_string() == name) {
        return Ok(exact);
    }
    let some = |cells: &[&PlannedCell]| {
        let shown: String =
            cells.iter().take(CANDIDATES_SHOWN).map(|planned| format!("\n  {}", planned.cell)).collect();
        let more = cells.len().saturating_sub(CANDIDATES_SHOWN);
        if more == 0 { shown } else { format!("{shown}\n  and {more} more") }
    };
    match fitting(&plan.cells, name).as_slice() {
        [one] => Ok(one),
        [] => {
            let all: Vec<&PlannedCell> = plan.cells.iter().collect();
            let cells = some(&all);
            Err(Failure::wrong(format!(
                "no cell of this sweep is called {name:?} (excluded cells are not in it); it has{cells}"
            )))
        }
        several => {
            Err(Failure::wrong(format!("{name:?} fits {} cells; name one of them:{}", several.len(), some(several))))
        }
    }
}

/// The cells that parts of a name fit, in any order and case: `seed=1,binary/64`.
fn fitting<'p>(cells: &'p [PlannedCell], name: &str) -> Vec<&'p PlannedCell> {
    let parts: Vec<String> = name.split(',').map(|part| part.trim().to_lowercase()).collect();
    let fits = |planned: &&PlannedCell| {
        let cell = planned.cell.to_string().to_lowercase();
        parts.iter().all(|part| cell.contains(part))
    };
    let mut fitting: Vec<&PlannedCell> = cells.iter().filter(fits).collect();
    let names = |axis: Axis| parts.iter().any(|part| part.starts_with(&format!("{}=", axis.name())));
    // A codec is the codec alone, where no second stage is named.
    if fitting.iter().any(|planned| planned.cell.rescore().is_none()) && !names(Axis::Rescore) {
        fitting.retain(|planned| planned.cell.rescore().is_none());
    }
    // And of whole vectors, where no length is named.
    if fitting.iter().any(|planned| planned.cell.dims().is_none()) && !names(Axis::Dims) {
        fitting.retain(|planned| planned.cell.dims().is_none());
    }
    // Nor is another study of it meant, where none is named.
    if fitting.iter().any(|planned| planned.cell.is_retrieval()) && !names(Axis::Study) {
        fitting.retain(|planned| planned.cell.is_retrieval());
    }
    fitting
}

#[cfg(test)]
mod tests {
    use bitsweep_proto::{Cell, Codec, Rescore, Study, Track};

    use super::*;

    #[test]
    fn an_axis_is_named_by_its_name_alone() {
        // Names of people's own that hold the names of axes.
        let plain = Cell::retrieval("study-dims", "rescored", Codec::Float32);
        let int8 = Cell::retrieval("study-dims", "rescored", Codec::Int8);
        let truncated = plain.clone().truncated(Some(64));
        let second = int8.clone().rescored(Rescore::parse("float32/40"));
        let timed = plain.clone().studied(Study::Speed);
        let planned = |cell: &Cell| PlannedCell { cell: cell.clone(), tier: 1, track: Track::default(), job: 0 };
        let cells = [&plain, &int8, &truncated, &second, &timed].map(planned);
        for (name, expected) in [
            ("float32", &plain),
            ("study-dims,codec=float32", &plain),
            ("Model=Study-Dims, codec=float32, dataset=rescored", &plain),
            ("rescored,int8", &int8),
            ("dims=64", &truncated),
            ("DIMS=64", &truncated),
            ("study-dims,rescore=float32/40", &second),
            ("study=speed", &timed),
            ("speed", &timed),
        ] {
            let found: Vec<String> = fitting(&cells, name).iter().map(|planned| planned.cell.to_string()).collect();
            assert_eq!(found, [expected.to_string()], "{name}");
        }
    }
}
