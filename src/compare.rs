//! `bitsweep compare`: two codecs, cells or sweeps query by query.

use std::collections::{BTreeMap, BTreeSet};

use bitsweep_proto::cell::Axis;
use bitsweep_proto::{Measure, Task};
use bitsweep_report::compare::{self, Chosen, Comparison, Measured, Selector, Settings, Verdict};

use crate::cli::{CompareArgs, SweepArg};
use crate::exit::{Exit, Failure};
use crate::per_query;
use crate::place::Which;
use crate::print::{self, out};
use crate::queries;
use crate::sweep::{self, Found};

/// Letters of a query that are shown.
const SHOWN: usize = 90;

pub(crate) async fn compare(args: CompareArgs) -> Result<Exit, Failure> {
    let (a, b) = (selector(&args.a)?, selector(&args.b)?);
    let settings = args.sampling.settings()?;
    let found = sweep::find(&args.sweep).await?;
    let other = match &args.with {
        Some(other) => {
            let wanted = SweepArg { sweep: Some(other.clone()), place: args.sweep.place.clone() };
            Some(sweep::find(&wanted).await?)
        }
        None => None,
    };
    let of_a = measured(&found, (&args.a, &a)).await?;
    let beside = other.as_ref().unwrap_or(&found);
    let of_b = measured(beside, (&args.b, &b)).await?;
    let pairs = compare::pairs(
        Chosen { selector: &a, lock: &found.plan.lock, cells: of_a },
        Chosen { selector: &b, lock: &beside.plan.lock, cells: of_b },
    )?;
    if pairs.is_empty() {
        return Err(Failure::wrong(format!("\"{}\" and \"{}\" have no model and dataset in common", args.a, args.b)));
    }
    let measures = measures(&args, &found)?;
    let comparisons = compare::compare(&pairs, &measures, settings);
    if args.json {
        out(&format!("{:#}\n", serde_json::to_value(&comparisons).expect("plain data has a form in JSON")))?;
        return Ok(Exit::Done);
    }
    let queries = moved(&found, &comparisons).await?;
    let mut text = String::new();
    for of_pair in comparisons.chunk_by(|x, y| x.on == y.on) {
        text += &shown(of_pair, settings, &queries);
    }
    text += &format!(
        "\nThe difference is the first less the second, of expected values over the orders of ties. Intervals: paired \
         bootstrap over queries; p: paired\nrandomisation; both {} times, seed {}. Holm's adjustment is for all {} comparisons \
         above; \"decided\" needs p (Holm) ≤ {:.2} and an interval\nwithout 0.\n",
        settings.sampling.rounds,
        settings.sampling.seed,
        comparisons.len(),
        1.0 - settings.level,
    );
    out(&text)?;
    Ok(Exit::Done)
}

fn selector(text: &str) -> Result<Selector, Failure> {
    Selector::parse(text).ok_or_else(|| {
        Failure::wrong(format!(
            "\"{text}\" selects no cells: a codec (binary/256), or values of the axes model, dataset, codec, seed and dims in this \
             order (model=minilm,codec=binary/256)"
        ))
    })
}

/// Those asked for, else those of the plan.
fn measures(args: &CompareArgs, found: &Found) -> Result<Vec<Measure>, Failure> {
    let asked: Result<Vec<Measure>, _> = args.measure.iter().map(|name| name.parse()).collect();
    let asked = asked.map_err(|error: bitsweep_proto::measure::NotAMeasure| Failure::wrong(error.to_string()))?;
    if let Some(measure) = asked.iter().find(|measure| measure.task() == Task::Similarity) {
        return Err(Failure::wrong(format!(
            "{measure} is no mean over queries and is not compared query by query; `bitsweep export` gives its values"
        )));
    }
    let planned: BTreeSet<Measure> = found.plan.measures.iter().copied().collect();
    match asked.iter().find(|measure| !planned.contains(measure)) {
        Some(missing) => {
            let names = found.plan.measures.iter().map(Measure::to_string).collect::<Vec<_>>().join(", ");
            Err(Failure::wrong(format!("the sweep does not measure {missing}, but {names}")))
        }
        None if asked.is_empty() => Ok(found.plan.measures.clone()),
        None => Ok(asked),
    }
}

