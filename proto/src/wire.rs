//! Messages: claim tickets, and the framed pipe between a worker and its child. The only user of bincode.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::job::{Class, Spec};
use crate::key::JobKey;
use crate::profile::Profiles;

/// Version of the ticket and of the pipe; the first byte of every message.
pub const WIRE_VERSION: u8 = 1;

/// No message is larger. What is, is garbage and never allocated.
pub const MESSAGE_LIMIT: usize = 1 << 24;

/// A claim ticket: a hint that a job may be ready. The ledger decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The job.
    pub key: JobKey,
    /// The class of workers it is meant for.
    pub class: Class,
}

/// A file handed to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// The input's name, as the job calls it.
    pub name: String,
    /// The item's name.
    pub item: String,
    /// Where it lies: read only.
    pub path: PathBuf,
}

/// One attempt, as the child sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Kind and parameters.
    pub spec: Spec,
    /// Inputs in the plan's order, artifacts expanded to their items.
    pub inputs: Vec<InputFile>,
    /// Checkpoints of earlier attempts, verified.
    pub checkpoints: Vec<InputFile>,
    /// An empty folder for what it writes.
    pub scratch: PathBuf,
}

/// Supervisor → child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToChild {
    /// Run this.
    Run(Box<Task>),
    /// The checkpoint of this name is committed (or was there already); its file may be reused.
    Kept {
        /// The checkpoint's name.
        name: String,
    },
    /// Stop at the next safe point: answer [`FromChild::Stopped`].
    Stop,
}

/// Child → supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromChild {
    /// First message: what this process computes with.
    Hello {
        /// Its numerics profiles.
        profiles: Profiles,
    },
    /// Work done so far.
    Progress {
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// A checkpoint lies in the scratch folder; the child waits for [`ToChild::Kept`].
    Checkpoint {
        /// Its name.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// The job is done.
    Done(Box<Done>),
    /// It stopped as asked, between two safe points.
    Stopped,
    /// It cannot be done.
    Failed {
        /// Stable short name of the error.
        code: String,
        /// What happened, for a person.
        message: String,
    },
    /// The machine failed it: no space, no memory, no permission. Elsewhere or later it may work.
    Unable {
        /// What happened, for a person.
        message: String,
    },
    /// Something for the log of the attempt.
    Note {
        /// A line.
        line: String,
    },
}

/// What a finished job made, before it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Files by name, in order.
    pub files: Vec<(String, ProducedFile)>,
    /// Measures, see [`crate::outcome::Produced`].
    pub measures: Vec<crate::outcome::Measured>,
    /// Facts, see [`crate::outcome::Produced`].
    pub facts: std::collections::BTreeMap<String, u64>,
    /// Values, see [`crate::outcome::Produced`].
    pub values: std::collections::BTreeMap<String, f64>,
}

/// A file that a job made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProducedFile {
    /// In the scratch folder.
    Written(PathBuf),
    /// Kept already as the checkpoint of this name.
    Checkpoint(String),
}

/// A message could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The pipe broke.
    #[error("failed to read or write the pipe")]
    Io(#[from] io::Error),
    /// An unknown version.
    #[error("message of version {0}, this program speaks {WIRE_VERSION}")]
    Version(u8),
    /// Longer than [`MESSAGE_LIMIT`].
    #[error("message of {0} bytes, at most {MESSAGE_LIMIT} are allowed")]
    TooLong(usize),
    /// Not a message.
    #[error("message cannot be decoded: {0}")]
    Garbage(String),
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MESSAGE_LIMIT>()
}

/// Encodes a message: version byte, then bincode.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, WireError> {
    let mut bytes = vec![WIRE_VERSION];
    bincode::serde::encode_into_std_write(message, &mut bytes, bincode::config::standard())
        .map_err(|error| WireError::Garbage(error.to_string()))?;
    if bytes.len() > MESSAGE_LIMIT { Err(WireError::TooLong(bytes.len())) } else { Ok(bytes) }
}

/// Decodes what [`encode`] made. Anything else, trailing bytes included, is an error and never a panic.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let garbage = |text: String| WireError::Garbage(text);
    let (&version, body) = bytes.split_first().ok_or_else(|| garbage("empty".to_owned()))?;
    if version != WIRE_VERSION {
        return Err(WireError::Version(version));
    }
    let (message, read) =
        bincode::serde::decode_from_slice(body, config()).map_err(|error| garbage(error.to_string()))?;
    if read == body.len() { Ok(message) } else { Err(garbage(format!("{} bytes too many", body.len() - read))) }
}

