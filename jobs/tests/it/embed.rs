//! Embedding with a tiny real network: chunks, checkpoints, texts.

use std::fs;
use std::path::Path;

use bitsweep_jobs::embedding_file;
use bitsweep_jobs::{Ended, JobError};
use bitsweep_models::Encoder;
use bitsweep_models::tiny::{TinyModel, write_tiny_model};
use bitsweep_proto::job::{Embed, Spec, Texts};
use bitsweep_proto::lock::Pooling;
use bitsweep_proto::wire::{Done, InputFile, ProducedFile};

use crate::fixture::{Fixture, Recorder};

const TEXTS: usize = 10;

fn spec(first_row: u64, rows: u64) -> Embed {
    Embed {
        texts: Texts::Documents,
        architecture: "bert".to_owned(),
        dim: 32,
        prefix: String::new(),
        max_tokens: 64,
        pooling: Pooling::Mean,
        normalize: true,
        precision: bitsweep_proto::Precision::Float32,
        first_row,
        rows,
        chunk_rows: 4,
    }
}

/// A model and ten documents with titles and blanks around.
struct Model {
    fixture: Fixture,
    inputs: Vec<InputFile>,
    /// What the encoder is to be given.
    texts: Vec<String>,
}

impl Model {
    fn new() -> Self {
        let fixture = Fixture::new();
        let files = write_tiny_model(&fixture.path("model"), &TinyModel::default()).unwrap();
        let (mut lines, mut texts) = (String::new(), Vec::new());
        for row in 0..TEXTS {
            let title = if row % 3 == 0 { "" } else { "the gene" };
            let text = " bird and tree".repeat(row);
            lines += &format!("{{\"_id\":\"d{row}\",\"title\":\"{title}\",\"text\":\"{text} \"}}\n");
            texts.push(format!("{title} {text}").trim().to_owned());
        }
        fs::write(fixture.path("texts"), lines).unwrap();
        let file = |item: &str, path: &Path| InputFile { name: "model".into(), item: item.into(), path: path.into() };
        let inputs = vec![
            file("config.json", &files.config),
            file("tokenizer.json", &files.tokenizer),
            file("model.safetensors", &files.weights[0]),
            fixture.input("texts", "", "texts"),
        ];
        Self { fixture, inputs, texts }
    }

    fn run(&mut self, spec: Embed, checkpoints: &[InputFile], steps: &mut Recorder) -> Result<Ended, JobError> {
        self.fixture.run_from(Spec::Embed(spec), (self.inputs.clone(), checkpoints.to_vec()), steps)
    }

    /// The checkpoints of a run to the end.
    fn chunks(&mut self, spec: Embed) -> Vec<(String, Vec<u8>)> {
        let mut steps = Recorder::default();
        assert!(matches!(self.run(spec, &[], &mut steps).unwrap(), Ended::Done(_)));
        steps.checkpoints
    }

    fn failure(&mut self, spec: Embed) -> (&'static str, String) {
        self.fixture.failure(Spec::Embed(spec), self.inputs.clone())
    }

    fn kept(&self, chunks: &[(String, Vec<u8>)]) -> Vec<InputFile> {
        let file = |(name, bytes): &(String, Vec<u8>)| {
            let path = self.fixture.path(&name.replace('/', "-"));
            fs::write(&path, bytes).unwrap();
            InputFile { name: "checkpoint".to_owned(), item: name.clone(), path }
        };
        chunks.iter().map(file).collect()
    }
}

