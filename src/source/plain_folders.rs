//! Folders without keys that may be the labels of the shards inside.

use std::collections::BTreeSet;
use std::path::Path;

use super::aside_names::is_part_name;
use super::shards::Shard;

/// Folders of this machine that hold the shards, side by side, none of which is a key with a value or a part of the data.
pub(super) fn plain_folders(shards: &[Shard]) -> Vec<String> {
    let folders: BTreeSet<&Path> =
        shards.iter().filter_map(|shard| Path::new(&shard.name).parent()).collect();
    let is_plain = |folder: &&Path| {
        let name = folder.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| !name.contains('=') && !is_part_name(name)) && folder.is_dir()
    };
    let above: BTreeSet<Option<&Path>> = folders.iter().map(|folder| folder.parent()).collect();
    if folders.len() < 2 || above.len() > 1 || !folders.iter().all(is_plain) {
        return Vec::new();
    }
    folders.into_iter().map(|folder| folder.display().to_string()).collect()
}
