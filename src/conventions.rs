//! `bitsweep conventions`: one run as other tools evaluate it, and why their values differ from ours.

use bitsweep_jobs::judged::{Documents, Judged};
use bitsweep_jobs::run_file::{self, Run};
use bitsweep_jobs::texts;
use bitsweep_proto::plan::PlannedCell;
use bitsweep_proto::{Measure, Task};
use bitsweep_report::conventions::{self, Convention, Line, Order, Query, Reason, Rule, Side, SideBySide};
use bitsweep_report::export::trec_order;
use serde_json::json;

use crate::cli::ConventionsArgs;
use crate::exit::{Exit, Failure};
use crate::explain;
use crate::export::{dataset, job_failure, run_of};
use crate::place::Which;
use crate::print::{self, out};
use crate::sweep::{self, Found};

const NONE_ELSEWHERE: &str = "the sweep measures nothing that other tools have: name a measure with --measure";

pub(crate) async fn conventions(args: ConventionsArgs) -> Result<Exit, Failure> {
    let found = sweep::find(&args.sweep).await?;
    let planned = explain::choose(&found.plan, &args.cell)?;
    if !planned.cell.is_retrieval() {
        return Err(Failure::wrong(format!("{} is no retrieval: it has no run to evaluate", planned.cell)));
    }
    if found.plan.lock.classification.contains_key(planned.cell.dataset()) {
        let problem = format!("{} is of labelled texts: its run has no judgements to evaluate it by", planned.cell);
        return Err(Failure::wrong(problem));
    }
    let measures = measures(&args.measure, &found.plan.measures)?;
    let outcomes = found.place.outcomes((&found.id, &found.plan), Which::Measured).await?;
    let missed = bitsweep_report::missed(&found.plan, &outcomes);
    if let Some(missed) = missed.iter().find(|missed| missed.withholds(&planned.cell)) {
        return Err(Failure::wrong(missed.to_string()));
    }
    let (queries, name_order) = queries(&found, planned).await?;
    let compared = conventions::side_by_side(&queries, &measures, &name_order)?;
    if args.json {
        out(&format!("{:#}\n", json!({ "cell": planned.cell.to_string(), "measures": compared })))?;
        return Ok(Exit::Done);
    }
    let in_run = queries.iter().filter(|query| !query.query.lines.is_empty()).count();
    let judged = print::count(queries.len(), "judged query", "judged queries");
    out(&format!("{}: {judged}, {in_run} with results\n\n{}", planned.cell, shown(&compared)))?;
    Ok(Exit::Done)
}

/// Those asked for, else those of the plan that some tool has too.
fn measures(asked: &[String], planned: &[Measure]) -> Result<Vec<Measure>, Failure> {
    let has_convention =
        |measure: &Measure| Convention::ALL.iter().any(|convention| convention.rules(*measure).is_some());
    if asked.is_empty() {
        let all: Vec<Measure> = planned.iter().copied().filter(has_convention).collect();
        return if all.is_empty() { Err(Failure::wrong(NONE_ELSEWHERE)) } else { Ok(all) };
    }
    let asked: Result<Vec<Measure>, _> = asked.iter().map(|name| name.parse()).collect();
    let asked = asked.map_err(|error: bitsweep_proto::measure::NotAMeasure| Failure::wrong(error.to_string()))?;
    // Runs that people have judged are as deep as the measures of retrieval ask, whatever others do.
    let of_retrieval = planned.iter().filter(|measure| measure.task() == Task::Retrieval);
    let deepest = of_retrieval.map(Measure::depth).max().unwrap_or_default();
    for measure in &asked {
        if !has_convention(measure) {
            return Err(Failure::wrong(format!("no other tool has {measure} of a run")));
        }
        if measure.depth() > deepest {
            return Err(Failure::wrong(format!(
                "{measure} looks at {} ranks, but the sweep's runs are {deepest} deep: add it to the measures of the manifest",
                measure.depth()
            )));
        }
    }
    Ok(asked)
}

/// The judged queries as a tool reads them from what `export --format trec` writes, and the order of the documents' ids.
async fn queries(found: &Found, planned: &PlannedCell) -> Result<(Vec<conventions::Judged>, Vec<u32>), Failure> {
    let run = run_of(found, planned)
        .await?
        .ok_or_else(|| Failure::wrong(format!("{} has no result yet; see `bitsweep status`", planned.cell)))?;
    let run = run_file::read(&found.place.blob(&run).await?).map_err(job_failure)?;
    let dataset = dataset(found, planned)?;
    let documents = Documents::read(&found.place.blob(&dataset.document_ids.sha256).await?).map_err(job_failure)?;
    let query_ids = texts::row_ids(&found.place.blob(&dataset.queries.sha256).await?).map_err(job_failure)?;
    if run.queries() != query_ids.len() {
        let (lists, queries) = (run.queries(), query_ids.len());
        return Err(Failure::wrong(format!("the run has {lists} lists, but the dataset {queries} queries")));
    }
    let judged = Judged::read(&found.place.blob(&dataset.qrels.sha256).await?, &documents).map_err(job_failure)?;
    let judged = judged.in_order(query_ids).into_iter().map(|judged| conventions::Judged {
        query: Query {
            lines: judged.row.map(|row| lines((&run, row), documents.ids())).unwrap_or_default(),
            own: documents.row(&judged.id),
            grades: judged.grades.known,
            absent: judged.grades.absent,
        },
        id: judged.id,
    });
    Ok((judged.collect(), documents.name_order().to_vec()))
}

