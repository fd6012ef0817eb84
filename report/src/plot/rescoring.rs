//! Second stages as curves: a measure by the number of candidates that are ranked again, a line for each codec that has any.
//!
//! Candidates are on a base-2 logarithmic axis, with the codec alone to the left of the fewest; above it they are multiples of the
//! measure's cut-off. float32 is a dashed line. Points are means over seeds. A bar is the paired bootstrap interval of the
//! difference to float32, set about float32's line: where it reaches the line, no loss is shown. The vertical axis goes from 0, and
//! figures of a measure share it.

use std::collections::BTreeMap;

use bitsweep_proto::rescore::Exact;
use bitsweep_proto::{Codec, Measure, Task};

use crate::answers::{Answer, Answers, PanelAnswers};
use crate::summary::{Line, Panel};
use crate::table::Table;

/// Most curves in one figure: more are shared out over several by their size, each size whole.
const MOST_CURVES: usize = 12;

/// The data of one figure.
#[derive(Clone, Debug)]
pub struct Rescoring<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The dataset's name.
    pub dataset: &'a str,
    /// What is on the vertical axis: the measure of the hero figures, or the first of retrieval where it is of another task.
    pub measure: Measure,
    /// What candidates are ranked again by.
    pub with: Exact,
    /// float32's value, where it is known.
    pub float32: Option<f64>,
    /// The greatest value in any figure of this measure.
    pub greatest: f64,
    /// The codecs, smallest first.
    pub curves: Vec<Curve>,
    /// The least and the greatest bytes per vector, where the codecs are shared out over several figures.
    pub part: Option<[u64; 2]>,
}

/// One codec in such a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The codec, with the first of its seeds.
    pub codec: Codec,
    /// Bytes of one code.
    pub bytes_per_vector: u64,
    /// Its stages, by the number of candidates.
    pub stages: Vec<Stage>,
}

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Documents ranked again; 0: the codec alone.
    pub candidates: u32,
    /// The mean over seeds.
    pub mean: f64,
    /// The paired interval of the difference to float32, added to float32's mean, where both are known query by query.
    pub interval: Option<[f64; 2]>,
}

impl<'a> Rescoring<'a> {
    /// All figures of a table: panels in the table's order, then by what is ranked again with, then by size. None of a panel
    /// without second stages.
    pub fn all(table: &'a Table, answers: &Answers) -> Vec<Self> {
        let Some(measure) = answers.hero_of_task(&table.measures, Task::Retrieval) else { return Vec::new() };
        let Some(at) = table.measures.iter().position(|listed| *listed == measure) else { return Vec::new() };
        let panels = Panel::all(table);
        let mut figures: Vec<Self> = Vec::new();
        for panel in &panels {
            for with in [Exact::Float32, Exact::Int8] {
                figures
                    .extend(Self::of((panel, answers), (measure, at), with).map(Self::shared_out).unwrap_or_default());
            }
        }
        let greatest = figures.iter().map(Self::greatest).fold(0.0, f64::max);
        figures.into_iter().map(|figure| Self { greatest, ..figure }).collect()
    }

