//! Where a scheduler listens.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The port of a scheduler when none is said.
const PORT: u16 = 50050;

/// `df://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// A machine by its name or number; one in square brackets when it has colons.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port there.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let place = text.strip_prefix("df://")?;
            let place = place.strip_suffix('/').unwrap_or(place);
            let (host, port) = match place.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
                _ => (place, PORT),
            };
            let closed = host.starts_with('[') && host.ends_with(']');
            let good =
                |c: char| c.is_ascii_alphanumeric() || "-._".contains(c) || closed && "[]:".contains(c);
            (!host.is_empty() && host.chars().all(good)).then(|| Self { host: host.to_owned(), port })
        };
        parse().ok_or_else(|| {
            Error::usage(format!("--cluster: \"{text}\" is not the address of a scheduler"))
                .hint(format!("give it as df://HOST:{PORT}"))
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "df://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let read = |text: &str| text.parse::<Address>().map(|address| address.to_string()).ok();
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
}
