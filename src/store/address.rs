//! Addresses of objects: `scheme://bucket/key`.

use std::fmt;
use std::path::Path;

use object_store::path::Path as Key;

use crate::error::{Error, Result};

/// An object, or a folder of objects, and the store it lies in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    scheme: String,
    host: String,
    key: String,
}

/// Whether `text` is an address rather than a path.
#[must_use]
pub(crate) fn is_address(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// The address in `path`, if it is one: specs store paths and addresses in one type.
#[must_use]
pub(crate) fn of_path(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| is_address(text))
}

/// A path or an address as other programs write it, in the way that is read here: paths without `file:`, and the
/// names of stores that Hadoop has.
#[must_use]
pub(crate) fn plain(text: &str) -> String {
    if let Some(path) = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")) {
        return path.to_owned();
    }
    match text.split_once("://") {
        Some(("s3a" | "s3n", rest)) => format!("s3://{rest}"),
        Some((scheme, rest)) if is_azure_of_hadoop(scheme) => match rest.split_once('@') {
            Some((container, server)) => {
                format!("az://{container}/{}", server.split_once('/').map_or("", |(_, key)| key))
            }
            None => text.to_owned(),
        },
        _ => text.to_owned(),
    }
}

impl Address {
    /// Reads `scheme://bucket/key`.
    ///
    /// # Errors
    /// [`Error::Usage`] for text that is not an address, and for an address with a user, a password or a query,
    /// which would appear in logs and reports.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let Some((scheme, rest)) = text.split_once("://").filter(|_| is_address(text)) else {
            return Err(
                Error::usage(format!("{text}: this is not an address")).hint("write scheme://bucket/key")
            );
        };
        let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
        // Hadoop's names.
        let scheme = if scheme.eq_ignore_ascii_case("s3a") { "s3" } else { scheme };
        if let Some((container, server)) = host.split_once('@').filter(|_| is_azure_of_hadoop(scheme)) {
            let account = server.split('.').next().unwrap_or_default();
            return Err(Error::usage(format!("{text}: {scheme}:// addresses are not read"))
                .hint(format!("set AZURE_STORAGE_ACCOUNT_NAME={account} and write az://{container}/{key}")));
        }
        let is_web = is_web(scheme);
        // A password may contain slashes, so that the host seems to end inside it.
        let has_secret = if is_web { rest.contains(['@', '?', '#']) } else { host.contains('@') };
        if has_secret {
            return Err(Error::usage(format!(
                "{scheme}://…: the address contains a user, a password or a query, which would appear in logs and reports"
            ))
            .hint("remove it from the address and set credentials in the environment"));
        }
        if host.is_empty() {
            return Err(
                Error::usage(format!("{text}: the address has no bucket")).hint("write scheme://bucket/key")
            );
        }
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            host: host.to_owned(),
            key: key.trim_start_matches('/').to_owned(),
        })
    }

    /// `s3`.
    #[must_use]
    pub(crate) fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The bucket, container or host.
    #[cfg(feature = "cloud")]
    #[must_use]
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The part after the bucket.
    #[must_use]
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether this is plain HTTP, which has files but no folders.
    #[must_use]
    pub(crate) fn is_web(&self) -> bool {
        is_web(&self.scheme)
    }

    /// `s3://bucket`.
    #[must_use]
    pub(crate) fn root(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }

    /// Another key in the same store.
    #[must_use]
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// The address of `name` in this folder.
    #[must_use]
    pub(crate) fn join(&self, name: &str) -> Self {
        match self.key.trim_end_matches('/') {
            "" => self.with_key(name),
            folder => self.with_key(&format!("{folder}/{name}")),
        }
    }

    /// The key for requests to the store.
    ///
    /// # Errors
    /// [`Error::Usage`] for invalid keys.
    pub(super) fn path(&self) -> Result<Key> {
        let key = self.key.trim_end_matches('/');
        let path = if is_web(&self.scheme) { Key::from_url_path(key) } else { Key::parse(key) };
        path.map_err(|cause| {
            Error::usage(format!("{self}: the key is invalid: {cause}"))
                .hint("write it without //, . and .. parts")
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/{}", self.scheme, self.host, self.key)
    }
}

fn is_azure_of_hadoop(scheme: &str) -> bool {
    ["abfs", "abfss", "wasb", "wasbs"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

fn is_web(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_bucket_and_no_secret() {
        let address = Address::parse("s3://b/data/split=x/a b.parquet").unwrap();
        assert_eq!((address.root().as_str(), address.key()), ("s3://b", "data/split=x/a b.parquet"));
        assert_eq!(address.to_string(), "s3://b/data/split=x/a b.parquet");
        assert_eq!(Address::parse("s3://b/w/").unwrap().join("x").to_string(), "s3://b/w/x");
        assert_eq!(Address::parse("s3a://b/x").unwrap().to_string(), "s3://b/x");
        let azure = Address::parse("abfss://c@account.dfs.core.windows.net/d/x").unwrap_err();
        assert!(
            azure.remedy().is_some_and(|hint| hint.contains("=account and write az://c/d/x")),
            "{azure:?}"
        );
        assert_eq!(Address::parse("gs://b").unwrap().join("x").to_string(), "gs://b/x");
        for bad in [
            "s3://",
            "data/x",
            "://b/c",
            "https://u:canary@h/x",
            "https://h/x?sig=canary",
            "https://u:a/canary@h/x",
            "az://canary@b/x",
        ] {
            let error = Address::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
        for (text, expected) in [
            ("file:///d/x", "/d/x"),
            ("file:/d/x", "/d/x"),
            ("/d/x", "/d/x"),
            ("s3a://b/x", "s3://b/x"),
            ("abfss://c@a.dfs.core.windows.net/d/x", "az://c/d/x"),
            ("gs://b/x", "gs://b/x"),
        ] {
            assert_eq!(plain(text), expected);
        }
        assert!(!is_address("C:\\data") && !is_address("a b://c") && is_address("s3://b/c"));
    }
}
