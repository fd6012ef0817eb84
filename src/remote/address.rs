//! Where a coordinator is, and the token for it.

use std::path::Path;

use reqwest::Url;

use crate::exit::Failure;

/// `http://host:port`, with nothing behind it.
pub(super) fn address(to: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| {
        Failure::wrong(format!(
            "--to (or BITSWEEP_TO) is not the address of a coordinator: {why}; write http://HOST:PORT"
        ))
    };
    let mut url = Url::parse(to).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(&format!("its scheme is {}", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it holds a user or a password, and tokens go into BITSWEEP_TOKEN"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has something behind the path"));
    }
    // The address of the API is that of the coordinator too.
    let path = url.path().trim_end_matches('/').trim_end_matches("/api/v1").to_owned();
    url.set_path(&path);
    Ok(url)
}

pub(super) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The first token of a file as a coordinator has it.
pub(super) fn first_token(path: &Path) -> Result<String, Failure> {
    let failed = |why: String| Failure::wrong(format!("the token file {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let token = first.ok_or_else(|| failed("it holds no token".to_owned()))?;
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err(failed("its first line is not a token: visible ASCII characters without spaces".to_owned()));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Client;

    #[test]
    fn addresses_are_those_of_coordinators() {
        for (text, name) in [
            ("http://127.0.0.1:8700", "http://127.0.0.1:8700"),
            ("http://127.0.0.1:8700/", "http://127.0.0.1:8700"),
            ("https://sweeps.example.org/bitsweep/api/v1/", "https://sweeps.example.org/bitsweep"),
        ] {
            assert_eq!(Client::new(text, None).ok().unwrap().name(), name);
        }
        for (text, words) in [
            ("127.0.0.1:8700", "not the address"),
            ("sweeps", "not the address"),
            ("ftp://x/", "its scheme is ftp"),
            ("http://me:secret@x/", "BITSWEEP_TOKEN"),
            ("http://x/?token=secret", "behind the path"),
        ] {
            let message = Client::new(text, None).err().unwrap().message;
            assert!(message.contains(words) && !message.contains("secret"), "{text}: {message}");
        }
    }
}
