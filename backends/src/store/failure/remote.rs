//! What a service over the network answered, as something that a person can act on.
//!
//! **Nothing of the answer is passed on but its status, code and message.** The rest may hold secrets: the address of a
//! request its signature, the text of a refused signature the session's token. The client keeps its error types to itself,
//! so they are read from what they say; a text that is not known is [`BackendError::Unavailable`] and tried again.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;

use super::{cause, refused, unavailable};
use crate::error::BackendError;

/// The longest message of a service that is passed on.
const LONGEST: usize = 200;

/// What the services call it when the bucket or container is not there.
const NO_BUCKET: [&str; 4] = ["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "InvalidBucketName"];

/// An answer of a service, or that there was none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    status: Option<u16>,
    /// The service's own name for it, such as `AccessDenied`.
    code: String,
    message: String,
    /// Whether what failed was to get credentials.
    of_credentials: bool,
}

/// What is left of an error when all that may be secret is gone.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Told {
    text: String,
    of_credentials: bool,
}

impl Answer {
    /// `None` where the error is not one of a service over the network.
    pub(super) fn of(error: &object_store::Error) -> Option<Self> {
        let text = whole(error);
        let http = cause::<HttpError>(error);
        if http.is_none() && !text.contains("Error performing ") && !text.contains("Server returned") {
            return None;
        }
        // The text holds the address before the answer.
        let said = text.find("Server returned").map_or("", |at| &text[at..]);
        let status = said.split_once("status code: ").and_then(|(_, rest)| rest.get(..3)?.parse().ok());
        let mut answer = Self {
            status,
            code: element(said, "Code"),
            message: element(said, "Message"),
            of_credentials: asks_for_credentials(&text),
        };
        if text.contains("without LOCATION") {
            answer.code = "PermanentRedirect".to_owned();
        }
        if status.is_none() && answer.message.is_empty() {
            answer.message = http.map_or_else(|| "no answer".to_owned(), transport);
        }
        Some(answer)
    }

    pub(super) fn into_error(self, name: &str) -> BackendError {
        let source = Box::new(Told { text: self.in_words(), of_credentials: self.of_credentials });
        match self.advice(name) {
            Some(message) => refused(message, source),
            None if self.status == Some(404) => BackendError::store_lacks(format!("such object in {name}")),
            None => unavailable(format!("{name} failed"), source),
        }
    }

    fn in_words(&self) -> String {
        let status = self.status.map(|status| status.to_string());
        let words = [status.as_deref().unwrap_or_default(), &self.code, &self.message];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        if words.is_empty() { "no answer".to_owned() } else { words.join(" ") }
    }

    /// What a person can do; `None` where trying again may help.
    fn advice(&self, name: &str) -> Option<String> {
        let says = |codes: &[&str]| codes.contains(&self.code.as_str());
        let transient = self.status.is_some_and(|status| matches!(status, 408 | 429 | 500 | 502..=599));
        if says(&NO_BUCKET) {
            return Some(format!("there is no bucket for {name}: make it, or correct the address"));
        }
        if says(&["RequestTimeTooSkewed", "RequestExpired", "InvalidAuthenticationTime"])
            || self.message.contains("clock")
            || self.message.contains("date header")
        {
            return Some(format!("{name} says that the clock of this machine is wrong: set it, by NTP for instance"));
        }
        if says(&["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"])
            || self.status.is_some_and(|status| matches!(status, 301 | 307))
        {
            return Some(format!("the bucket of {name} is in another region: set AWS_REGION to it"));
        }
        if says(&["ExpiredToken", "TokenRefreshRequired"]) || self.message.contains("expired") {
            return Some(format!("the credentials for {name} have expired: get new ones and start again"));
        }
        if says(&["InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthenticationFailed", "NotSignedUp"])
            || self.status == Some(401)
        {
            return Some(format!("{name} does not accept the credentials: check the key, the secret and the token"));
        }
        if self.of_credentials && self.status.is_some() && !transient {
            return Some(no_credentials(name));
        }
        if says(&["NotImplemented"]) || self.status == Some(501) {
            return Some(format!("{name} cannot do what a store must (put-if-absent): use one that can"));
        }
        if says(&["QuotaExceeded", "XMinioStorageFull", "AccountIsDisabled"]) || self.status == Some(507) {
            return Some(format!("no space left in {name}: free some and run again, finished work is kept"));
        }
        if self.status == Some(403) {
            return Some(format!(
                "no permission to use {name}: the credentials must allow to get, put, list and delete objects there"
            ));
        }
        // S3 says this of an upload that was too slow.
        if self.status == Some(400) && !says(&["RequestTimeout", "IncompleteBody", ""]) {
            return Some(format!("{name} does not accept the request"));
        }
        None
    }
}

