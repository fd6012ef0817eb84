//! A connection that comes back: with backoff, explicit time-outs, and one attempt for all who wait.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, InfoDict, RedisError, RedisResult, ScriptInvocation};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::failure;
use crate::address::Address;
use crate::error::BackendError;

/// A server that is not there answers within this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// What can be asked.
#[derive(Clone, Copy)]
pub(super) enum Request<'a> {
    Command(&'a Cmd),
    Script(&'a ScriptInvocation<'a>),
}

/// The way to one server, shared by all calls.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    /// The address without its secrets.
    name: String,
    response_timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Counts connections, so that a broken one is forgotten once.
    number: u64,
    failed: Option<Failed>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("number", &self.number).field("connected", &self.connection.is_some()).finish()
    }
}

/// The last attempt to connect.
struct Failed {
    error: RedisError,
    delay: Duration,
    next: Instant,
}

impl Link {
    pub(super) fn new(address: &Address, response_timeout: Duration) -> Result<Self, BackendError> {
        let name = address.to_string();
        // The URL is not shown: it may hold a password.
        let client = Client::open(address.with_secrets().as_str()).map_err(|error| failure::of(&name, error))?;
        Ok(Self { client, name, response_timeout, state: Mutex::default() })
    }

    /// Asks the server. Where the connection turns out to be closed, once more: so it must be safe to do twice.
    pub(super) async fn ask<T: FromRedisValue>(&self, request: Request<'_>) -> Result<T, BackendError> {
        let mut is_second = false;
        loop {
            let (number, mut connection) = self.connection().await?;
            let answer = match request {
                Request::Command(command) => command.query_async(&mut connection).await,
                Request::Script(script) => script.invoke_async(&mut connection).await,
            };
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if failure::is_of_the_connection(&error) {
                self.forget(number).await;
            }
            if is_second || !failure::is_a_closed_connection(&error) {
                return Err(failure::of(&self.name, error));
            }
            is_second = true;
        }
    }

    async fn forget(&self, number: u64) {
        let mut state = self.state.lock().await;
        if state.number == number && state.connection.take().is_some() {
            tracing::warn!(ledger = self.name, "the connection is lost");
        }
    }

    /// The connection, made where there is none. After a failure nobody tries before its delay is over: callers wait for
    /// it and then share one attempt.
    async fn connection(&self) -> Result<(u64, MultiplexedConnection), BackendError> {
        let mut has_waited = false;
        loop {
            let mut state = self.state.lock().await;
            if let Some(connection) = &state.connection {
                return Ok((state.number, connection.clone()));
            }
            if let Some(Failed { error, next, .. }) = &state.failed
                && *next > Instant::now()
            {
                if has_waited {
                    return Err(failure::of(&self.name, error.clone()));
                }
                let next = *next;
                drop(state);
                tokio::time::sleep_until(next).await;
                has_waited = true;
                continue;
            }
            match self.connect().await {
                Ok((connection, info)) => {
                    self.check(&info)?;
                    state.number += 1;
                    tracing::debug!(ledger = self.name, number = state.number, "connected");
                    state.failed = None;
                    state.connection = Some(connection);
                }
                Err(error) => {
                    let before = state.failed.as_ref().map_or(FIRST_DELAY / 2, |failed| failed.delay);
                    let delay = (before * 2).min(LONGEST_DELAY);
                    state.failed = Some(Failed { error: error.clone(), delay, next: Instant::now() + delay });
                    return Err(failure::of(&self.name, error));
                }
            }
        }
    }

    async fn connect(&self) -> RedisResult<(MultiplexedConnection, InfoDict)> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(self.response_timeout));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let info = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
        Ok((connection, info))
    }

    /// Valkey calls itself Redis 7.2 here.
    fn check(&self, info: &InfoDict) -> Result<(), BackendError> {
        let version: String = info.get("redis_version").unwrap_or_default();
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        match major {
            Some(major) if major >= 7 => Ok(()),
            _ => Err(failure::refused(format!("{} is Redis {version}: use 7.0 or newer, or Valkey", self.name), None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_refused() {
        let link = Link::new(&"redis://:geheim@host".parse().unwrap(), CONNECT_TIMEOUT).unwrap();
        for version in ["7.0.15", "7.2.4", "8.2.1", "10.0"] {
            link.check(&InfoDict::new(&format!("redis_version:{version}\r\n"))).unwrap();
        }
        for info in ["redis_version:6.2.14\r\n", "nothing:here\r\n"] {
            let error = link.check(&InfoDict::new(info)).unwrap_err();
            assert!(matches!(error, BackendError::Refused { .. }), "{error:?}");
            assert!(error.to_string().contains("redis://host is"), "{error}");
        }
    }
}
