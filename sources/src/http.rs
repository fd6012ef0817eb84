//! The HTTP client: one GET with its redirects, what an answer means, and how long to be patient.
//!
//! Redirects are followed here and not by the library, for two reasons: a token goes to the origin (scheme, host and
//! port) that it is meant for and to no other, and the hub puts checksums into the headers of its redirects.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::error::Problem;
use crate::options::{Options, Report};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const REDIRECTS: usize = 10;
/// Requests for one file without progress between them.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A server that asks for more patience counts as unreachable.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// An access token. Never shown.
pub(crate) struct Token(pub(crate) String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// One request.
pub(crate) struct Get<'a> {
    pub(crate) url: &'a str,
    /// Sent to the origin of `url` alone.
    pub(crate) token: Option<&'a Token>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// The last answer of a chain of redirects: status 200, 206 or 416.
pub(crate) struct Answer {
    pub(crate) response: Response<Body>,
    /// `X-Linked-Etag` of a redirect, or the `ETag` of an answer that came from the first origin: for a large file
    /// of the hub, its SHA-256.
    pub(crate) linked_etag: Option<String>,
    /// `X-Linked-Size` of a redirect.
    pub(crate) linked_bytes: Option<u64>,
}

/// Why a request brought nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// 401 or 403, with the hub's code for the reason.
    Denied { status: u16, code: String },
    /// 404 or 410.
    Absent(String),
    /// Cannot be reached.
    Unreachable(String),
    /// An answer that makes no sense.
    Broken(String),
    /// May work when asked again, after the time that the server names.
    Again { why: String, after: Option<Duration> },
    /// Nothing to do with the server.
    Here(Problem),
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Here(problem)
    }
}

impl Trouble {
    /// The problem of the source; `denied` words the refusal.
    pub(crate) fn problem(self, denied: impl FnOnce(u16, &str) -> String) -> Problem {
        match self {
            Self::Denied { status, code } => Problem::Absent(denied(status, &code)),
            Self::Absent(why) => Problem::Absent(why),
            Self::Unreachable(why) | Self::Again { why, .. } => Problem::Unreachable(why),
            Self::Broken(why) => Problem::Broken(why),
            Self::Here(problem) => problem,
        }
    }
}

/// How often one thing is asked for, and how long between.
pub(crate) struct Patience {
    left: u32,
    wait: Duration,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { left: TRIES - 1, wait: FIRST_WAIT }
    }

    /// Waits before the next try, or gives up.
    pub(crate) fn wait(
        &mut self,
        why: String,
        after: Option<Duration>,
        report: &mut dyn Report,
    ) -> Result<(), Trouble> {
        if self.left == 0 {
            return Err(Trouble::Unreachable(format!("{why}; given up after {TRIES} tries without progress")));
        }
        let time = after.unwrap_or(self.wait);
        if time > LONGEST_WAIT {
            return Err(Trouble::Unreachable(format!("{why}; it asks to wait {} s", time.as_secs())));
        }
        self.left -= 1;
        self.wait *= 2;
        report.wait(&why, time);
        Ok(())
    }
}

/// The client.
pub(crate) struct Http {
    agent: Agent,
}