fn names(done: &Done) -> Vec<&str> {
    assert!(done.files.iter().all(|(name, file)| *file == ProducedFile::Checkpoint(name.clone())));
    done.files.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn chunks_hold_the_vectors_of_prefix_title_and_text() {
    let mut model = Model::new();
    let embed = Embed { prefix: "passage: ".to_owned(), ..spec(0, TEXTS as u64) };
    let mut steps = Recorder::default();
    let Ended::Done(done) = model.run(embed, &[], &mut steps).unwrap() else { panic!("nobody said stop") };
    assert_eq!(names(&done), ["chunk/000000000", "chunk/000000004", "chunk/000000008"]);
    assert_eq!((done.facts["rows"], done.facts["dim"]), (10, 32));
    assert_eq!(steps.progress, [(0, 10), (4, 10), (8, 10), (10, 10)]);
    let [load] = steps.notes.try_into().expect("the model is loaded once");
    assert!(load.starts_with("model loaded in "), "{load}");

    let mut chunks = model.kept(&steps.checkpoints);
    chunks.iter_mut().for_each(|chunk| chunk.name = "documents".to_owned());
    let matrix = embedding_file::read(&chunks.iter().collect::<Vec<_>>(), 32).unwrap();
    let files = write_tiny_model(&model.fixture.path("model"), &TinyModel::default()).unwrap();
    let encoder = Encoder::load(&files, TinyModel::default().settings()).unwrap();
    let texts: Vec<String> = model.texts.iter().map(|text| format!("passage: {text}")).collect();
    let chunks = texts.chunks(4).map(|chunk| encoder.embed(chunk, &|| false).unwrap().unwrap());
    assert_eq!(matrix.data, chunks.collect::<Vec<_>>().concat());
}

#[test]
fn queries_are_taken_as_they_are() {
    let mut model = Model::new();
    let queries = Embed { texts: Texts::Queries, ..spec(0, 4) };
    let documents = model.chunks(spec(0, 4));
    assert_ne!(model.chunks(queries), documents, "titles are not part of queries");
}

#[test]
fn shards_give_the_chunks_of_the_whole() {
    let mut model = Model::new();
    let whole = model.chunks(spec(0, 10));
    let mut shards = model.chunks(spec(0, 4));
    shards.extend(model.chunks(spec(4, 6)));
    assert_eq!(shards, whole);
}

#[test]
fn an_embedding_goes_on_from_its_checkpoints() {
    let mut model = Model::new();
    let whole = model.chunks(spec(0, 10));
    // Stopped at every safe point there is, the second attempt makes the rest and nothing but the rest.
    for stop_after in 0..5 {
        let mut first = Recorder { stop_after: Some(stop_after), ..Recorder::default() };
        assert_eq!(model.run(spec(0, 10), &[], &mut first).unwrap(), Ended::Stopped);
        let kept = model.kept(&first.checkpoints);
        let mut second = Recorder::default();
        let Ended::Done(done) = model.run(spec(0, 10), &kept, &mut second).unwrap() else { panic!("nobody said stop") };
        assert_eq!(names(&done), whole.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
        assert_eq!([first.checkpoints, second.checkpoints].concat(), whole, "stopped after {stop_after}");
    }
    // With all chunks there, nothing is computed: not even the model is needed.
    let kept = model.kept(&whole);
    model.inputs.retain(|input| input.name == "texts");
    let mut steps = Recorder::default();
    assert!(matches!(model.run(spec(0, 10), &kept, &mut steps).unwrap(), Ended::Done(_)));
    assert!(steps.checkpoints.is_empty() && steps.notes.is_empty());
}

#[test]
fn what_cannot_be_embedded_is_named() {
    let mut model = Model::new();
    // With the encoder loaded and kept: what does not fit is noticed all the same.
    model.chunks(spec(0, 4));
    let (code, message) = model.failure(Embed { dim: 33, ..spec(0, 4) });
    assert_eq!((code, message.as_str()), ("embed/dim", "the model has 32 dimensions, the job says 33"));
    let (code, message) = model.failure(Embed { max_tokens: 100_000, ..spec(0, 4) });
    assert_eq!(code, "embed/model");
    assert!(message.contains("max_tokens is 100000"), "{message}");
    let (code, message) = model.failure(spec(8, 4));
    assert_eq!((code, message.as_str()), ("input/damaged", "the texts end after 10 rows, more were asked for"));

    // Weights that are all NaN.
    let path = model.fixture.path("broken.safetensors");
    let mut bytes = fs::read(&model.inputs[2].path).unwrap();
    let header_bytes = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header_bytes..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    model.inputs[2].path = path;
    let (code, message) = model.failure(spec(4, 4));
    assert_eq!(code, "embed/nan");
    assert!(message.starts_with("the vector of \"d4\" holds a value that is not finite"), "{message}");

    model.inputs.remove(0);
    let (code, message) = model.failure(spec(0, 4));
    assert_eq!((code, message.as_str()), ("input/missing", "the model has no config.json"));
}
