//! `bitsweep demo`: a query typed by a person, and what two codecs of a finished sweep find for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal};
use std::time::Instant;

use bitsweep_jobs::ask::{QueryEncoder, QueryVector, Searcher};
use bitsweep_jobs::{Runner, texts};
use bitsweep_proto::cell::{Axis, Cell};
use bitsweep_proto::job::TruncateSpec;
use bitsweep_proto::plan::{From, Input, PlannedCell, PlannedJob};
use bitsweep_proto::wire::InputFile;
use bitsweep_proto::{Plan, Spec};
use bitsweep_report::beside::{Line, beside};
use bitsweep_report::compare::Selector;
use clap::Args;
use serde_json::{Value, json};

use crate::cli::SweepArg;
use crate::exit::{Exit, Failure};
use crate::export::{job_failure, retrieving};
use crate::place::Blob;
use crate::print;
use crate::sweep::{self, Found};

/// Ranks that are shown.
const SHOWN: usize = 10;

/// Ranks that a document is looked for under the other codec.
const DEEP: usize = 1000;

/// Letters of a line, where the terminal does not say.
const WIDTH: usize = 140;

/// `bitsweep demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bitsweep demo examples/quickstart.yaml --codec binary/64 --query 'why does bread rise'\n  bitsweep demo examples/quickstart.yaml --codec pq/8 --against float32     one query a line, until Ctrl-D\n\nThe query is encoded as the sweep encoded its own: same model, prefix, length and pooling. Ranks: = marks documents whose scores\ntie; the arrow says how many ranks higher (↑) or lower (↓) a document stands than under the other codec. Times are of one run on\nthis machine, no benchmark."
)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepArg,
    /// The model. Needed where the sweep has several.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// The dataset. Needed where the sweep has several.
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// The codec on the left: binary/256, or with a seed codec=binary/256,seed=1. Default: the first that is not float32.
    #[arg(long, value_name = "A")]
    pub(crate) codec: Option<String>,
    /// The codec on the right. Default: float32.
    #[arg(long, value_name = "B", default_value = "float32")]
    pub(crate) against: String,
    /// The query. Default: lines of standard input, one after the other.
    #[arg(long, value_name = "TEXT")]
    pub(crate) query: Option<String>,
    /// Print JSON.
    #[arg(long, requires = "query")]
    pub(crate) json: bool,
}

pub(crate) async fn demo(args: DemoArgs) -> Result<Exit, Failure> {
    let found = sweep::find(&args.sweep).await?;
    let cells = choose(&found, &args)?;
    let mut stage = Stage::load(&found, cells).await?;
    if let Some(query) = &args.query {
        let answer = stage.ask(query)?;
        print::out(&if args.json { format!("{:#}\n", answer.as_json(&stage)) } else { answer.shown(&stage) })?;
        return Ok(Exit::Done);
    }
    let stdin = std::io::stdin().lock();
    let asked = stdin.is_terminal();
    let prompt = || if asked { print::out("query> ") } else { Ok(()) };
    prompt()?;
    for line in stdin.lines() {
        let line = line?;
        if !line.trim().is_empty() {
            let answer = stage.ask(&line)?;
            print::out(&answer.shown(&stage))?;
        }
        prompt()?;
    }
    Ok(Exit::Done)
}

/// The cells of both sides.
fn choose<'f>(found: &'f Found, args: &DemoArgs) -> Result<[&'f PlannedCell; 2], Failure> {
    if args.query.as_deref().is_some_and(|query| query.trim().is_empty()) {
        return Err(Failure::wrong("--query is empty: say what to look for"));
    }
    // Other studies have no search of one index, or, of labelled texts, nothing to find.
    let is_of_labels = |planned: &&PlannedCell| found.plan.lock.classification.contains_key(planned.cell.dataset());
    let searches = found.plan.cells.iter().filter(|planned| retrieving(found, planned).is_some());
    let cells: Vec<&PlannedCell> = searches.filter(|planned| !is_of_labels(planned)).collect();
    let model = only(&cells, Axis::Model, args.model.as_deref())?;
    let dataset = only(&cells, Axis::Dataset, args.dataset.as_deref())?;
    let here = |planned: &&PlannedCell| (planned.cell.model(), planned.cell.dataset()) == (model, dataset);
    let cells: Vec<&PlannedCell> = cells.into_iter().filter(here).collect();
    let one = |text: &str| {
        let selector = Selector::parse(text);
        let fits = |planned: &&&PlannedCell| selector.as_ref().is_some_and(|selector| selector.fits(&planned.cell));
        cells.iter().find(fits).copied().ok_or_else(|| {
            let codecs: BTreeSet<&str> = cells.iter().filter_map(|planned| planned.cell.get(Axis::Codec)).collect();
            let codecs = codecs.into_iter().collect::<Vec<_>>().join(", ");
            Failure::wrong(format!("\"{text}\" fits no cell of {model} on {dataset}; codecs there: {codecs}"))
        })
    };
    let against = one(&args.against)?;
    let codec = match &args.codec {
        Some(codec) => one(codec)?,
        None => {
            let other = |planned: &&&PlannedCell| planned.cell.get(Axis::Codec) != against.cell.get(Axis::Codec);
            cells.iter().find(other).copied().unwrap_or(against)
        }
    };
    Ok([codec, against])
}

