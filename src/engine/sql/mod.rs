//! Queries over shards, counts and weights, with the functions of labels.
//!
//! [`Session`] runs statements one at a time and streams their rows · [`catalog`] finds tables by name and path,
//! [`table`] reads shards · [`allowed`] refuses statements that write, [`ignored`] clauses without effect ·
//! [`exact_arithmetic`] keeps integers from wrapping around

mod allowed;
mod catalog;
mod exact_arithmetic;
mod ignored;
mod measures;
mod table;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, Statement as Parsed};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use futures::StreamExt;

use super::cluster;
use super::functions::call::TableCall;
use super::functions::{self, tables};
use super::scheduler_address::SchedulerAddress;
use super::spill::Spill;
use crate::artifact::stored::Fetched;
use crate::engine::errors::ours;
use crate::engine::progress::Progress;
use crate::engine::query_errors::{no_table, of_sql};
use crate::engine::session::{Limits, session};
use crate::error::{Error, Result};
use crate::source::listing::Listed;
use catalog::KnownRuns;
use table::QueryTable;

pub(crate) use allowed::Access;
pub(crate) use measures::measures;

/// Lists of pieces that a table is cut into on a cluster.
const CLUSTER_LISTS: usize = 64;

/// A parsed statement, and the text that it was parsed from.
#[derive(Debug)]
pub(crate) struct Statement {
    parsed: Parsed,
    text: Arc<str>,
}

impl Statement {
    /// Whether it gives rows; those that only name something do not.
    #[must_use]
    pub(crate) fn gives_rows(&self) -> bool {
        let names = |statement: &SqlStatement| {
            matches!(statement, SqlStatement::CreateView { .. } | SqlStatement::Drop { .. })
        };
        match &self.parsed {
            Parsed::Statement(statement) => !names(statement),
            Parsed::CreateExternalTable(_) | Parsed::Reset(_) => false,
            Parsed::CopyTo(_) | Parsed::Explain(_) => true,
        }
    }
}

/// The tables, functions and limits of the statements that run in it.
pub(crate) struct Session {
    context: SessionContext,
    access: Access,
    threads: usize,
    cluster: Option<SchedulerAddress>,
    /// Finished runs by name.
    runs: Arc<KnownRuns>,
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
        let runs = Arc::new(KnownRuns::default());
        let catalog = catalog::SqlCatalog::new(access, threads, Arc::clone(&runs));
        context.register_catalog("datafusion", Arc::new(catalog));
        functions::register(&context)?;
        context.add_analyzer_rule(Arc::new(exact_arithmetic::ExactArithmetic));
        for call in calls {
            tables::register(&context, call);
        }
        let (cluster, fetched) = (limits.cluster.clone(), Mutex::default());
        Ok(Self { context, access, threads, cluster, runs, fetched })
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

    /// Adds a finished run: its tables `counts`, `weights` (if the run wrote them) and `imbalance` are `NAME.counts`
    /// and so on, if it has a name; if it is the `only` one, also without it.
    ///
    /// # Errors
    /// [`Error::Input`] when the folder holds no run, [`Error::Usage`] for a duplicate name.
    pub(crate) fn add_run(&self, name: Option<&str>, folder: &Path, only: bool) -> Result<()> {
        let at = || format!("--run {}", folder.display());
        let fetched = Fetched::of(folder).map_err(|error| error.at("--run"))?;
        let local = fetched.path().to_owned();
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).push(fetched);
        let is_meant = |error: Error| match catalog::near_run(folder) {
            Some(near) => error.hint(format!("did you mean {near}? a finished run holds counts.parquet")),
            None => error,
        };
        for table in catalog::RUN_TABLES {
            if table != "weights" || local.join("weights.parquet").exists() {
                let made = catalog::run_table(&local, table, self.threads);
                let made = made.map_err(|error| is_meant(error.at("--run")))?;
                if only {
                    self.add(table, made)?;
                }
            }
        }
        if let Some(name) = name.filter(|name| !self.runs.add(name, &local)) {
            return Err(Error::usage(format!("{}: there are two runs {name:?}", at()))
                .hint("give each a name: --run old=DIR --run new=DIR"));
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
        let parsed = DFParser::parse_sql(sql).map_err(|cause| of_sql(&cause, sql))?;
        let text: Arc<str> = sql.into();
        Ok(parsed.into_iter().map(|parsed| Statement { parsed, text: Arc::clone(&text) }).collect())
    }

