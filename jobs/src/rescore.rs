//! A run to one whose best documents are ranked again, by exact inner products of the query with better vectors.
//!
//! What is ranked again, and what becomes of the rest, stands at [`RescoreSpec`].

use std::cmp::Reverse;

use bitsweep_proto::job::RescoreSpec;
use bitsweep_proto::rescore::Exact;
use bitsweep_proto::wire::{Done, ProducedFile, Task};
use bitsweep_vectors::{Index, VectorError};

use crate::embedding_file;
use crate::error::{Halt, JobError};
use crate::inputs;
use crate::run_file::{self, Run};
use crate::steps::Steps;

/// Queries between two safe points.
const STRIDE: usize = 16;

pub(crate) fn run(spec: &RescoreSpec, task: &Task, steps: &mut dyn Steps) -> Result<Done, Halt> {
    let dim = spec.dim as usize;
    let queries = embedding_file::read(&inputs::all(task, "queries"), dim)?;
    let total = queries.rows as u64;
    steps.progress(0, total)?;
    let first = run_file::read(inputs::one(task, "run")?)?;
    if first.queries() != queries.rows {
        let message = format!("\"run\" has {} lists, there are {} queries", first.queries(), queries.rows);
        return Err(JobError::damaged(message).into());
    }
    let vectors = match spec.with {
        Exact::Float32 => Index::flat(embedding_file::read(&inputs::all(task, "documents"), dim)?)?,
        Exact::Int8 => Index::load(spec.with.codec(), dim, inputs::one(task, "index")?)?,
    };
    let mut second = Run::default();
    let (mut deepest, mut drawn) = (0, 0);
    for (query, (documents, scores)) in first.lists().enumerate() {
        if query % STRIDE == 0 {
            steps.progress(query as u64, total)?;
            if steps.should_stop() {
                return Err(Halt::Stopped);
            }
        }
        let stages = Stages::of((documents, scores), spec.candidates as usize, query);
        drawn += u64::from(stages.drawn);
        let list =
            stages.ranked(|document| vectors.inner_product(queries.row(query), document), spec.depth as usize)?;
        deepest = deepest.max(list.0.len());
        second.push(&list.0, &list.1);
    }
    let file = task.scratch.join("run");
    run_file::write(&file, &second)?;
    steps.progress(total, total)?;
    let mut done = Done::default();
    done.files.push(("run".to_owned(), ProducedFile::Written(file)));
    let documents = vectors.rows() as u64;
    let facts = [("queries", total), ("documents", documents), ("deepest", deepest as u64), ("drawn_queries", drawn)];
    done.facts.extend(facts.map(|(fact, value)| (fact.to_owned(), value)));
    Ok(done)
}

/// A list taken apart.
struct Stages {
    /// The candidates.
    candidates: Vec<u32>,
    /// What lies below them: groups of documents that tie.
    below: Vec<Vec<u32>>,
    /// Whether candidates were drawn from a tied group.
    drawn: bool,
}

impl Stages {
    /// The first `count` documents, and of those that tie at that place as many as are missing, by lot.
    fn of((documents, scores): (&[u32], &[f32]), count: usize, query: usize) -> Self {
        let groups = scores.chunk_by(|a, b| a == b).scan(0, |start, group| {
            let range = *start..*start + group.len();
            *start = range.end;
            Some(documents[range].to_vec())
        });
        let mut stages = Self { candidates: Vec::new(), below: Vec::new(), drawn: false };
        for mut group in groups {
            let missing = count.saturating_sub(stages.candidates.len());
            if missing > 0 && missing < group.len() {
                stages.drawn = true;
                group.sort_unstable_by_key(|document| lot(query, *document));
            }
            let rest = group.split_off(missing.min(group.len()));
            stages.candidates.extend(group);
            if !rest.is_empty() {
                stages.below.push(rest);
            }
        }
        stages
    }

    /// The candidates by their new scores, then the rest in its old order; cut behind the group tied at `depth`. What lies
    /// below gets the next smaller numbers as scores: they order, and say nothing else.
    fn ranked(
        self,
        mut score: impl FnMut(u32) -> Result<f32, VectorError>,
        depth: usize,
    ) -> Result<(Vec<u32>, Vec<f32>), VectorError> {
        let mut list = Vec::with_capacity(self.candidates.len());
        for document in self.candidates {
            list.push((score(document)?, document));
        }
        list.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut least = list.last().map_or(0.0, |(score, _)| *score);
        for mut group in self.below {
            if list.len() >= depth {
                break;
            }
            least = least.next_down();
            group.sort_unstable();
            list.extend(group.into_iter().map(|document| (least, document)));
        }
        if let Some((cut, _)) = depth.checked_sub(1).and_then(|last| list.get(last)).copied() {
            list.truncate(list.partition_point(|(score, _)| *score >= cut));
        }
        Ok(list.into_iter().map(|(score, document)| (document, score)).unzip())
    }
}

/// A lot that depends on query and document only (SplitMix64 of both; Steele, Lea and Flood 2014), and the document, should two
/// be the same.
fn lot(query: usize, document: u32) -> (u64, Reverse<u32>) {
    let mut z = ((query as u64) << 32 | u64::from(document)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31), Reverse(document))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(list: (&[u32], &[f32]), count: usize, depth: usize) -> (Vec<u32>, Vec<f32>) {
        Stages::of(list, count, 0).ranked(|document| Ok(document as f32), depth).unwrap()
    }

    #[test]
    fn candidates_are_ranked_again_and_the_rest_stays() {
        let list = (&[1_u32, 2, 3, 4, 5][..], &[9.0_f32, 8.0, 7.0, 7.0, 6.0][..]);
        let (documents, scores) = ranked(list, 2, 5);
        assert_eq!(documents, [2, 1, 3, 4, 5]);
        assert_eq!(scores[..2], [2.0, 1.0]);
        assert!(scores[2] < 1.0 && scores[2] == scores[3] && scores[4] < scores[3]);
        // All of it, and more than there is.
        assert_eq!(ranked(list, 5, 5), (vec![5, 4, 3, 2, 1], vec![5.0, 4.0, 3.0, 2.0, 1.0]));
        assert_eq!(ranked(list, 99, 2), (vec![5, 4], vec![5.0, 4.0]));
        // The group tied at the depth stays whole.
        assert_eq!(ranked(list, 2, 3).0, [2, 1, 3, 4]);
        assert_eq!(ranked((&[], &[]), 2, 3), (vec![], vec![]));
    }

    #[test]
    fn of_a_tied_group_some_are_drawn() {
        let documents: Vec<u32> = (0..40).collect();
        let list = (documents.as_slice(), [1.0_f32; 40].as_slice());
        let drawn = |query| {
            let mut stages = Stages::of(list, 10, query);
            assert!(stages.drawn);
            assert_eq!((stages.candidates.len(), stages.below.len(), stages.below[0].len()), (10, 1, 30));
            stages.candidates.sort_unstable();
            stages.candidates
        };
        assert_eq!(drawn(3), drawn(3));
        assert_ne!(drawn(3), drawn(4));
        // Over many queries every document is drawn as often as another: 1,000 times of 4,000, give or take 3.6 deviations.
        let mut times = [0_u32; 40];
        (0..4000).flat_map(drawn).for_each(|document| times[document as usize] += 1);
        assert!(times.iter().all(|times| (900..1100).contains(times)), "{times:?}");
        assert!(!Stages::of(list, 40, 0).drawn && !Stages::of(list, 41, 0).drawn);
    }
}
