//! The address of the scheduler of a cluster.

#[cfg(not(feature = "cluster"))]
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::cluster_token::ClusterToken;
use crate::error::{Error, Result};

/// The port where an address names none.
#[cfg(feature = "cluster")]
const PORT: u16 = 50050;

/// `df://HOST:PORT`. No value exists in a build without the feature `cluster`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchedulerAddress {
    host: String,
    port: u16,
    token: Option<ClusterToken>,
    #[cfg(not(feature = "cluster"))]
    never: Infallible,
}

impl SchedulerAddress {
    /// Host name or IP address; an IPv6 address is in square brackets.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What the cluster asks of everyone.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub(crate) fn token(&self) -> Option<&ClusterToken> {
        self.token.as_ref()
    }

    /// The same address, of a cluster with this token.
    #[must_use]
    pub(crate) fn with_token(self, token: Option<ClusterToken>) -> Self {
        Self { token, ..self }
    }

    /// Proves that a branch is never reached.
    #[cfg(not(feature = "cluster"))]
    pub(super) fn never(&self) -> ! {
        match self.never {}
    }
}

#[cfg(feature = "cluster")]
fn parse(text: &str) -> Option<SchedulerAddress> {
    let place = text.strip_prefix("df://")?;
    let place = place.strip_suffix('/').unwrap_or(place);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (place, PORT),
    };
    let in_brackets = host.starts_with('[') && host.ends_with(']');
    let good = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c) || in_brackets && "[]:".contains(c);
    (!host.is_empty() && host.chars().all(good)).then(|| SchedulerAddress {
        host: host.to_owned(),
        port,
        token: None,
    })
}

impl FromStr for SchedulerAddress {
    type Err = Error;

    #[cfg(feature = "cluster")]
    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| {
            Error::usage(format!("--cluster: \"{text}\" is not the address of a scheduler"))
                .hint(format!("give it as df://HOST:{PORT}"))
        })
    }

    #[cfg(not(feature = "cluster"))]
    fn from_str(text: &str) -> Result<Self> {
        Err(Error::usage(format!("--cluster {text}: this build does not support clusters"))
            .hint("install posweight with cargo install --features cluster"))
    }
}

impl fmt::Display for SchedulerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "df://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "cluster")]
    #[test]
    fn addresses_are_read() {
        let read = |text: &str| text.parse::<SchedulerAddress>().map(|address| address.to_string()).ok();
        assert_eq!(read("df://node-1:6000").as_deref(), Some("df://node-1:6000"));
        assert_eq!(read("df://10.0.0.7/").as_deref(), Some("df://10.0.0.7:50050"));
        assert_eq!(read("df://[::1]").as_deref(), Some("df://[::1]:50050"));
        assert_eq!(read("df://[::1]:7").as_deref(), Some("df://[::1]:7"));
        for wrong in
            ["", "df://", "node", "http://node:1", "df://node:port", "df://a b", "df://a:70000", "df://::1"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[cfg(not(feature = "cluster"))]
    #[test]
    fn a_build_without_clusters_says_how_to_get_one() {
        let error = "df://node".parse::<SchedulerAddress>().unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.remedy().unwrap().contains("--features cluster"), "{error}");
    }
}
