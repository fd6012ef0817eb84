//! Where workers work: a store, a ledger, a queue; and jobs to work on.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::store::faults::Faulty;
use bitsweep_backends::{Ended, InProcessLedger, InProcessQueue, Ledger, Notice, Queue, Store};
use bitsweep_proto::job::{Embed, InputKey, Noop, Spec, Texts, push_input};
use bitsweep_proto::lock::Pooling;
use bitsweep_proto::profile::{Profile, Profiles};
use bitsweep_proto::wire::Ticket;
use bitsweep_proto::work::{Work, WorkInput, WorkSource};
use bitsweep_proto::{AttemptEnd, Digest, JobKey, Nonce, Outcome, Verdict};
use bitsweep_worker::{ChildProgram, Settings, Worker, WorkerError, WorkerMetrics, WorkerReport};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use prometheus::Registry;
use tempfile::TempDir;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::switch::Switch;

/// The program with the parts.
pub(crate) fn child(args: &[&str]) -> ChildProgram {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_bitsweep-child-for-tests"));
    ChildProgram { program, args: args.iter().map(Into::into).collect(), threads: 1 }
}

/// A store with a ledger and a queue.
pub(crate) struct Site {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) store: Store,
    pub(crate) ledger: Arc<Switch>,
    pub(crate) queue: Arc<InProcessQueue>,
    /// Gathers what the site's worker counts; for one worker.
    registry: Registry,
    /// Notices that were heard and not looked at yet.
    notices: Mutex<VecDeque<Notice>>,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// Another ledger and queue on the same store.
    pub(crate) async fn another(&self) -> Self {
        Self::on(Arc::clone(&self.folder)).await
    }

    async fn on(folder: Arc<TempDir>) -> Self {
        let store = Store::open(folder.path().join("store").to_str().unwrap()).await.unwrap();
        Self::with(folder, store).await
    }

    /// A site whose store is in memory.
    pub(crate) async fn in_memory() -> Self {
        let store = Store::with_objects(Arc::new(InMemory::new()), None).await.unwrap();
        Self::with(Arc::new(tempfile::tempdir().unwrap()), store).await
    }

    async fn with(folder: Arc<TempDir>, store: Store) -> Self {
        let ledger = Arc::new(Switch::new(open_ledger().await));
        Self { folder, store, ledger, queue: Arc::default(), registry: Registry::new(), notices: Mutex::default() }
    }

    /// A site whose store can be made to fail.
    pub(crate) async fn faulty() -> (Self, Faulty) {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let place = folder.path().join("store");
        fs::create_dir(&place).unwrap();
        let faulty = Faulty::new(Arc::new(LocalFileSystem::new_with_prefix(&place).unwrap()), Vec::new());
        let store = Store::with_objects(Arc::new(faulty.clone()), Some(place)).await.unwrap();
        (Self::with(folder, store).await, faulty)
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    /// A running worker of one slot.
    pub(crate) fn worker(&self, child: ChildProgram) -> Running {
        self.worker_with(self.settings(child))
    }

    pub(crate) fn settings(&self, child: ChildProgram) -> Settings {
        Settings {
            beat: Duration::from_millis(5),
            stop_limit: Duration::from_secs(60),
            ..Settings::new(self.scratch(), child)
        }
    }

    pub(crate) fn worker_with(&self, settings: Settings) -> Running {
        let (stop, stopped) = watch::channel(false);
        let (queue, ledger) = (Arc::clone(&self.queue), Arc::clone(&self.ledger));
        // Where a second worker starts, nobody gathers what it counts.
        let metrics = WorkerMetrics::new(&self.registry).unwrap_or_default();
        let worker = Worker { queue, ledger, store: self.store.clone(), settings, metrics, stop: stopped };
        Running { stop, task: tokio::spawn(worker.run()) }
    }

    pub(crate) async fn offer(&self, work: &Work) {
        self.ledger.offer(vec![work.clone()]).await.unwrap();
        self.queue.publish(&[Ticket { key: work.key, class: work.class() }]).await.unwrap();
    }

    /// The value of a counter without labels.
    pub(crate) fn counted(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == format!("bitsweep_worker_{name}"));
        family.expect("there is such a counter").get_metric()[0].get_counter().get_value()
    }

    /// The first notice on which `wanted` has an opinion; those before it are dropped, those after it stay.
    pub(crate) async fn notice<T>(&self, wanted: impl Fn(&Notice) -> Option<T>) -> T {
        let mut waiting = self.notices.lock().await;
        loop {
            while let Some(notice) = waiting.pop_front() {
                if let Some(found) = wanted(&notice) {
                    return found;
                }
            }
            waiting.extend(self.ledger.notices().await.unwrap());
        }
    }

    /// The notice that says how an attempt on `key` ended.
    pub(crate) async fn ending(&self, key: JobKey) -> Notice {
        let ends = |notice: &Notice| match notice {
            Notice::Adopted { key: found, .. } | Notice::Ended(Ended { key: found, .. }) if *found == key => {
                Some(notice.clone())
            }
            _ => None,
        };
        self.notice(ends).await
    }

    /// Has a worker with `child` make one attempt on `work`.
    pub(crate) async fn attempt(&self, work: &Work, child: ChildProgram) -> (Notice, WorkerReport) {
        let worker = self.worker(child);
        self.offer(work).await;
        let ending = self.ending(work.key).await;
        (ending, worker.stop().await.unwrap())
    }

    /// The end records of `key`. A committed attempt has none.
    pub(crate) async fn ends(&self, key: JobKey) -> Vec<AttemptEnd> {
        self.store.attempts(key).await.unwrap().ends
    }

    pub(crate) async fn outcome(&self, key: JobKey) -> Outcome {
        self.store.outcome(key).await.unwrap().expect("there is an outcome")
    }

    /// What the blobs of an artifact hold.
    pub(crate) async fn artifact(&self, outcome: &Outcome) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for item in &outcome.produced.artifact {
            let bytes = self.store.read_blob(&item.blob).await.unwrap();
            assert_eq!(bytes.len() as u64, item.bytes);
            found.push((item.name.clone(), String::from_utf8(bytes.to_vec()).unwrap()));
        }
        found
    }

    /// Work for a child that plays: `rows` chunks from imported texts.
    pub(crate) async fn imported(&self, rows: u64) -> Work {
        let blob = self.store.put_blob("text".into()).await.unwrap();
        embed(rows, ("", WorkSource::Blob(blob)))
    }

    /// Replaces a blob's bytes by others of the same number.
    pub(crate) fn damage(&self, blob: &Digest) {
        let path = self.blob_file(blob);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, bytes.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>()).unwrap();
    }

    pub(crate) fn blob_file(&self, blob: &Digest) -> PathBuf {
        let name = blob.to_string();
        self.store.folder().unwrap().join("blobs").join(&name[..2]).join(&name)
    }
}

