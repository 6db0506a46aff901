//! What COPY may write: new files and folders, and files that `--overwrite` gives up and no table of the query has.

use std::path::{Path, PathBuf};

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result as DfResult};
use datafusion::datasource::listing::ListingTable;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::dml::CopyTo;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};

use super::table::QueryTable;
use super::unread::Unread;
use crate::engine::errors::external;
use crate::error::{Error, Result};
use crate::source::readable::storable;
use crate::store::is_address;

/// Refuses a target that is there, unless it is a file that may be replaced: `unread` keeps that from being read.
pub(super) fn check_target(target: &str, overwrite: bool, unread: &Unread) -> Result<()> {
    let Some(path) = local(target) else { return Ok(()) };
    if path.is_dir() {
        let is_empty = std::fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none());
        return if is_empty {
            Ok(())
        } else {
            Err(Error::output(format!("{target}: the folder is not empty, and COPY would add files to it"))
                .hint("copy to a new folder, or empty this one first"))
        };
    }
    if path.is_file() {
        if !overwrite {
            return Err(Error::output(format!("{target}: the file already exists"))
                .hint("replace it with --overwrite, or copy to another file"));
        }
        unread.copy(Some(&path));
    }
    Ok(())
}

/// The path of a target on this machine.
pub(super) fn local(target: &str) -> Option<PathBuf> {
    match target.strip_prefix("file://") {
        Some(path) => Some(PathBuf::from(path)),
        None => (!is_address(target)).then(|| PathBuf::from(target)),
    }
}

/// The same plan, where COPY gives a Parquet file the types that Parquet has.
pub(super) fn with_storable_columns(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    plan.transform_down(|node| match node {
        LogicalPlan::Copy(copy) if copy.file_type.get_ext() == "parquet" => {
            let schema = copy.input.schema();
            let wanted = storable(schema.as_arrow());
            if wanted == *schema.as_arrow() {
                return Ok(Transformed::no(LogicalPlan::Copy(copy)));
            }
            let columns = schema.iter().zip(wanted.fields()).map(|((table, field), wanted)| {
                let column = Expr::Column(Column::from((table, field)));
                if field.data_type() == wanted.data_type() {
                    return column;
                }
                cast(column, wanted.data_type().clone()).alias_qualified(table.cloned(), field.name())
            });
            let columns: Vec<Expr> = columns.collect();
            let input = LogicalPlanBuilder::new_from_arc(copy.input).project(columns)?.build()?.into();
            Ok(Transformed::yes(LogicalPlan::Copy(CopyTo { input, ..copy })))
        }
        other => Ok(Transformed::no(other)),
    })
    .map(|changed| changed.data)
}

/// Refuses a plan with a table that has a file which is replaced.
pub(super) fn check_sources(plan: &LogicalPlan, unread: &Unread) -> DfResult<()> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
        {
            if let Some(table) = provider.downcast_ref::<QueryTable>() {
                unread.check(table).map_err(external)?;
            } else if let Some(table) = provider.downcast_ref::<ListingTable>() {
                unread.check_files(|whole| lists(table, whole)).map_err(external)?;
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// Whether a file is one of an external table.
fn lists(table: &ListingTable, file: &Path) -> bool {
    let Ok(at) = object_store::path::Path::from_absolute_path(file) else { return false };
    table.table_paths().iter().any(|place| place.scheme() == "file" && place.contains(&at, false))
}
