//! Sources from end to end: real folders, archives and a fake hub on a local port.

mod bad_datasets;
mod bad_models;
mod beir;
mod classification;
mod datasets;
mod fake_server;
mod hub;
mod hub_cache;
mod hub_trouble;
mod lock;
mod samples;
mod setting;
mod similarity;
mod wheel;
