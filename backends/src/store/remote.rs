//! Object stores of the clouds and whatever speaks like them: addresses, settings, patience.
//!
//! Credentials and endpoints come from the environment under the names that the clouds' own tools use
//! (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_KEY` …), never from
//! the address, for addresses are shown.
//!
//! **Patience.** A request that fails is repeated for 7 s, after pauses of up to 2 s; the last one takes 5 s at the most.
//! So whatever is asked of the store, its answer or its failure comes within the shortest preemption notice (15 s). Large things get more
//! time a request, for a slow line is no failure; whoever has a deadline must not wait for those.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};

use super::failure;
use crate::address::Address;
use crate::error::BackendError;

/// The longest that one request for something small may take.
const REQUEST: Duration = Duration::from_secs(5);
/// The longest that one request for a part of something large may take.
const TRANSFER: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(3);
/// After this long nothing is repeated any more.
const RETRY: Duration = Duration::from_secs(7);
const RETRIES: usize = 6;

/// One store, through two clients.
#[derive(Debug)]
pub(super) struct Remote {
    /// For records.
    pub(super) objects: Arc<dyn ObjectStore>,
    /// For blobs and plans.
    pub(super) bulk: Arc<dyn ObjectStore>,
    /// For messages.
    pub(super) name: String,
}

/// The store at an address. `settings` come after those of the environment, under the same names.
pub(super) fn open(address: &Address, settings: &[(String, String)]) -> Result<Remote, BackendError> {
    // Whoever has installed one before us had the same in mind: there is but one in this program.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = address.with_secrets();
    let (scheme, prefix) = ObjectStoreScheme::parse(url).map_err(|_| unknown(address))?;
    let container_in_user = url.scheme().starts_with("abfs");
    if url.password().is_some() || url.query().is_some() || (!url.username().is_empty() && !container_in_user) {
        return Err(BackendError::store_refuses(format!(
            "the address of the store {address} has more than scheme, host and path: credentials belong in the \
             environment, where nobody sees them"
        )));
    }
    let build = match scheme {
        ObjectStoreScheme::AmazonS3 => amazon,
        ObjectStoreScheme::GoogleCloudStorage => google,
        ObjectStoreScheme::MicrosoftAzure => azure,
        _ => return Err(unknown(address)),
    };
    let client = |timeout: Duration| -> Result<Arc<dyn ObjectStore>, BackendError> {
        let client = build(url.as_str(), settings, timeout).map_err(|error| unusable(address, &error))?;
        Ok(if prefix == Path::default() { client } else { Arc::new(PrefixStore::new(client, prefix.clone())) })
    };
    Ok(Remote { objects: client(REQUEST)?, bulk: client(TRANSFER)?, name: address.to_string() })
}

type Built = object_store::Result<Arc<dyn ObjectStore>>;

fn amazon(url: &str, settings: &[(String, String)], timeout: Duration) -> Built {
    let mut builder = AmazonS3Builder::from_env().with_url(url);
    for (key, value) in settings {
        builder = builder.with_config(key.to_ascii_lowercase().parse()?, value);
    }
    let endpoints = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    let endpoint = endpoints.iter().find_map(|key| builder.get_config_value(key));
    for (key, value) in client(endpoint.as_deref(), timeout) {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    Ok(Arc::new(builder.with_retry(retry()).build()?))
}

fn google(url: &str, settings: &[(String, String)], timeout: Duration) -> Built {
    let mut builder = GoogleCloudStorageBuilder::from_env().with_url(url);
    for (key, value) in settings {
        builder = builder.with_config(key.to_ascii_lowercase().parse()?, value);
    }
    let endpoint = builder.get_config_value(&GoogleConfigKey::BaseUrl);
    for (key, value) in client(endpoint.as_deref(), timeout) {
        builder = builder.with_config(GoogleConfigKey::Client(key), value);
    }
    Ok(Arc::new(builder.with_retry(retry()).build()?))
}

fn azure(url: &str, settings: &[(String, String)], timeout: Duration) -> Built {
    let mut builder = MicrosoftAzureBuilder::from_env().with_url(url);
    for (key, value) in settings {
        builder = builder.with_config(key.to_ascii_lowercase().parse()?, value);
    }
    let endpoint = builder.get_config_value(&AzureConfigKey::Endpoint);
    for (key, value) in client(endpoint.as_deref(), timeout) {
        builder = builder.with_config(AzureConfigKey::Client(key), value);
    }
    Ok(Arc::new(builder.with_retry(retry()).build()?))
}

/// Settings of the HTTP client. Without TLS only where the endpoint says so.
fn client(endpoint: Option<&str>, timeout: Duration) -> Vec<(ClientConfigKey, String)> {
    let seconds = |time: Duration| format!("{} seconds", time.as_secs());
    let mut settings =
        vec![(ClientConfigKey::Timeout, seconds(timeout)), (ClientConfigKey::ConnectTimeout, seconds(CONNECT))];
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        settings.push((ClientConfigKey::AllowHttp, "true".to_owned()));
    }
    settings
}

fn retry() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(2), base: 2.0 };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY }
}

fn unknown(address: &Address) -> BackendError {
    BackendError::store_refuses(format!(
        "\"{address}\" is no store that bitsweep knows: give a path, file://, s3://bucket/prefix (with AWS_ENDPOINT_URL \
         for other services that speak S3), gs://bucket/prefix or az://container/prefix"
    ))
}

/// What is wrong with the settings. The error itself may hold the text of a key that does not parse.
fn unusable(address: &Address, error: &object_store::Error) -> BackendError {
    let text = failure::whole(error).to_lowercase();
    let says = |words: &str| text.contains(words);
    let hint = if says("accesskey") {
        "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither"
    } else if says("certificate") || says("builder error") {
        "install the certificates of the system (ca-certificates)"
    } else if says("account must be specified") {
        "set AZURE_STORAGE_ACCOUNT_NAME"
    } else if says("configuration key") {
        "a setting has a name that is not known"
    } else if says("credential") || says("sas key") {
        "check the variables of its credentials: one does not parse"
    } else {
        "its address does not name a bucket, or one of its variables does not parse"
    };
    BackendError::store_refuses(format!("the store {address} cannot be used: {hint}"))
}