/// Writes one frame: length as little-endian u32, then [`encode`]'s bytes.
pub fn write_frame<T: Serialize>(to: &mut impl Write, message: &T) -> Result<(), WireError> {
    let bytes = encode(message)?;
    let length = u32::try_from(bytes.len()).map_err(|_| WireError::TooLong(bytes.len()))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)?;
    Ok(to.flush()?)
}

/// Reads one frame; `None` at a clean end of the pipe, between two frames.
pub fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>, WireError> {
    let mut length = [0u8; 4];
    match from.read_exact(&mut length[..1]) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    from.read_exact(&mut length[1..])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MESSAGE_LIMIT {
        return Err(WireError::TooLong(length));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    decode(&bytes).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back() {
        let message = FromChild::Progress { done: 3, total: 9 };
        let mut pipe = Vec::new();
        write_frame(&mut pipe, &message).unwrap();
        write_frame(&mut pipe, &FromChild::Stopped).unwrap();
        let mut pipe = pipe.as_slice();
        assert_eq!(read_frame::<FromChild>(&mut pipe).unwrap(), Some(message));
        assert_eq!(read_frame::<FromChild>(&mut pipe).unwrap(), Some(FromChild::Stopped));
        assert_eq!(read_frame::<FromChild>(&mut pipe).unwrap(), None);
    }

    #[test]
    fn a_cut_frame_is_an_error() {
        let mut pipe = Vec::new();
        write_frame(&mut pipe, &FromChild::Progress { done: 3, total: 9 }).unwrap();
        for end in 1..pipe.len() {
            let read = read_frame::<FromChild>(&mut &pipe[..end]);
            assert!(matches!(read, Err(WireError::Io(_))), "{end} bytes: {read:?}");
        }
        let huge = [255u8; 8];
        assert!(matches!(read_frame::<FromChild>(&mut huge.as_slice()), Err(WireError::TooLong(_))));
    }

    #[test]
    fn every_kind_of_job_crosses_the_pipe() {
        use crate::job::{Compress, Embed, MeasureSpec, Retrieve, Texts};
        let codec = crate::Codec::Binary { bits: 64, seed: 1 };
        let embed = Embed {
            texts: Texts::Queries,
            architecture: "bert".to_owned(),
            dim: 384,
            prefix: "query: ".to_owned(),
            max_tokens: 256,
            pooling: crate::lock::Pooling::Mean,
            normalize: true,
            precision: crate::Precision::Int8,
            first_row: 1024,
            rows: 7,
            chunk_rows: 128,
        };
        let measures = vec![crate::Measure::Ndcg { k: 10 }, crate::Measure::Mrr { k: None }];
        let specs = [
            Spec::Embed(embed),
            Spec::Compress(Compress { codec, dim: 384 }),
            Spec::Retrieve(Retrieve { codec, dim: 384, depth: 100, ignore_identical_ids: true }),
            Spec::Measure(MeasureSpec { measures }),
        ];
        for spec in specs {
            let file = InputFile { name: "texts".to_owned(), item: "é".to_owned(), path: PathBuf::from("/a/b") };
            let task = Task { spec, inputs: vec![file.clone()], checkpoints: vec![file], scratch: PathBuf::from("/s") };
            let message = ToChild::Run(Box::new(task));
            assert_eq!(decode::<ToChild>(&encode(&message).unwrap()).unwrap(), message);
        }
        let measured = crate::outcome::Measured {
            measure: crate::Measure::Recall { k: 5 },
            value: 0.1,
            value_min: 0.0,
            value_max: 1.0 / 3.0,
            value_trec_eval: None,
            queries: 300,
        };
        let files = vec![("run".to_owned(), ProducedFile::Written(PathBuf::from("/s/run")))];
        let facts = [("rows".to_owned(), 3)].into();
        let done = Done { files, measures: vec![measured], facts, values: [("mean".to_owned(), 0.1)].into() };
        let message = FromChild::Done(Box::new(done));
        assert_eq!(decode::<FromChild>(&encode(&message).unwrap()).unwrap(), message);
    }

    #[test]
    fn garbage_is_an_error() {
        let key = JobKey(crate::Digest::of(b"x"));
        let good = encode(&Ticket { key, class: Class::Cpu }).unwrap();
        assert!(decode::<Ticket>(&good).is_ok());
        assert!(matches!(decode::<Ticket>(&[9, 1, 2]), Err(WireError::Version(9))));
        for bad in [&good[..good.len() - 1], &[], &[WIRE_VERSION, 255, 255, 255, 255]] {
            assert!(decode::<Ticket>(bad).is_err());
        }
        let mut long = good;
        long.push(0);
        assert!(decode::<Ticket>(&long).is_err());
    }
}