/// The cells that fit, with their values by query.
async fn measured(found: &Found, (text, selector): (&str, &Selector)) -> Result<Vec<Measured>, Failure> {
    let of_codecs = found.plan.cells.iter().filter(|planned| planned.cell.is_retrieval());
    let fitting = of_codecs.filter(|planned| selector.fits(&planned.cell));
    let (pairs, cells): (Vec<_>, Vec<_>) =
        fitting.partition(|planned| found.plan.lock.similarity.contains_key(planned.cell.dataset()));
    if let (Some(first), true) = (pairs.first(), cells.is_empty()) {
        return Err(Failure::wrong(format!(
            "\"{text}\" fits cells of {} alone, pairs of sentences: a correlation is no mean over queries and is not compared \
             query by query; `bitsweep export` gives its values",
            first.cell.dataset()
        )));
    }
    if !pairs.is_empty() {
        let cells = print::count(pairs.len(), "cell that fits is", "cells that fit are");
        eprintln!("note: {cells} of pairs of sentences: a correlation is not compared query by query");
    }
    if cells.is_empty() {
        let codecs: BTreeSet<&str> =
            found.plan.cells.iter().filter_map(|planned| planned.cell.get(Axis::Codec)).collect();
        let codecs = codecs.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Failure::wrong(format!("\"{text}\" fits no cell of {}; its codecs: {codecs}", found.plan.name)));
    }
    let outcomes = found.place.outcomes((&found.id, &found.plan), Which::Measured).await?;
    let missed = bitsweep_report::missed(&found.plan, &outcomes);
    if let Some(missed) = missed.iter().find(|missed| cells.iter().any(|planned| missed.withholds(&planned.cell))) {
        return Err(Failure::wrong(missed.to_string()));
    }
    let (read, missing) = per_query::read(found, &outcomes, cells).await?;
    if read.is_empty() {
        return Err(Failure::wrong(format!("no cell that \"{text}\" fits has a result yet; see `bitsweep status`")));
    }
    if missing > 0 {
        let cells = print::count(missing, "cell that fits has", "cells that fit have");
        eprintln!("note: {cells} no result yet: left out; see `bitsweep status`");
    }
    Ok(read)
}

/// The texts of all queries that are shown, by id. Ids of two datasets may be the same: where several are compared there are
/// none.
async fn moved(found: &Found, comparisons: &[Comparison]) -> Result<BTreeMap<String, String>, Failure> {
    let wanted: BTreeSet<&str> =
        comparisons.iter().flat_map(|comparison| &comparison.moved).map(|moved| moved.query.as_str()).collect();
    let mut texts = BTreeMap::new();
    let lock = &found.plan.lock;
    let mut names = lock.searched();
    if let (Some(name), None) = (names.next(), names.next())
        && let Some(file) = lock.queries(name)
    {
        texts = queries::texts(found, file, &wanted).await?;
    }
    let cut = |text: String| text.chars().take(SHOWN).collect();
    Ok(texts.into_iter().map(|(id, text)| (id, cut(text))).collect())
}

/// All measures of one pair.
fn shown(comparisons: &[Comparison], settings: Settings, queries: &BTreeMap<String, String>) -> String {
    let Some(first) = comparisons.first() else { return String::new() };
    let seeds = |at: usize| match first.seeds[at] {
        1 => String::new(),
        many => format!(" (mean of {many} seeds)"),
    };
    let on = if first.on.is_empty() { String::new() } else { format!("{}: ", first.on) };
    let mut text = format!("{on}{}{} and {}{}, {} queries\n\n", first.a, seeds(0), first.b, seeds(1), first.queries);
    for warning in &first.warnings {
        text += &format!("warning: {warning}\n\n");
    }
    let level = format!("{:.0} % interval", settings.level * 100.0);
    let header =
        ["measure", "first", "second", "difference", &level, "p", "p (Holm)", "d_z", "wins/losses/ties", "decided"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for comparison in comparisons {
        let [a, b] = comparison.means;
        let [low, high] = comparison.interval;
        let [wins, losses, ties] = comparison.wins_losses_ties;
        let decided = match comparison.verdict(settings) {
            Verdict::First => &comparison.a,
            Verdict::Second => &comparison.b,
            Verdict::Open => "no",
        };
        rows.push(vec![
            comparison.measure.to_string(),
            format!("{a:.4}"),
            format!("{b:.4}"),
            format!("{:+.4}", comparison.difference),
            format!("{low:+.4} … {high:+.4}"),
            format!("{:.4}", comparison.p),
            format!("{:.4}", comparison.p_holm),
            comparison.standardised.map_or_else(|| "–".to_owned(), |effect| format!("{effect:+.2}")),
            format!("{wins}/{losses}/{ties}"),
            decided.to_owned(),
        ]);
    }
    text += &print::columns(&rows);
    for comparison in comparisons {
        if let Some(p) = comparison.mcnemar {
            let [wins, losses, _] = comparison.wins_losses_ties;
            text += &format!(
                "\n{}: every value is 0 or 1; McNemar's exact test of {wins} queries that {} alone has right and {losses} that {} \
                 alone has: p {p:.4}, not adjusted\n",
                comparison.measure, comparison.a, comparison.b
            );
        }
    }
    for (side, deviations) in [&first.a, &first.b].into_iter().zip(first.deviations) {
        if let Some(of) = deviations {
            text += &format!(
                "\n{side}, {}: standard deviation {:.4} between seeds, {:.4} between queries, {:.4} of what is left; standard \
                 error of the mean {:.4}\n",
                first.measure, of.seed, of.query, of.rest, of.standard_error
            );
        }
    }
    if !first.moved.is_empty() {
        text += &format!("\nqueries that differ most by {}:\n", first.measure);
        for moved in &first.moved {
            let words = queries.get(&moved.query).map_or("", String::as_str);
            text += &format!("  {:.4} and {:.4}  {}  {words}\n", moved.a, moved.b, moved.query);
        }
    }
    text + "\n"
}
