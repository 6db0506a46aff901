//! Which file a shard was, as a hash.

use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::tables::deleted_rows::DeletedRows;
use super::tables::table::TableFile;
use crate::store::{Object, Place, Stat};

/// What a table says of a file, as one hash: deleted rows, and what its columns are called.
pub(super) fn of_table(table: &TableFile, deleted: Option<&DeletedRows>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(table.table.columns().sha256());
    if let Some(deleted) = deleted {
        hash.update(deleted.sha256());
    }
    hash.finalize().into()
}

/// Size, times, inode and footer of a file, as one hash; objects have their `ETag` in place of times and inode.
pub(super) fn identity(
    place: &Place,
    stat: Stat,
    footer_sha256: &[u8; 32],
    of_table: Option<[u8; 32]>,
) -> String {
    let mut hash = Sha256::new();
    hash.update(stat.bytes.to_le_bytes());
    if let Some(e_tag) = place.object().and_then(Object::e_tag) {
        hash.update(e_tag);
    } else {
        for time in [stat.modified, stat.inode.map(|(_, changed)| changed)] {
            let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            hash.update(time.map_or(0, |time| time.as_nanos()).to_le_bytes());
        }
        hash.update(stat.inode.map_or(0, |(number, _)| number).to_le_bytes());
    }
    hash.update(footer_sha256);
    if let Some(table) = of_table {
        hash.update(table);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
