//! What COPY and INSERT write lies in a hidden folder beside its place until all of it is there: a query that fails
//! leaves nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::datasource::listing::{ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::dml::{CopyTo, DmlStatement};
use datafusion::logical_expr::{Analyze, LogicalPlan};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};

use super::copies::local;
use crate::engine::errors::external;
use crate::error::{Error, Result};
use crate::scratch::Scratch;

/// How names of these folders begin.
const PREFIX: &str = ".posweight-copy-";

/// Files on the way to their place.
pub(super) struct Staged {
    /// Removed at the end, with what is left in it.
    _scratch: Scratch,
    written: PathBuf,
    target: PathBuf,
    /// Whether files are added to a folder that is there.
    adds: bool,
    overwrite: bool,
}

/// The same plan, which writes beside the place of its files, and these files; none where nothing is written to a path
/// of this machine.
pub(super) fn staged(plan: LogicalPlan, overwrite: bool) -> DfResult<(LogicalPlan, Option<Staged>)> {
    match plan {
        LogicalPlan::Copy(copy) => staged_copy(copy, overwrite),
        LogicalPlan::Dml(insert) => staged_insert(insert),
        LogicalPlan::Analyze(analyze) => {
            let (input, files) = staged(Arc::unwrap_or_clone(analyze.input), overwrite)?;
            Ok((LogicalPlan::Analyze(Analyze { input: input.into(), ..analyze }), files))
        }
        other => Ok((other, None)),
    }
}

fn staged_copy(copy: CopyTo, overwrite: bool) -> DfResult<(LogicalPlan, Option<Staged>)> {
    let target = local(&copy.output_url).filter(|target| target.file_name().is_some());
    let Some(target) = target else { return Ok((LogicalPlan::Copy(copy), None)) };
    let is_folder = copy.output_url.ends_with('/') || target.is_dir();
    let files = Staged::beside(&target, overwrite, false)?;
    let output_url = address(&files.written, is_folder);
    Ok((LogicalPlan::Copy(CopyTo { output_url, ..copy }), Some(files)))
}

fn staged_insert(insert: DmlStatement) -> DfResult<(LogicalPlan, Option<Staged>)> {
    let provider = source_as_provider(&insert.target)?;
    let table = provider.downcast_ref::<ListingTable>();
    let place = table.and_then(|table| match table.table_paths().as_slice() {
        [place] if place.is_collection() => place.get_url().to_file_path().ok(),
        _ => None,
    });
    let (Some(table), Some(target)) = (table, place) else { return Ok((LogicalPlan::Dml(insert), None)) };
    let files = Staged::beside(&target, false, true)?;
    let options = table.options().clone();
    let schema = table.schema();
    let columns = schema.fields().len() - options.table_partition_cols.len();
    let columns = Schema::new_with_metadata(schema.fields()[..columns].to_vec(), schema.metadata().clone());
    let place = ListingTableUrl::parse(address(&files.written, true))?;
    let place = ListingTableConfig::new(place).with_listing_options(options).with_schema(columns.into());
    let target = provider_as_source(Arc::new(ListingTable::try_new(place)?));
    Ok((LogicalPlan::Dml(DmlStatement { target, ..insert }), Some(files)))
}

fn address(path: &Path, is_folder: bool) -> String {
    format!("{}{}", path.display(), if is_folder { "/" } else { "" })
}

impl Staged {
    fn beside(target: &Path, overwrite: bool, adds: bool) -> DfResult<Self> {
        let make = || -> io::Result<Self> {
            let target = std::path::absolute(target)?;
            let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
                return Err(io::ErrorKind::InvalidFilename.into());
            };
            fs::create_dir_all(folder)?;
            let scratch = Scratch::new(folder, PREFIX)?;
            let written = scratch.path().join(name);
            Ok(Self { _scratch: scratch, written, target, adds, overwrite })
        };
        make().map_err(|cause| external(Error::writing_for("a target", target, &cause)))
    }

    /// Puts the files in their place.
    fn publish(self) -> Result<()> {
        let failed = |cause: &io::Error| Error::writing_for("a target", &self.target, cause);
        if !self.written.exists() {
            // There were no rows to write.
            return Ok(());
        }
        if self.adds {
            let mut added = Vec::new();
            return add(&self.written, &self.target, &mut added).map_err(|cause| {
                // What cannot be removed has the rows of this query, as the error says.
                added.iter().for_each(|path| drop(fs::remove_file(path)));
                failed(&cause)
            });
        }
        if !self.overwrite && self.target.is_file() {
            return Err(failed(&io::ErrorKind::AlreadyExists.into()));
        }
        fs::rename(&self.written, &self.target).map_err(|cause| failed(&cause))
    }
}

/// Moves the files of a folder into another one, with the folders that they lie in.
fn add(from: &Path, to: &Path, added: &mut Vec<PathBuf>) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            add(&entry.path(), &place, added)?;
        } else {
            fs::rename(entry.path(), &place)?;
            added.push(place);
        }
    }
    Ok(())
}

/// The rows of a statement that writes `files`, which are in their place before the first of these rows comes.
pub(super) fn published(rows: SendableRecordBatchStream, files: Staged) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let batches = stream::once(async move {
        let batches: Vec<_> = rows.try_collect().await?;
        files.publish().map_err(external)?;
        Ok::<_, DataFusionError>(stream::iter(batches).map(Ok))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches.try_flatten()))
}
