//! Notices and results as entries of streams.

use bitsweep_proto::attempt::Nonce;
use bitsweep_proto::job::Kind;
use bitsweep_proto::{Digest, JobKey};
use redis::RedisError;

use super::failure;
use crate::error::BackendError;
use crate::ledger::{Ended, Notice, ResultEntry};

/// An entry: its id, then names and values in turn.
pub(super) type Entry = (String, Vec<String>);

/// What an entry of the stream of notices says; the error names what it lacks.
pub(super) fn notice((_, fields): &Entry) -> Result<Notice, String> {
    let name = text(fields, "notice")?;
    let key = key(fields)?;
    let attempt = || text(fields, "attempt").map(|attempt| Nonce(attempt.to_owned()));
    Ok(match name {
        "claimed" => Notice::Claimed { key, attempt: attempt()? },
        "progress" => Notice::Progress {
            key,
            attempt: attempt()?,
            done: number(fields, "number")?,
            total: number(fields, "total")?,
        },
        "adopted" => Notice::Adopted { key, generation: number(fields, "number")? },
        "ended" => Notice::Ended(Ended {
            key,
            attempt: attempt()?,
            verdict: serde_json::from_str(text(fields, "text")?).map_err(|error| format!("no verdict: {error}"))?,
            checkpoints_made: number(fields, "number")?,
        }),
        "expired" => Notice::Expired { key, attempt: attempt()? },
        "revoked" => Notice::Revoked { key, generation: number(fields, "number")? },
        "refused" => Notice::Refused { key, reason: text(fields, "text")?.to_owned() },
        other => return Err(format!("unknown notice {other:?}")),
    })
}

/// What an entry of the stream of results says.
pub(super) fn result((id, fields): &Entry) -> Result<ResultEntry, String> {
    let kind = text(fields, "kind")?;
    let kind =
        Kind::ALL.into_iter().find(|known| known.name() == kind).ok_or_else(|| format!("unknown kind {kind:?}"))?;
    Ok(ResultEntry { id: id.clone(), key: key(fields)?, kind, generation: number(fields, "generation")? })
}

/// Where to read on behind the entry called `after`, as `XRANGE` takes it.
pub(super) fn behind(after: &str) -> Result<String, BackendError> {
    let is_number = |text: &str| !text.is_empty() && text.len() < 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    match after.split_once('-') {
        None if after.is_empty() => Ok("-".to_owned()),
        Some((time, number)) if is_number(time) && is_number(number) => Ok(format!("({after}")),
        _ => Err(failure::refused(
            format!("{after:?} is not the name of a result: give one that the stream told, or none"),
            None::<RedisError>,
        )),
    }
}

fn text<'a>(fields: &'a [String], name: &str) -> Result<&'a str, String> {
    let pair = fields.chunks_exact(2).find(|pair| pair[0] == name);
    pair.map(|pair| pair[1].as_str()).ok_or_else(|| format!("no field {name:?}"))
}

fn number<T: std::str::FromStr>(fields: &[String], name: &str) -> Result<T, String> {
    let text = text(fields, name)?;
    text.parse().map_err(|_| format!("{name:?} is not a number: {text:?}"))
}

fn key(fields: &[String]) -> Result<JobKey, String> {
    let key = text(fields, "key")?;
    key.parse::<Digest>().map(JobKey).map_err(|_| format!("{key:?} is not a key"))
}
