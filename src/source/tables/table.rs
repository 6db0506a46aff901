//! What a table in one version consists of, whatever its format.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Schema;

use super::columns::TableColumns;
use super::deleted_rows::DeletedRows;
use crate::error::{Error, Result, plural};
use crate::source::listing::table_kind::TableKind;
use crate::store::Place;

/// One version of a table.
pub(crate) trait Table: fmt::Debug + Send + Sync {
    /// What it consists of.
    fn facts(&self) -> &TableFacts;

    /// Which version it is.
    fn version(&self) -> &TableVersion {
        &self.facts().version
    }

    /// The live files, in the order of their paths.
    fn files(&self) -> &[LiveFile] {
        &self.facts().files
    }

    /// The columns of the table.
    fn columns(&self) -> &TableColumns {
        &self.facts().columns
    }

    /// The rows of the file at this position that are deleted; `None` if none is.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file whose deleted rows cannot be read.
    fn deleted(&self, file: usize) -> Result<Option<DeletedRows>>;
}

/// What a version of a table consists of.
#[derive(Debug)]
pub(crate) struct TableFacts {
    pub version: TableVersion,
    /// In the order of their paths.
    pub files: Vec<LiveFile>,
    pub columns: TableColumns,
}

impl TableFacts {
    /// Of files in any order, each with what tells its deleted rows; those come back in the order of the files.
    #[cfg(any(feature = "delta", feature = "iceberg"))]
    pub(crate) fn of<D>(
        version: TableVersion,
        mut files: Vec<(LiveFile, D)>,
        columns: TableColumns,
    ) -> (Self, Vec<D>) {
        files.sort_by_cached_key(|(file, _)| file.place.to_string());
        let (files, deletions) = files.into_iter().unzip();
        (Self { version, files, columns }, deletions)
    }
}

/// Which version of which table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableVersion {
    /// The format.
    pub kind: TableKind,
    /// The folder of the table.
    pub path: String,
    /// The version, or the id of the snapshot; `None` for a table without a snapshot.
    pub version: Option<i64>,
}

impl fmt::Display for TableVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} table {}", self.kind.name(), self.path)?;
        match (self.version, self.kind) {
            (None, _) => write!(f, ", without a snapshot"),
            (Some(id), TableKind::Iceberg) => write!(f, ", snapshot {id}"),
            (Some(version), _) => write!(f, ", version {version}"),
        }
    }
}

/// A file of a table.
#[derive(Debug, Clone)]
pub(crate) struct LiveFile {
    /// Where it lies.
    pub place: Place,
    /// Size in bytes by the table.
    pub bytes: Option<u64>,
    /// Values that all rows of the file have.
    pub partition: FilePartition,
    /// Some of its rows are deleted.
    pub has_deleted: bool,
}

/// Columns that have one value in all rows of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct FilePartition {
    /// With their values as texts.
    pub told: Vec<(String, Option<String>)>,
    /// With their types, where a value of that type has no text: the file has to hold them.
    pub untold: Vec<(String, String)>,
}

/// A file as a part of its table.
#[derive(Debug, Clone)]
pub(crate) struct TableFile {
    pub table: Arc<dyn Table>,
    /// Position among the live files.
    pub file: usize,
}

impl PartialEq for TableFile {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && self.table.version() == other.table.version()
    }
}

impl Eq for TableFile {}

impl TableFile {
    /// The rows that are deleted.
    pub(crate) fn deleted(&self) -> Result<Option<Arc<DeletedRows>>> {
        Ok(self.table.deleted(self.file)?.filter(|rows| !rows.is_empty()).map(Arc::new))
    }

    /// What the table says of the file.
    pub(crate) fn live(&self) -> Option<&LiveFile> {
        self.table.files().get(self.file)
    }

    /// The folders of a file with these columns: a partition column that the file holds needs none.
    pub(crate) fn folders(&self, all: &[(String, String)], schema: &Schema) -> Vec<(String, String)> {
        let partition = self.live().map_or(&[][..], |live| &live.partition.told);
        let is_own = |key: &String| partition.iter().any(|(own, _)| own == key);
        let is_held = |key: &String| is_own(key) && schema.field_with_name(key).is_ok();
        all.iter().filter(|(key, _)| !is_held(key)).cloned().collect()
    }

    /// A file with these columns holds those that the table cannot tell.
    ///
    /// # Errors
    /// [`Error::Input`] naming a column.
    pub(crate) fn check_untold(&self, schema: &Schema) -> Result<()> {
        let mut untold = self.live().into_iter().flat_map(|live| &live.partition.untold);
        match untold.find(|(name, _)| schema.field_with_name(name).is_err()) {
            None => Ok(()),
            Some((name, data_type)) => Err(Error::input(format!(
                "partition column {name:?} of type {data_type} is not supported where files do not hold it"
            ))
            .hint("write the table's live rows to Parquet, such as with pyiceberg: table.scan().to_arrow()")),
        }
    }

    /// The file has the size that the table says.
    ///
    /// # Errors
    /// [`Error::Input`] naming both sizes.
    pub(crate) fn check_size(&self, bytes: u64) -> Result<()> {
        match self.live().and_then(|live| live.bytes) {
            Some(said) if said != bytes => Err(Error::input(format!(
                "the file has {bytes} bytes, but the {} says {said}",
                self.table.version()
            ))
            .hint("a file of a table never changes: restore it, or write the table again")),
            _ => Ok(()),
        }
    }
}

/// `Delta Lake table data/, version 3, 2 of its 5 files have deleted rows`.
pub(crate) fn said(table: &dyn Table) -> String {
    let files = table.files();
    let with = files.iter().filter(|file| file.has_deleted).count();
    let (version, all) = (table.version(), plural(files.len() as u64, "file"));
    match with {
        0 => format!("{version}, {all}"),
        1 => format!("{version}, 1 of its {all} has deleted rows"),
        with => format!("{version}, {with} of its {all} have deleted rows"),
    }
}