/// The value on an axis that is asked for, or the only one.
fn only<'f>(cells: &[&'f PlannedCell], axis: Axis, wanted: Option<&str>) -> Result<&'f str, Failure> {
    let names: BTreeSet<&str> = cells.iter().filter_map(|planned| planned.cell.get(axis)).collect();
    let all = names.iter().copied().collect::<Vec<_>>().join(", ");
    let name = axis.name();
    match (wanted, names.len()) {
        (Some(wanted), _) => names
            .get(wanted)
            .copied()
            .ok_or_else(|| Failure::wrong(format!("the sweep has no {name} \"{wanted}\", but {all}"))),
        (None, 1) => Ok(names.first().copied().unwrap_or_default()),
        (None, 0) => Err(Failure::wrong("the sweep has no cell that retrieves anything")),
        (None, _) => Err(Failure::wrong(format!("the sweep has several {name}s, say which with --{name}: {all}"))),
    }
}

/// All that is needed to answer.
struct Stage {
    encoder: QueryEncoder,
    sides: [Side; 2],
    corpus: Blob,
    /// What holds the files in place that encoder and indexes were read from.
    _files: Vec<Blob>,
}

/// One codec.
struct Side {
    cell: Cell,
    searcher: Searcher,
    /// What makes a query's vector as short as those of the documents; `None` where they are whole.
    truncation: Option<TruncateSpec>,
}

impl Stage {
    async fn load(found: &Found, cells: [&PlannedCell; 2]) -> Result<Self, Failure> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let runner = Runner::new(threads).map_err(job_failure)?;
        if *runner.profiles() != found.plan.profiles {
            eprintln!("note: this machine computes otherwise than those of the sweep: scores may differ by rounding");
        }
        let mut files = Vec::new();
        let first = search_of(found, cells[0])?;
        let encoder = encoder(found, first, &mut files).await?;
        let mut sides = Vec::new();
        for planned in cells {
            let searcher = searcher(found, planned, &mut files).await?;
            let truncation = queries_of(&found.plan, search_of(found, planned)?).and_then(|(_, truncation)| truncation);
            sides.push(Side { cell: planned.cell.clone(), searcher, truncation });
        }
        let name = cells[0].cell.dataset();
        let dataset = found.plan.lock.datasets.get(name);
        let dataset = dataset.ok_or_else(|| Failure::wrong(format!("the plan's lock has no dataset \"{name}\"")))?;
        let corpus = found.place.blob(&dataset.corpus.sha256).await?;
        let sides = <[Side; 2]>::try_from(sides).map_err(|_| Failure::wrong("a comparison has two sides"))?;
        Ok(Self { encoder, sides, corpus, _files: files })
    }

    fn ask(&mut self, query: &str) -> Result<Answer, Failure> {
        let started = Instant::now();
        let vector = self.encoder.encode(query).map_err(job_failure)?;
        let encode_ms = milliseconds(started);
        let mut search_ms = [0.0; 2];
        let mut lists = [Vec::new(), Vec::new()];
        for (at, side) in self.sides.iter().enumerate() {
            let short = side.truncation.map(|spec| vector.truncated(&spec)).transpose().map_err(job_failure)?;
            let vector = short.as_ref().unwrap_or(&vector);
            (search_ms[at], lists[at]) = search(&side.searcher, vector).map_err(job_failure)?;
        }
        let lists = beside([&lists[0], &lists[1]]);
        let rows = lists.iter().flat_map(|list| list.iter().take(SHOWN)).map(|line| u64::from(line.row)).collect();
        let documents = texts::rows_at(&self.corpus, &rows).map_err(job_failure)?;
        Ok(Answer { query: query.to_owned(), encode_ms, search_ms, lists, documents })
    }
}

