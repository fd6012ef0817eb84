//! `bitsweep advise`: which measured configurations fit so many documents, so much memory and a wanted quality.

use std::collections::BTreeSet;

use bitsweep_proto::{Measure, Task};
use bitsweep_report::Table;
use bitsweep_report::advise::{Advice, Configuration, Question, advise as answer};
use bitsweep_report::per_query::Measured;
use clap::Args;
use serde_json::json;

use crate::cli::SweepArg;
use crate::exit::{Exit, Failure};
use crate::place::Which;
use crate::sampling::SamplingArgs;
use crate::serve::quantity;
use crate::sweep::{self, Found};
use crate::{per_query, print};

/// A factor as large is written without decimals.
const MANY: f64 = 10.0;

/// `bitsweep advise`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bitsweep advise --docs 10M --memory 8GB --measure Recall@10 --at-least 0.7 sweep.yaml\n  bitsweep advise --docs 500K --memory 64MiB --measure nDCG@10 --at-least 0.6 --dataset scifact --json | jq '.fits[0]'\n\nMemory is what all codes weigh with their side factors, and what an index keeps once (projections, codebooks). Ids, texts and\nthe encoder are left out for all alike. The interval is over queries; see docs/advise.md."
)]
pub(crate) struct AdviseArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepArg,
    /// Documents to be stored: a whole number, and K, M, G or T for thousands, millions …
    #[arg(long, value_name = "NUMBER", value_parser = quantity::count)]
    pub(crate) docs: u64,
    /// Memory for them: 8GB (powers of 1000) or 8GiB (powers of 1024).
    #[arg(long, value_name = "SIZE", value_parser = quantity::bytes)]
    pub(crate) memory: u64,
    /// The measure that counts.
    #[arg(long, value_name = "MEASURE")]
    pub(crate) measure: String,
    /// The value wanted, from 0 to 1.
    #[arg(long, value_name = "VALUE")]
    pub(crate) at_least: f64,
    /// Only this model. Default: all.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Only what was measured on this dataset. Default: all.
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn advise(args: AdviseArgs) -> Result<Exit, Failure> {
    let settings = args.sampling.settings()?;
    if !(0.0..=1.0).contains(&args.at_least) {
        return Err(Failure::wrong(format!("--at-least is {}: measures go from 0 to 1", args.at_least)));
    }
    let wrong = |error: bitsweep_proto::measure::NotAMeasure| Failure::wrong(error.to_string());
    let measure: Measure = args.measure.parse().map_err(wrong)?;
    let found = sweep::find(&args.sweep).await?;
    if !found.plan.measures.contains(&measure) {
        let names = found.plan.measures.iter().map(Measure::to_string).collect::<Vec<_>>().join(", ");
        return Err(Failure::wrong(format!("the sweep does not measure {measure}, but {names}")));
    }
    if measure.task() == Task::Similarity {
        return Err(Failure::wrong(format!("{measure} is of pairs of sentences: advice is for searches")));
    }
    let cells = measured(&found, &args).await?;
    let question = Question { documents: args.docs, memory_bytes: args.memory, measure, at_least: args.at_least };
    let advice = answer(&found.plan, &cells, (question, settings))?;
    if advice.configurations.is_empty() {
        let documents = grouped(args.docs);
        return Err(Failure::wrong(format!(
            "nothing that is asked about has values of {measure} query by query, and can be learnt from {documents} documents"
        )));
    }
    if args.json {
        print::out(&as_json(&found, &advice))?;
    } else {
        print::out(&shown(&advice, settings.level))?;
        for caution in cautions(&found, &advice) {
            print::out(&format!("Caution: {caution}.\n"))?;
        }
    }
    Ok(Exit::Done)
}

/// The values of the cells that are asked about. Fails where a name is none of the sweep, or nothing is measured yet.
async fn measured(found: &Found, args: &AdviseArgs) -> Result<Vec<Measured>, Failure> {
    let lock = &found.plan.lock;
    known("model", args.model.as_deref(), lock.models.keys())?;
    known("dataset", args.dataset.as_deref(), lock.searched())?;
    let outcomes = found.place.outcomes((&found.id, &found.plan), Which::Measured).await?;
    let table = Table::of(&found.plan, &outcomes)?;
    print::withheld(&table);
    print::missing(&table);
    let mut cells = per_query::shown(found, &outcomes).await?;
    cells.retain(|measured| {
        args.model.as_deref().is_none_or(|model| model == measured.cell.model())
            && args.dataset.as_deref().is_none_or(|dataset| dataset == measured.cell.dataset())
    });
    if cells.is_empty() {
        return Err(Failure::wrong("nothing that is asked about has a result yet; see `bitsweep status`"));
    }
    Ok(cells)
}

fn known<'n>(
    what: &str,
    wanted: Option<&str>,
    mut names: impl Iterator<Item = &'n String> + Clone,
) -> Result<(), Failure> {
    let Some(wanted) = wanted else { return Ok(()) };
    if names.clone().any(|name| name == wanted) {
        return Ok(());
    }
    let first = names.next().map(String::as_str).unwrap_or_default();
    let names = names.fold(first.to_owned(), |all, name| format!("{all}, {name}"));
    Err(Failure::wrong(format!("the sweep has no {what} \"{wanted}\", but {names}")))
}

fn as_json(found: &Found, advice: &Advice) -> String {
    let nearest = advice
        .fits()
        .next()
        .is_none()
        .then(|| json!({ "by_memory": advice.cheapest_good(), "by_quality": advice.best_small() }));
    let value = json!({
        "sweep": found.id,
        "question": advice.question,
        "fits": advice.fits().collect::<Vec<_>>(),
        "nearest": nearest,
        "configurations": advice.configurations,
        "cautions": cautions(found, advice),
    });
    format!("{value:#}\n")
}