impl Http {
    pub(crate) fn new(options: &Options) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // Lengths and ranges then speak of the bytes that we store.
            .accept_encoding("identity")
            .user_agent(concat!("bitsweep/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(READ_TIMEOUT))
            .tls_config(TlsConfig::builder().root_certs(root_certificates(options)).build())
            .build();
        Self { agent: Agent::new_with_config(config) }
    }

    /// One request with its redirects; no second try.
    pub(crate) fn get(&self, get: &Get<'_>) -> Result<Answer, Trouble> {
        let asked = get.url;
        let home = origin_of(asked).ok_or_else(|| Trouble::Broken(format!("{asked} is not an http address")))?;
        let mut url = asked.to_owned();
        let mut linked = (None, None);
        for _ in 0..=REDIRECTS {
            let at_home = origin_of(&url).as_ref() == Some(&home);
            let response = self.send(&url, get, at_home)?;
            let headers = response.headers();
            if at_home {
                linked.0 = linked.0.or_else(|| text(headers, "x-linked-etag"));
                linked.1 = linked.1.or_else(|| number(headers, "x-linked-size"));
            }
            match response.status().as_u16() {
                200 | 206 | 416 => {
                    let own = || text(headers, "etag").filter(|_| at_home);
                    let linked_etag = linked.0.or_else(own);
                    return Ok(Answer { linked_etag, linked_bytes: linked.1, response });
                }
                301 | 302 | 303 | 307 | 308 => url = redirected(&url, text(headers, "location").as_deref())?,
                // The signature of an address that the hub gave is too old: it gives a new one.
                status @ (401 | 403) if !at_home => {
                    let why = format!("{} answered {status} for {asked}", without_query(&url));
                    return Err(Trouble::Again { why, after: None });
                }
                status => return Err(refusal(status, asked, headers)),
            }
        }
        Err(Trouble::Broken(format!("{asked} redirects more than {REDIRECTS} times")))
    }

    /// A small text.
    pub(crate) fn text(&self, get: &Get<'_>, report: &mut dyn Report) -> Result<String, Trouble> {
        let mut patience = Patience::new();
        loop {
            let read = self.get(get).and_then(|answer| {
                let text = answer.response.into_body().read_to_string();
                let cut = |error| Trouble::Again { why: format!("{} was cut off: {error}", get.url), after: None };
                text.map_err(cut)
            });
            match read {
                Err(Trouble::Again { why, after }) => patience.wait(why, after, report)?,
                other => return other,
            }
        }
    }

    fn send(&self, url: &str, get: &Get<'_>, at_home: bool) -> Result<Response<Body>, Trouble> {
        let mut request = self.agent.get(url);
        for (name, value) in &get.headers {
            request = request.header(*name, value);
        }
        if let Some(Token(token)) = get.token.filter(|_| at_home) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.call().map_err(|error| unsent(&error, url))
    }
}

/// Mozilla's root certificates, or those of `SSL_CERT_FILE` where that names a readable file of some.
fn root_certificates(options: &Options) -> RootCerts {
    let Some(pem) = options.variable("SSL_CERT_FILE").and_then(|path| fs::read(path).ok()) else {
        return RootCerts::WebPki;
    };
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    let certificates: Vec<_> = parse_pem(&pem).filter_map(certificate).collect();
    if certificates.is_empty() { RootCerts::WebPki } else { RootCerts::from(certificates) }
}

/// Scheme, host and port.
fn origin_of(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let port = uri.port_u16().unwrap_or(usual);
    Some((scheme, uri.host()?.to_ascii_lowercase(), port))
}

/// Where a redirect from `url` leads.
fn redirected(url: &str, location: Option<&str>) -> Result<String, Trouble> {
    let wrong = |what: &str| Trouble::Broken(format!("{} redirects {what}", without_query(url)));
    let location = location.ok_or_else(|| wrong("to nowhere (no location header)"))?;
    let location = location.split('#').next().unwrap_or_default();
    let scheme_end = url.find("://").ok_or_else(|| wrong("from no http address"))?;
    let host_end = url[scheme_end + 3..].find(['/', '?']).map_or(url.len(), |at| scheme_end + 3 + at);
    let target = if location.contains("://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{}:{location}", &url[..scheme_end])
    } else if location.starts_with('/') {
        format!("{}{location}", &url[..host_end])
    } else {
        let path = without_query(url);
        let folder = path.rfind('/').filter(|at| *at >= host_end).map_or(path, |at| &path[..at]);
        format!("{folder}/{location}")
    };
    let scheme = |url| origin_of(url).map(|(scheme, ..)| scheme);
    match (scheme(url).as_deref(), scheme(&target).as_deref()) {
        (_, None) => Err(wrong("to something that is not an http address")),
        (Some("https"), Some("http")) => Err(wrong("from https to plain http, which is not followed")),
        _ => Ok(target),
    }
}

/// Redirects often lead to signed addresses; the signature is nobody's business.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

