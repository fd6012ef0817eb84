//! From a place to raw objects, by the same addresses and variables as `bitsweep_backends::Store::open`, but without
//! making a store there and without patience: a check that fails is not tried again.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::Address;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig};

use super::failure;
use crate::doctor::check::Verdict;

/// The objects of a place, its name for messages, and the folder if it is one.
pub(crate) struct Place {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) name: String,
    pub(crate) folder: Option<PathBuf>,
}

/// What is at `place`.
pub(crate) fn open(place: &str, limit: Duration) -> Result<Place, Verdict> {
    let place = match place.split_once("://") {
        None => in_folder(FilePath::new(place))?,
        Some(("file", path)) => in_folder(&folder_of(path).ok_or_else(|| not_a_place("the address"))?)?,
        Some(_) => remote(&place.parse().map_err(|_| not_a_place("the address"))?, limit)?,
    };
    #[cfg(debug_assertions)]
    let place = with_faults(place);
    Ok(place)
}

fn folder_of(path: &str) -> Option<PathBuf> {
    let path = path.strip_prefix("localhost").unwrap_or(path);
    let path = path.starts_with('/').then(|| object_store::path::Path::from_url_path(path).ok()).flatten()?;
    Some(FilePath::new("/").join(path.as_ref()))
}

fn in_folder(folder: &FilePath) -> Result<Place, Verdict> {
    let name = folder.display().to_string();
    let local = LocalFileSystem::new_with_prefix(folder).map_err(|error| failure::of(&name, "opened", &error))?;
    let folder = folder.canonicalize().ok();
    Ok(Place { objects: Arc::new(local.with_automatic_cleanup(true)), name, folder })
}

fn remote(address: &Address, limit: Duration) -> Result<Place, Verdict> {
    let name = address.to_string();
    let url = address.with_secrets();
    let (scheme, prefix) = ObjectStoreScheme::parse(url).map_err(|_| not_a_place(&name))?;
    let client = ClientOptions::new().with_timeout(limit).with_connect_timeout(limit).with_allow_http(plain_http());
    let retry = RetryConfig { max_retries: 0, retry_timeout: limit, ..RetryConfig::default() };
    let built: Result<Arc<dyn ObjectStore>, object_store::Error> = match scheme {
        ObjectStoreScheme::AmazonS3 => {
            let builder = AmazonS3Builder::from_env().with_url(url.as_str()).with_client_options(client);
            builder.with_retry(retry).build().map(|store| Arc::new(store) as _)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            let builder = GoogleCloudStorageBuilder::from_env().with_url(url.as_str()).with_client_options(client);
            builder.with_retry(retry).build().map(|store| Arc::new(store) as _)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let builder = MicrosoftAzureBuilder::from_env().with_url(url.as_str()).with_client_options(client);
            builder.with_retry(retry).build().map(|store| Arc::new(store) as _)
        }
        _ => return Err(not_a_place(&name)),
    };
    // Not shown: the error may hold the text of a key that does not parse.
    let objects = built.map_err(|_| unusable(&name))?;
    let bare = prefix == object_store::path::Path::default();
    let objects = if bare { objects } else { Arc::new(PrefixStore::new(objects, prefix)) };
    Ok(Place { objects, name, folder: None })
}

/// Without TLS only where the environment says so.
fn plain_http() -> bool {
    let says = |name| std::env::var(name).is_ok_and(|endpoint: String| endpoint.starts_with("http://"));
    ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT", "GOOGLE_BASE_URL"]
        .into_iter()
        .any(says)
}

fn not_a_place(what: &str) -> Verdict {
    Verdict::wrong(
        format!("{what} is not the place of a store"),
        "write a folder, file:///absolute/path, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix",
    )
}

fn unusable(name: &str) -> Verdict {
    Verdict::wrong(
        format!("{name} cannot be used: its variables in the environment do not fit"),
        "set the variables of the provider: AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, AZURE_STORAGE_ACCOUNT_NAME …",
    )
}

/// Tests plant faults as they do for the store proper.
#[cfg(debug_assertions)]
fn with_faults(place: Place) -> Place {
    use bitsweep_backends::store::faults::{Fault, Faulty};
    let faults = std::env::var("BITSWEEP_FAULTS").ok().and_then(|text| Fault::parse_list(&text));
    match faults {
        None => place,
        Some(faults) => Place { objects: Arc::new(Faulty::new(place.objects, faults)), ..place },
    }
}
