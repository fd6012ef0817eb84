//! Choosing a part of a corpus: judged documents, the best of other systems' runs, and a rest drawn by a seed.
//!
//! A document is drawn where the hash of seed and id is among the least. So the choice depends on seed and ids alone, not on the
//! order of the file, and a larger sample holds every smaller one with the same seed.

use std::collections::{BTreeMap, BinaryHeap, HashSet};
use std::path::Path;

use bitsweep_proto::Digest;
use bitsweep_proto::lock::{LockedFile, LockedSample};
use bitsweep_proto::manifest::Subsample;

use super::lines::Lines;
use super::qrels::{Kept, Qrels};
use super::records::Records;
use crate::error::{Change, Problem};
use crate::options::Options;
use crate::{checksum, folder};

/// What is asked for, with the seed in force.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) subsample: &'a Subsample,
    pub(crate) seed: u64,
}

impl<'a> Asked<'a> {
    /// What a dataset asks for in a sweep with this seed.
    pub(crate) fn of(subsample: Option<&'a Subsample>, seed: u64) -> Option<Self> {
        subsample.map(|subsample| Self { subsample, seed: subsample.seed.unwrap_or(seed) })
    }

    /// Whether the lock holds what is asked for; the content of the pool is another matter.
    pub(crate) fn is(self, locked: &LockedSample) -> bool {
        let Subsample { documents, pool, depth, seed: _ } = self.subsample;
        let names = locked.pool.iter().map(|file| &file.name);
        (locked.documents, locked.depth, locked.seed) == (*documents, *depth, self.seed) && names.eq(pool)
    }
}

/// The first run of a pool that is no longer the locked one. One that is gone is not asked for.
pub(crate) fn change_of_pool(locked: &LockedSample, options: &Options) -> Result<Option<Change>, Problem> {
    for run in &locked.pool {
        let path = match folder::locate_file(&run.name, options) {
            Ok(path) => path,
            Err(Problem::Absent(_)) => continue,
            Err(problem) => return Err(problem),
        };
        let found = checksum::of_file(&path)?;
        if found != run.sha256 {
            return Ok(Some(Change { file: run.name.clone(), locked: Some(run.sha256), found: Some(found) }));
        }
    }
    Ok(None)
}

/// The documents that are kept.
pub(super) struct Chosen {
    ids: HashSet<Box<str>>,
    pub(super) locked: LockedSample,
}

impl Chosen {
    pub(super) fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// What a reader of the results must know, in a line.
    pub(super) fn warning(&self) -> String {
        let LockedSample { pool, depth, seed, of, judged, pooled, drawn, .. } = &self.locked;
        let runs = pool.len();
        format!(
            "a sample of {} of {of} documents: {judged} judged, {pooled} others among the best {depth} of {runs} runs, {drawn} drawn \
             by seed {seed}; values are not comparable with those of the whole corpus",
            self.ids.len()
        )
    }
}

/// Reads the corpus once and chooses.
pub(super) fn choose(
    asked: Asked<'_>,
    corpus: (&Path, &str),
    qrels: &Qrels,
    options: &Options,
) -> Result<Chosen, Problem> {
    let Subsample { documents, pool, depth, .. } = asked.subsample;
    let judged: HashSet<&str> = qrels.kept.values().flat_map(|judged| judged.keys().map(String::as_str)).collect();
    let (mut files, mut best) = (Vec::new(), HashSet::new());
    for name in pool {
        files.push(best_of_run(name, (*depth, &qrels.kept), &mut best, options)?);
    }
    let wanted = usize::try_from(*documents).unwrap_or(usize::MAX);
    let (mut ids, mut judged_here, mut pooled) = (HashSet::new(), 0, 0);
    // The least hashes so far, the greatest of them on top.
    let mut drawn: BinaryHeap<(Digest, Box<str>)> = BinaryHeap::new();
    let mut records = Records::open(corpus.0, corpus.1, "document")?;
    while let Some(record) = records.next_record()? {
        let id: Box<str> = record.id.into();
        if judged.contains(&*id) {
            judged_here += 1;
            ids.insert(id);
        } else if best.contains(&*id) {
            pooled += 1;
            ids.insert(id);
        } else {
            drawn.push((lot(asked.seed, &id), id));
            if drawn.len() > wanted {
                drawn.pop();
            }
        }
    }
    let Some(rest) = wanted.checked_sub(ids.len()) else {
        return Err(Problem::Broken(format!(
            "`subsample` asks for {documents} documents, {judged_here} judged ones and {pooled} others of `pool` are kept in any \
             case: ask for at least {}, or for a smaller `depth`",
            ids.len()
        )));
    };
    let of = records.rows();
    if of < *documents {
        return Err(Problem::Broken(format!(
            "`subsample` asks for {documents} documents, {} has {of}: remove `subsample`, or ask for fewer",
            corpus.1
        )));
    }
    let drawn = drawn.into_sorted_vec();
    ids.extend(drawn.into_iter().take(rest).map(|(_, id)| id));
    let locked = LockedSample {
        documents: *documents,
        pool: files,
        depth: *depth,
        seed: asked.seed,
        of,
        judged: judged_here,
        pooled,
        drawn: rest as u64,
    };
    Ok(Chosen { ids, locked })
}

fn lot(seed: u64, id: &str) -> Digest {
    Digest::of(format!("bitsweep subsample 1\n{seed}\n{id}").as_bytes())
}

/// Adds the best `depth` documents of every judged query of a TREC run, by score (as float64) and then by id, both descending.
fn best_of_run(
    name: &str,
    (depth, kept): (u32, &Kept),
    best: &mut HashSet<String>,
    options: &Options,
) -> Result<LockedFile, Problem> {
    let mut lines = Lines::open(&folder::locate_file(name, options)?, name)?;
    let mut lists: BTreeMap<String, Vec<(f64, String)>> = BTreeMap::new();
    while lines.advance()? {
        let fields: Vec<&str> = lines.line().split_ascii_whitespace().collect();
        let [query, _, document, _, score, _] = fields.as_slice() else {
            let count = fields.len();
            return Err(lines.wrong(&format!("{count} fields, expected 6: query Q0 document rank score tag")));
        };
        let score: f64 = match score.parse() {
            // `+ 0.0` makes -0.0 into 0.0: they tie.
            Ok(score) if !f64::is_nan(score) => score + 0.0,
            _ => return Err(lines.wrong(&format!("score \"{score}\", expected a number"))),
        };
        if kept.contains_key(*query) {
            lists.entry((*query).to_owned()).or_default().push((score, (*document).to_owned()));
        }
    }
    if lists.is_empty() {
        return Err(Problem::Broken(format!("{name}: the run of `pool` has none of the judged queries")));
    }
    for mut list in lists.into_values() {
        list.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| b.1.cmp(&a.1)));
        best.extend(list.into_iter().take(depth as usize).map(|(_, document)| document));
    }
    Ok(lines.finish())
}
