//! Where compression fails, as rows of text: ties, lost queries, large cut-offs, bits and codes, copies.

use bitsweep_proto::{Measure, Outcome, Plan, Study};
use serde::Serialize;

use super::Texts;
use super::codes::{self, BitsView};
use crate::answers::{Answer, Answers, LineAnswers, PanelAnswers, mean};
use crate::codes::Inspections;
use crate::hard::{self, Lost};
use crate::number::{grouped, range, signed, value};
use crate::summary::Panel;
use crate::{Outcomes, plot};

/// Letters of a query that are shown.
const SHOWN: usize = 160;

/// One model on one dataset.
#[derive(Debug, Serialize)]
pub(crate) struct FailuresView {
    model: String,
    dataset: String,
    /// The measure of all tables but that of cut-offs.
    hero: String,
    ties: GridView,
    /// The query that ties leave open most widely; none where no query is open.
    open: Option<OpenView>,
    tolls: Option<GridView>,
    hard: Option<GridView>,
    depths: Option<GridView>,
    /// Of binary codes, where they were looked into.
    bits: Option<BitsView>,
    copies: String,
}

/// One query whose value the order of tied documents decides.
#[derive(Debug, Serialize)]
struct OpenView {
    codec: String,
    query: String,
    text: String,
    least: String,
    greatest: String,
}

/// A table: head, rows, and the columns that hold numbers.
#[derive(Debug, Serialize)]
pub(crate) struct GridView {
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) numeric: Vec<usize>,
}

impl GridView {
    /// A table whose columns from `first` on hold numbers.
    pub(super) fn new(head: Vec<String>, rows: Vec<Vec<String>>, first: usize) -> Self {
        Self { numeric: (first..head.len()).collect(), head, rows }
    }
}

fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What the section is made from.
pub(super) struct Source<'a> {
    pub(super) plan: &'a Plan,
    pub(super) outcomes: &'a Outcomes,
    pub(super) answers: &'a Answers,
    pub(super) texts: &'a Texts,
}

/// One view for each panel that has answers.
pub(super) fn views(source: &Source<'_>, panels: &[Panel<'_>]) -> Vec<FailuresView> {
    let inspections = Inspections::of(source.plan, source.outcomes);
    let view = |panel: &PanelAnswers| {
        let hero = source.answers.hero_of(panel)?;
        Some(FailuresView {
            model: panel.model.clone(),
            dataset: panel.dataset.clone(),
            hero: hero.to_string(),
            ties: ties(source, panel, (hero, panels)),
            open: open(source, panel, hero),
            tolls: tolls(panel, hero),
            hard: hard(source, panel, hero),
            depths: depths(panel),
            bits: codes::bits(&inspections, (&panel.model, &panel.dataset)),
            copies: copies(source, panel),
        })
    };
    source.answers.panels.iter().filter_map(view).collect()
}

fn percent(part: f64) -> String {
    format!("{:.1} %", 100.0 * part)
}

/// Codec, largest tied group, its share of the documents, share of open queries, what ties leave open of the hero measure.
fn ties(source: &Source<'_>, panel: &PanelAnswers, (hero, panels): (Measure, &[Panel<'_>])) -> GridView {
    let documents = source.plan.lock.stored(&panel.dataset).unwrap_or(0);
    let at = source.plan.measures.iter().position(|measure| *measure == hero);
    let same = panels.iter().find(|other| (other.model, other.dataset) == (&*panel.model, &*panel.dataset));
    let row = |line: &LineAnswers| {
        let tied = line.largest_tied_group;
        let share = tied.filter(|_| documents > 0).map(|tied| percent(tied as f64 / documents as f64));
        let open = line.answers.get(&hero).map(|answer| percent(answer.open));
        let of_line = same.and_then(|panel| panel.lines.iter().find(|other| other.codec.name() == line.name));
        let spread = of_line.and_then(|other| other.spreads[at?]);
        let envelope = spread.map(|spread| format!("{} to {}", value(spread.tie_min), value(spread.tie_max)));
        let cells = [tied.map(grouped), share, open, envelope].map(Option::unwrap_or_default);
        std::iter::once(line.name.clone()).chain(cells).collect()
    };
    let open = format!("Queries whose {hero} is open");
    let names = ["Codec", "Largest tied group", "of the documents", &open, "Least to greatest"];
    GridView::new(head(&names), panel.plain().map(row).collect(), 1)
}

/// An example of a tie that matters: the query that is open most widely.
fn open(source: &Source<'_>, panel: &PanelAnswers, hero: Measure) -> Option<OpenView> {
    let (line, widest) = hard::open(panel, hero)?;
    let query = panel.queries.get(widest.query)?;
    Some(OpenView {
        codec: line.name.clone(),
        query: query.clone(),
        text: text(source, panel, query),
        least: value(widest.min),
        greatest: value(widest.max),
    })
}

/// The beginning of a query; empty where it is not known.
fn text(source: &Source<'_>, panel: &PanelAnswers, query: &str) -> String {
    let words = source.texts.get(&panel.dataset).and_then(|texts| texts.get(query));
    words.map(|words| words.chars().take(SHOWN).collect()).unwrap_or_default()
}

