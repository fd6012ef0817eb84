//! What is looked at in Redis: with ordinary commands, for hosted servers forbid the others.

use std::collections::BTreeMap;

use bitsweep_backends::Address;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use tokio::time::timeout;

use super::check::Verdict;
use super::patient::Manner;

pub(crate) mod clock;
pub(crate) mod cluster;
pub(crate) mod eviction;
pub(crate) mod idle;
pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod persistence;
pub(crate) mod reach;
pub(crate) mod replica;
pub(crate) mod rights;
pub(crate) mod version;

/// An open connection to the ledger.
pub(crate) struct LedgerSide {
    connection: MultiplexedConnection,
    /// Its address, for messages and for opening the ledger proper.
    pub(crate) address: Address,
    /// What `INFO` says.
    pub(crate) info: BTreeMap<String, String>,
    /// What all sides are told.
    pub(crate) manner: Manner,
}

impl LedgerSide {
    /// Connects, or says why not.
    pub(crate) async fn open(address: Address, manner: Manner) -> Result<Self, Verdict> {
        let limit = manner.timeout;
        let client = Client::open(address.with_secrets().clone()).map_err(|error| reach::refused(&address, &error))?;
        let settings =
            AsyncConnectionConfig::new().set_connection_timeout(Some(limit)).set_response_timeout(Some(limit));
        let connected = timeout(limit, client.get_multiplexed_async_connection_with_config(&settings)).await;
        let connected = connected.map_err(|_| reach::unreachable(&address, &format!("no answer within {limit:?}")))?;
        let mut connection = connected.map_err(|error| reach::refused(&address, &error))?;
        let info: Result<String, _> = redis::cmd("INFO").query_async(&mut connection).await;
        let info = info.map_err(|error| reach::refused(&address, &error))?;
        Ok(Self { connection, address, info: fields(&info), manner })
    }

    /// A handle on the connection.
    pub(crate) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// A field of `INFO`; empty where it is not there.
    pub(crate) fn said(&self, name: &str) -> &str {
        self.info.get(name).map_or("", String::as_str)
    }

    /// A field of `INFO` that is a number; 0 where it is not.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.said(name).parse().unwrap_or(0)
    }

    /// A key of this store that nobody else uses.
    pub(crate) fn own_key(&self) -> String {
        format!("{{bitsweep:{}}}:{}", self.manner.id, self.manner.own_name())
    }

    /// A setting, where we may ask for it: hosted servers do not let us.
    pub(crate) async fn setting(&self, name: &str) -> Option<String> {
        let answer: Result<BTreeMap<String, String>, RedisError> =
            redis::cmd("CONFIG").arg("GET").arg(name).query_async(&mut self.connection()).await;
        answer.ok()?.remove(name)
    }
}

fn fields(info: &str) -> BTreeMap<String, String> {
    info.lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read() {
        let info = fields("# Server\r\nredis_version:7.0.15\r\nexecutable:/a:b\r\n\r\n");
        assert_eq!(info["redis_version"], "7.0.15");
        assert_eq!(info["executable"], "/a:b");
        assert_eq!(info.len(), 2);
    }
}
