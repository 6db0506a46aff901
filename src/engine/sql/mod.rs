//! Queries over shards, counts and weights, with the functions of labels.
//!
//! [`Session`] runs statements one at a time and streams their rows · [`catalog`] finds tables by name and path,
//! [`table`] reads shards · [`allowed`] refuses statements that write

mod allowed;
mod catalog;
mod measures;
mod table;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, Statement as Parsed};
use futures::StreamExt;

use super::cluster;
use super::functions::call::TableCall;
use super::functions::{self, tables};
use super::scheduler_address::SchedulerAddress;
use super::spill::Spill;
use crate::artifact::stored::Fetched;
use crate::engine::errors::ours;
use crate::engine::progress::Progress;
use crate::engine::session::{Limits, session};
use crate::error::{Error, Result};
use crate::source::listing::Listed;
use table::QueryTable;

pub(crate) use allowed::Access;
pub(crate) use measures::measures;

/// Lists of pieces that a table is cut into on a cluster.
const CLUSTER_LISTS: usize = 64;

/// A parsed statement.
#[derive(Debug)]
pub(crate) struct Statement(Parsed);

/// The tables, functions and limits of the statements that run in it.
pub(crate) struct Session {
    context: SessionContext,
    access: Access,
    threads: usize,
    cluster: Option<SchedulerAddress>,
    /// Local copies of runs in object stores.
    fetched: Mutex<Vec<Fetched>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("access", &self.access).finish_non_exhaustive()
    }
}

impl Session {
    /// A session with the functions of labels and the table functions in `calls`; it has no tables.
    ///
    /// # Errors
    /// [`Error::Resource`] when the memory limit is too small or the spill folder cannot be used.
    pub(crate) fn new(limits: &Limits, access: Access, calls: Vec<Arc<dyn TableCall>>) -> Result<Self> {
        let spill =
            Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::new(Progress::default()));
        let context = session(limits, &spill)?;
        context.state_ref().write().config_mut().options_mut().catalog.information_schema = true;
        // The number of threads of a cluster is not known here.
        let threads = if limits.cluster.is_some() { CLUSTER_LISTS } else { limits.threads };
        if let Some(address) = &limits.cluster {
            cluster::prepare(address, &context);
        }
        context.register_catalog("datafusion", Arc::new(catalog::SqlCatalog::new(access, threads)));
        functions::register(&context)?;
        for call in calls {
            tables::register(&context, call);
        }
        let (cluster, fetched) = (limits.cluster.clone(), Mutex::default());
        Ok(Self { context, access, threads, cluster, fetched })
    }

    /// Adds the shards of files, folders and globs as table `name`.
    ///
    /// # Errors
    /// [`Error::Input`] for sources that cannot be read, [`Error::Usage`] for a duplicate name.
    pub(crate) fn add_shards(&self, name: &str, sources: &[String]) -> Result<()> {
        let table = QueryTable::open(sources, self.access.tables, self.threads)
            .map_err(|error| error.at(format!("--table {name}")))?;
        self.add(name, Arc::new(table))
    }

    /// Adds shards that were listed as table `name`.
    ///
    /// # Errors
    /// As [`Session::add_shards`].
    pub(crate) fn add_listed(&self, name: &str, shards: Vec<Listed>) -> Result<()> {
        self.add(name, Arc::new(QueryTable::of(shards, self.threads)?))
    }

    /// Adds a finished run as tables `counts`, `weights` (if the run wrote them) and `imbalance`.
    ///
    /// # Errors
    /// [`Error::Input`] when the folder holds no run, [`Error::Usage`] for a duplicate name.
    pub(crate) fn add_run(&self, folder: &Path) -> Result<()> {
        let fetched = Fetched::of(folder).map_err(|error| error.at("--run"))?;
        let folder = fetched.path().to_owned();
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).push(fetched);
        for name in catalog::RUN_TABLES {
            if name != "weights" || folder.join("weights.parquet").exists() {
                let table = catalog::run_table(&folder, name, self.threads);
                self.add(name, table.map_err(|error| error.at("--run"))?)?;
            }
        }
        Ok(())
    }

    fn add(&self, name: &str, table: Arc<dyn datafusion::catalog::TableProvider>) -> Result<()> {
        let reference = datafusion::common::TableReference::bare(name);
        let before = self.context.register_table(reference, table).map_err(|cause| ours(&cause))?;
        match before {
            None => Ok(()),
            Some(_) => Err(Error::usage(format!("there are two tables {name:?}"))
                .hint("give each --table a name of its own; --run takes counts, weights and imbalance")),
        }
    }

    /// Parses `sql` as statements separated by semicolons.
    ///
    /// # Errors
    /// [`Error::Usage`] with the position of a syntax error.
    pub(crate) fn parse(sql: &str) -> Result<Vec<Statement>> {
        let parsed = DFParser::parse_sql(sql).map_err(|cause| sql_error(&cause))?;
        Ok(parsed.into_iter().map(Statement).collect())
    }

    /// Starts a statement.
    ///
    /// # Errors
    /// [`Error::Usage`] for unknown names, mismatched types and statements that the session does not allow;
    /// [`Error::Input`] for shards that cannot be read.
    pub(crate) async fn run(&self, statement: Statement) -> Result<Answer> {
        let start = async {
            let plan = self.context.state().statement_to_plan(statement.0).await?;
            allowed::check(&plan, self.access)?;
            let query = self.context.execute_logical_plan(plan).await?;
            match &self.cluster {
                Some(address) => cluster::run(address, &self.context, query).await,
                None => query.execute_stream().await,
            }
        };
        Ok(Answer(start.await.map_err(|cause| sql_error(&cause))?))
    }

    /// Names of the registered tables and views, sorted.
    #[must_use]
    pub(crate) fn tables(&self) -> Vec<String> {
        let schema = self.context.catalog("datafusion").and_then(|catalog| catalog.schema("public"));
        let mut names = schema.map(|schema| schema.table_names()).unwrap_or_default();
        names.sort();
        names
    }

    /// The columns of a table, or of the shards at a path.
    ///
    /// # Errors
    /// As [`Session::run`] for a table that does not exist.
    pub(crate) async fn columns(&self, table: &str) -> Result<SchemaRef> {
        let reference = datafusion::common::TableReference::bare(table);
        let provider = self.context.table_provider(reference).await.map_err(|cause| sql_error(&cause))?;
        Ok(provider.schema())
    }

    /// Names of all functions, sorted.
    #[must_use]
    pub(crate) fn functions(&self) -> Vec<String> {
        let state = self.context.state();
        let mut names: Vec<String> = state.scalar_functions().keys().cloned().collect();
        names.extend(state.aggregate_functions().keys().cloned());
        names.extend(state.window_functions().keys().cloned());
        names.extend(state.table_functions().keys().cloned());
        names.sort();
        names.dedup();
        names
    }
}

