//! Where the three services are. Addresses may hold passwords: they come by flag, environment or file, and no message
//! shows them.

use std::path::PathBuf;

use bitsweep_backends::Address;
use clap::Args;

use crate::exit::Failure;

/// The services. An address with a password is best given by a file or the environment: a command line can be seen by
/// every user of the machine.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Services")]
pub(crate) struct ServiceArgs {
    /// The queue: amqp://user:password@host:5672/vhost, or amqps://.
    // A text, not an address: clap's own message would quote what it cannot read.
    #[arg(long, value_name = "URL", env = "BITSWEEP_QUEUE", hide_env_values = true)]
    queue: Option<Secret>,
    /// File that holds the address of the queue.
    #[arg(long, value_name = "FILE", env = "BITSWEEP_QUEUE_FILE")]
    queue_file: Option<PathBuf>,
    /// The ledger: redis://:password@host:6379/0, or rediss://.
    #[arg(long, value_name = "URL", env = "BITSWEEP_LEDGER", hide_env_values = true)]
    ledger: Option<Secret>,
    /// File that holds the address of the ledger.
    #[arg(long, value_name = "FILE", env = "BITSWEEP_LEDGER_FILE")]
    ledger_file: Option<PathBuf>,
    /// The store: a folder, file://, s3://bucket/prefix, gs://… or az://…. Keys come from the environment of the
    /// provider (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY …).
    #[arg(long, value_name = "PLACE", env = "BITSWEEP_STORE", hide_env_values = true)]
    store: Option<Secret>,
}

impl ServiceArgs {
    /// The address of the queue, if one is given.
    pub(crate) fn queue(&self) -> Result<Option<Address>, Failure> {
        address("queue", self.queue.as_ref(), self.queue_file.as_ref(), &["amqp", "amqps"])
    }

    /// The address of the ledger, if one is given.
    pub(crate) fn ledger(&self) -> Result<Option<Address>, Failure> {
        address("ledger", self.ledger.as_ref(), self.ledger_file.as_ref(), &["redis", "rediss"])
    }

    /// The place of the store, if one is given.
    pub(crate) fn store(&self) -> Option<&str> {
        self.store.as_ref().map(|place| place.0.as_str())
    }

    /// All three; an error says which is missing and how to give it.
    pub(crate) fn all(&self) -> Result<(Address, Address, String), Failure> {
        let queue = self.queue()?.ok_or_else(|| missing("queue", "amqp://host:5672"))?;
        let ledger = self.ledger()?.ok_or_else(|| missing("ledger", "redis://host:6379"))?;
        let store = self.store().ok_or_else(|| missing("store", "s3://bucket/prefix"))?.to_owned();
        Ok((queue, ledger, store))
    }
}

fn missing(service: &str, example: &str) -> Failure {
    let upper = service.to_uppercase();
    Failure::wrong(format!(
        "no {service} is given: use --{service} {example} or the environment variable BITSWEEP_{upper}"
    ))
}

fn address(
    service: &str,
    given: Option<&Secret>,
    file: Option<&PathBuf>,
    schemes: &[&str],
) -> Result<Option<Address>, Failure> {
    let (text, from) = match (given, file) {
        (Some(_), Some(file)) => {
            let file = file.display();
            let upper = service.to_uppercase();
            return Err(Failure::wrong(format!(
                "the {service} is given twice: by --{service} (or BITSWEEP_{upper}) and by the file {file}; give one"
            )));
        }
        (Some(text), None) => (text.0.clone(), format!("--{service}")),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|error| Failure::wrong(format!("failed to read {}: {error}", file.display())))?;
            (text.trim().to_owned(), file.display().to_string())
        }
        (None, None) => return Ok(None),
    };
    let address: Address = text.parse().map_err(|error| Failure::wrong(format!("{from}: {error}")))?;
    if !schemes.contains(&address.scheme()) {
        // Not shown: who writes `user:password@host` has written a URL whose scheme is the user.
        return Err(Failure::wrong(format!(
            "{from}: not the address of a {service}: it has to begin with {}://",
            schemes.join(":// or ")
        )));
    }
    Ok(Some(address))
}

/// A text that may hold a password: not shown.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        services: ServiceArgs,
    }

    fn parse(args: &[&str]) -> ServiceArgs {
        Line::parse_from(["x"].iter().chain(args)).services
    }

    #[test]
    fn an_address_comes_from_a_file_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queue");
        std::fs::write(&file, "amqp://u:secret@h:1/v\n").unwrap();
        let file = file.display().to_string();
        let address = parse(&["--queue-file", &file]).queue().unwrap().unwrap();
        assert_eq!(address.with_secrets().password(), Some("secret"));
        let twice = parse(&["--queue-file", &file, "--queue", "amqp://u:secret@h"]).queue().unwrap_err();
        assert!(twice.message.contains("given twice"), "{}", twice.message);
        let absent = parse(&["--ledger-file", "/nowhere/x"]).ledger().unwrap_err();
        assert!(absent.message.contains("/nowhere/x"), "{}", absent.message);
    }

    #[test]
    fn no_message_shows_a_password() {
        for args in
            [["--queue", "u:secret@h"], ["--queue", "redis://u:secret@h"], ["--ledger", "http://u:secret@h?x=secret"]]
        {
            let services = parse(&args);
            let failure = match (services.queue(), services.ledger()) {
                (Err(failure), _) | (_, Err(failure)) => failure,
                _ => panic!("{args:?} is refused"),
            };
            assert!(!failure.message.contains("secret"), "{}", failure.message);
            assert!(!format!("{services:?}").contains("secret"));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let failure = parse(&["--queue", "amqp://h"]).all().unwrap_err();
        assert!(failure.message.contains("BITSWEEP_LEDGER"), "{}", failure.message);
    }
}