/// What a status other than success and redirect means.
fn refusal(status: u16, url: &str, headers: &HeaderMap) -> Trouble {
    let url = without_query(url);
    match status {
        401 | 403 => Trouble::Denied { status, code: text(headers, "x-error-code").unwrap_or_default() },
        404 | 410 => Trouble::Absent(format!("{url} is not there ({status})")),
        429 | 500 | 502 | 503 | 504 => {
            let meaning = if status == 429 { "too many requests" } else { "the server has a problem" };
            let after = number(headers, "retry-after").map(Duration::from_secs);
            Trouble::Again { why: format!("{url} answered {status}: {meaning}"), after }
        }
        _ => Trouble::Broken(format!("{url} answered {status}, expected 200")),
    }
}

/// What it means that no answer came.
fn unsent(error: &ureq::Error, url: &str) -> Trouble {
    let host = origin_of(url).map_or_else(|| without_query(url).to_owned(), |(_, host, port)| format!("{host}:{port}"));
    let why = format!("{host} cannot be reached: {error}");
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            Trouble::Broken(format!("{} is not a usable address: {error}", without_query(url)))
        }
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Trouble::Unreachable(why),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::ConnectProxyFailed(_) => Trouble::Unreachable(why),
        // Only what breaks a connection that was there may pass: a name that is not found (which has no kind of its own)
        // stays unknown, and whoever works offline should not wait for the next source.
        ureq::Error::Io(io) if !breaks_a_connection(io.kind()) => Trouble::Unreachable(why),
        _ => Trouble::Again { why, after: None },
    }
}

fn breaks_a_connection(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, TimedOut, UnexpectedEof, WouldBlock};
    matches!(
        kind,
        BrokenPipe | ConnectionAborted | ConnectionReset | Interrupted | TimedOut | UnexpectedEof | WouldBlock
    )
}

/// A header as text.
pub(crate) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.trim().to_owned())
}

/// A header as a number.
pub(crate) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

/// Percent-encodes all but unreserved characters and `/`.
pub(crate) fn encode_path(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_resolved() {
        let to = |location| redirected("https://h:1/a/b?c=/d", Some(location)).unwrap();
        assert_eq!(to("https://other/x#y"), "https://other/x");
        assert_eq!(to("//other/x"), "https://other/x");
        assert_eq!(to("/x?y"), "https://h:1/x?y");
        assert_eq!(to("x"), "https://h:1/a/x");
        assert_eq!(redirected("http://h", Some("x")).unwrap(), "http://h/x");
        assert!(matches!(redirected("https://h/a", Some("http://h/a")), Err(Trouble::Broken(_))));
        assert!(matches!(redirected("https://h/a", Some("ftp://h/a")), Err(Trouble::Broken(_))));
        assert!(matches!(redirected("https://h/a", None), Err(Trouble::Broken(_))));
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin_of("https://H/x"), origin_of("https://h:443/y"));
        assert_ne!(origin_of("https://h/"), origin_of("http://h/"));
        assert_ne!(origin_of("http://h/"), origin_of("http://h:81/"));
        assert_ne!(origin_of("http://h/"), origin_of("http://h.evil/"));
        assert_eq!(origin_of("file:///x"), None);
    }

    #[test]
    fn own_root_certificates_are_used_where_they_are_readable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roots.pem");
        let mut options = Options {
            manifest_folder: folder.path().into(),
            environment: Default::default(),
            offline: false,
            scratch: folder.path().into(),
            update_lock: false,
        };
        options.environment.insert("SSL_CERT_FILE".into(), path.display().to_string());
        assert!(matches!(root_certificates(&options), RootCerts::WebPki));
        fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(root_certificates(&options), RootCerts::Specific(roots) if roots.len() == 1));
    }

    #[test]
    fn tokens_are_not_shown() {
        assert_eq!(format!("{:?}", Token("secret".into())), "Token(…)");
    }

    #[test]
    fn paths_are_encoded() {
        assert_eq!(encode_path("a/b c-é.json"), "a/b%20c-%C3%A9.json");
    }
}
