//! The queue on RabbitMQ, against real brokers: the one that all tests share, and private ones where something is
//! destroyed. Where RabbitMQ is missing these tests fail.

mod broker;
mod conformance;
mod destroyed;
mod letters;
mod measure;
mod refusals;
