//! Binary codes against product quantisation of the same bytes, as rows of text.

use serde::Serialize;

use crate::answers::{Answers, PanelAnswers};
use crate::contrast::{Contrast, missing};
use crate::number::{p_value, range, signed, value};
use crate::ruling::{MARGIN, Ruling};
use bitsweep_proto::{Codec, Measure, Plan};

/// Most rows in one page: beyond that only the hero measure is shown.
const MOST_ROWS: usize = 5000;

/// The section; none where the plan has no two sorts of codecs to compare.
#[derive(Debug, Serialize)]
pub(crate) struct ContrastsView {
    margin: String,
    /// Model on dataset, and how many comparisons came out how, by the hero measure.
    summary_head: Vec<String>,
    summary: Vec<Vec<String>>,
    head: [&'static str; 12],
    panels: Vec<PanelView>,
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct PanelView {
    model: String,
    dataset: String,
    groups: Vec<GroupView>,
    missing: Vec<String>,
}

/// All comparisons by one measure: one family.
#[derive(Debug, Serialize)]
struct GroupView {
    measure: String,
    family: usize,
    /// Whether so many rounds can give no p so small that Holm's adjustment leaves it below the level.
    coarse: bool,
    rows: Vec<Vec<String>>,
}

const HEAD: [&str; 12] = [
    "Binary",
    "Bytes",
    "Against",
    "Binary is",
    "Difference",
    "Interval",
    "p",
    "p (Holm)",
    "Effect d_z",
    "Single seeds",
    "Binary mean",
    "Other mean",
];

pub(super) fn view(plan: &Plan, answers: &Answers) -> Option<ContrastsView> {
    let mut places: Vec<(&str, &str)> = Vec::new();
    let (mut binary, mut pq) = (false, false);
    for cell in plan.searches().map(|planned| &planned.cell).filter(|cell| cell.dims().is_none()) {
        let Ok(codec) = cell.codec() else { continue };
        binary |= codec.as_sign().is_some();
        pq |= matches!(codec, Codec::Pq(_) | Codec::Opq(_));
        if !places.contains(&(cell.model(), cell.dataset())) {
            places.push((cell.model(), cell.dataset()));
        }
    }
    let all: usize = answers.panels.iter().map(|panel| panel.contrasts.len()).sum();
    let shown = |measure: Measure| all <= MOST_ROWS || Some(measure) == answers.hero;
    let panels = places.into_iter().map(|place| {
        let panel = answers.panel(place.0, place.1);
        PanelView {
            model: place.0.to_owned(),
            dataset: place.1.to_owned(),
            groups: panel.map(|panel| groups(panel, answers, shown)).unwrap_or_default(),
            missing: missing(plan, place, panel),
        }
    });
    let left_out = answers.panels.iter().flat_map(|panel| &panel.contrasts).filter(|one| !shown(one.measure)).count();
    let hero = answers.hero.map(|measure| measure.to_string()).unwrap_or_default();
    let head = ["Model and dataset".to_owned(), format!("Comparisons by {hero}")];
    (binary && pq).then(|| ContrastsView {
        margin: MARGIN.to_string(),
        summary_head: head.into_iter().chain(Ruling::ALL.map(|ruling| ruling.to_string())).collect(),
        summary: answers.panels.iter().filter_map(|panel| summary(panel, answers.hero)).collect(),
        head: HEAD,
        panels: panels.collect(),
        left_out,
    })
}

fn summary(panel: &PanelAnswers, hero: Option<Measure>) -> Option<Vec<String>> {
    let of_hero: Vec<Ruling> =
        panel.contrasts.iter().filter(|one| Some(one.measure) == hero).map(|one| one.ruling).collect();
    let counts = Ruling::ALL.map(|ruling| of_hero.iter().filter(|found| **found == ruling).count().to_string());
    let names = [format!("{} on {}", panel.model, panel.dataset), of_hero.len().to_string()];
    (!of_hero.is_empty()).then(|| names.into_iter().chain(counts).collect())
}

/// The families of a panel: the hero measure first.
fn groups(panel: &PanelAnswers, answers: &Answers, shown: impl Fn(Measure) -> bool) -> Vec<GroupView> {
    let mut families: Vec<&[Contrast]> = panel.contrasts.chunk_by(|a, b| a.measure == b.measure).collect();
    families.retain(|family| shown(family[0].measure));
    families.sort_by_key(|family| Some(family[0].measure) != answers.hero);
    let settings = answers.settings;
    let group = |family: &[Contrast]| GroupView {
        measure: family[0].measure.to_string(),
        family: family.len(),
        coarse: family.len() as f64 / (f64::from(settings.sampling.rounds) + 1.0) > 1.0 - settings.level,
        rows: family.iter().map(row).collect(),
    };
    families.into_iter().map(group).collect()
}

fn row(contrast: &Contrast) -> Vec<String> {
    let [binary, other] = contrast.means.map(value);
    let effect = contrast.standardised.map(|effect| format!("{effect:+.2}").replace('-', "−"));
    vec![
        contrast.binary.clone(),
        contrast.bytes.to_string(),
        contrast.against.clone(),
        contrast.ruling.to_string(),
        signed(contrast.difference),
        range(contrast.interval),
        p_value(contrast.p),
        p_value(contrast.p_holm),
        effect.unwrap_or_else(|| "–".to_owned()),
        contrast.by_seed.map(range).unwrap_or_default(),
        binary,
        other,
    ]
}
