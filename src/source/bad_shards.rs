//! More shards that cannot be read than may be left out.

use super::shards::Unreadable;
use crate::error::{Error, plural};

/// The error that names them all, and `most`, how many may be left out.
pub(crate) fn too_many(mut unreadable: Vec<Unreadable>, most: usize) -> Error {
    unreadable.sort_by(|a, b| a.name.cmp(&b.name));
    let found = unreadable.len();
    let errors = unreadable.into_iter().map(|one| one.error).collect();
    let Some(error) = Error::together(errors, "shards") else {
        return Error::internal("no shard is unreadable");
    };
    if most == 0 || found <= most {
        return error;
    }
    let remedy = error.remedy().map_or_else(String::new, |remedy| format!("{remedy}; "));
    error
        .at(format!("--max-bad-shards {most}"))
        .hint(format!("{remedy}--max-bad-shards {found} leaves out {}", plural(found as u64, "shard")))
}