/// Codec, queries lost and gained against float32; none without float32.
fn tolls(panel: &PanelAnswers, hero: Measure) -> Option<GridView> {
    let row = |line: &LineAnswers| {
        let toll = hard::toll(panel, line, hero)?;
        let share = if toll.answered == 0 { 0.0 } else { toll.lost as f64 / toll.answered as f64 };
        let numbers = [toll.answered.to_string(), toll.lost.to_string(), percent(share), toll.gained.to_string()];
        Some(std::iter::once(line.name.clone()).chain(numbers).collect())
    };
    let names = ["Codec", "Queries that float32 answers", "Lost", "of them", "Gained"];
    let rows: Vec<Vec<String>> = panel.plain().filter_map(row).collect();
    (!rows.is_empty()).then(|| GridView::new(head(&names), rows, 1))
}

/// The queries that most codecs lose, with their texts where they are known.
fn hard(source: &Source<'_>, panel: &PanelAnswers, hero: Measure) -> Option<GridView> {
    let row = |lost: Lost<'_>| {
        vec![
            lost.query.to_owned(),
            text(source, panel, lost.query),
            value(lost.float32),
            format!("{} of {}", lost.losers, lost.codecs),
            lost.kept_by.unwrap_or("none").to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = hard::lost(panel, hero).into_iter().map(row).collect();
    let of_float32 = format!("{hero} of float32");
    let names = head(&["Query", "Text", &of_float32, "Codecs that lose it", "Smallest that keeps it"]);
    (!rows.is_empty()).then(|| GridView { head: names, rows, numeric: vec![2, 3] })
}

/// Codec, and for each recall the difference to float32 with its interval and what share of float32's value is kept. None with
/// fewer than two recalls.
fn depths(panel: &PanelAnswers) -> Option<GridView> {
    let float32 = panel.float32()?;
    let is_recall = |measure: &&Measure| matches!(measure, Measure::Recall { .. });
    let recalls: Vec<Measure> = float32.answers.keys().filter(is_recall).copied().collect();
    let cells = |answer: Option<&Answer>, whole: f64| match answer.and_then(|answer| Some((answer, answer.loss?))) {
        Some((answer, [difference, low, high])) => {
            let kept = if whole > 0.0 { percent(mean(&answer.values) / whole) } else { String::new() };
            [format!("{} ({})", signed(difference), range([low, high])), kept]
        }
        None => [String::new(), String::new()],
    };
    let row = |line: &LineAnswers| {
        let mut row = vec![line.name.clone()];
        for measure in &recalls {
            row.extend(cells(line.answers.get(measure), mean(&float32.answers[measure].values)));
        }
        row
    };
    let lines = panel.plain().filter(|line| line.name != float32.name);
    let mut names = head(&["Codec"]);
    names.extend(recalls.iter().flat_map(|measure| [format!("{measure} less float32’s"), "kept".to_owned()]));
    (recalls.len() > 1).then(|| GridView::new(names, lines.map(row).collect(), 1))
}

/// What is known of vectors that are the same.
fn copies(source: &Source<'_>, panel: &PanelAnswers) -> String {
    let studied = source.plan.cells.iter().find(|planned| {
        let cell = &planned.cell;
        cell.study() == Some(Study::Geometry) && (cell.model(), cell.dataset()) == (&*panel.model, &*panel.dataset)
    });
    let outcome = studied.and_then(|planned| source.outcomes.get(&source.plan.jobs[planned.job as usize].key));
    let fact = |outcome: &Outcome, name: &str| outcome.produced.facts.get(name).copied();
    let known = outcome.and_then(|outcome| Some((fact(outcome, "duplicates")?, fact(outcome, "documents")?)));
    match known {
        Some((copies, documents)) => format!(
            "Of {} documents looked at, {} have the very vector of an earlier one: no codec can tell them apart.",
            grouped(documents),
            grouped(copies)
        ),
        None if source.plan.lock.classification.contains_key(&panel.dataset) => {
            "Labelled texts with the very same vector are not counted.".to_owned()
        }
        None => "Documents with the very same vector are counted where the manifest says geometry: true.".to_owned(),
    }
}

/// Codec, seeds, and the standard deviations between seeds and between queries, of the hero measure; none where no codec has
/// several seeds.
pub(super) fn deviations(panel: &PanelAnswers, hero: Measure) -> Option<GridView> {
    let row = |line: &LineAnswers| {
        let answer = line.answers.get(&hero)?;
        let of = answer.deviations?;
        let least = answer.seeds.iter().copied().reduce(f64::min)?;
        let greatest = answer.seeds.iter().copied().reduce(f64::max)?;
        let numbers = [of.seed, of.query, of.rest, of.standard_error].map(value);
        let seeds =
            [line.name.clone(), answer.seeds.len().to_string(), format!("{} to {}", value(least), value(greatest))];
        Some(seeds.into_iter().chain(numbers).collect())
    };
    let rows: Vec<Vec<String>> = panel.plain().filter_map(row).collect();
    let names = [
        "Codec",
        "Seeds",
        "Least to greatest",
        "Between seeds",
        "Between queries",
        "Rest",
        "Standard error of the mean",
    ];
    (!rows.is_empty()).then(|| GridView::new(head(&names), rows, 1))
}

/// The names on the front of a figure, smallest first.
pub(super) fn front(figure: &plot::Figure<'_>) -> String {
    let names = figure.front().into_iter().map(|point| format!("{} ({} bytes)", point.name(), point.bytes_per_vector));
    names.collect::<Vec<_>>().join(", ")
}
