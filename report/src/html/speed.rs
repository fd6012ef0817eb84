//! How long searches took, as rows of text.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::failures::GridView;
use crate::number::{grouped, ratio};
use crate::speed::{Speed, Speeds};

/// What was measured, and how.
#[derive(Debug, Serialize)]
pub(super) struct SpeedView {
    /// Rounds that count, those of the warm-up, and ranks of each search, as the jobs say.
    how: String,
    /// A row for each cell.
    all: GridView,
    /// Queries per second and latencies by the number of documents and their dataset, of models that were searched
    /// among several numbers.
    sizes: Option<GridView>,
}

/// The view; none where nothing is known.
pub(super) fn view(speeds: &Speeds) -> Option<SpeedView> {
    let first = speeds.all.first()?;
    let [repeats, warm_up, depth] = ["repeats", "warm_up", "depth"].map(|name| grouped(first.fact(name)));
    let plural = |count: &str| if count == "1" { "round" } else { "rounds" };
    let how = format!(
        "{repeats} {} after {warm_up} of warm-up; each search returns {depth} documents and all that tie with the last.",
        plural(&repeats)
    );
    Some(SpeedView { how, all: all(&speeds.all), sizes: sizes(&speeds.all) })
}

fn all(speeds: &[Speed]) -> GridView {
    let row = |speed: &Speed| {
        let seed = speed.codec.seed().map(|seed| format!(", seed {seed}")).unwrap_or_default();
        let codec = format!("{}{seed}", speed.codec);
        let [median, least, greatest] = ["median", "min", "max"].map(|of| rate(speed, of));
        let texts =
            [&speed.model, &speed.dataset, &codec, &speed.cpu, &speed.version, &speed.kernels].map(String::clone);
        let counts = [speed.fact("documents"), speed.fact("dim"), speed.bytes_per_vector(), speed.fact("threads")];
        let latencies = ["p50", "p95", "p99"].map(|of| milliseconds(speed.values.get(&format!("latency_{of}_ms"))));
        let rates = [median, format!("{least}–{greatest}")];
        texts.into_iter().chain(counts.map(grouped)).chain(rates).chain(latencies).collect()
    };
    let head = [
        "Model",
        "Dataset",
        "Codec",
        "CPU",
        "Version",
        "Kernels",
        "Documents",
        "Dimensions",
        "Bytes per vector",
        "Threads",
        "Queries per second, median",
        "least–greatest round",
        "Latency p50, ms",
        "p95, ms",
        "p99, ms",
    ];
    GridView::new(head.map(str::to_owned).into(), speeds.iter().map(row).collect(), 6)
}

/// One codec of a model, searched by the same code on one kind of machine: by documents and dataset the median of
/// queries per second, and the median and the 95 % quantile of the latency.
struct Growth<'a> {
    model: &'a str,
    codec: String,
    /// CPU, version and kernels.
    machine: [&'a str; 3],
    dim: u32,
    times: BTreeMap<(u64, &'a str), [String; 3]>,
}

impl Growth<'_> {
    /// Whether the numbers of documents differ: several datasets of one size show no growth.
    fn grows(&self) -> bool {
        let mut counts = self.times.keys().map(|(documents, _)| *documents);
        let first = counts.next();
        counts.any(|documents| Some(documents) != first)
    }
}

/// Those that were searched among several numbers of documents.
fn sizes(speeds: &[Speed]) -> Option<GridView> {
    let mut rows: Vec<Growth<'_>> = Vec::new();
    for speed in speeds {
        let (model, codec, dim) = (speed.model.as_str(), speed.codec.name(), speed.dim());
        let machine = [&speed.cpu, &speed.version, &speed.kernels].map(String::as_str);
        let is_it = |row: &Growth<'_>| (row.model, &row.codec, row.machine, row.dim) == (model, &codec, machine, dim);
        let at = rows.iter().position(is_it).unwrap_or(rows.len());
        if at == rows.len() {
            rows.push(Growth { model, codec, machine, dim, times: BTreeMap::new() });
        }
        let size = (speed.fact("documents"), speed.dataset.as_str());
        let latency = |of: &str| milliseconds(speed.values.get(&format!("latency_{of}_ms")));
        rows[at].times.entry(size).or_insert_with(|| [rate(speed, "median"), latency("p50"), latency("p95")]);
    }
    rows.retain(Growth::grows);
    let sizes: BTreeSet<(u64, &str)> = rows.iter().flat_map(|row| row.times.keys().copied()).collect();
    let head = ["Model", "Codec", "CPU", "Version", "Kernels", "Dimensions"].map(str::to_owned).into_iter();
    let of_size = |(documents, dataset): &(u64, &str)| {
        let size = format!("{} documents ({dataset})", grouped(*documents));
        [size, "p50, ms".to_owned(), "p95, ms".to_owned()]
    };
    let head = head.chain(sizes.iter().flat_map(of_size)).collect();
    let row = |row: &Growth<'_>| {
        let none = || ["–"; 3].map(str::to_owned);
        let times = sizes.iter().flat_map(|size| row.times.get(size).cloned().unwrap_or_else(none));
        let names = [row.model.to_owned(), row.codec.clone()].into_iter().chain(row.machine.map(str::to_owned));
        names.chain([row.dim.to_string()]).chain(times).collect()
    };
    (!rows.is_empty()).then(|| GridView::new(head, rows.iter().map(row).collect(), 5))
}

/// A rate with three digits at least.
fn rate(speed: &Speed, of: &str) -> String {
    speed.values.get(&format!("queries_per_second_{of}")).map_or_else(|| "–".to_owned(), |rate| short(*rate))
}

fn short(number: f64) -> String {
    if number < 100.0 { ratio(number) } else { grouped(number.round() as u64) }
}

fn milliseconds(time: Option<&f64>) -> String {
    match time {
        None => "–".to_owned(),
        Some(time) if *time >= 100.0 => grouped(time.round() as u64),
        Some(time) if *time >= 1.0 => format!("{time:.2}"),
        Some(time) => format!("{time:.4}"),
    }
}
