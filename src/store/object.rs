//! Objects as they were listed: every read is of the listed version.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{Error as StoreError, GetOptions, GetRange, ObjectMeta};
#[cfg(feature = "cluster")]
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

#[cfg(feature = "cluster")]
use super::address::Address;
use super::bucket::Bucket;
use super::errors::{Doing, of_store};
use super::io;
use crate::error::{Error, Result};

/// An object as it was listed.
#[derive(Clone)]
pub(crate) struct Object {
    bucket: Bucket,
    key: Key,
    bytes: u64,
    e_tag: Option<String>,
    modified: SystemTime,
    /// Why it could not be read the last time: the Arrow reader hands errors on as text.
    failed: Arc<Mutex<Option<Error>>>,
}

/// Identifies a version of an object, for another process with its own client.
#[cfg(feature = "cluster")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pinned {
    root: String,
    key: String,
    bytes: u64,
    e_tag: Option<String>,
    modified: SystemTime,
}

#[cfg(feature = "cluster")]
impl Pinned {
    /// The object that another process listed, without a request to the store.
    ///
    /// # Errors
    /// As [`Bucket::of`].
    pub(crate) fn object(&self) -> Result<Object> {
        let key = Key::parse(&self.key).map_err(|cause| Error::internal(cause.to_string()))?;
        Ok(Object {
            bucket: Bucket::of(&Address::parse(&self.root)?)?,
            key,
            bytes: self.bytes,
            e_tag: self.e_tag.clone(),
            modified: self.modified,
            failed: Arc::default(),
        })
    }
}

#[cfg(feature = "cluster")]
impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.root, self.key)
    }
}

impl Object {
    pub(super) fn new(bucket: Bucket, meta: ObjectMeta) -> Self {
        Self {
            modified: written(&meta),
            bucket,
            key: meta.location,
            bytes: meta.size,
            e_tag: meta.e_tag,
            failed: Arc::default(),
        }
    }

    /// Identifies this version for another process.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub(crate) fn pinned(&self) -> Pinned {
        Pinned {
            root: self.bucket.root.to_string(),
            key: self.key.to_string(),
            bytes: self.bytes,
            e_tag: self.e_tag.clone(),
            modified: self.modified,
        }
    }

    /// Its key.
    #[must_use]
    pub(crate) fn key(&self) -> &str {
        self.key.as_ref()
    }

    /// Its size.
    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When it was written; where the store does not say that, when it was listed.
    #[must_use]
    pub(crate) fn modified(&self) -> SystemTime {
        self.modified
    }

    /// The ETag of this version, if the store has one.
    #[must_use]
    pub(crate) fn e_tag(&self) -> Option<&str> {
        self.e_tag.as_deref()
    }

    /// Starts to read `range`.
    ///
    /// # Errors
    /// [`Error::Resource`] when no thread can be started.
    pub(crate) fn fetch(&self, range: Range<u64>) -> Result<JoinHandle<Result<Bytes>>> {
        let object = self.clone();
        io::start(async move { object.get(range).await })
    }

    /// Reads `range`.
    ///
    /// # Errors
    /// [`Error::Changed`] if the object is no longer the listed version, [`Error::Transient`] if the store cannot
    /// be read.
    pub(crate) fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let object = self.clone();
        let found = io::wait(async move { object.get(range).await });
        if let Err(error) = &found {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
        found
    }

    /// Why it could not be read, if that was so.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, inside the runtime for requests.
    pub(crate) async fn get(&self, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let failed = |cause: StoreError| of_store(&self.to_string(), &cause, Doing::Reading);
        let strong = self.e_tag.clone().filter(|tag| !tag.starts_with("W/"));
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_unmodified_since: strong.is_none().then(|| self.modified.into()),
            if_match: strong,
            ..GetOptions::default()
        };
        let found = self.bucket.store.get_opts(&self.key, options).await.map_err(failed)?;
        // Some servers ignore conditions.
        if (self.e_tag.is_some() && found.meta.e_tag != self.e_tag) || found.meta.size != self.bytes {
            return Err(Error::changed("the object was replaced during the scan")
                .at(self)
                .hint("run again once nothing writes to the shards"));
        }
        let bytes = found.bytes().await.map_err(failed)?;
        let asked = range.end - range.start;
        if bytes.len() as u64 != asked {
            return Err(Error::transient(format!(
                "{} bytes were received, {asked} were requested",
                bytes.len()
            ))
            .at(self)
            .hint("run again"));
        }
        Ok(bytes)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket.root, self.key)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("key", &self.key).field("e_tag", &self.e_tag).finish_non_exhaustive()
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Object {}

impl Ord for Object {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.bucket.root, &self.key, &self.e_tag).cmp(&(&other.bucket.root, &other.key, &other.e_tag))
    }
}

impl PartialOrd for Object {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// When an object was written. Of a server that says neither when nor which version it is, nothing would show later that
/// it is the same, so that it is as new as its listing.
fn written(meta: &ObjectMeta) -> SystemTime {
    let modified: SystemTime = meta.last_modified.into();
    if meta.e_tag.is_none() && modified == SystemTime::UNIX_EPOCH { SystemTime::now() } else { modified }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_object_without_version_and_time_is_new_every_time() {
        let meta = |e_tag: Option<&str>, seconds: u64| ObjectMeta {
            location: Key::from("a.parquet"),
            last_modified: (SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).into(),
            size: 9,
            e_tag: e_tag.map(str::to_owned),
            version: None,
        };
        let start = SystemTime::now();
        assert!(written(&meta(None, 0)) >= start);
        assert_eq!(written(&meta(Some("x"), 0)), SystemTime::UNIX_EPOCH);
        assert_eq!(written(&meta(None, 7)), SystemTime::UNIX_EPOCH + Duration::from_secs(7));
    }
}