/// The lines of one query in the order of the exported file.
fn lines((run, row): (&Run, usize), ids: &[String]) -> Vec<Line> {
    let (documents, scores) = run.list(row);
    let mut hits: Vec<(u32, f32)> = documents.iter().copied().zip(scores.iter().copied()).collect();
    let named = |(document, score): (u32, f32)| (ids[document as usize].as_str(), score);
    hits.sort_by(|a, b| trec_order(named(*a), named(*b)));
    (1..).zip(hits).map(|(rank, (document, score))| Line::new((document, f64::from(score)), rank)).collect()
}

/// The table, and under it why values differ.
fn shown(compared: &[SideBySide]) -> String {
    let mut header = vec!["measure", "expected", "min", "max"];
    header.extend(Convention::ALL.map(Convention::name));
    let mut rows = vec![header.into_iter().map(str::to_owned).collect()];
    for one in compared {
        let mut row = vec![one.measure.to_string()];
        row.extend([one.expected, one.min, one.max].map(|value| format!("{value:.4}")));
        for convention in Convention::ALL {
            let side = one.sides.iter().find(|side| side.conventions.contains(&convention));
            row.push(side.map_or_else(|| "–".to_owned(), |side| format!("{:.4}", side.value)));
        }
        rows.push(row);
    }
    let mut text = print::columns(&rows);
    text += "\nexpected: the mean over all orders of tied documents, min and max its envelope, as in the table of results. The \
             tools' values are those\nfor the files of `bitsweep export --format trec`; –: the tool has no such measure. Rules and \
             sources: docs/conventions.md.\n";
    if compared.iter().flat_map(|one| &one.sides).all(|side| side.reasons.is_empty()) {
        return text + "\nAll conventions agree on every query.\n";
    }
    for one in compared {
        text += &reasons(one);
    }
    text
}

/// Why the values of one measure differ.
fn reasons(one: &SideBySide) -> String {
    let queries = print::count(one.queries, "query", "queries");
    let mut text = match (one.tied, one.tied_across) {
        (0, _) => format!("\n{}: no query of {queries} has tied documents among the ranks looked at\n", one.measure),
        (tied, across) => format!(
            "\n{}: {tied} of {queries} have tied documents among the ranks looked at, {across} across the last of them\n",
            one.measure
        ),
    };
    // Tools whose rules differ may still do the same in this run.
    let mut blocks: Vec<(Vec<Convention>, String)> = Vec::new();
    for side in &one.sides {
        let block = block(side);
        match blocks.iter_mut().find(|(_, other)| *other == block) {
            Some((conventions, _)) => conventions.extend(&side.conventions),
            None => blocks.push((side.conventions.clone(), block)),
        }
    }
    for (conventions, block) in blocks {
        let names: Vec<&str> = conventions.into_iter().map(Convention::name).collect();
        text += &format!("  {}: {block}", names.join(", "));
    }
    text
}

/// What is said of one value.
fn block(side: &Side) -> String {
    if side.reasons.is_empty() {
        return "the expected value of every query\n".to_owned();
    }
    let mut text = format!("{:.4} ({:+.4})\n", side.value, side.difference);
    for reason in &side.reasons {
        text += &format!("    {:+.4}  {}\n", reason.effect, because(reason, side));
    }
    let moved = side.moved.iter().map(|moved| format!("{} {:.4} → {:.4}", moved.query, moved.expected, moved.value));
    let moved: Vec<String> = moved.collect();
    if !moved.is_empty() {
        text += &format!("    moved most: {}\n", moved.join(", "));
    }
    text
}

/// The rule in words, and what it meets in this run.
fn because(reason: &Reason, side: &Side) -> String {
    let rule = match reason.rule {
        Rule::Order => match side.rules.order {
            Order::IdDescending => "tied documents stand by document id, descending",
            Order::FileOrder => "tied documents stand as the file lists them (export writes them by id, descending)",
            Order::RankColumn => "the rank column alone is the order (export writes ties by id, descending)",
            Order::Quicksort => "tied documents stand where ranx's unstable sort leaves them",
        },
        Rule::Own => "the document with the query's own id is dropped",
        Rule::Relevant => "every judged document is relevant, whatever its grade",
        Rule::Gain => "the gain is 2^grade − 1, not the grade",
        Rule::Depth => "all of the run is looked at, not its first 1000 ranks",
        Rule::Average => "the average is over the judged queries that have results",
    };
    match (reason.rule, reason.queries) {
        (Rule::Average, 1) => format!("{rule}: 1 query is left out"),
        (Rule::Average, left_out) => format!("{rule}: {left_out} queries are left out"),
        (_, 1) => format!("{rule}: the value of 1 query differs"),
        (_, changed) => format!("{rule}: the values of {changed} queries differ"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Votes look at runs of their own.
    #[test]
    fn a_measure_looks_no_deeper_than_the_runs_of_retrieval() {
        let planned = [Measure::Ndcg { k: 10 }, Measure::Recall { k: 100 }, Measure::Accuracy { k: 500 }];
        let asked = |name: &str| measures(&[name.to_owned()], &planned);
        assert!(asked("nDCG@100").is_ok_and(|found| found == [Measure::Ndcg { k: 100 }]));
        assert!(asked("nDCG@200").is_err());
        assert!(measures(&[], &planned).is_ok_and(|found| found == planned[..2]));
    }
}
