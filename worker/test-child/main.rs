//! Children for the worker's tests: `real THREADS` is the real one; the others play one part each, over the real pipe.
//!
//! A played child makes chunks of text, `Embed.rows` of them, one checkpoint each, from the inputs' bytes; a no-op is
//! nothing but what `waits` and `fails` do. Parts:
//!
//! | part | what it does |
//! |---|---|
//! | `plays` | goes to the end |
//! | `talks` | as well, and says so on standard error |
//! | `dies MARKER AT` | kills itself at chunk AT, once (MARKER remembers) |
//! | `hangs AT` | waits at chunk AT until it is told to stop, and stops |
//! | `quits AT` | the same, but ends instead of saying that it stopped |
//! | `deaf AT` | waits at chunk AT for ever |
//! | `freezes AT` | stops itself at chunk AT by a signal |
//! | `waits FIFO AT` | waits at chunk AT until somebody opens FIFO, and goes on, told to stop or not |
//! | `meets FIFO r\|w` | goes on when its other half has come too, and makes other bytes than that |
//! | `writes FOLDER` | writes to FOLDER/log that a no-op or a timed job begins and ends; between, it waits at the fifo FOLDER/NAME, if it is there |
//! | `eats MIB` | takes so much memory and waits for ever |
//! | `fails`, `unable`, `panics` | says so, or does so |
//! | `leaves MARKER` | ends when it has greeted, once |
//! | `shy` | never greets |
//! | `mute` | exits before it greets |

use std::fs;
use std::io::{Write, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

use bitsweep_proto::Digest;
use bitsweep_proto::job::Spec;
use bitsweep_proto::profile::{Profile, Profiles};
use bitsweep_proto::wire::{Done, FromChild, ProducedFile, Task, ToChild, read_frame, write_frame};
use rustix::process::{Signal, getpid, kill_process};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["real", threads] => return bitsweep_worker::child_main(threads.parse().expect("a number of threads")),
        ["mute"] => {
            eprintln!("cannot find the library");
            return ExitCode::from(7);
        }
        ["shy"] => wait_for_ever(),
        _ => {}
    }
    send(&FromChild::Hello { profiles: profiles() });
    if let ["leaves", marker] = args.as_slice()
        && fs::File::create_new(marker).is_ok()
    {
        return ExitCode::SUCCESS;
    }
    while let Some(message) = receive() {
        let ToChild::Run(task) = message else { panic!("expected a task, got {message:?}") };
        let answer = play(&args, &task);
        send(&answer);
    }
    ExitCode::SUCCESS
}

fn play(args: &[&str], task: &Task) -> FromChild {
    let spec = match &task.spec {
        Spec::Embed(spec) => spec,
        Spec::Noop(_) | Spec::Speed(_) => {
            match args {
                ["writes", folder] => write_down(Path::new(folder), &task.spec),
                ["waits", fifo, _] => drop(fs::File::open(fifo).expect("the fifo is there")),
                ["fails"] => return failed(),
                _ => {}
            }
            return FromChild::Done(Box::default());
        }
        other => panic!("played children embed: {other:?}"),
    };
    let at = args.last().and_then(|at| at.parse::<u64>().ok());
    let mut done = Done::default();
    for row in 0..spec.rows {
        match args {
            ["fails"] => return failed(),
            ["unable"] => return FromChild::Unable { message: "no space".to_owned() },
            ["panics"] => panic!("a bug"),
            ["meets", fifo, end] if row == 0 => {
                // Opening one end waits for the other.
                let opened = fs::File::options().read(*end == "r").write(*end == "w").open(fifo);
                std::mem::forget(opened.expect("the fifo is there"));
            }
            ["dies", marker, _] if at == Some(row) && fs::File::create_new(marker).is_ok() => {
                eprintln!("about to die");
                let _ = kill_process(getpid(), Signal::KILL);
            }
            ["hangs" | "quits", _] if at == Some(row) => match receive() {
                Some(ToChild::Stop) if args[0] == "quits" => std::process::exit(0),
                Some(ToChild::Stop) => return FromChild::Stopped,
                other => panic!("expected a stop, got {other:?}"),
            },
            ["deaf", _] if at == Some(row) => wait_for_ever(),
            ["freezes", _] if at == Some(row) => kill_process(getpid(), Signal::STOP).expect("it is ours"),
            ["waits", fifo, _] if at == Some(row) => drop(fs::File::open(fifo).expect("the fifo is there")),
            ["eats", mib] => {
                let eaten = vec![1u8; mib.parse::<usize>().expect("a number of MiB") << 20];
                std::hint::black_box(&eaten);
                wait_for_ever()
            }
            ["talks"] => eprintln!("I make chunk {row}"),
            _ => {}
        }
        let name = format!("chunk/{row:09}");
        if !task.checkpoints.iter().any(|found| found.item == name) {
            let salt = if args[0] == "meets" { args[2] } else { "" };
            make_chunk(task, &name, salt);
        }
        done.files.push((name.clone(), ProducedFile::Checkpoint(name)));
        send(&FromChild::Progress { done: row + 1, total: spec.rows });
    }
    done.facts.insert("rows".to_owned(), spec.rows);
    FromChild::Done(Box::new(done))
}

fn write_down(folder: &Path, spec: &Spec) {
    let name = match spec {
        Spec::Noop(noop) => format!("noop-{}", noop.number),
        other => other.kind().name().to_owned(),
    };
    let log = fs::File::options().append(true).create(true).open(folder.join("log"));
    let mut log = log.expect("the log can be opened");
    let mut write = |what: &str| log.write_all(format!("{name} {what}\n").as_bytes()).expect("the log can be written");
    write("begins");
    let fifo = folder.join(&name);
    if fifo.exists() {
        drop(fs::File::open(fifo).expect("the fifo is there"));
    }
    write("ends");
}

fn failed() -> FromChild {
    FromChild::Failed { code: "play/fails".to_owned(), message: "as told".to_owned() }
}

fn make_chunk(task: &Task, name: &str, salt: &str) {
    let mut text = format!("{name}{salt}").into_bytes();
    for input in &task.inputs {
        text.extend(fs::read(&input.path).expect("inputs lie there"));
    }
    let path = task.scratch.join(name.replace('/', "-"));
    fs::write(&path, text).expect("scratch can be written");
    send(&FromChild::Checkpoint { name: name.to_owned(), path });
    loop {
        match receive() {
            Some(ToChild::Kept { name: kept }) => return assert_eq!(kept, name),
            // Only `hangs` and `quits` heed it.
            Some(ToChild::Stop) => {}
            other => panic!("expected that {name} is kept, got {other:?}"),
        }
    }
}

fn wait_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

fn send(message: &FromChild) {
    write_frame(&mut stdout().lock(), message).expect("the supervisor listens");
}

fn receive() -> Option<ToChild> {
    read_frame(&mut stdin().lock()).expect("frames can be read")
}

fn profiles() -> Profiles {
    let profile = |kernels: &str| Profile {
        device: "cpu".to_owned(),
        precision: "f32".to_owned(),
        kernels: kernels.to_owned(),
        self_test: Digest::of(kernels.as_bytes()),
    };
    Profiles { encoder: profile("played encoder"), search: profile("played search") }
}
