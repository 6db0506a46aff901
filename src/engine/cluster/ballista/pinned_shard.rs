//! A shard as the client saw it, so that executors can check that they see the same.

use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::engine::dataset::shard_number;
use crate::error::{Error, Result};
use crate::source::listing::Listed;
use crate::source::shards::{Shard, open};
use crate::store::{self, Pinned};

/// Name, location, size and footer of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PinnedShard {
    pub(super) number: u32,
    name: String,
    location: ShardLocation,
    hive: Vec<(String, String)>,
    pub(super) bytes: u64,
    footer_sha256: [u8; 32],
}

/// Path and modification time of a file, or address and version of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum ShardLocation {
    File(PathBuf, Option<SystemTime>),
    Object(Pinned),
}

impl PinnedShard {
    pub(super) fn new(number: usize, shard: &Shard) -> Result<Self> {
        if shard.deleted.is_some() || shard.is_renamed {
            let table = shard.table.as_ref().map(|table| table.table.version().to_string());
            return Err(Error::input(format!(
                "a cluster cannot count this file of the {}, which has deleted rows or renames columns",
                table.unwrap_or_default()
            ))
            .at(&shard.name)
            .hint("count it on this machine, without --cluster"));
        }
        let location = match &shard.place {
            // Executors run in another folder.
            store::Place::File(path) => {
                let path = std::path::absolute(path).map_err(|cause| Error::reading(path, &cause))?;
                ShardLocation::File(path, shard.modified)
            }
            store::Place::Object(object) => ShardLocation::Object(object.pinned()),
        };
        Ok(Self {
            number: shard_number(number)?,
            name: shard.name.clone(),
            location,
            hive: shard.hive.clone(),
            bytes: shard.bytes,
            footer_sha256: shard.footer_sha256,
        })
    }

    /// Path or address, for messages.
    pub(super) fn path(&self) -> String {
        match &self.location {
            ShardLocation::File(path, _) => path.display().to_string(),
            ShardLocation::Object(object) => object.to_string(),
        }
    }

    /// Opens the shard on the machine of this process.
    ///
    /// # Errors
    /// [`Error::Input`] when it cannot be read, [`Error::Changed`] when it is not the shard that the client saw.
    pub(super) fn open(&self) -> Result<Shard> {
        let other = |what: &str| {
            Error::changed(format!("an executor found {what}")).at(&self.name).hint(
                "make sure that executors see the same files as the client, and run again once nothing writes to them",
            )
        };
        let (place, modified) = match &self.location {
            ShardLocation::Object(object) => {
                (store::Place::Object(object.object().map_err(on_executor)?), None)
            }
            ShardLocation::File(path, modified) if path.exists() => {
                (store::Place::File(path.clone()), *modified)
            }
            ShardLocation::File(..) => return Err(other("no such file")),
        };
        // Reads of an object check its version themselves.
        let is_file = place.object().is_none();
        let listed = Listed { place, hive: self.hive.clone(), name: self.name.clone(), table: None };
        let shard = open(vec![listed], 1).map_err(on_executor)?.pop();
        let shard = shard.ok_or_else(|| Error::internal("no shard was opened"))?;
        let is_same = (shard.bytes, shard.footer_sha256) == (self.bytes, self.footer_sha256)
            && (!is_file || shard.modified == modified);
        if is_same { Ok(shard) } else { Err(other("another file than the client listed")) }
    }
}

/// A usage error that concerns the executor, not the client: missing credentials or an unsupported store.
fn on_executor(error: Error) -> Error {
    if !matches!(error, Error::Usage(_)) {
        return error;
    }
    let hint = error.remedy().map(|hint| format!("on the machines of the executors: {hint}"));
    hint.into_iter().fold(error.at("an executor"), Error::hint)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, RecordBatch};
    use parquet::arrow::ArrowWriter;

    use super::*;

    #[test]
    fn a_shard_that_is_not_the_one_that_was_listed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.parquet");
        let write = |values: Vec<bool>| {
            let batch =
                RecordBatch::try_from_iter([("a", Arc::new(BooleanArray::from(values)) as _)]).unwrap();
            let file = std::fs::File::create(&path).unwrap();
            let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        };
        write(vec![true, false]);
        let listed = Listed {
            place: store::Place::File(path.clone()),
            hive: Vec::new(),
            name: "x".to_owned(),
            table: None,
        };
        let seen = PinnedShard::new(0, &open(vec![listed], 1).unwrap()[0]).unwrap();
        assert_eq!(seen.open().unwrap().rows, 2);
        // Of the same size and time, as a copy on another disk may be.
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        write(vec![false, false]);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(seen.open().unwrap_err().exit_code(), 8);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(seen.open().unwrap_err().exit_code(), 8);
    }
}