const VARIABLES: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (s3), GOOGLE_APPLICATION_CREDENTIALS (gs) or \
                         AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (az), or run where the cloud gives them";

/// An object that is not there is `None`; a bucket that is not there is an error.
pub(in crate::store) fn absent<T>(name: &str, error: object_store::Error) -> Result<Option<T>, BackendError> {
    match Answer::of(&error) {
        Some(answer) if NO_BUCKET.contains(&answer.code.as_str()) => Err(answer.into_error(name)),
        _ => Ok(None),
    }
}

/// Whether a service answered with "conflict": not yet that something is there.
pub(in crate::store) fn is_conflict(error: &object_store::Error) -> bool {
    Answer::of(error).is_some_and(|answer| answer.status == Some(409))
}

/// Another put to the same name was under way, and nothing came of it.
pub(in crate::store) fn of_conflict(name: &str, at: &Path) -> BackendError {
    unavailable(format!("{name} failed"), {
        let text = format!("puts of {at} are in each other's way");
        Box::new(Told { text, of_credentials: false })
    })
}

/// As `error`, at the first request of all: where nobody gives credentials to this machine now, nobody will. Later it is
/// a service that does not answer for a while.
pub(in crate::store) fn at_first(name: &str, error: BackendError) -> BackendError {
    match error {
        BackendError::Unavailable { source: Some(source), .. }
            if source.downcast_ref::<Told>().is_some_and(|told| told.of_credentials) =>
        {
            refused(no_credentials(name), source)
        }
        error => error,
    }
}

fn no_credentials(name: &str) -> String {
    format!("there are no credentials for {name}: {VARIABLES}")
}

/// Whether the request may have been carried out although no answer came.
pub(in crate::store) fn is_without_answer(error: &object_store::Error) -> bool {
    cause::<HttpError>(error).is_some_and(|http| match http.kind() {
        HttpErrorKind::Timeout
        | HttpErrorKind::Interrupted
        | HttpErrorKind::Request
        | HttpErrorKind::Unknown
        | HttpErrorKind::Decode => true,
        HttpErrorKind::Connect => false,
        _ => false,
    })
}

