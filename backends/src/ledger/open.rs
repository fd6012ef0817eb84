//! Ledgers by address.

use std::sync::Arc;

use super::{Ledger, RedisLedger};
use crate::address::Address;
use crate::error::{BackendError, Service};

/// The ledger of the store called `store` at `address`: `redis://[user:password@]host[:port][/database]`, or `rediss:` for
/// TLS. An error that is retryable means that the server is not there now.
pub async fn open(address: &Address, store: &str) -> Result<Arc<dyn Ledger>, BackendError> {
    match address.scheme() {
        "redis" | "rediss" => Ok(Arc::new(RedisLedger::connect(address, store).await?)),
        scheme => Err(BackendError::Refused {
            service: Service::Ledger,
            message: format!(
                "{address}: no ledger is reached by {scheme}: write redis://host:port or rediss://host:port"
            ),
            source: None,
        }),
    }
}
