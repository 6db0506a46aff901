//! The groups of `--by`.

use std::collections::HashSet;

use crate::error::{Error, Result};

/// The values of the `--by` columns of one group, as text; NULL is `None`.
pub(crate) type GroupKey = Vec<Option<String>>;

/// Most groups one run may have: each holds a count per label.
pub(crate) const GROUPS_MAX: usize = 10_000;

/// Refuses more groups than a run may have.
pub(crate) fn check(keys: &[GroupKey]) -> Result<()> {
    let distinct: HashSet<&GroupKey> = keys.iter().collect();
    if distinct.len() > GROUPS_MAX { Err(too_many()) } else { Ok(()) }
}

pub(crate) fn too_many() -> Error {
    Error::resource(format!("--by gives more than {GROUPS_MAX} groups"))
        .hint("name columns with few values, such as a split")
}
