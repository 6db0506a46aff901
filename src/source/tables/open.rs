//! Opens a table by its format.

use std::sync::Arc;

use super::at::TableAt;
use super::table::Table;
#[cfg(not(feature = "iceberg"))]
use crate::error::Error;
use crate::error::Result;
use crate::source::listing::table_kind::TableKind;

/// A table that a listing met.
#[derive(Debug)]
pub(crate) struct FoundTable {
    /// The format.
    pub kind: TableKind,
    /// The folder.
    pub place: FoundPlace,
    /// The file that describes the table, where one was named.
    pub metadata: Option<String>,
}

/// Where a table was met.
#[derive(Debug)]
pub(crate) enum FoundPlace {
    /// A folder of this machine.
    Folder(std::path::PathBuf),
    /// A folder of a store, with what was listed below it.
    Store(crate::store::Address, Vec<crate::store::Object>),
}

/// Whether this build reads tables of a format.
#[must_use]
pub(crate) fn can_read(kind: TableKind) -> bool {
    match kind {
        TableKind::Delta => cfg!(feature = "delta"),
        TableKind::Iceberg => cfg!(feature = "iceberg"),
        TableKind::Hudi => false,
    }
}

/// Where the newest description of the Iceberg table lies that a source names in a catalog; `None` for other sources.
///
/// # Errors
/// Those of the catalog; [`Error::Usage`] where this build reads no Iceberg tables.
pub(crate) fn of_catalog(source: &str) -> Option<Result<String>> {
    #[cfg(feature = "iceberg")]
    return super::iceberg::newest_metadata_of(source);
    #[cfg(not(feature = "iceberg"))]
    {
        let start = source.get(..8).filter(|start| start.eq_ignore_ascii_case("iceberg+"))?;
        Some(Err(Error::usage(format!(
            "{source}: {start}… names a table of an Iceberg catalog; this build cannot read it"
        ))
        .hint("install posweight with cargo install --path . --features iceberg,cloud")))
    }
}

/// Opens a table in the version that is asked for; `None` where this build cannot read its format.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) naming the table, and the file that is damaged or missing.
#[cfg_attr(
    not(any(feature = "delta", feature = "iceberg")),
    expect(clippy::unnecessary_wraps, reason = "builds that read tables can fail here")
)]
pub(crate) fn open(found: FoundTable, at: Option<TableAt>) -> Result<Option<Arc<dyn Table>>> {
    match found.kind {
        #[cfg(feature = "delta")]
        TableKind::Delta => Ok(Some(Arc::new(super::delta::DeltaTable::open(&root(found.place)?, at)?))),
        #[cfg(feature = "iceberg")]
        TableKind::Iceberg => {
            let root = root(found.place)?;
            Ok(Some(Arc::new(super::iceberg::IcebergTable::open(root, found.metadata.as_deref(), at)?)))
        }
        _ => {
            let _ = (found.place, found.metadata, at);
            Ok(None)
        }
    }
}

#[cfg(any(feature = "delta", feature = "iceberg"))]
fn root(place: FoundPlace) -> Result<super::root::Root> {
    use super::root::Root;
    match place {
        FoundPlace::Folder(folder) => Root::of_folder(&folder),
        FoundPlace::Store(address, objects) => {
            let bucket = crate::store::Bucket::of(&address)?;
            let by_key = objects.into_iter().map(|object| (object.key().to_owned(), object));
            Ok(Root::Store(bucket, address, by_key.collect()))
        }
    }
}
