//! The rules in which tools differ.

use bitsweep_proto::Measure;
use bitsweep_proto::measure::UNCUT_DEPTH;

use super::{Order, Ranked};
use crate::{Judgements, MeasureError, evaluate};

/// Greatest grade whose exponential gain is looked at: 2³⁰ − 1.
const GREATEST_GRADE: i32 = 30;

/// How one tool computes one measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Where documents of equal score stand.
    pub order: Order,
    /// Whether the document that has the query's id counts.
    pub own: Own,
    /// Which documents are relevant.
    pub relevant: Relevant,
    /// What a grade is worth to nDCG.
    pub gain: Gain,
    /// How far measures without a cut-off look.
    pub depth: Depth,
    /// Which queries the average is over.
    pub average: Average,
}

/// The document that has the query's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Own {
    /// It counts as any other.
    Kept,
    /// It is taken out of the run.
    Dropped,
}

/// Which documents are relevant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relevant {
    /// Those with a grade of at least 1.
    FromOne,
    /// All that were judged, whatever their grade.
    Judged,
}

/// What a grade of at least 1 is worth to nDCG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gain {
    /// The grade.
    Linear,
    /// 2^grade − 1.
    Exponential,
}

/// How far measures without a cut-off look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// The first 1,000 ranks.
    Thousand,
    /// All that the run holds.
    Run,
}

/// Which queries the average is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Average {
    /// All judged ones; one without results counts 0.
    Judged,
    /// The judged ones that the run has.
    Answered,
}

/// A part in which rules can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// [`Rules::order`]: in the place of the mean over all orders of ties.
    Order,
    /// [`Rules::own`].
    Own,
    /// [`Rules::relevant`].
    Relevant,
    /// [`Rules::gain`].
    Gain,
    /// [`Rules::depth`].
    Depth,
    /// [`Rules::average`].
    Average,
}

impl Rules {
    /// Our rules but for ties, whose mean no order gives.
    pub const fn ours(order: Order) -> Self {
        Self {
            order,
            own: Own::Kept,
            relevant: Relevant::FromOne,
            gain: Gain::Linear,
            depth: Depth::Thousand,
            average: Average::Judged,
        }
    }

    /// From our rules to these, one rule at a time: first the order of ties, then each other rule that is not ours. The
    /// last step has these rules.
    pub fn steps(self) -> Vec<(Rule, Self)> {
        let mut at = Self::ours(self.order);
        let mut steps = vec![(Rule::Order, at)];
        let mut step = |rule, next: Self| {
            if next != at {
                at = next;
                steps.push((rule, next));
            }
            at
        };
        let next = step(Rule::Own, Self { own: self.own, ..Self::ours(self.order) });
        let next = step(Rule::Relevant, Self { relevant: self.relevant, ..next });
        let next = step(Rule::Gain, Self { gain: self.gain, ..next });
        let next = step(Rule::Depth, Self { depth: self.depth, ..next });
        step(Rule::Average, Self { average: self.average, ..next });
        steps
    }

    /// The value of one judged query; `None` where the average leaves the query out. `measure` must be one that
    /// [`Convention::rules`](super::Convention::rules) has rules for: `Overlap@k` is an error.
    ///
    /// A grade above 30 has no exponential gain here: an error. A document judged twice is one too.
    pub fn value(&self, measure: Measure, ranked: &Ranked<'_>) -> Result<Option<f64>, MeasureError> {
        let query = ranked.query();
        if self.average == Average::Answered && query.lines.is_empty() {
            return Ok(None);
        }
        let grade = |grade: i32| self.grade(grade);
        let known: Result<Vec<_>, _> = query.grades.iter().map(|(row, of)| Ok((*row, grade(*of)?))).collect();
        let absent: Result<Vec<_>, _> = query.absent.iter().map(|of| grade(*of)).collect();
        let judgements = Judgements::new(known?, &absent?)?;
        let list = ranked.list(self.order, self.own);
        let length = list.documents().len().max(1) as u32;
        let measure = match (self.depth, measure) {
            (Depth::Run, Measure::Mrr { k: None }) => Measure::Mrr { k: Some(length) },
            (Depth::Run, Measure::Map { k: None }) => Measure::Map { k: Some(length) },
            // As many ranks as documents are relevant, however many that are.
            (Depth::Run, Measure::RPrecision) if judgements.relevant().len() > UNCUT_DEPTH as usize => {
                Measure::Precision { k: judgements.relevant().len() as u32 }
            }
            (Depth::Run | Depth::Thousand, measure) => measure,
        };
        // In a list without ties all orders are one.
        Ok(Some(evaluate(measure, list, &judgements, None)?.value))
    }

    /// The grade that our measures take for a grade, so that they do what the rules say.
    fn grade(&self, grade: i32) -> Result<i32, MeasureError> {
        match (self.relevant, self.gain) {
            (Relevant::Judged, _) => Ok(1),
            (Relevant::FromOne, Gain::Exponential) if grade > GREATEST_GRADE => {
                Err(MeasureError::GradeTooGreat { grade, greatest: GREATEST_GRADE })
            }
            (Relevant::FromOne, Gain::Exponential) if grade >= 1 => Ok((1 << grade) - 1),
            (Relevant::FromOne, Gain::Linear | Gain::Exponential) => Ok(grade),
        }
    }
}