/// The search that a cell was measured by.
fn search_of<'f>(found: &'f Found, planned: &PlannedCell) -> Result<&'f PlannedJob, Failure> {
    retrieving(found, planned)
        .ok_or_else(|| Failure::wrong(format!("{} is not a search of one index: it cannot be shown", planned.cell)))
}

/// The job that embeds the queries of a search, and what truncates their vectors, where something does.
fn queries_of<'p>(plan: &'p Plan, search: &PlannedJob) -> Option<(&'p PlannedJob, Option<TruncateSpec>)> {
    let job = made(plan, search, "queries")?;
    match &job.spec {
        Spec::Truncate(spec) => Some((made(plan, job, "vectors")?, Some(*spec))),
        _ => Some((job, None)),
    }
}

/// The first job that makes the input `name` of `job`.
fn made<'p>(plan: &'p Plan, job: &PlannedJob, name: &str) -> Option<&'p PlannedJob> {
    job.inputs.iter().find_map(|input| match input.from {
        From::Job(job) if input.name == name => Some(&plan.jobs[job as usize]),
        From::Job(_) | From::Blob(_) => None,
    })
}

/// The encoder of the queries of a search.
async fn encoder(found: &Found, search: &PlannedJob, files: &mut Vec<Blob>) -> Result<QueryEncoder, Failure> {
    let embedding = queries_of(&found.plan, search);
    let Some((job, Spec::Embed(spec))) = embedding.map(|(job, _)| (job, &job.spec)) else {
        return Err(Failure::wrong("the queries of the sweep are embedded by no job of this version"));
    };
    let inputs = job.inputs.iter().filter(|input| input.name == "model");
    QueryEncoder::load(spec, local(found, inputs, files).await?).map_err(job_failure)
}

/// The index that a cell was measured with.
async fn searcher(found: &Found, planned: &PlannedCell, files: &mut Vec<Blob>) -> Result<Searcher, Failure> {
    let job = search_of(found, planned)?;
    let Spec::Retrieve(spec) = &job.spec else {
        return Err(Failure::wrong(format!("{} is not a search of one index: it cannot be shown", planned.cell)));
    };
    let inputs = job.inputs.iter().filter(|input| matches!(input.name.as_str(), "index" | "documents"));
    Searcher::load(spec, local(found, inputs, files).await?).map_err(job_failure)
}

/// Inputs of a job as files on this machine, artifacts expanded to their items.
async fn local<'i>(
    found: &Found,
    inputs: impl Iterator<Item = &'i Input>,
    files: &mut Vec<Blob>,
) -> Result<Vec<InputFile>, Failure> {
    let mut local = Vec::new();
    for input in inputs {
        let items = match input.from {
            From::Blob(blob) => vec![(input.item.clone(), blob)],
            From::Job(job) => {
                let (outcome, _) = found.place.job(found.plan.jobs[job as usize].key).await?;
                let none =
                    || Failure::wrong("the sweep is not done here yet: there is no index; see `bitsweep status`");
                let artifact = outcome.ok_or_else(none)?.produced.artifact;
                artifact.into_iter().map(|item| (item.name, item.blob)).collect()
            }
        };
        for (item, blob) in items {
            let file = found.place.blob(&blob).await?;
            local.push(InputFile { name: input.name.clone(), item, path: file.to_path_buf() });
            files.push(file);
        }
    }
    Ok(local)
}