/// What the error and all that caused it say.
pub(in crate::store) fn whole(error: &object_store::Error) -> String {
    let (mut text, mut next) = (String::new(), Some(error as &(dyn Error + 'static)));
    while let Some(error) = next {
        text.push_str(&error.to_string());
        text.push('\n');
        next = error.source();
    }
    text
}

/// The last of the causes: "Connection refused", "operation timed out". Addresses were taken out by the client.
fn transport(error: &HttpError) -> String {
    let (mut said, mut next) = (error.to_string(), error.source());
    while let Some(error) = next {
        said = error.to_string();
        next = error.source();
    }
    said.chars().take(LONGEST).collect()
}

/// The text of an element of an XML answer.
fn element(said: &str, name: &str) -> String {
    let inner = said.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once("</"));
    inner.map_or("", |(inner, _)| inner).chars().take(LONGEST).filter(|c| !c.is_control()).collect()
}

/// Whether a request went to one of the places that give credentials to a machine of a cloud.
fn asks_for_credentials(text: &str) -> bool {
    ["169.254.169.254", "169.254.170.2", "metadata.google.internal", "/oauth2/", "//sts.", "fd00:ec2"]
        .iter()
        .any(|place| text.contains(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> BackendError {
        let error = object_store::Error::Generic { store: "S3", source: text.into() };
        Answer::of(&error).unwrap().into_error("s3://bucket/sweeps")
    }

    fn error(status: &str, code: &str, message: &str) -> BackendError {
        answer(&format!(
            "Error performing GET https://bucket.s3.amazonaws.com/x?X-Amz-Signature=SECRET in 12ms, after 2 retries - \
             Server returned non-2xx status code: {status}: <?xml version=\"1.0\"?><Error><Code>{code}</Code>\
             <Message>{message}</Message><StringToSign>x-amz-security-token:SECRET</StringToSign></Error>"
        ))
    }

    #[test]
    fn what_a_person_can_do_is_said() {
        for (status, code, words) in [
            ("404 Not Found", "NoSuchBucket", "no bucket"),
            ("404 Not Found", "ContainerNotFound", "no bucket"),
            ("403 Forbidden", "AccessDenied", "must allow to get, put, list and delete"),
            ("403 Forbidden", "AuthorizationPermissionMismatch", "must allow"),
            ("403 Forbidden", "InvalidAccessKeyId", "does not accept the credentials"),
            ("403 Forbidden", "SignatureDoesNotMatch", "does not accept the credentials"),
            ("401 Unauthorized", "", "does not accept the credentials"),
            ("400 Bad Request", "ExpiredToken", "have expired"),
            ("403 Forbidden", "RequestTimeTooSkewed", "clock"),
            ("301 Moved Permanently", "PermanentRedirect", "AWS_REGION"),
            ("400 Bad Request", "AuthorizationHeaderMalformed", "AWS_REGION"),
            ("501 Not Implemented", "NotImplemented", "put-if-absent"),
            ("507 Insufficient Storage", "XMinioStorageFull", "no space left"),
            ("400 Bad Request", "InvalidArgument", "does not accept the request"),
        ] {
            let error = error(status, code, "It is so");
            assert!(matches!(error, BackendError::Refused { .. }), "{code}: {error}");
            assert!(error.to_string().contains(words), "{code}: {error}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for (status, code) in [
            ("503 Slow Down", "SlowDown"),
            ("500 Internal Server Error", "InternalError"),
            ("429 Too Many Requests", ""),
            ("400 Bad Request", "RequestTimeout"),
        ] {
            assert!(error(status, code, "later").is_retryable(), "{code}");
        }
        assert!(answer("Error performing GET https://x/ in 5s - HTTP error: operation timed out").is_retryable());
        assert!(matches!(error("404 Not Found", "NoSuchKey", "x"), BackendError::Missing { .. }));
    }

    #[test]
    fn secrets_stay_here() {
        for error in [error("403 Forbidden", "SignatureDoesNotMatch", "It is so"), error("503 Slow", "SlowDown", "x")] {
            let (mut text, mut next) = (format!("{error:?}"), Some(&error as &dyn Error));
            while let Some(error) = next {
                text.push_str(&error.to_string());
                next = error.source();
            }
            assert!(!text.contains("SECRET") && !text.contains("https://"), "{text}");
        }
    }

    #[test]
    fn absent_credentials_are_final_only_at_first() {
        let error =
            answer("Error performing PUT http://169.254.169.254/latest/api/token in 5s - HTTP error: timed out");
        assert!(error.is_retryable(), "{error}");
        let error = at_first("s3://bucket", error);
        assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
        assert!(!error.is_retryable());
        assert!(at_first("s3://bucket", error_of_server()).is_retryable());
    }

    fn error_of_server() -> BackendError {
        error("503 Slow Down", "SlowDown", "x")
    }
}
