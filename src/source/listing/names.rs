//! What names of files say.

use std::path::Path;

/// Whether a name is passed over unless it is written out.
pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '_'])
}

/// Endings of shards.
pub(super) const ENDINGS: [&str; 4] = ["parquet", "parq", "pq", "pqt"];

/// Whether the ending of a path is that of a shard.
pub(super) fn is_shard(path: &Path) -> bool {
    path.extension().is_some_and(|end| ENDINGS.iter().any(|known| end.eq_ignore_ascii_case(known)))
}
