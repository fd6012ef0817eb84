//! The job kinds from files to files, as the child process runs them.

mod classify;
mod codes;
mod embed;
mod fixture;
mod golden;
mod kinds;
mod similarity;
mod speed;
mod stsb;
mod truncate;
