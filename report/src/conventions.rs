//! A run as other tools evaluate it, beside our own values, and why each of theirs differs in this very run.
//!
//! A difference of two averages is told apart by going from our rules to the tool's one at a time
//! ([`Rules::steps`]): each step has an effect on the average, and the effects add up to the difference. The first step takes
//! the tool's one order of tied documents in the place of the mean over all.
//!
//! Owns: the walk, what is counted on it. Does not own: the rules (`bitsweep_measures::conventions`), files, what a person
//! sees.

use bitsweep_measures::conventions::Ranked;
pub use bitsweep_measures::conventions::{
    Average, Convention, Depth, Gain, Line, Order, Own, Query, Relevant, Rule, Rules,
};
use bitsweep_measures::{Judgements, MeasureError, Value, average, evaluate};
use bitsweep_proto::Measure;
use serde::{Serialize, Serializer};

use crate::ReportError;

/// Queries shown that moved most.
const MOVED: usize = 5;

/// Values that differ by less are the same: closed forms and plain sums round differently.
const SAME: f64 = 1e-12;

/// One judged query with its id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// Its id.
    pub id: String,
    /// What a tool reads of it.
    pub query: Query,
}

/// One measure by all conventions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SideBySide {
    /// The measure.
    pub measure: Measure,
    /// Judged queries.
    pub queries: usize,
    /// Our value: the mean over all orders of tied documents, averaged over all judged queries.
    pub expected: f64,
    /// The mean of the least value of each query.
    pub min: f64,
    /// The mean of the greatest.
    pub max: f64,
    /// Queries with tied documents among the ranks that are looked at.
    pub tied: usize,
    /// Queries with tied documents of which some are looked at and others are not.
    pub tied_across: usize,
    /// Those that have the measure. Conventions whose rules are the same stand together.
    pub sides: Vec<Side>,
}

/// The value of one or more conventions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Whose value it is.
    #[serde(serialize_with = "names")]
    pub conventions: Vec<Convention>,
    /// By which rules.
    #[serde(skip)]
    pub rules: Rules,
    /// The value.
    pub value: f64,
    /// The value less the expected one.
    pub difference: f64,
    /// Queries averaged over.
    pub queries: usize,
    /// The rules that change something in this run, in the order in which they are taken; their effects add up to the
    /// difference.
    pub reasons: Vec<Reason>,
    /// The queries whose value moved most from the expected one, most first.
    pub moved: Vec<Moved>,
}

/// What one rule does to a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// The rule.
    #[serde(serialize_with = "rule")]
    pub rule: Rule,
    /// What it adds to the average.
    pub effect: f64,
    /// Queries whose value it changes, or which it leaves out.
    pub queries: usize,
}

/// One query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// Its id.
    pub query: String,
    /// Our value.
    pub expected: f64,
    /// The tool's.
    pub value: f64,
}

/// Evaluates all judged queries by each of `measures` and each convention. `name_order` as in
/// [`QueryRun::new`](bitsweep_measures::QueryRun::new).
///
/// Fails where a run or judgements cannot be evaluated, and for `Overlap@k`, which has no convention.
pub fn side_by_side(
    queries: &[Judged],
    measures: &[Measure],
    name_order: &[u32],
) -> Result<Vec<SideBySide>, ReportError> {
    let mut tallies: Vec<Tally> = measures.iter().map(|measure| Tally::new(*measure)).collect();
    for Judged { id, query } in queries {
        add(&mut tallies, query, name_order).map_err(|source| ReportError::Query { query: id.clone(), source })?;
    }
    Ok(tallies.iter().map(|tally| tally.summary(queries)).collect())
}

fn add(tallies: &mut [Tally], query: &Query, name_order: &[u32]) -> Result<(), MeasureError> {
    let ranked = Ranked::new(query, name_order)?;
    let judgements = Judgements::new(query.grades.clone(), &query.absent)?;
    tallies.iter_mut().try_for_each(|tally| tally.add(&ranked, &judgements))
}

/// One measure while its queries are evaluated.
struct Tally {
    measure: Measure,
    /// Our values, by query.
    ours: Vec<Value>,
    tied: usize,
    tied_across: usize,
    walks: Vec<Walk>,
}

