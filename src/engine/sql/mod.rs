//! Queries over shards, counts and weights, with the functions of labels.
//!
//! [`Session`] runs statements one at a time and streams their rows · [`catalog`] finds tables by name and path,
//! [`table`] reads shards, [`numbered`] with the places of their rows · [`statement`] is what was parsed, with
//! [`column_names`] for columns that have none ·
//! [`allowed`] refuses statements that write, [`ignored`] clauses without effect, [`unread`] files that are replaced ·
//! [`copies`] keeps files that are there, [`staged`] writes whole files or none, [`null_keys`] keeps the rows without a
//! key of folders

mod allowed;
mod catalog;
mod column_names;
mod copies;
mod ignored;
mod inner_names;
mod measures;
mod null_keys;
mod numbered;
mod outer_fields;
mod staged;
mod statement;
mod table;
mod unread;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use super::cluster;
use super::functions::call::TableCall;
use super::functions::{self, tables};
use super::scheduler_address::SchedulerAddress;
use super::spill::Spill;
use crate::artifact::stored::Fetched;
use crate::engine::errors::{external, ours};
use crate::engine::progress::Progress;
use crate::engine::query_errors::{no_files, no_table, of_path, of_sql};
use crate::engine::rules::told_casts::{TOLD, has_one_name_twice};
use crate::engine::session::{Limits, session, with_rows_of_view};
use crate::error::{Error, Result};
use crate::source::listing::Listed;
use catalog::KnownRuns;
use inner_names::InnerNames;
use numbered::{NUMBERED_ROWS, NumberedShards};
use table::QueryTable;
use unread::Unread;

pub(crate) use allowed::Access;
pub(crate) use measures::measures;
pub(crate) use statement::{Statement, refuse_twice};

