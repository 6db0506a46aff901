//! What names of files say.

use std::path::Path;

/// Whether a name is passed over unless it is written out.
pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '_'])
}

/// Endings of shards.
pub(super) const ENDINGS: [&str; 7] = ["parquet", "parq", "pq", "pqt", "arrow", "feather", "ipc"];
/// Those of Arrow IPC files among them.
const OF_ARROW: [&str; 3] = ["arrow", "feather", "ipc"];

/// Whether the ending of a path is that of a shard.
pub(super) fn is_shard(path: &Path) -> bool {
    path.extension().is_some_and(|end| ENDINGS.iter().any(|known| end.eq_ignore_ascii_case(known)))
}

/// Whether a name is that of an Arrow IPC file.
pub(crate) fn is_arrow(name: &str) -> bool {
    let end = Path::new(name).extension();
    end.is_some_and(|end| OF_ARROW.iter().any(|known| end.eq_ignore_ascii_case(known)))
}