/// From our rules to those of some conventions.
struct Walk {
    conventions: Vec<Convention>,
    rules: Rules,
    /// Each step with its values by query.
    steps: Vec<(Rule, Rules, Vec<Option<f64>>)>,
}

impl Tally {
    fn new(measure: Measure) -> Self {
        let mut walks: Vec<Walk> = Vec::new();
        for convention in Convention::ALL {
            let Some(rules) = convention.rules(measure) else { continue };
            match walks.iter_mut().find(|walk| walk.rules == rules) {
                Some(walk) => walk.conventions.push(convention),
                None => {
                    let steps = rules.steps().into_iter().map(|(rule, rules)| (rule, rules, Vec::new())).collect();
                    walks.push(Walk { conventions: vec![convention], rules, steps });
                }
            }
        }
        Self { measure, ours: Vec::new(), tied: 0, tied_across: 0, walks }
    }

    fn add(&mut self, ranked: &Ranked<'_>, judgements: &Judgements) -> Result<(), MeasureError> {
        let k = self.measure.depth() as usize;
        self.tied += usize::from(ranked.tied().is_tied_within(k));
        self.tied_across += usize::from(ranked.tied().is_tied_across(k));
        self.ours.push(evaluate(self.measure, ranked.tied(), judgements, None)?);
        for (_, rules, values) in self.walks.iter_mut().flat_map(|walk| &mut walk.steps) {
            values.push(rules.value(self.measure, ranked)?);
        }
        Ok(())
    }

    fn summary(&self, queries: &[Judged]) -> SideBySide {
        let ours = average(self.measure, &self.ours);
        let expected: Vec<Option<f64>> = self.ours.iter().map(|value| Some(value.value)).collect();
        SideBySide {
            measure: self.measure,
            queries: queries.len(),
            expected: ours.value,
            min: ours.value_min,
            max: ours.value_max,
            tied: self.tied,
            tied_across: self.tied_across,
            sides: self.walks.iter().map(|walk| walk.summary(queries, &expected)).collect(),
        }
    }
}

impl Walk {
    fn summary(&self, queries: &[Judged], expected: &[Option<f64>]) -> Side {
        let mut reasons = Vec::new();
        let mut before = expected;
        for (rule, _, values) in &self.steps {
            let changed = before.iter().zip(values).filter(|(a, b)| differ(**a, **b)).count();
            if changed > 0 {
                reasons.push(Reason { rule: *rule, effect: mean(values) - mean(before), queries: changed });
            }
            before = values;
        }
        let mut moved: Vec<Moved> = queries
            .iter()
            .zip(expected.iter().zip(before))
            .filter(|(_, (expected, value))| differ(**expected, **value))
            .filter_map(|(query, (expected, value))| {
                Some(Moved { query: query.id.clone(), expected: (*expected)?, value: (*value)? })
            })
            .collect();
        let by = |moved: &Moved| (moved.value - moved.expected).abs();
        moved.sort_by(|a, b| by(b).total_cmp(&by(a)));
        moved.truncate(MOVED);
        Side {
            conventions: self.conventions.clone(),
            rules: self.rules,
            value: mean(before),
            difference: mean(before) - mean(expected),
            queries: before.iter().flatten().count(),
            reasons,
            moved,
        }
    }
}

/// Whether two values of a query are not the same, or one of them is missing.
fn differ(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() > SAME,
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => true,
    }
}

/// The mean of the values that are there; 0 of none.
fn mean(values: &[Option<f64>]) -> f64 {
    let count = values.iter().flatten().count();
    if count == 0 { 0.0 } else { values.iter().flatten().sum::<f64>() / count as f64 }
}

fn names<S: Serializer>(conventions: &[Convention], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(conventions.iter().map(|convention| convention.name()))
}

fn rule<S: Serializer>(rule: &Rule, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(match rule {
        Rule::Order => "order",
        Rule::Own => "own",
        Rule::Relevant => "relevant",
        Rule::Gain => "gain",
        Rule::Depth => "depth",
        Rule::Average => "average",
    })
}
