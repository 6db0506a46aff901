//! The table function `numbered_rows`: shards with the place of each row, as sampling plans name it.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result as DfResult, TableReference};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};

use super::table::QueryTable;
use super::unread::Unread;
use crate::engine::errors::{external, ours};
use crate::engine::functions::tables::{texts_of, written};
use crate::engine::read::rows::column;
use crate::engine::read::table::{FIRST_COLUMN, NAME_COLUMN, ROW_COLUMN};
use crate::error::{Error, Result};
use crate::source::tables::at::HowTables;

/// What the function is called.
pub(super) const NUMBERED_ROWS: &str = "numbered_rows";
/// The columns that it adds.
const ADDED: [&str; 3] = ["shard", "row", "position"];

#[derive(Debug)]
pub(super) struct NumberedShards {
    pub(super) how: HowTables,
    pub(super) threads: usize,
    pub(super) on_cluster: bool,
    pub(super) unread: Arc<Unread>,
    /// Tables whose shards are removed with them: plans read these later.
    made: Mutex<Vec<Arc<QueryTable>>>,
}

impl NumberedShards {
    pub(super) fn new(how: HowTables, threads: usize, on_cluster: bool, unread: Arc<Unread>) -> Self {
        Self { how, threads, on_cluster, unread, made: Mutex::default() }
    }

    fn table(&self, arguments: &[String]) -> Result<Arc<dyn TableProvider>> {
        if arguments.is_empty() {
            return Err(Error::usage(format!("{NUMBERED_ROWS} takes files, folders or globs"))
                .hint(format!("name them as texts: {NUMBERED_ROWS}('data/')")));
        }
        if self.on_cluster {
            return Err(Error::usage(format!("{NUMBERED_ROWS} does not work with --cluster"))
                .hint("leave out --cluster"));
        }
        let table = Arc::new(QueryTable::open(arguments, self.how, self.threads)?.numbered()?);
        self.unread.check(&table)?;
        if table.is_made_for_this_run() {
            self.made.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&table));
        }
        with_places(table, written(NUMBERED_ROWS, arguments))
    }
}

/// The columns `shard`, `row` and `position`, then those of the shards.
fn with_places(table: Arc<QueryTable>, name: String) -> Result<Arc<dyn TableProvider>> {
    let schema = table.schema();
    let own = schema.fields().iter().map(|field| field.name().as_str());
    let own: Vec<&str> = own.filter(|name| ![NAME_COLUMN, FIRST_COLUMN, ROW_COLUMN].contains(name)).collect();
    if let Some(taken) = ADDED.into_iter().find(|added| own.contains(added)) {
        return Err(Error::usage(format!(
            "{NUMBERED_ROWS}: the shards have a column {taken:?} of their own"
        ))
        .hint("query them without the function, or rename the column in a copy of the shards"));
    }
    let [shard, row, position] = ADDED;
    let mut columns: Vec<Expr> = vec![
        column(NAME_COLUMN).alias(shard),
        // A sum is a column like others, where the number itself is one that only the reader can make.
        (column(ROW_COLUMN) + lit(0_i64)).alias(row),
        (column(FIRST_COLUMN) + column(ROW_COLUMN)).alias(position),
    ];
    columns.extend(own.iter().map(|name| column(name)));
    let plan = LogicalPlanBuilder::scan(TableReference::bare(name), provider_as_source(table), None)
        .and_then(|plan| plan.project(columns))
        .and_then(LogicalPlanBuilder::build);
    Ok(Arc::new(ViewTable::new(plan.map_err(|cause| ours(&cause))?, None)))
}

impl TableFunctionImpl for NumberedShards {
    fn call_with_args(&self, args: TableFunctionArgs) -> DfResult<Arc<dyn TableProvider>> {
        let arguments = texts_of(NUMBERED_ROWS, &args).map_err(external)?;
        self.table(&arguments).map_err(external)
    }
}