/// Milliseconds that the ranks shown take once memory is warm, and more ranks than are shown.
fn search(searcher: &Searcher, query: &QueryVector) -> Result<(f64, Vec<(u32, f32)>), bitsweep_jobs::JobError> {
    let deep = searcher.search(query, DEEP.min(searcher.documents()))?;
    let started = Instant::now();
    searcher.search(query, SHOWN)?;
    Ok((milliseconds(started), deep))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// What came of one query.
struct Answer {
    query: String,
    encode_ms: f64,
    search_ms: [f64; 2],
    /// Both lists, deeper than shown.
    lists: [Vec<Line>; 2],
    /// The documents shown, by row.
    documents: BTreeMap<u64, texts::Row>,
}

impl Answer {
    fn shown(&self, stage: &Stage) -> String {
        let width = std::env::var("COLUMNS").ok().and_then(|width| width.parse().ok()).unwrap_or(WIDTH);
        let half = (usize::max(width, 80) - 3) / 2;
        let mut text = format!("{}\n", self.query);
        let columns: Vec<Vec<String>> = (0..2).map(|at| self.column(stage, at)).collect();
        for row in 0..columns[0].len().max(columns[1].len()) {
            let cut = |at: usize| columns[at].get(row).map_or_else(String::new, |line| cut(line, half));
            let (left, right) = (cut(0), cut(1));
            let _ = writeln!(text, "{}", format!("{left:<half$} │ {right}").trim_end());
        }
        let top = |at: usize| self.lists[at].iter().take(SHOWN).map(|line| line.row).collect::<BTreeSet<u32>>();
        let both = top(0).intersection(&top(1)).count();
        let shown = top(0).len().min(top(1).len());
        let _ = writeln!(text, "{both} of {shown} in both; the query was encoded in {:.1} ms\n", self.encode_ms);
        text
    }

    /// The lines of one side.
    fn column(&self, stage: &Stage, at: usize) -> Vec<String> {
        let list = &self.lists[at];
        let mut lines = vec![format!("{}, searched in {:.2} ms", name(&stage.sides[at].cell), self.search_ms[at])];
        lines.extend(list.iter().take(SHOWN).map(|line| {
            let tie = if line.tied { "=" } else { "" };
            let moved = match line.rise() {
                None => "new".to_owned(),
                Some(0) => "·".to_owned(),
                Some(rise @ 1..) => format!("↑{rise}"),
                Some(fall) => format!("↓{}", -fall),
            };
            let score = if line.score.fract() == 0.0 { line.score.to_string() } else { format!("{:.4}", line.score) };
            let rank = format!("{tie}{}", line.rank);
            format!("{rank:>4} {score:>9} {moved:>5}  {}", self.document(line.row))
        }));
        let last = list.get(SHOWN - 1).map(|line| line.score);
        let more = list.iter().skip(SHOWN).take_while(|line| Some(line.score) == last).count();
        if more > 0 {
            lines.push(format!("     … and {more} more that tie with the last"));
        }
        lines
    }

    /// Id, title, first words.
    fn document(&self, row: u32) -> String {
        let Some(document) = self.documents.get(&u64::from(row)) else { return String::new() };
        format!("{}  {}", document.id, document.document()).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn as_json(&self, stage: &Stage) -> Value {
        let sides = [0, 1].map(|at| {
            let cell = &stage.sides[at].cell;
            let list = &self.lists[at];
            let hits = list.iter().take(SHOWN).map(|line| {
                let document = self.documents.get(&u64::from(line.row));
                json!({
                    "rank": line.rank,
                    "tied": line.tied,
                    "score": line.score,
                    "other_rank": line.other_rank,
                    "document": document.map(|document| &document.id),
                    "title": document.map(|document| &document.title),
                    "text": document.map(|document| &document.text),
                })
            });
            let last = list.get(SHOWN - 1).map(|line| line.score);
            let more = list.iter().skip(SHOWN).take_while(|line| Some(line.score) == last).count();
            json!({
                "cell": cell.to_string(),
                "search_ms": self.search_ms[at],
                "hits": hits.collect::<Vec<_>>(),
                "more_tied_with_the_last": more,
            })
        });
        json!({ "query": self.query, "encode_ms": self.encode_ms, "sides": sides })
    }
}

/// `binary/64, seed 0`, `float32, first 128 dimensions`.
fn name(cell: &Cell) -> String {
    let seed = cell.get(Axis::Seed).map(|seed| format!(", seed {seed}")).unwrap_or_default();
    let dims = cell.dims().map(|dims| format!(", first {dims} dimensions")).unwrap_or_default();
    format!("{}{seed}{dims}", cell.get(Axis::Codec).unwrap_or_default())
}

/// The first letters of a line.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    line.chars().take(width - 1).chain(['…']).collect()
}
