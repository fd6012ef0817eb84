//! What must hold at the end, read from the records and from what the store saw of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bitsweep_backends::conformance::s3::Put;
use bitsweep_backends::store::Attempts;
use bitsweep_proto::attempt::{AttemptEnd, AttemptStart, Verdict};
use bitsweep_proto::{JobKey, Kind, Nonce};

use crate::figures::Seconds;
use crate::site::Site;
use crate::sweeps::Sweeps;

/// What the faults cost.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) jobs: usize,
    pub(crate) attempts: usize,
    /// Attempts by how they ended.
    pub(crate) ends: BTreeMap<&'static str, usize>,
    pub(crate) revoked: usize,
    /// For each attempt that had looked for the outcome before another committed: how long it went on after that, until it
    /// had put its end on record.
    pub(crate) overtaken: Seconds,
    /// From a kill back to the last checkpoint that was kept, or to the start: what embeddings lost.
    pub(crate) lost_with_checkpoints: Seconds,
    /// The same for jobs without checkpoints.
    pub(crate) lost_without_checkpoints: Seconds,
    /// From one checkpoint of an attempt to the next.
    pub(crate) checkpoint_interval: Seconds,
    /// From a kill to the end that the coordinator puts on record.
    pub(crate) detection: Seconds,
    /// From a worker's start to the start of its first attempt.
    pub(crate) restart: Seconds,
    /// From a child's start until it takes jobs.
    pub(crate) child_ready: Seconds,
    /// What an embedding takes to load its model.
    pub(crate) model_load: Seconds,
}

/// When the store had what.
#[derive(Default)]
struct Times {
    /// Outcomes, by job and generation.
    commits: HashMap<(JobKey, u32), SystemTime>,
    starts: HashMap<Nonce, SystemTime>,
    ends: HashMap<Nonce, SystemTime>,
    /// Checkpoints of each job, in order.
    checkpoints: HashMap<JobKey, Vec<(SystemTime, String)>>,
}

impl Times {
    /// Panics where a key was committed twice.
    fn of(puts: Vec<Put>) -> Self {
        let mut times = Self::default();
        for Put { name, at } in puts {
            let parts: Vec<&str> = name.split('/').collect();
            match parts[1..] {
                ["outcomes", _, file] => {
                    let (key, generation) = file.trim_end_matches(".json").split_once('.').unwrap();
                    let generation = generation.parse().unwrap();
                    let before = times.commits.insert((JobKey(key.parse().unwrap()), generation), at);
                    assert_eq!(before, None, "{name} was put twice");
                }
                ["attempts", _, file] => match file.split_once('.').unwrap() {
                    (attempt, "start.json") => drop(times.starts.insert(Nonce(attempt.to_owned()), at)),
                    (attempt, _) => drop(times.ends.insert(Nonce(attempt.to_owned()), at)),
                },
                ["checkpoints", key, ..] => {
                    let name = parts[3..].join("/");
                    times.checkpoints.entry(JobKey(key.parse().unwrap())).or_default().push((at, name));
                }
                _ => {}
            }
        }
        times
    }
}

pub(crate) async fn check(site: &Site, sweeps: &Sweeps) -> Report {
    let times = Times::of(site.s3.take_puts());
    let mut checker = Checker { site, times, report: Report::default() };
    let known = site.records.known().await.unwrap();
    let all = site.records.all_attempts().await.unwrap();
    let needed: BTreeSet<JobKey> = sweeps.sound().flat_map(|sweep| sweep.needed()).collect();
    for key in needed {
        checker.report.jobs += 1;
        let generation = known.outcomes[&key];
        for older in 0..generation {
            // Each generation was made because the one before it was revoked.
            let revocation = site.records.revocation(key, older).await.unwrap();
            assert!(revocation.is_some(), "{key} generation {older} was made again for no reason");
            checker.report.revoked += 1;
        }
        let attempts = all.get(&key).cloned().unwrap_or_default();
        for generation in 0..=generation {
            checker.check_generation((key, generation), &attempts).await;
        }
        checker.check_checkpoints(key, &attempts);
    }
    checker.measure_kills(&sweeps.kinds(), &all);
    checker.measure_starts(&all);
    checker.measure_loads(&sweeps.kinds(), &all).await;
    checker.report
}

struct Checker<'s> {
    site: &'s Site,
    times: Times,
    report: Report,
}