    /// Starts a statement.
    ///
    /// # Errors
    /// [`Error::Usage`] for unknown names, mismatched types and statements that the session does not allow;
    /// [`Error::Input`] for shards that cannot be read.
    pub(crate) async fn run(&self, statement: Statement) -> Result<Answer> {
        let Statement { parsed, text } = statement;
        allowed::check_statement(&parsed, self.access)?;
        ignored::check_clauses(&parsed)?;
        let mut is_plan = false;
        let start = async {
            let plan = self.context.state().statement_to_plan(parsed).await?;
            allowed::check(&plan, self.access)?;
            is_plan = matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_));
            let query = self.context.execute_logical_plan(plan).await?;
            match &self.cluster {
                Some(address) => cluster::run(address, &self.context, query).await,
                None => query.execute_stream().await,
            }
        };
        match start.await {
            Ok(rows) => Ok(Answer { rows, is_plan, text }),
            Err(cause) => Err(self.named(of_sql(&cause, &text))),
        }
    }

    /// An error that says which table may be meant.
    fn named(&self, error: Error) -> Error {
        let run = |name: &str| {
            let (run, table) = name.rsplit_once('.')?;
            catalog::meant(run, table, &self.runs.names(), self.access.paths)
        };
        no_table(error, &self.tables(), run)
    }

    /// Names of the registered tables and views, sorted.
    #[must_use]
    pub(crate) fn tables(&self) -> Vec<String> {
        let schema = self.context.catalog("datafusion").and_then(|catalog| catalog.schema("public"));
        let mut names = schema.map(|schema| schema.table_names()).unwrap_or_default();
        if let runs @ [_, _, ..] = &self.runs.names()[..] {
            let tables = |run: &String| catalog::RUN_TABLES.map(|table| format!("{run}.{table}"));
            names.extend(runs.iter().flat_map(tables));
        }
        names.sort();
        names
    }

    /// The columns of a table, or of the shards at a path.
    ///
    /// # Errors
    /// As [`Session::run`] for a table that does not exist.
    pub(crate) async fn columns(&self, table: &str) -> Result<SchemaRef> {
        use datafusion::common::TableReference;

        let found = match self.context.table_provider(TableReference::bare(table)).await {
            Ok(found) => Ok(found),
            Err(cause) => match table.rsplit_once('.') {
                Some((run, part)) if catalog::RUN_TABLES.contains(&part) => {
                    let run = run.trim_matches(['\'', '"']);
                    self.context.table_provider(TableReference::partial(run, part)).await
                }
                _ => Err(cause),
            },
        };
        let provider = found.map_err(|cause| self.named(of_sql(&cause, table)))?;
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
pub(crate) struct Answer {
    rows: SendableRecordBatchStream,
    is_plan: bool,
    text: Arc<str>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Answer").field(&self.rows.schema()).finish()
    }
}

impl Answer {
    /// The columns; none for a statement without rows.
    #[must_use]
    pub(crate) fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    /// Whether the rows are the plan of a query: its kind and its text.
    #[must_use]
    pub(crate) fn is_plan(&self) -> bool {
        self.is_plan
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// Whatever stops the query.
    pub(crate) async fn next(&mut self) -> Option<Result<RecordBatch>> {
        Some(self.rows.next().await?.map_err(|cause| of_sql(&cause, &self.text)))
    }
}
