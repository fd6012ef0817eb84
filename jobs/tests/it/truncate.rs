//! Truncating: chunks in, shorter chunks out.

use bitsweep_jobs::{Ended, embedding_file};
use bitsweep_proto::job::{Spec, TruncateSpec};
use bitsweep_proto::wire::{Done, InputFile, ProducedFile};

use crate::fixture::{DIM, DOCUMENTS, Fixture, Recorder, vectors};

fn spec(dims: u32, normalize: bool) -> Spec {
    Spec::Truncate(TruncateSpec { dim: DIM as u32, dims, normalize })
}

/// The documents, as the job calls them.
fn inputs(fixture: &Fixture) -> Vec<InputFile> {
    fixture.documents().into_iter().map(|input| InputFile { name: "vectors".to_owned(), ..input }).collect()
}

/// What came out, read as every job reads embeddings.
fn output(done: &Done, dims: usize) -> Vec<f32> {
    let file = |(item, file): &(String, ProducedFile)| {
        let ProducedFile::Written(path) = file else { panic!("it leaves no checkpoints") };
        InputFile { name: "documents".to_owned(), item: item.clone(), path: path.clone() }
    };
    let files: Vec<InputFile> = done.files.iter().map(file).collect();
    embedding_file::read(&files.iter().collect::<Vec<_>>(), dims).unwrap().data
}

/// The definition: sums in float64 in the order of the dimensions, one division, one rounding.
fn expected(row: &[f32], normalize: bool) -> Vec<f32> {
    let mut squares = 0.0_f64;
    for value in row {
        squares += f64::from(*value) * f64::from(*value);
    }
    let scaled = |value: &f32| if squares > 0.0 { (f64::from(*value) / squares.sqrt()) as f32 } else { 0.0 };
    row.iter().map(|value| if normalize { scaled(value) } else { *value }).collect()
}

#[test]
fn the_first_dimensions_are_kept() {
    let mut fixture = Fixture::new();
    let whole = vectors(0..DOCUMENTS, 37);
    for (dims, normalize) in [(1, true), (1, false), (4, true), (4, false), (15, true), (DIM, true), (DIM, false)] {
        let inputs = inputs(&fixture);
        let done = fixture.done(spec(dims as u32, normalize), inputs);
        let names: Vec<&str> = done.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["chunk/000000000", "chunk/000000200"]);
        let wanted: Vec<f32> = whole.chunks(DIM).flat_map(|row| expected(&row[..dims], normalize)).collect();
        assert_eq!(output(&done, dims), wanted, "{dims} {normalize}");
        let zeros = wanted.chunks(dims).filter(|row| row.iter().all(|value| *value == 0.0)).count();
        let facts = ["rows", "dim", "zeros"].map(|fact| done.facts[fact]);
        assert_eq!(facts, [DOCUMENTS as u64, dims as u64, zeros as u64]);
        if (dims, normalize) == (1, true) {
            assert!(wanted.iter().all(|value| [-1.0, 0.0, 1.0].contains(value)));
        }
    }
}

/// 3, 4, 12 and nothing; and a vector of which the first dimensions hold nothing.
#[test]
fn known_answers_and_a_vector_of_zeros() {
    let mut fixture = Fixture::new();
    let mut data = vec![0.0_f32; 2 * DIM];
    data[..3].copy_from_slice(&[3.0, 4.0, 12.0]);
    data[DIM + 2] = 5.0;
    // A shard that does not begin the embedding keeps its name.
    embedding_file::write(&fixture.path("shard"), &data, DIM).unwrap();
    let of = |fixture: &mut Fixture, dims: usize| {
        let inputs = vec![fixture.input("vectors", "chunk/000001024", "shard")];
        let done = fixture.done(spec(dims as u32, true), inputs);
        assert_eq!((done.files.len(), done.files[0].0.as_str()), (1, "chunk/000001024"));
        let first = vec![("chunk/000000000".to_owned(), done.files[0].1.clone())];
        (output(&Done { files: first, ..Done::default() }, dims), done.facts["zeros"])
    };
    assert_eq!(of(&mut fixture, 2), (vec![0.6, 0.8, 0.0, 0.0], 1));
    assert_eq!(of(&mut fixture, 3), (vec![3.0 / 13.0, 4.0 / 13.0, 12.0 / 13.0, 0.0, 0.0, 1.0], 0));
    assert_eq!(of(&mut fixture, 1), (vec![1.0, 0.0], 1));
}

#[test]
fn it_stops_between_chunks() {
    let mut fixture = Fixture::new();
    let inputs = inputs(&fixture);
    let mut steps = Recorder { stop_after: Some(1), ..Recorder::default() };
    assert_eq!(fixture.run(spec(4, true), inputs, &mut steps).unwrap(), Ended::Stopped);
    assert_eq!(steps.progress, [(0, 2), (1, 2)]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut fixture = Fixture::new();
    let good = inputs(&fixture);
    assert_eq!(fixture.failure(spec(4, true), Vec::new()).0, "input/missing");
    for dims in [0, DIM as u32 + 1] {
        assert_eq!(fixture.failure(spec(dims, true), good.clone()).0, "input/damaged", "{dims}");
    }
    let other = Spec::Truncate(TruncateSpec { dim: DIM as u32 + 1, dims: 4, normalize: true });
    let (code, message) = fixture.failure(other, good);
    assert_eq!((code, message.contains("dimensions, expected")), ("input/damaged", true), "{message}");
}
