//! Datasets of the Hugging Face Hub: `hf://datasets/OWNER/NAME[@REVISION]/KEY`.
//!
//! ```text
//! list  GET /api/datasets/OWNER/NAME/tree/REVISION/FOLDER    pages, the next of which is in the header `Link`
//! read  GET /datasets/OWNER/NAME/resolve/REVISION/KEY        with `Range`; may lead to another host
//! ```
//!
//! A revision is a branch, a tag or a commit. It is pinned: all requests are for the commit that it names when it is
//! used first, so that files cannot change while they are read.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::client::ClientOptions;
use object_store::http::{HttpBuilder, HttpStore};
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult, RetryConfig,
};
use serde::Deserialize;

use super::hub_api::{ASK_TOKEN, HubApi, TreePage, encoded};

/// All datasets of a Hub.
#[derive(Clone)]
pub(super) struct Hub(Arc<HubState>);

struct HubState {
    api: HubApi,
    retry: RetryConfig,
    /// By `OWNER/NAME` or `OWNER/NAME@REVISION`, as addresses have it.
    repositories: Mutex<HashMap<String, Arc<Repository>>>,
    /// The ETag that the server gave for a file first.
    seen: Mutex<HashMap<Key, Option<String>>>,
}

/// A dataset at a commit.
struct Repository {
    /// `OWNER/NAME`.
    name: String,
    revision: String,
    /// The revision is a commit, whose files never change.
    is_pinned: bool,
    files: HttpStore,
}

/// A file of a listing.
#[derive(Debug, Deserialize)]
struct TreeEntry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    oid: Option<String>,
    lfs: Option<LargeFile>,
}

#[derive(Debug, Deserialize)]
struct LargeFile {
    oid: String,
    size: u64,
}

/// An address without its scheme, in its parts.
#[derive(Debug, PartialEq, Eq)]
struct HubKey<'k> {
    /// `OWNER/NAME[@REVISION]`.
    repository: &'k str,
    /// Below the repository.
    path: &'k str,
}

impl<'k> HubKey<'k> {
    /// `None` for text that names no repository; the names of none begin with a dot or a line. A revision with slashes is one of `refs/convert/NAME` and
    /// `refs/pr/NUMBER`, or has them as `%2F`.
    fn parse(key: &'k str) -> Option<Self> {
        let mut ends = key.match_indices('/').map(|(at, _)| at).chain([key.len()]);
        let (owner, mut end) = (ends.next()?, ends.next()?);
        let name = key.get(owner + 1..end)?;
        if owner == 0 || name.is_empty() || name.starts_with(['@', '_', '.']) {
            return None;
        }
        if name.split_once('@').is_some_and(|(_, revision)| revision == "refs") {
            (_, end) = (ends.next()?, ends.next()?);
        }
        let path = key.get(end..)?.trim_start_matches('/');
        Some(Self { repository: &key[..end], path })
    }

    fn name_and_revision(&self) -> (String, String) {
        let (name, revision) = self.repository.split_once('@').unwrap_or((self.repository, "main"));
        (name.to_owned(), revision.replace("%2F", "/").replace("%2f", "/"))
    }
}

impl Hub {
    /// The Hub that the environment names.
    pub(super) fn from_env(retry: RetryConfig) -> Self {
        let (repositories, seen) = (Mutex::default(), Mutex::default());
        Self(Arc::new(HubState { api: HubApi::from_env(), retry, repositories, seen }))
    }
}

impl HubState {
    /// The repository of a key, with its revision pinned.
    async fn repository(&self, key: &HubKey<'_>) -> StoreResult<Arc<Repository>> {
        let known = || self.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(key.repository) {
            return Ok(Arc::clone(found));
        }
        let (name, revision) = key.name_and_revision();
        let commit = self.api.commit(&name, &revision).await;
        let is_pinned = commit.is_some();
        let revision = commit.unwrap_or(revision);
        let options = ClientOptions::new().with_allow_http(self.api.endpoint.starts_with("http://"));
        let files = HttpBuilder::new()
            .with_url(format!("{}/datasets/{name}/resolve/{}", self.api.endpoint, encoded(&revision)))
            .with_client_options(self.api.authorized(options)?)
            .with_retry(self.retry.clone())
            .build()?;
        let made = Arc::new(Repository { name, revision, is_pinned, files });
        Ok(Arc::clone(known().entry(key.repository.to_owned()).or_insert(made)))
    }