/// Lists of pieces that a table is cut into on a cluster.
const CLUSTER_LISTS: usize = 64;

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
    unread: Arc<Unread>,
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
        let (runs, unread) = (Arc::new(KnownRuns::default()), Arc::new(Unread::default()));
        let catalog = catalog::SqlCatalog::new(access, threads, Arc::clone(&runs), Arc::clone(&unread));
        context.register_catalog("datafusion", Arc::new(catalog));
        functions::register(&context)?;
        for call in calls {
            tables::register(&context, call, Arc::clone(&unread) as _);
        }
        let (cluster, fetched) = (limits.cluster.clone(), Mutex::default());
        if access.paths {
            let numbered =
                NumberedShards::new(access.tables, threads, cluster.is_some(), Arc::clone(&unread));
            context.register_udtf(NUMBERED_ROWS, Arc::new(numbered));
        }
        Ok(Self { context, access, threads, cluster, runs, fetched, unread })
    }

    /// Refuses, from now on, to read the file that the rows of the session will replace.
    pub(crate) fn replaces(&self, path: &Path) {
        self.unread.replace(path);
    }

    /// Adds the shards of files, folders and globs as table `name`.
    ///
    /// # Errors
    /// [`Error::Input`] for sources that cannot be read, [`Error::Usage`] for a duplicate name.
    pub(crate) fn add_shards(&self, name: &str, sources: &[String]) -> Result<()> {
        let opened = QueryTable::open(sources, self.access.tables, self.threads)
            .and_then(|table| self.unread.check(&table).map(|()| table));
        let table = opened.map_err(|error| of_path(error).at(format!("--table {name}")))?;
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
        if let Some(name) = name.filter(|name| catalog::RESERVED.contains(name)) {
            return Err(Error::usage(format!("{}: a run cannot be called {name:?}", at()))
                .hint(format!("give it another name: --run old={}", folder.display())));
        }
        if let Some(name) = name.filter(|name| !self.runs.add(name, &local)) {
            return Err(Error::usage(format!("{}: there are two runs {name:?}", at()))
                .hint("give each a name: --run old=DIR --run new=DIR"));
        }
        Ok(())
    }

    fn add(&self, name: &str, table: Arc<dyn datafusion::catalog::TableProvider>) -> Result<()> {
        let reference = datafusion::common::TableReference::bare(name);
        if self.tables().iter().any(|known| known == name) {
            return Err(Error::usage(format!("there are two tables {name:?}"))
                .hint("give the --table another name: --run has the tables counts, weights and imbalance"));
        }
        self.context.register_table(reference, table).map(drop).map_err(|cause| ours(&cause))
    }

    /// Parses `sql` as statements separated by semicolons.
    ///
    /// # Errors
    /// [`Error::Usage`] with the position of a syntax error.
    pub(crate) fn parse(sql: &str) -> Result<Vec<Statement>> {
        Statement::all_of(sql)
    }

    /// Starts a statement.
    ///
    /// # Errors
    /// [`Error::Usage`] for unknown names, mismatched types and statements that the session does not allow;
    /// [`Error::Input`] for shards that cannot be read.
    pub(crate) async fn run(&self, statement: Statement) -> Result<Answer> {
        allowed::check_statement(&statement.parsed, self.access)?;
        let known = self.context.state();
        let is_of_values = |name: &str| {
            let is_of_rows =
                known.aggregate_functions().contains_key(name) || known.window_functions().contains_key(name);
            known.scalar_functions().contains_key(name) && !is_of_rows
        };
        ignored::check_clauses(&statement.with_windows(), &is_of_values)?;
        let mut is_plan = false;
        let start = async {
            if let Some(target) = statement.copies_to().filter(|_| self.access.write) {
                copies::check_target(target, self.access.overwrite, &self.unread).map_err(external)?;
            }
            let makes = statement.makes();
            // A folder of that name is not what is made; it may be what the rows come from.
            self.unread.make(makes.as_ref().filter(|(_, is_read)| !is_read).map(|(name, _)| name.clone()));
            // Files may have come since the last statement, from here or elsewhere.
            if let Some(known) = self.context.runtime_env().cache_manager.get_list_files_cache() {
                known.clear();
            }
            let exact = statement.exact();
            let names = InnerNames::of(&exact);
            let plan = match self.context.state().statement_to_plan(exact).await {
                Err(cause) if has_one_name_twice(&cause) => {
                    self.context.state().statement_to_plan(statement.with_told_casts()).await?
                }
                plan => plan?,
            };
            names.check(&plan)?;
            allowed::check(&plan, self.access)?;
            copies::check_sources(&plan, &self.unread)?;
            let plan = copies::with_storable_columns(null_keys::with_null_folders(plan)?)?;
            let plan = with_rows_of_view(plan, self.context.state().config_options())?;
            self.unread.make(makes.map(|(name, _)| name));
            is_plan = matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_));
            let Some(address) = &self.cluster else {
                let (plan, files) = staged::staged(plan, self.access.overwrite)?;
                let rows = self.context.execute_logical_plan(plan).await?.execute_stream().await?;
                return Ok(match files {
                    Some(files) => staged::published(rows, files),
                    None => rows,
                });
            };
            let query = self.context.execute_logical_plan(plan).await?;
            cluster::run(address, &self.context, query).await
        };
        let started = start.await;
        self.unread.make(None);
        self.unread.copy(None);
        match started {
            Ok(rows) => {
                let schema = statement.named(&rows.schema());
                if schema.fields().is_empty() && statement.gives_rows() {
                    return Err(Error::usage("the query gives no columns")
                        .hint("name the columns, or take all of them: SELECT * FROM …"));
                }
                Ok(Answer { rows, schema, is_plan, text: statement.text })
            }
            Err(cause) => Err(self.named(of_sql(&cause, &statement.text))),
        }
    }

    /// An error that says which table may be meant, and how a function is called.
    fn named(&self, error: Error) -> Error {
        let error = match functions::how_to_call(&error.to_string()) {
            // What is there to say of `*` was said.
            Some(call) if !error.to_string().ends_with('*') => error.hint(call),
            _ => error,
        };
        let run = |name: &str| {
            let (run, table) = name.rsplit_once('.')?;
            catalog::meant(run, table, &self.runs.names(), self.access.paths)
        };
        no_table(no_files(of_path(error), self.access.paths), &self.tables(), run)
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
        names.retain(|name| name != TOLD);
        names.sort();
        names.dedup();
        names
    }
}

/// The rows of a statement.
pub(crate) struct Answer {
    rows: SendableRecordBatchStream,
    schema: SchemaRef,
    is_plan: bool,
    text: Arc<str>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Answer").field(&self.schema).finish()
    }
}

impl Answer {
    /// The columns; none for a statement without rows.
    #[must_use]
    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
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
        let batch = self.rows.next().await?.map_err(|cause| of_sql(&cause, &self.text));
        Some(batch.and_then(|batch| self.renamed(&batch)))
    }

    /// The same rows with the names of columns that the statement has for them.
    fn renamed(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), batch.columns().to_vec(), &rows)
            .map_err(|cause| Error::internal(cause.to_string()))
    }
}
