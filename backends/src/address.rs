//! Addresses of services. They may hold passwords, so they are shown without.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The URL of a service. What a person or a log sees of it ([`fmt::Display`], [`fmt::Debug`]) has neither user and
/// password nor query.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// The whole URL, secrets included: for the client that connects, and nobody else.
    pub fn with_secrets(&self) -> &Url {
        &self.0
    }

    /// `amqp`, `rediss`, `s3` …
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        Url::parse(text).map(Self).map_err(NotAnAddress)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // Neither fails for a URL that has a host; one without has no password.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.set_query(None);
        shown.set_fragment(None);
        shown.fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a URL. The text itself is not told: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("not a URL ({0}): write scheme://host:port/path")]
pub struct NotAnAddress(url::ParseError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        for (text, shown) in [
            ("amqp://user:secret@host:5672/vhost", "amqp://host:5672/vhost"),
            ("rediss://:secret@host/3?protocol=resp3&password=secret", "rediss://host/3"),
            ("s3://bucket/prefix", "s3://bucket/prefix"),
            ("http://secret@host/x#secret", "http://host/x"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), shown);
            assert_eq!(address.with_secrets().as_str().trim_end_matches('/'), text.trim_end_matches('/'));
        }
        let error = "secret stuff".parse::<Address>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