    /// The objects in a folder of a repository, at all depths.
    async fn tree(&self, prefix: Key) -> StoreResult<Vec<ObjectMeta>> {
        // Above all repositories there is nothing to list.
        let Some(key) = HubKey::parse(prefix.as_ref()) else { return Ok(Vec::new()) };
        let repository = self.repository(&key).await?;
        let mut next = Some(self.api.tree(&repository.name, &repository.revision, key.path));
        let mut found = Vec::new();
        while let Some(url) = next {
            let page = match self.api.page(url).await {
                // Git has no empty folders.
                Err(StoreError::NotFound { .. }) if !key.path.is_empty() => return Ok(Vec::new()),
                page => page?,
            };
            let TreePage { body, next: link } = page;
            let entries: Vec<TreeEntry> = serde_json::from_str(&body)
                .map_err(|cause| StoreError::Generic { store: "Hugging Face Hub", source: cause.into() })?;
            for entry in entries.into_iter().filter(|entry| entry.kind == "file") {
                let location = Key::parse(format!("{}/{}", key.repository, entry.path))?;
                let (oid, size) = match entry.lfs {
                    Some(lfs) => (Some(lfs.oid), lfs.size),
                    None => (entry.oid, entry.size),
                };
                found.push(ObjectMeta {
                    location,
                    last_modified: std::time::UNIX_EPOCH.into(),
                    size,
                    e_tag: oid,
                    version: None,
                });
            }
            next = link;
        }
        Ok(found)
    }

    /// Whether the server gives the ETag that it gave for the first read of a file.
    fn is_same(&self, location: &Key, e_tag: Option<&String>) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(location.clone()).or_insert_with(|| e_tag.cloned()).as_ref() == e_tag
    }
}

impl fmt::Display for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hugging Face Hub")
    }
}

/// The token stays out of debug text.
impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hub")
    }
}

fn read_only<T>() -> StoreResult<T> {
    Err(StoreError::NotSupported { source: "datasets of the Hub are read only".into() })
}

#[async_trait]
impl ObjectStore for Hub {
    async fn get_opts(&self, location: &Key, options: GetOptions) -> StoreResult<GetResult> {
        let not_found = || StoreError::NotFound {
            path: location.to_string(),
            source: "the address is hf://datasets/OWNER/NAME/FILE".into(),
        };
        let key = HubKey::parse(location.as_ref()).filter(|key| !key.path.is_empty());
        let key = key.ok_or_else(not_found)?;
        let repository = self.0.repository(&key).await?;
        // The listing knows a file by its content, the server that has it by an ETag of its own.
        let expected = options.if_match.clone();
        let head = options.head;
        let options = GetOptions { range: options.range, head, ..GetOptions::default() };
        let found = repository.files.get_opts(&Key::parse(key.path)?, options).await;
        let mut found = found.map_err(|cause| match cause {
            StoreError::Unauthenticated { path, .. } => {
                StoreError::Unauthenticated { path, source: ASK_TOKEN.into() }
            }
            StoreError::PermissionDenied { path, .. } => {
                StoreError::PermissionDenied { path, source: ASK_TOKEN.into() }
            }
            other => other,
        })?;
        if !head && !repository.is_pinned && !self.0.is_same(location, found.meta.e_tag.as_ref()) {
            return Err(StoreError::Precondition {
                path: location.to_string(),
                source: "the file has another ETag than before".into(),
            });
        }
        found.meta.location = location.clone();
        found.meta.e_tag = expected.or(found.meta.e_tag);
        Ok(found)
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        let prefix = prefix.cloned().unwrap_or_default();
        let hub = Arc::clone(&self.0);
        let all = async move { hub.tree(prefix).await };
        futures::stream::once(all)
            .map_ok(|found| futures::stream::iter(found.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Key>) -> StoreResult<ListResult> {
        read_only()
    }

    async fn put_opts(&self, _: &Key, _: PutPayload, _: PutOptions) -> StoreResult<PutResult> {
        read_only()
    }

    async fn put_multipart_opts(
        &self,
        _: &Key,
        _: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        read_only()
    }

    fn delete_stream(&self, _: BoxStream<'static, StoreResult<Key>>) -> BoxStream<'static, StoreResult<Key>> {
        futures::stream::once(async { read_only() }).boxed()
    }

    async fn copy_opts(&self, _: &Key, _: &Key, _: CopyOptions) -> StoreResult<()> {
        read_only()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_repository_a_revision_and_a_path() {
        let of = |key: &str| {
            let key = HubKey::parse(key)?;
            let (name, revision) = key.name_and_revision();
            Some(format!("{name} {revision} {}", key.path))
        };
        for (key, expected) in [
            ("o/n", "o/n main "),
            ("o/n/data/a.parquet", "o/n main data/a.parquet"),
            ("o/n@v1.0/a.parquet", "o/n v1.0 a.parquet"),
            ("o/n@refs/convert/parquet/d/train/0.parquet", "o/n refs/convert/parquet d/train/0.parquet"),
            ("o/n@refs%2Fconvert%2Fparquet/d", "o/n refs/convert/parquet d"),
            ("o/n@refs/pr/7/d", "o/n refs/pr/7 d"),
            ("o/n@refs/convert/parquet", "o/n refs/convert/parquet "),
        ] {
            assert_eq!(of(key).as_deref(), Some(expected), "{key}");
        }
        for key in ["", "o", "o/", "/n", "o/@main", "o/_delta_log", "o/n@refs", "o/n@refs/convert"] {
            assert_eq!(of(key), None, "{key}");
        }
    }
}