/// The rows of a statement.
pub(crate) struct Answer(SendableRecordBatchStream);

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Answer").field(&self.0.schema()).finish()
    }
}

impl Answer {
    /// The columns; none for a statement without rows.
    #[must_use]
    pub(crate) fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// Whatever stops the query.
    pub(crate) async fn next(&mut self) -> Option<Result<RecordBatch>> {
        Some(self.0.next().await?.map_err(|cause| sql_error(&cause)))
    }
}

/// The error of a statement, without the prefixes of DataFusion and with a hint.
fn sql_error(cause: &DataFusionError) -> Error {
    let error = ours(cause);
    let Error::Usage(detail) = &error else { return error };
    if detail.hint.is_some() {
        return error;
    }
    let mut message = detail.message.as_str();
    for prefix in [
        "SQL error: ",
        "Error during planning: ",
        "Execution error: ",
        "Schema error: ",
        "This feature is not implemented: ",
    ] {
        message = message.strip_prefix(prefix).unwrap_or(message);
    }
    let message =
        message.strip_prefix("ParserError(\"").and_then(|m| m.strip_suffix("\")")).unwrap_or(message);
    let message = message.replace("datafusion.public.", "");
    let hint = if message.starts_with("table ") && message.ends_with("not found") {
        "register it with --table NAME=SHARDS, or put a path in quotes: FROM 'data/*.parquet'"
    } else if message.contains(" at Line: ") {
        "a word is missing, misspelt or not quoted there"
    } else {
        "put names with capitals, dots or dashes in double quotes, and texts in single quotes"
    };
    Error::usage(message).hint(hint)
}
