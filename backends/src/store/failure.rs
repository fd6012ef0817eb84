//! What went wrong below, as something that a person can act on.

mod remote;

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::{BackendError, Service};

pub(super) use remote::{absent, at_first, is_conflict, is_without_answer, of_conflict, whole};

/// The error of an object store called `name`.
pub(super) fn of(name: &str, error: object_store::Error) -> BackendError {
    use object_store::Error as E;
    if let Some(answer) = remote::Answer::of(&error) {
        return answer.into_error(name);
    }
    if let Some(io) = cause::<io::Error>(&error)
        && !matches!(error, E::NotFound { .. } | E::AlreadyExists { .. })
    {
        let (kind, code) = (io.kind(), io.raw_os_error());
        return of_kind(name, (kind, code), Box::new(error));
    }
    match &error {
        E::NotFound { path, .. } => BackendError::store_lacks(path.clone()),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => refused(no_permission(name), Box::new(error)),
        E::NotSupported { .. }
        | E::NotImplemented { .. }
        | E::InvalidPath { .. }
        | E::UnknownConfigurationKey { .. } => refused(format!("{name} cannot do what a store must"), Box::new(error)),
        _ => unavailable(format!("{name} failed"), Box::new(error)),
    }
}

/// The error of a plain file or folder at `path`.
pub(super) fn of_file(path: &Path, error: io::Error) -> BackendError {
    let (kind, code) = (error.kind(), error.raw_os_error());
    of_kind(&path.display().to_string(), (kind, code), Box::new(error))
}

/// Whether the disk is full, as far as the error tells.
pub(super) fn is_full(error: &BackendError) -> bool {
    let BackendError::Refused { source: Some(source), .. } = error else { return false };
    cause::<io::Error>(source.as_ref()).is_some_and(|io| io.kind() == ErrorKind::StorageFull)
}

/// The first error of type `E` among `error` and what caused it.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn of_kind(name: &str, (kind, code): (ErrorKind, Option<i32>), source: Box<dyn Error + Send + Sync>) -> BackendError {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            refused(format!("no space left on {name}: free some and run again, finished work is kept"), source)
        }
        ErrorKind::ReadOnlyFilesystem => {
            refused(format!("{name} is read-only: make it writable, or use another store"), source)
        }
        // EPERM is what file systems without hard links answer; EACCES is a matter of owner and mode.
        ErrorKind::PermissionDenied if code == Some(1) => {
            refused(format!("{name} does not permit it: a store needs a file system with hard links"), source)
        }
        ErrorKind::PermissionDenied => refused(no_permission(name), source),
        ErrorKind::NotFound => refused(format!("{name} is not there"), source),
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => {
            refused(format!("{name}: a file is in the place of a folder, or a folder in the place of a file"), source)
        }
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::CrossesDevices => {
            refused(format!("{name} cannot hold a store"), source)
        }
        _ => unavailable(format!("{name} failed"), source),
    }
}

fn no_permission(name: &str) -> String {
    format!("no permission to use {name}: check its owner and mode, or use another store")
}

fn refused(message: String, source: Box<dyn Error + Send + Sync>) -> BackendError {
    BackendError::Refused { service: Service::Store, message, source: Some(source) }
}

fn unavailable(message: String, source: Box<dyn Error + Send + Sync>) -> BackendError {
    BackendError::Unavailable { service: Service::Store, message, source: Some(source) }
}
