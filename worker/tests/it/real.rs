//! The real child, over its real pipe.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use bitsweep_backends::Notice;
use bitsweep_models::tiny::{TinyModel, write_tiny_model};
use bitsweep_proto::job::{Compress, Embed, Spec, Texts};
use bitsweep_proto::lock::Pooling;
use bitsweep_proto::wire::{FromChild, read_frame};
use bitsweep_proto::work::{WorkInput, WorkSource};
use bitsweep_proto::{Codec, Verdict};

use crate::site::{Site, child, verdict, work};

fn input(name: &str, item: &str, from: WorkSource) -> WorkInput {
    WorkInput { name: name.to_owned(), item: item.to_owned(), from }
}

/// Texts → vectors, chunk by chunk → codes, all through child processes and the store.
#[tokio::test]
async fn texts_become_codes() {
    let site = Site::new().await;
    let profiles = bitsweep_worker::profiles(&child(&["real", "1"])).await.unwrap();
    let files = write_tiny_model(&site.folder.path().join("model"), &TinyModel::default()).unwrap();
    let mut inputs = Vec::new();
    for (item, path) in
        [("config.json", &files.config), ("tokenizer.json", &files.tokenizer), ("model.safetensors", &files.weights[0])]
    {
        let (blob, _) = site.store.put_blob_file(path).await.unwrap();
        inputs.push(input("model", item, WorkSource::Blob(blob)));
    }
    let texts: String =
        (0..10).map(|row| format!("{{\"_id\":\"{row}\",\"title\":\"\",\"text\":\"bird {row}\"}}\n")).collect();
    let blob = site.store.put_blob(texts.into()).await.unwrap();
    inputs.push(input("texts", "", WorkSource::Blob(blob)));
    let embed = Embed {
        texts: Texts::Documents,
        architecture: "bert".to_owned(),
        dim: 32,
        prefix: String::new(),
        max_tokens: 64,
        pooling: Pooling::Mean,
        normalize: true,
        precision: bitsweep_proto::Precision::Float32,
        first_row: 0,
        rows: 10,
        chunk_rows: 4,
    };
    let embedded = work(Spec::Embed(embed.clone()), inputs.clone(), &profiles);
    let vectors = vec![input("documents", "", WorkSource::Job(embedded.key))];
    let compress = Spec::Compress(Compress { codec: Codec::Binary { bits: 64, seed: 1 }, dim: 32 });
    let compressed = work(compress, vectors, &profiles);
    let impossible = work(Spec::Embed(Embed { dim: 31, ..embed }), inputs, &profiles);

    let worker = site.worker(child(&["real", "1"]));
    for work in [&embedded, &compressed] {
        site.offer(work).await;
        assert_eq!(site.ending(work.key).await, Notice::Adopted { key: work.key, generation: 0 });
    }
    site.offer(&impossible).await;
    let ending = site.ending(impossible.key).await;
    let Verdict::Failed { code, message } = verdict(ending) else { panic!("it can be done") };
    assert_eq!((code.as_str(), message.as_str()), ("embed/dim", "the model has 32 dimensions, the job says 31"));
    assert_eq!(worker.stop().await.unwrap().committed, 2);

    let chunks = site.outcome(embedded.key).await.produced.artifact;
    let names: Vec<&str> = chunks.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["chunk/000000000", "chunk/000000004", "chunk/000000008"]);
    let outcome = site.outcome(compressed.key).await;
    assert_eq!(
        outcome.inputs.iter().map(|input| input.blob).collect::<Vec<_>>(),
        chunks.iter().map(|item| item.blob).collect::<Vec<_>>()
    );
    assert_eq!((outcome.produced.artifact[0].name.as_str(), outcome.produced.facts["bytes_per_vector"]), ("index", 8));
}

/// Whatever it is doing, it does not outlive its supervisor.
#[test]
fn the_child_dies_with_the_pipe() {
    let program = child(&["real", "1"]);
    let mut process =
        Command::new(program.program).args(program.args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut pipe = process.stdout.take().unwrap();
    assert!(matches!(read_frame(&mut pipe).unwrap(), Some(FromChild::Hello { .. })));
    drop(process.stdin.take());
    assert_eq!(process.wait().unwrap().signal(), Some(9));
    assert_eq!(pipe.read_to_end(&mut Vec::new()).unwrap(), 0);
}

/// Only the supervisor decides when to stop.
#[test]
fn the_child_does_not_heed_terminal_and_system() {
    let program = child(&["real", "1"]);
    let mut process =
        Command::new(program.program).args(program.args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut pipe = process.stdout.take().unwrap();
    assert!(matches!(read_frame(&mut pipe).unwrap(), Some(FromChild::Hello { .. })));
    let pid = rustix::process::Pid::from_child(&process);
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        rustix::process::kill_process(pid, signal).unwrap();
    }
    // It is still there to answer.
    let garbage = bitsweep_proto::wire::ToChild::Kept { name: "nothing".to_owned() };
    let mut to = process.stdin.take().unwrap();
    bitsweep_proto::wire::write_frame(&mut to, &garbage).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(1));
}
