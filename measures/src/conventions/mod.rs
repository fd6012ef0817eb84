//! What other tools make of the same run and judgements: the rules of each as data, and the values that follow.
//!
//! Every tool puts the documents of a query in one strict order and then does what this crate does, with a few rules of its
//! own: [`Convention::rules`] says which, [`Rules::value`] follows them, [`Rules::steps`] walks from our rules to theirs, one
//! at a time, so that a difference can be told apart into its causes. `docs/conventions.md` names the source of each rule;
//! `tests/golden/conventions.py` had the tools themselves print the values that the tests hold these to.
//!
//! Owns: rules, and the values of single queries. Does not own: files, ids as text, averages, what people read. Not done
//! here, for it is no rule of evaluation: BEIR and MTEB round to five digits; trec_eval before version 10 and pytrec_eval read
//! scores as float32, which those of bitsweep are; MS MARCO's scripts refuse ids that are not whole numbers.

mod order;
mod rules;

use bitsweep_proto::Measure;

pub use order::{Line, Order, Query, Ranked};
pub use rules::{Average, Depth, Gain, Own, Relevant, Rule, Rules};

/// A tool that turns a run and judgements into numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Convention {
    /// NIST's trec_eval, called as `trec_eval -c -M 1000`.
    TrecEval,
    /// BEIR's `EvaluateRetrieval`: `evaluate` as it is by default, then `evaluate_custom` on the same results. What has
    /// no cut-off of its own is cut at 1,000, the greatest k of BEIR.
    Beir,
    /// MTEB's retrieval evaluator, for a task that keeps documents with the query's id. Cut at 1,000 likewise.
    Mteb,
    /// The official scripts of the MS MARCO leaderboards: MRR@10 of passages, MRR@100 of documents.
    MsMarco,
    /// ranx, called as `evaluate(qrels, run, measure, make_comparable=True)`.
    Ranx,
    /// ranx's `ndcg_burges`.
    RanxBurges,
}

impl Convention {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 6] = [Self::TrecEval, Self::Beir, Self::Mteb, Self::MsMarco, Self::Ranx, Self::RanxBurges];

    /// The tool's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::TrecEval => "trec_eval",
            Self::Beir => "BEIR",
            Self::Mteb => "MTEB",
            Self::MsMarco => "MS MARCO",
            Self::Ranx => "ranx",
            Self::RanxBurges => "ranx burges",
        }
    }

    /// By which rules the tool computes `measure`; `None` where it has no such measure. ranx's bpref is another one (where no
    /// document was judged and found wanting it divides by 0) and is left out.
    pub fn rules(self, measure: Measure) -> Option<Rules> {
        use Measure::{
            Accuracy, Bpref, Map, Mrr, Ndcg, Overlap, Pearson, Precision, RPrecision, Recall, Spearman, Success,
        };
        let ours = Rules::ours(Order::IdDescending);
        let ranx = Rules { depth: Depth::Run, ..Rules::ours(Order::Quicksort) };
        match (self, measure) {
            (_, Overlap { .. } | Spearman | Pearson | Accuracy { .. }) => None,
            (Self::TrecEval, _) => Some(ours),
            (Self::Beir, Ndcg { .. } | Recall { .. } | Precision { .. } | Map { .. }) => {
                Some(Rules { own: Own::Dropped, average: Average::Answered, ..ours })
            }
            (Self::Beir, Mrr { .. } | Success { .. }) => {
                Some(Rules { order: Order::FileOrder, own: Own::Dropped, ..ours })
            }
            (Self::Mteb, Ndcg { .. } | Recall { .. } | Precision { .. } | Map { .. } | Mrr { .. } | Success { .. }) => {
                Some(Rules { average: Average::Answered, ..ours })
            }
            (Self::MsMarco, Mrr { k: Some(10 | 100) }) => {
                Some(Rules { order: Order::RankColumn, relevant: Relevant::Judged, ..ours })
            }
            (
                Self::Ranx,
                Ndcg { .. } | Recall { .. } | Precision { .. } | Map { .. } | Mrr { .. } | Success { .. } | RPrecision,
            ) => Some(ranx),
            (Self::RanxBurges, Ndcg { .. }) => Some(Rules { gain: Gain::Exponential, ..ranx }),
            (Self::Beir | Self::Mteb, RPrecision | Bpref)
            | (Self::Ranx, Bpref)
            | (Self::MsMarco | Self::RanxBurges, _) => None,
        }
    }
}