fn shown(advice: &Advice, level: f64) -> String {
    let Question { documents, memory_bytes, measure, at_least } = advice.question;
    let wanted = format!(
        "{} documents in {}, {measure} of at least {at_least}",
        grouped(documents),
        print::bytes(memory_bytes),
    );
    let fits: Vec<&Configuration> = advice.fits().collect();
    let mut text = if fits.is_empty() {
        format!("{wanted}: nothing fits. The nearest:\n\n{}", nearest(advice, level))
    } else {
        format!("{wanted}: what fits, cheapest first\n\n{}", table(&fits, (measure, level)))
    };
    let named: Vec<&Configuration> = match fits.is_empty() {
        true => advice.cheapest_good().into_iter().chain(advice.best_small()).collect(),
        false => fits,
    };
    text += "\n";
    for sentence in extrapolations(&named, documents) {
        text += &format!("{sentence}\n");
    }
    text + "Memory: the codes with all that is kept for each vector, and once what is shared by all (projections, codebooks).\nNot \
            counted, for all alike: ids, texts, the encoder, and what a program needs besides.\nBeside: the vectors that a \
            second stage reads, in memory or on a disk. Intervals: bootstrap over\nqueries, of \
            seeds the mean of each query; \"surely\": all of the interval is as wanted, \"probably\": the value is.\n"
}

fn table(configurations: &[&Configuration], (measure, level): (Measure, f64)) -> String {
    let interval = format!("{:.0} % interval", level * 100.0);
    let header =
        ["codec", "model", "dataset", "memory", &measure.to_string(), &interval, "met where measured", "documents"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(configurations.iter().map(|found| {
        let seeds = if found.seeds > 1 { format!(" (mean of {} seeds)", found.seeds) } else { String::new() };
        vec![
            format!("{}{seeds}", found.name()),
            found.model.clone(),
            found.dataset.clone(),
            memory(found),
            format!("{:.4}", found.value),
            format!("{:.4} … {:.4}", found.interval[0], found.interval[1]),
            found.meets.name().to_owned(),
            times(found.times),
        ]
    }));
    print::columns(&rows)
}

/// What it takes, and what lies beside it for a second stage.
fn memory(found: &Configuration) -> String {
    let beside = (found.beside_bytes > 0).then(|| format!(" + {} beside", print::bytes(found.beside_bytes)));
    print::bytes(found.memory_bytes) + &beside.unwrap_or_default()
}

/// How far from what was measured: `as measured`, `× 1,929`, `× 0.5`.
fn times(times: f64) -> String {
    match times {
        1.0 => "as measured".to_owned(),
        MANY.. => format!("× {}", grouped(times.round() as u64)),
        _ => format!("× {times:.2}"),
    }
}

fn nearest(advice: &Advice, level: f64) -> String {
    let Question { memory_bytes, measure, at_least, .. } = advice.question;
    let mut text = String::new();
    let of = |found: &Configuration| {
        format!("{} of {} on {}: {measure} {:.4}", found.name(), found.model, found.dataset, found.value)
            + &format!(" ({:.4} … {:.4} at {:.0} %)", found.interval[0], found.interval[1], level * 100.0)
    };
    text += &match advice.cheapest_good() {
        Some(found) => format!(
            "  by memory   {}, {} good enough, takes {}: {:.2} times the memory\n",
            of(found),
            found.meets.name(),
            memory(found),
            found.memory_bytes as f64 / memory_bytes.max(1) as f64,
        ),
        None => format!("  by memory   no configuration of the sweep gives {at_least}, whatever it weighs\n"),
    };
    text += &match advice.best_small() {
        Some(found) => format!(
            "  by quality  {}, {:.4} less than wanted, takes {}\n",
            of(found),
            at_least - found.value,
            memory(found),
        ),
        None => "  by quality  no configuration of the sweep takes so little memory\n".to_owned(),
    };
    text
}

/// One sentence for each dataset that was measured at another size than is asked for.
fn extrapolations(named: &[&Configuration], documents: u64) -> BTreeSet<String> {
    let others = named.iter().filter(|found| found.times != 1.0);
    let sentence = |found: &&Configuration| {
        format!(
            "Extrapolated: {} was measured with {} documents, and {} are asked for ({}). Quality at that size was not measured: the\n\
             more documents, the lower it usually is.",
            found.dataset,
            grouped(found.documents),
            grouped(documents),
            times(found.times),
        )
    };
    others.map(sentence).collect()
}

/// What the plan has to say of the datasets measured on, and of the sweep as a whole.
fn cautions(found: &Found, advice: &Advice) -> Vec<String> {
    let datasets: BTreeSet<&str> = advice.configurations.iter().map(|found| found.dataset.as_str()).collect();
    let other = |caution: &String| {
        let lock = &found.plan.lock;
        let names = lock.searched().chain(lock.similarity.keys());
        let mut names = names.filter(|name| !datasets.contains(name.as_str()));
        names.any(|name| caution.starts_with(&format!("dataset {name}: ")))
    };
    found.plan.cautions().into_iter().filter(|caution| !other(caution)).collect()
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    groups.iter().map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_can_read_it() {
        assert_eq!([1, 999, 1000, 10_000_000].map(grouped), ["1", "999", "1,000", "10,000,000"]);
        assert_eq!([1.0, 0.5, 9.994, 1929.38].map(times), ["as measured", "× 0.50", "× 9.99", "× 1,929"]);
    }
}
