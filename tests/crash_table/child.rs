//! A child that plays: it makes bytes from nothing but the names and bytes of its inputs, in no time, over the real pipe.
//!
//! So whatever a job was given wrong is seen in the table. Some things happen once in the life of a folder, which
//! remembers them:
//!
//! | job | the first time |
//! |---|---|
//! | embedding of documents | it waits behind its first chunk until it is told to stop; with the first model the second time too |
//! | embedding of queries with the first model | the machine fails it |
//! | int8 | it fails of itself |
//! | binary | its process breaks |
//! | float32 with the second model | it fails of itself twice in the same way: it is given up, until somebody asks again |

use std::cell::Cell;
use std::fs;
use std::io::{Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bitsweep_proto::digest::Hasher;
use bitsweep_proto::job::{Embed, Kind, Texts};
use bitsweep_proto::outcome::Measured;
use bitsweep_proto::wire::{Done, FromChild, ProducedFile, Task, ToChild, read_frame, write_frame};
use bitsweep_proto::{Codec, Digest, Profile, Profiles, Spec};

/// Larger than one part of an upload.
const LARGE: usize = (8 << 20) + 1;

/// What every job takes at least.
const WORK: Duration = Duration::from_millis(15);

/// The file that is there once an embedding of documents waits; it holds the scratch folder. `name` is the model's, or for
/// the second time `m-again`.
pub(crate) fn waits(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("waits-{name}"))
}

/// A line for every task that a child has begun.
pub(crate) fn runs(folder: &Path) -> PathBuf {
    folder.join("runs")
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

/// The life of a child whose folder is `folder`.
pub(crate) fn main(folder: &Path) -> ExitCode {
    let (heard, messages) = channel();
    std::thread::spawn(move || {
        let mut input = stdin().lock();
        while let Ok(Some(message)) = read_frame::<ToChild>(&mut input) {
            if heard.send(message).is_err() {
                break;
            }
        }
        // The supervisor is gone.
        std::process::exit(0);
    });
    send(&FromChild::Hello { profiles: profiles() });
    while let Ok(message) = messages.recv() {
        if let ToChild::Run(task) = message {
            let play = Play { folder, task: &task, messages: &messages, stopped: Cell::new(false) };
            send(&play.run());
        }
    }
    ExitCode::SUCCESS
}

/// One task.
struct Play<'p> {
    folder: &'p Path,
    task: &'p Task,
    messages: &'p Receiver<ToChild>,
    /// Whether it was told to stop while it waited for something else.
    stopped: Cell<bool>,
}

