//! The client of each store, made once from its address and the environment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use object_store::ObjectStore;

use super::address::Address;
use crate::error::{Error, Result};

/// Addresses that a build with the feature `cloud` reads.
const SUPPORTED: &str = "s3://BUCKET/KEY, gs://BUCKET/KEY, az://CONTAINER/KEY, hf://datasets/OWNER/NAME/KEY, and single files by http(s)://HOST/PATH";

/// Clients that were made, and those that were registered.
#[derive(Default)]
struct Clients {
    /// By process, root of addresses, and retries: connections do not survive a fork.
    made: HashMap<(u32, String, usize), Arc<dyn ObjectStore>>,
    /// By root of addresses.
    registered: HashMap<String, Arc<dyn ObjectStore>>,
}

fn clients() -> MutexGuard<'static, Clients> {
    static CLIENTS: OnceLock<Mutex<Clients>> = OnceLock::new();
    CLIENTS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often a failed request is retried.
static RETRIES: AtomicUsize = AtomicUsize::new(10);

/// Sets how often failed requests are retried by runs that begin from now on.
pub(crate) fn set_retries(retries: usize) {
    RETRIES.store(retries, Ordering::Relaxed);
}

/// Registers `store` for addresses that begin with `root`, such as `s3://bucket`; any scheme is allowed.
pub fn register(root: &str, store: Arc<dyn ObjectStore>) {
    clients().registered.insert(root.to_owned(), store);
}

/// The client that serves `address`.
pub(super) fn store(address: &Address) -> Result<Arc<dyn ObjectStore>> {
    let root = address.root();
    if let Some(known) = clients().registered.get(&root) {
        return Ok(Arc::clone(known));
    }
    let retries = RETRIES.load(Ordering::Relaxed);
    let key = (std::process::id(), root, retries);
    if let Some(known) = clients().made.get(&key) {
        return Ok(Arc::clone(known));
    }
    let made = make(address, retries)?;
    clients().made.insert(key, Arc::clone(&made));
    Ok(made)
}

#[cfg(not(feature = "cloud"))]
fn make(address: &Address, _: usize) -> Result<Arc<dyn ObjectStore>> {
    Err(Error::usage(format!("{address}: {}:// is not supported by this build", address.scheme())).hint(
        format!("a build with --features cloud reads {SUPPORTED}; any build reads paths and file:///path"),
    ))
}

#[cfg(feature = "cloud")]
fn make(address: &Address, retries: usize) -> Result<Arc<dyn ObjectStore>> {
    use object_store::RetryConfig;
    use object_store::aws::AmazonS3Builder;
    use object_store::azure::MicrosoftAzureBuilder;
    use object_store::client::ClientOptions;
    use object_store::gcp::GoogleCloudStorageBuilder;
    use object_store::http::HttpBuilder;

    use super::credentials;

    let retry = RetryConfig { max_retries: retries, ..RetryConfig::default() };
    let wrong = |cause: object_store::Error| {
        Error::usage(format!("{}: {cause}", address.root()))
            .hint("configure the store with environment variables, such as AWS_REGION and AWS_ENDPOINT_URL")
    };
    let host = address.host();
    match address.scheme() {
        "s3" => {
            let builder = credentials::aws(AmazonS3Builder::from_env(), address)?;
            let store = builder.with_bucket_name(host).with_retry(retry).build().map_err(wrong)?;
            Ok(Arc::new(store))
        }
        "gs" => {
            credentials::google(address)?;
            let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(host);
            Ok(Arc::new(builder.with_retry(retry).build().map_err(wrong)?))
        }
        "az" => {
            credentials::azure(address)?;
            let builder = MicrosoftAzureBuilder::from_env().with_container_name(host);
            Ok(Arc::new(builder.with_retry(retry).build().map_err(wrong)?))
        }
        "http" | "https" => {
            let options = ClientOptions::new().with_allow_http(address.scheme() == "http");
            let builder = HttpBuilder::new().with_url(address.root()).with_client_options(options);
            Ok(Arc::new(builder.with_retry(retry).build().map_err(wrong)?))
        }
        "hf" if host == "datasets" => Ok(Arc::new(super::hub::Hub::from_env(retry))),
        "hf" => Err(Error::usage(format!("{address}: addresses of the Hub name datasets"))
            .hint("write hf://datasets/OWNER/NAME/FOLDER or hf://datasets/OWNER/NAME@REVISION/FOLDER")),
        other => Err(Error::usage(format!("{address}: {other}:// is not a supported store"))
            .hint(format!("supported are {SUPPORTED}"))),
    }
}
