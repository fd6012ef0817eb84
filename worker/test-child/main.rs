//! Children for the worker's tests: `real THREADS` is the real one; the others play one part each, over the real pipe.
//!
//! A played child makes chunks of text, `Embed.rows` of them, one checkpoint each, from the inputs' bytes. Parts:
//! `plays`: to the end. `dies MARKER AT`: kills itself at chunk AT, once (MARKER remembers). `hangs AT`: waits at chunk AT
//! until it is told to stop, and stops. `deaf AT`: waits at chunk AT for ever. `meets FIFO r|w`: goes on when its other
//! half has come too, and makes other bytes than that. `fails`, `unable`, `panics`: says so, or does so. `mute`: exits
//! before it greets.

use std::fs;
use std::io::{stdin, stdout};
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
        _ => {}
    }
    send(&FromChild::Hello { profiles: profiles() });
    while let Some(message) = receive() {
        let ToChild::Run(task) = message else { panic!("expected a task, got {message:?}") };
        let answer = play(&args, &task);
        send(&answer);
    }
    ExitCode::SUCCESS
}

fn play(args: &[&str], task: &Task) -> FromChild {
    let Spec::Embed(spec) = &task.spec else { panic!("played children embed") };
    let at = args.last().and_then(|at| at.parse::<u64>().ok());
    let mut done = Done::default();
    for row in 0..spec.rows {
        match args {
            ["fails"] => return FromChild::Failed { code: "play/fails".to_owned(), message: "as told".to_owned() },
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
            ["hangs", _] if at == Some(row) => match receive() {
                Some(ToChild::Stop) => return FromChild::Stopped,
                other => panic!("expected a stop, got {other:?}"),
            },
            ["deaf", _] if at == Some(row) => loop {
                std::thread::park();
            },
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

fn make_chunk(task: &Task, name: &str, salt: &str) {
    let mut text = format!("{name}{salt}").into_bytes();
    for input in &task.inputs {
        text.extend(fs::read(&input.path).expect("inputs lie there"));
    }
    let path = task.scratch.join(name.replace('/', "-"));
    fs::write(&path, text).expect("scratch can be written");
    send(&FromChild::Checkpoint { name: name.to_owned(), path });
    match receive() {
        Some(ToChild::Kept { name: kept }) => assert_eq!(kept, name),
        other => panic!("expected that {name} is kept, got {other:?}"),
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