impl Play<'_> {
    fn run(&self) -> FromChild {
        let digest = self.inputs();
        let model = self.model();
        self.note(&model);
        std::thread::sleep(WORK);
        let failed = || FromChild::Failed { code: "play/fails".to_owned(), message: "as told".to_owned() };
        match &self.task.spec {
            Spec::Embed(embed) => match embed.texts {
                Texts::Queries if model == "m" && self.first("unable") => {
                    FromChild::Unable { message: "no space, as told".to_owned() }
                }
                Texts::Documents | Texts::Queries => self.embed(embed, &digest, &model),
            },
            Spec::Compress(spec) if spec.codec == Codec::Int8 => match self.first("fails") {
                true => failed(),
                false => self.write("index", &digest, LARGE),
            },
            Spec::Truncate(_) => self.write("chunk", &digest, 1),
            Spec::Compress(_) => match self.first("breaks") {
                true => std::process::abort(),
                false => self.write("index", &digest, 1),
            },
            Spec::Retrieve(_) if model == "n" && (self.first("fails-n") || self.first("fails-n-again")) => failed(),
            Spec::Retrieve(_) | Spec::Rescore(_) => self.write("run", &digest, 1),
            Spec::Measure(spec) => {
                let [first, second, ..] = digest.0;
                let value = (f64::from(first) + f64::from(second) / 256.0) / 256.0;
                let measured = |measure| Measured {
                    measure,
                    value,
                    value_min: value,
                    value_max: value,
                    value_trec_eval: None,
                    queries: 100,
                };
                let FromChild::Done(mut done) = self.write("per_query", &digest, 1) else { unreachable!() };
                done.measures = spec.measures.iter().copied().map(measured).collect();
                FromChild::Done(done)
            }
            Spec::Geometry(_)
            | Spec::Codes(_)
            | Spec::Similarity(_)
            | Spec::Classify(_)
            | Spec::Speed(_)
            | Spec::Noop(_) => FromChild::Done(Box::default()),
        }
    }

    /// The name of the model that the job stands on, for the jobs that it matters for.
    fn model(&self) -> String {
        let config = self.task.inputs.iter().find(|input| input.item == "config.json");
        let text = |path: &Path| fs::read_to_string(path).expect("inputs lie there");
        match (config, &self.task.spec) {
            (Some(config), _) => text(&config.path).trim().to_owned(),
            // A chunk begins with the name of its model.
            (None, Spec::Retrieve(_)) => {
                let chunk = self.task.inputs.iter().find(|input| input.name == "queries").expect("it has queries");
                text(&chunk.path).split(' ').next().unwrap_or_default().to_owned()
            }
            (None, _) => String::new(),
        }
    }

    /// What all inputs hash to, by name.
    fn inputs(&self) -> Digest {
        let mut hasher = Hasher::new();
        for input in &self.task.inputs {
            hasher.update(format!("{} {}\n", input.name, input.item).as_bytes());
            hasher.update(&fs::read(&input.path).expect("inputs lie there"));
        }
        hasher.finish()
    }

    fn embed(&self, embed: &Embed, digest: &Digest, model: &str) -> FromChild {
        let mut done = Done::default();
        let chunk_rows = usize::try_from(embed.chunk_rows).expect("a chunk fits in memory");
        for row in (embed.first_row..embed.first_row + embed.rows).step_by(chunk_rows) {
            let waits = embed.texts == Texts::Documents && row > 0 && self.is_to_wait(model);
            let name = format!("chunk/{row:09}");
            if self.is_told_to_stop(waits) {
                return FromChild::Stopped;
            }
            if !self.task.checkpoints.iter().any(|found| found.item == name) {
                self.keep(&name, &format!("{model} {name} {digest}"));
            }
            done.files.push((name.clone(), ProducedFile::Checkpoint(name)));
            send(&FromChild::Progress { done: row + embed.chunk_rows, total: embed.rows });
        }
        done.facts.insert("rows".to_owned(), embed.rows);
        FromChild::Done(Box::new(done))
    }

    fn is_to_wait(&self, model: &str) -> bool {
        let names = if model == "m" { &["m", "m-again"][..] } else { &["n"] };
        let Some(mut file) = names.iter().find_map(|name| fs::File::create_new(waits(self.folder, name)).ok()) else {
            return false;
        };
        file.write_all(self.task.scratch.as_os_str().as_encoded_bytes()).expect("the folder can be written");
        true
    }

    /// Whether somebody said so; where it `waits`, once somebody has.
    fn is_told_to_stop(&self, waits: bool) -> bool {
        if self.stopped.get() {
            return true;
        }
        let message = if waits { self.messages.recv().ok() } else { self.messages.try_recv().ok() };
        matches!(message, Some(ToChild::Stop))
    }

    fn keep(&self, name: &str, text: &str) {
        let path = self.task.scratch.join(name.replace('/', "-"));
        fs::write(&path, text).expect("scratch can be written");
        std::thread::sleep(WORK);
        send(&FromChild::Checkpoint { name: name.to_owned(), path });
        loop {
            match self.messages.recv() {
                Ok(ToChild::Kept { name: kept }) => return assert_eq!(kept, name),
                Ok(ToChild::Stop) => self.stopped.set(true),
                other => panic!("expected that {name} is kept, got {other:?}"),
            }
        }
    }

    fn write(&self, name: &str, digest: &Digest, times: usize) -> FromChild {
        let path = self.task.scratch.join(name);
        let mut bytes = format!("{name} {digest}").into_bytes();
        bytes.resize(bytes.len().max(times), 0);
        fs::write(&path, bytes).expect("scratch can be written");
        let files = vec![(name.to_owned(), ProducedFile::Written(path))];
        FromChild::Done(Box::new(Done { files, ..Done::default() }))
    }

    /// Whether this is the first time that anybody asks for this name.
    fn first(&self, name: &str) -> bool {
        fs::File::create_new(self.folder.join(name)).is_ok()
    }

    fn note(&self, model: &str) {
        let line = format!("{} {model}\n", Kind::name(self.task.spec.kind()));
        let file = fs::File::options().append(true).create(true).open(runs(self.folder));
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the folder can be written");
    }
}

fn send(message: &FromChild) {
    // Where the supervisor is gone, so are we in a moment.
    let _ = write_frame(&mut stdout().lock(), message);
}