/// A fifo that a child waits at.
pub(crate) struct Fifo(PathBuf);

impl Fifo {
    /// Makes it.
    pub(crate) fn new(site: &Site) -> Self {
        Self::named(site, "fifo")
    }

    /// Makes it in the site's folder.
    pub(crate) fn named(site: &Site, name: &str) -> Self {
        let fifo = site.folder.path().join(name);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        Self(fifo)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Lets the child that waits at it go on.
    pub(crate) async fn open(self) {
        // Opening one end waits for the other.
        tokio::task::spawn_blocking(move || fs::File::options().write(true).open(self.0).unwrap()).await.unwrap();
    }
}

/// A worker that runs.
pub(crate) struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<WorkerReport, WorkerError>>,
}

impl Running {
    /// Tells it to stop and waits until it has.
    pub(crate) async fn stop(self) -> Result<WorkerReport, WorkerError> {
        self.stop.send_replace(true);
        self.task.await.unwrap()
    }

    /// Waits until it stops by itself.
    pub(crate) async fn ended(&mut self) -> Result<WorkerReport, WorkerError> {
        (&mut self.task).await.unwrap()
    }
}

/// What children that play compute with.
pub(crate) fn profiles() -> Profiles {
    let profile = |kernels: &str| Profile {
        device: "cpu".to_owned(),
        precision: "f32".to_owned(),
        kernels: kernels.to_owned(),
        self_test: Digest::of(kernels.as_bytes()),
    };
    Profiles { encoder: profile("played encoder"), search: profile("played search") }
}

/// An embedding by a child that plays.
pub(crate) fn embed(rows: u64, (item, from): (&str, WorkSource)) -> Work {
    let spec = Spec::Embed(Embed {
        texts: Texts::Documents,
        architecture: "bert".to_owned(),
        dim: 1,
        prefix: String::new(),
        max_tokens: 1,
        pooling: Pooling::Mean,
        normalize: true,
        precision: bitsweep_proto::Precision::Float32,
        first_row: 0,
        rows,
        chunk_rows: 1,
    });
    let inputs = vec![WorkInput { name: "texts".to_owned(), item: item.to_owned(), from }];
    work(spec, inputs, &profiles())
}

/// A job that is nothing, and has no checkpoints.
pub(crate) fn noop(number: u64) -> Work {
    work(Spec::Noop(Noop { number }), Vec::new(), &profiles())
}

/// Work for any spec.
pub(crate) fn work(spec: Spec, inputs: Vec<WorkInput>, profiles: &Profiles) -> Work {
    let mut fields = spec.fields(profiles);
    for input in &inputs {
        let content = match input.from {
            WorkSource::Blob(blob) => InputKey::Blob(blob),
            WorkSource::Job(key) => InputKey::Job(key),
        };
        push_input(&mut fields, &format!("{}/{}", input.name, input.item), content);
    }
    let profile = spec.profile(profiles).cloned();
    let (key, generation, traceparent) = (fields.key(), 0, String::new());
    Work { key, spec, fields, inputs, profile, generation, device_memory_bytes: 0, traceparent }
}

/// Who opens ledgers.
pub(crate) fn leader() -> Nonce {
    Nonce("leader".to_owned())
}

/// A ledger that serves claims.
pub(crate) async fn open_ledger() -> InProcessLedger {
    let (ledger, leader) = (InProcessLedger::new(), leader());
    ledger.pulse(&leader, Duration::from_secs(3600)).await.unwrap();
    ledger.open(&leader).await.unwrap();
    ledger
}

/// How an attempt ended that made no outcome.
pub(crate) fn verdict(ending: Notice) -> Verdict {
    match ending {
        Notice::Ended(Ended { verdict, .. }) => verdict,
        other => panic!("expected an attempt without an outcome, got {other:?}"),
    }
}
