//! The API over in-process services: who may ask, what is refused, and that nothing that is sent makes it fail.

mod blobs;
mod described;
mod door;
mod events;
mod hostile;
mod pages;
mod submitting;
mod support;
