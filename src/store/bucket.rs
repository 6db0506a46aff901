//! A store: listing, reading, writing and deleting objects.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::{
    Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion,
    WriteMultipart,
};

use super::address::Address;
use super::errors::{Doing, is_unexplained, of_store};
use super::object::Object;
use super::{clients, io};
use crate::error::{Error, Result};

/// Larger objects are written in parts.
const PUT_BYTES: usize = 32 << 20;

/// A bucket, container or host.
#[derive(Clone)]
pub(crate) struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) root: Arc<str>,
}

/// The debug text of the client may contain credentials.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.root).finish()
    }
}

/// The version of an object when it was read, for a conditional replacement.
pub(crate) type Version = UpdateVersion;

/// Lists again where the answer broke off, which the client of a store does not do.
fn again<T>(list: impl Fn() -> Result<T>) -> Result<T> {
    const TRIES: usize = 3;
    for _ in 1..TRIES {
        match list() {
            Err(Error::Transient(_)) => {}
            ended => return ended,
        }
    }
    list()
}

impl Bucket {
    /// The client.
    #[cfg(feature = "delta")]
    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// The store of `address`.
    ///
    /// # Errors
    /// [`Error::Usage`] if this build does not support the store, or no credentials are found.
    pub(crate) fn of(address: &Address) -> Result<Self> {
        Ok(Self { store: clients::store(address)?, root: address.root().into() })
    }

    /// The object at `address`; `None` if there is none.
    ///
    /// # Errors
    /// The error of the store.
    pub(crate) fn object(&self, address: &Address) -> Result<Option<Object>> {
        let (bucket, key, shown) = (self.clone(), address.path()?, address.to_string());
        io::wait(async move {
            match bucket.store.head(&key).await {
                Ok(meta) => Ok(Some(Object::new(bucket, meta))),
                Err(StoreError::NotFound { .. }) => Ok(None),
                Err(cause) => {
                    // A list says why.
                    let listed = if is_unexplained(&cause) {
                        bucket.store.list(Some(&key)).try_next().await.err()
                    } else {
                        None
                    };
                    Err(of_store(&shown, &listed.unwrap_or(cause), Doing::Looking))
                }
            }
        })
    }

    /// All objects in the folder `address` for which `wanted` is true.
    ///
    /// # Errors
    /// The error of the store.
    pub(crate) fn objects(
        &self,
        address: &Address,
        wanted: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Result<Vec<Object>> {
        let wanted = Arc::new(wanted);
        let found = again(|| self.list(address, Arc::clone(&wanted), usize::MAX))?;
        Ok(found.into_iter().map(|meta| Object::new(self.clone(), meta)).collect())
    }

    /// Whether the folder `address` has an object for which `wanted` is true.
    ///
    /// # Errors
    /// The error of the store.
    pub(crate) fn has_any(&self, address: &Address, wanted: fn(&str) -> bool) -> Result<bool> {
        again(|| Ok(!self.list(address, Arc::new(wanted), 1)?.is_empty()))
    }

    /// Up to `most` objects in the folder `address` for which `wanted` is true.
    fn list(
        &self,
        address: &Address,
        wanted: Arc<impl Fn(&str) -> bool + Send + Sync + 'static>,
        most: usize,
    ) -> Result<Vec<ObjectMeta>> {
        let (store, folder, shown) = (Arc::clone(&self.store), address.path()?, address.to_string());
        io::wait(async move {
            let folder = Some(folder).filter(|folder| !folder.as_ref().is_empty());
            let found = store.list(folder.as_ref());
            let found = found.try_filter(|meta| std::future::ready(wanted(meta.location.as_ref())));
            found.take(most).try_collect().await.map_err(|cause| of_store(&shown, &cause, Doing::Looking))
        })
    }

    /// All bytes at `address` and their version; `None` if there is no object.
    ///
    /// # Errors
    /// The error of the store.
    pub(crate) fn read(&self, address: &Address) -> Result<Option<(Bytes, Version)>> {
        let (store, key, shown) = (Arc::clone(&self.store), address.path()?, address.to_string());
        io::wait(async move {
            let failed = |cause| of_store(&shown, &cause, Doing::Looking);
            let found = match store.get(&key).await {
                Err(StoreError::NotFound { .. }) => return Ok(None),
                found => found.map_err(failed)?,
            };
            let version = Version { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
            let size = found.meta.size;
            let bytes = found.bytes().await.map_err(failed)?;
            if bytes.len() as u64 != size {
                return Err(Error::transient(format!("only {} of {size} bytes were received", bytes.len()))
                    .at(&shown)
                    .hint("run again"));
            }
            Ok(Some((bytes, version)))
        })
    }

    /// Writes an object, replacing any existing one.
    ///
    /// # Errors
    /// The error of the store.
    pub(crate) fn write(&self, address: &Address, bytes: Bytes) -> Result<()> {
        let (store, key, shown) = (Arc::clone(&self.store), address.path()?, address.to_string());
        io::wait(async move {
            let written = async {
                if bytes.len() <= PUT_BYTES {
                    return store.put(&key, PutPayload::from_bytes(bytes)).await.map(|_| ());
                }
                let mut parts = WriteMultipart::new(store.put_multipart(&key).await?);
                parts.put(bytes);
                // Drop the parts if one of them fails.
                parts.finish().await.map(|_| ())
            };
            written.await.map_err(|cause| of_store(&shown, &cause, Doing::Writing))
        })
    }

    /// Replaces the version `before` of a small object, or creates it if `before` is `None`. False if another
    /// writer was faster.
    ///
    /// # Errors
    /// The error of the store.
    pub(crate) fn replace(&self, address: &Address, bytes: &Bytes, before: Option<Version>) -> Result<bool> {
        let (store, key, shown) = (Arc::clone(&self.store), address.path()?, address.to_string());
        let payload = PutPayload::from_bytes(bytes.clone());
        let written = io::wait(async move {
            let mode = before.map_or(PutMode::Create, PutMode::Update);
            Ok(match store.put_opts(&key, payload, mode.into()).await {
                Ok(_) => Ok(true),
                Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(false),
                Err(cause) => Err(of_store(&shown, &cause, Doing::Writing)),
            })
        })?;
        // A repeated request, or one whose answer was lost, may find its own write.
        let is_there =
            || self.read(address).is_ok_and(|there| there.is_some_and(|(there, _)| there == *bytes));
        match written {
            Ok(true) => Ok(true),
            _ if is_there() => Ok(true),
            failed => failed,
        }
    }

    /// Deletes objects; failures are ignored.
    pub(crate) fn remove(&self, addresses: Vec<Address>) {
        let store = Arc::clone(&self.store);
        let _ = io::wait(async move {
            for address in addresses {
                if let Ok(key) = address.path() {
                    let _ = store.delete(&key).await;
                }
            }
            Ok(())
        });
    }
}
