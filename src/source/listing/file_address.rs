//! Paths of this machine that are written as addresses.

use super::hive::decoded;
use crate::error::{Error, Result};

/// The path in `file:///path`; `None` for other text.
pub(super) fn of_file_address(source: &str) -> Option<Result<String>> {
    let rest = source.strip_prefix("file://")?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if path.starts_with('/') {
        return Some(Ok(decoded(path)));
    }
    Some(Err(Error::usage(format!("{source}: a file address names no host"))
        .hint(format!("write file:///{rest}, or the path alone"))))
}
