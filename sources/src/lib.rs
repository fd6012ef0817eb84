//! Sources of models and datasets: `hf:`, `beir:`, `pypi:` and `file:` are resolved once into a
//! [`Lock`](bitsweep_proto::Lock) and imported as content; planning after that is pure.
//!
//! Owns: finding and fetching sources, checking what came, the readers of model folders (Hugging Face layout) and
//! datasets (BEIR layout; pairs of sentences; labelled texts), their canonical form, and the lock file. Does not own: the
//! store (see [`Content`]), the manifest's syntax, the manifest's overrides of a model's facts (the planner applies them), or
//! any computation on texts or weights. Everything here is synchronous: it runs once, before there is anything to schedule.
//!
//! How a source is used: `origin` opens it, whatever its scheme, as a set of named files that are fetched on demand;
//! `model`, `dataset`, `similarity` and `classification` read such a set; `resolve` chooses the source and compares with the
//! lock. A source that is unreachable or absent makes way for the next of its list; a broken one is an error, because
//! silently taking another copy would hide it.

mod archive;
mod beir;
mod canonical;
mod checksum;
mod classification;
mod content;
mod csv;
mod dataset;
mod download;
mod error;
mod folder;
mod http;
mod hub;
mod hub_cache;
mod lock_file;
mod model;
mod options;
mod origin;
mod resolve;
mod safetensors;
mod session;
mod similarity;
mod wheel;

pub use content::{Content, ContentError};
pub use error::{Change, SourceError, Tried};
pub use lock_file::{read_lock, write_lock};
pub use options::{Options, Report};
pub use resolve::resolve;