    /// All curves of a panel; `None` without any.
    fn of((panel, answers): (&Panel<'a>, &Answers), (measure, at): (Measure, usize), with: Exact) -> Option<Self> {
        let of_panel = answers.panel(panel.model, panel.dataset);
        let is_float32 = |line: &&Line| line.codec == Codec::Float32;
        let float32 = panel.lines.iter().find(is_float32).and_then(|line| Some(line.spreads[at]?.mean));
        let mut curves: BTreeMap<(u64, String), Curve> = BTreeMap::new();
        let rescored =
            || panel.rescored.iter().filter(move |line| line.rescore.is_some_and(|rescore| rescore.with == with));
        let alone = panel.lines.iter().filter(|line| rescored().any(|other| other.codec.name() == line.codec.name()));
        for line in alone.chain(rescored()) {
            let Some(mean) = line.spreads[at].map(|spread| spread.mean) else { continue };
            let loss = of_panel.and_then(|of_panel| answer(of_panel, line, measure)?.loss);
            let interval = loss.zip(float32).map(|([_, low, high], float32)| [float32 + low, float32 + high]);
            let candidates = line.rescore.map_or(0, |rescore| rescore.candidates);
            let bytes_per_vector = line.footprint.bytes_per_vector;
            let new = || Curve { codec: line.codec, bytes_per_vector, stages: Vec::new() };
            let curve = curves.entry((bytes_per_vector, line.codec.name())).or_insert_with(new);
            curve.stages.push(Stage { candidates, mean, interval });
        }
        let mut curves: Vec<Curve> = curves.into_values().collect();
        curves.iter_mut().for_each(|curve| curve.stages.sort_by_key(|stage| stage.candidates));
        curves.retain(|curve| curve.stages.iter().any(|stage| stage.candidates > 0));
        let (model, dataset) = (panel.model, panel.dataset);
        (!curves.is_empty()).then_some(Self {
            model,
            dataset,
            measure,
            with,
            float32,
            greatest: 0.0,
            curves,
            part: None,
        })
    }

    /// The same curves in as many figures as they need, sizes in order: like beside like.
    fn shared_out(self) -> Vec<Self> {
        if self.curves.len() <= MOST_CURVES {
            return vec![self];
        }
        let mut parts: Vec<Vec<Curve>> = Vec::new();
        for size in self.curves.chunk_by(|a, b| a.bytes_per_vector == b.bytes_per_vector) {
            match parts.last_mut() {
                Some(part) if part.len() + size.len() <= MOST_CURVES => part.extend_from_slice(size),
                _ => parts.push(size.to_vec()),
            }
        }
        let several = parts.len() > 1;
        let figure = |curves: Vec<Curve>| {
            let ends = [curves.first(), curves.last()].map(|curve| curve.map_or(0, |curve| curve.bytes_per_vector));
            Self { part: several.then_some(ends), curves, ..self.clone() }
        };
        parts.into_iter().map(figure).collect()
    }

    fn greatest(&self) -> f64 {
        let of = |stage: &Stage| stage.interval.map_or(stage.mean, |[_, high]| high.max(stage.mean));
        let stages = self.curves.iter().flat_map(|curve| &curve.stages).map(of);
        stages.chain(self.float32).fold(0.0, f64::max)
    }

    /// Ranks that the measure looks at, where it has a cut-off.
    pub(super) fn cut(&self) -> Option<u32> {
        match self.measure {
            Measure::Ndcg { k }
            | Measure::Recall { k }
            | Measure::Overlap { k }
            | Measure::Precision { k }
            | Measure::Success { k }
            | Measure::Accuracy { k } => Some(k),
            Measure::Mrr { k } | Measure::Map { k } => k,
            Measure::RPrecision | Measure::Bpref | Measure::Spearman | Measure::Pearson => None,
        }
    }

    /// The name of its file, without an ending.
    pub fn file_name(&self) -> String {
        let measure = self.measure.to_string().replace('@', "-at-");
        let part = self.part.map(|[least, greatest]| format!("-{least}-to-{greatest}-bytes")).unwrap_or_default();
        format!("{}-{}-{measure}-rescored-{}{part}", self.model, self.dataset, self.with.name())
    }

    /// What it shows, in a line.
    pub fn title(&self) -> String {
        let Self { model, dataset, measure, with, .. } = self;
        let part = self.part.map(|ends| format!(", codes of {}", bytes(ends))).unwrap_or_default();
        format!("{model} on {dataset}: {measure} by candidates ranked again by {}{part}", with.name())
    }
}

/// The sizes of a part.
pub(super) fn bytes([least, greatest]: [u64; 2]) -> String {
    if least == greatest { format!("{least} bytes") } else { format!("{least} to {greatest} bytes") }
}

/// What a line gives query by query.
fn answer<'p>(panel: &'p PanelAnswers, line: &Line, measure: Measure) -> Option<&'p Answer> {
    panel.line(&line.name)?.answers.get(&measure)
}