impl Checker<'_> {
    /// No attempt that began after the commit ran; and none failed.
    async fn check_generation(&mut self, (key, generation): (JobKey, u32), attempts: &Attempts) {
        let outcome = self.site.records.outcome_at(key, generation).await.unwrap().expect("each generation was made");
        // What was imported was there before.
        let committed = self.times.commits.get(&(key, generation)).copied().unwrap_or(UNIX_EPOCH);
        if attempts.starts.iter().all(|start| start.attempt != outcome.attempt) {
            // It was short: its outcome is all that it left.
            self.report.attempts += 1;
            *self.report.ends.entry("committed").or_default() += 1;
        }
        for start in attempts.starts.iter().filter(|start| start.generation == generation) {
            self.report.attempts += 1;
            let end = attempts.ends.iter().find(|end| end.attempt == start.attempt);
            let by_it = start.attempt == outcome.attempt;
            if !by_it && start.process != 0 {
                let began = UNIX_EPOCH + Duration::from_secs(start.started_at);
                assert!(began <= committed, "{key}: attempt {} began after the commit of {generation}", start.attempt);
                // The end of one that vanished says when that was noticed.
                let told = end.is_some_and(|end| !has_vanished(end));
                if let Some(ended) = self.times.ends.get(&start.attempt).filter(|ended| told && **ended > committed) {
                    self.report.overtaken.between(committed, *ended);
                }
            }
            let how = match end.map(|end| &end.verdict) {
                _ if by_it => "committed",
                Some(Verdict::Failed { message, .. }) => panic!("{key} failed: {message}"),
                Some(Verdict::Infrastructure { .. }) if start.process == 0 => "vanished without a start",
                Some(Verdict::Infrastructure { .. }) if end.is_some_and(has_vanished) => "vanished",
                Some(Verdict::Infrastructure { .. }) => "infrastructure",
                Some(Verdict::Broke { message }) => {
                    assert!(message.starts_with("ended by SIGKILL"), "{key} broke its process: {message}");
                    "broke"
                }
                Some(Verdict::Discarded) => "discarded",
                Some(Verdict::Preempted) => "preempted",
                Some(Verdict::Committed) => "committed",
                None => "open",
            };
            *self.report.ends.entry(how).or_default() += 1;
        }
    }

    /// An attempt finds all checkpoints that were kept before it began.
    fn check_checkpoints(&mut self, key: JobKey, attempts: &Attempts) {
        let none = Vec::new();
        let kept = self.times.checkpoints.get(&key).unwrap_or(&none);
        for start in attempts.starts.iter().filter(|start| start.process != 0) {
            let made = |generation: u32| self.times.commits.get(&(key, generation)).copied();
            // Those of the generation before went with its commit.
            let from = start.generation.checked_sub(1).and_then(made).unwrap_or(UNIX_EPOCH);
            let to = UNIX_EPOCH + Duration::from_secs(start.started_at);
            // The start is on record after its checkpoints were looked for, and they go after the commit.
            let began = self.times.starts.get(&start.attempt).copied().unwrap_or(to);
            let is_over = made(start.generation).is_some_and(|made| made < began);
            let before: BTreeSet<&String> =
                kept.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, n)| n).collect();
            let found = usize::try_from(start.checkpoints_found).unwrap();
            let words = format!("{key}: attempt {} found {found} of {} checkpoints", start.attempt, before.len());
            assert!(found >= before.len() || is_over, "{words}");
        }
        for pair in kept.windows(2) {
            let began = |start: &&AttemptStart| {
                self.times.starts.get(&start.attempt).is_some_and(|at| (pair[0].0..pair[1].0).contains(at))
            };
            // Of one attempt: nobody else began in between.
            if !attempts.starts.iter().any(|start| began(&start)) {
                self.report.checkpoint_interval.between(pair[0].0, pair[1].0);
            }
        }
    }

    /// What attempts lost whose process was killed under them, and when that was noticed.
    fn measure_kills(&mut self, kinds: &HashMap<JobKey, Kind>, all: &BTreeMap<JobKey, Attempts>) {
        for kill in &self.site.kills {
            for (key, attempts) in all {
                for start in attempts.starts.iter().filter(|start| start.process == kill.process) {
                    let Some(began) = self.times.starts.get(&start.attempt).filter(|began| **began < kill.at) else {
                        continue;
                    };
                    let ended = self.times.ends.get(&start.attempt);
                    let committed = self.times.commits.get(&(*key, start.generation));
                    if [ended, committed].into_iter().flatten().any(|over| *over < kill.at) {
                        continue;
                    }
                    let kept = self.times.checkpoints.get(key).into_iter().flatten().map(|(at, _)| *at);
                    let last = kept.filter(|at| (*began..kill.at).contains(at)).max().unwrap_or(*began);
                    let lost = match kinds.get(key) {
                        Some(Kind::Embed) => &mut self.report.lost_with_checkpoints,
                        _ => &mut self.report.lost_without_checkpoints,
                    };
                    lost.between(last, kill.at);
                    let end = attempts.ends.iter().find(|end| end.attempt == start.attempt);
                    if let (Some(ended), true) = (ended, end.is_some_and(has_vanished)) {
                        self.report.detection.between(kill.at, *ended);
                    }
                }
            }
        }
    }

    /// How long models take to load, as the logs of embeddings say.
    async fn measure_loads(&mut self, kinds: &HashMap<JobKey, Kind>, all: &BTreeMap<JobKey, Attempts>) {
        let embeddings = all.iter().filter(|(key, _)| kinds.get(key) == Some(&Kind::Embed));
        for start in embeddings.flat_map(|(_, attempts)| &attempts.starts) {
            let log = self.site.records.log(start.key, &start.attempt).await.unwrap();
            let log = String::from_utf8_lossy(&log);
            let seconds = log.lines().filter_map(|line| line.split("model loaded in ").nth(1)?.split(' ').next());
            seconds.for_each(|seconds| self.report.model_load.add(seconds.parse().unwrap()));
        }
    }

    /// How long workers and their children take to be of use.
    fn measure_starts(&mut self, all: &BTreeMap<JobKey, Attempts>) {
        for life in self.site.workers.iter().flat_map(|worker| &worker.lives) {
            let own = all.values().flat_map(|attempts| &attempts.starts).filter(|start| start.process == life.process);
            if let Some(first) = own.filter_map(|start| self.times.starts.get(&start.attempt)).min() {
                self.report.restart.between(life.began, *first);
            }
        }
        for line in self.site.lines_of_workers().filter(|line| line.contains("a child is ready")) {
            let seconds = line.split("seconds=").nth(1).and_then(|rest| rest.split_whitespace().next());
            self.report.child_ready.add(seconds.unwrap().parse().unwrap());
        }
    }
}

/// Whether it was put on behalf of a worker that was gone.
fn has_vanished(end: &AttemptEnd) -> bool {
    matches!(&end.verdict, Verdict::Infrastructure { message } if message.contains("vanished"))
}
