//! The token that client, scheduler and executors of a cluster share.

use std::fmt;
use std::path::Path;

use crate::error::{Error, Result};

/// The variable that holds a token where no file is named.
pub(crate) const TOKEN_VARIABLE: &str = "POSWEIGHT_CLUSTER_TOKEN";
/// Fewest characters. Whoever reaches a port sees a key that is made of the token, and can try short tokens at home.
const CHARACTERS_MIN: usize = 32;
/// A command that writes a good one.
const MAKE: &str = "make one with: (umask 077; head -c 32 /dev/urandom | base64 > cluster.token)";

/// A secret; it is in no message and no log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ClusterToken(String);

impl ClusterToken {
    /// The token in `file`, else that of the environment, if there is one.
    ///
    /// # Errors
    /// [`Error::Usage`] when the file cannot be read, or the token is too short.
    pub(crate) fn find(file: Option<&Path>) -> Result<Option<Self>> {
        let (text, place) = match file {
            Some(file) => {
                let place = format!("--token-file {}", file.display());
                let text = std::fs::read_to_string(file)
                    .map_err(|cause| Error::usage(format!("{place}: {cause}")).hint(MAKE))?;
                (text, place)
            }
            None => match std::env::var(TOKEN_VARIABLE) {
                Ok(text) => (text, TOKEN_VARIABLE.to_owned()),
                Err(_) => return Ok(None),
            },
        };
        Self::new(&text).map(Some).map_err(|why| Error::usage(format!("{place}: {why}")).hint(MAKE))
    }

    fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let found = text.chars().count();
        if found < CHARACTERS_MIN {
            return Err(format!("the token has {found} characters; at least {CHARACTERS_MIN} are needed"));
        }
        Ok(Self(text.to_owned()))
    }

    /// One that no cluster has.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub(super) fn any() -> Self {
        Self(String::new())
    }

    /// What keys are made of.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub(super) fn secret(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for ClusterToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_never_shown() {
        let token = ClusterToken::new(" 0123456789abcdef0123456789abcdef\n").unwrap();
        assert_eq!(token, ClusterToken::new("0123456789abcdef0123456789abcdef").unwrap());
        assert_eq!(format!("{token:?}"), "ClusterToken");
        let short = ClusterToken::new("secret").unwrap_err();
        assert!(short.contains("6 characters") && !short.contains("secret"), "{short}");
    }
}
