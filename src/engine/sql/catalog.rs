//! The names a query may use: registered tables, quoted paths, and folders of finished runs as schemas.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemTable, MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::Result as DfResult;

use super::allowed::Access;
use super::measures::measures;
use super::table::QueryTable;
use super::unread::Unread;
use crate::artifact::counts::read;
use crate::artifact::saved::read_measures;
use crate::engine::errors::external;
use crate::engine::functions::signed_counts::signed;
use crate::error::{Error, Result};
use crate::measures::{Compat, measure};
use crate::source::tables::at::HowTables;
use crate::source::vocabulary::nearest;
use crate::store::is_address;

/// The schema of registered tables.
const PUBLIC: &str = "public";
/// Schemas that are no runs.
pub(super) const RESERVED: [&str; 2] = [PUBLIC, "information_schema"];
/// The tables of a finished run.
pub(super) const RUN_TABLES: [&str; 3] = ["counts", "weights", "imbalance"];

type MaybeTable = DfResult<Option<Arc<dyn TableProvider>>>;

/// The one catalog of a session.
#[derive(Debug)]
pub(super) struct SqlCatalog {
    public: Arc<PublicSchema>,
    runs: Arc<KnownRuns>,
}

/// Finished runs by the name that a session gives them.
#[derive(Debug, Default)]
pub(super) struct KnownRuns(Mutex<BTreeMap<String, PathBuf>>);

impl KnownRuns {
    /// Adds the run in `folder`; false if there is one of this name.
    pub(super) fn add(&self, name: &str, folder: &Path) -> bool {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.insert(name.to_owned(), folder.to_owned()).is_none()
    }

    /// Their names, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    fn folder(&self, name: &str) -> Option<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

impl SqlCatalog {
    /// Names that are not registered are read as paths if `access` allows it. `threads` open the shards there.
    pub(super) fn new(access: Access, threads: usize, runs: Arc<KnownRuns>, unread: Arc<Unread>) -> Self {
        let tables = MemorySchemaProvider::new();
        let public = PublicSchema { tables, access, threads, unread, made: Mutex::default() };
        Self { runs, public: Arc::new(public) }
    }
}

impl CatalogProvider for SqlCatalog {
    fn schema_names(&self) -> Vec<String> {
        let runs = self.runs.names().into_iter();
        std::iter::once(PUBLIC.to_owned()).chain(runs).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if name == PUBLIC {
            return Some(Arc::clone(&self.public) as _);
        }
        let threads = self.public.threads;
        if let Some(folder) = self.runs.folder(name) {
            return Some(Arc::new(RunSchema { folder, threads }));
        }
        let folder = PathBuf::from(name);
        (self.public.access.paths && is_run(&folder)).then(|| Arc::new(RunSchema { folder, threads }) as _)
    }
}

#[derive(Debug)]
struct PublicSchema {
    tables: MemorySchemaProvider,
    access: Access,
    threads: usize,
    unread: Arc<Unread>,
    /// Tables whose shards are removed with them: plans read these later.
    made: Mutex<Vec<Arc<QueryTable>>>,
}

/// True for names that look like a path, an address or a glob, or that exist as a file.
fn is_path(name: &str) -> bool {
    is_address(name)
        || name.contains(['/', '\\', '*', '?', '[', '{'])
        || name.ends_with(".parquet")
        || Path::new(name).exists()
}

#[async_trait]
impl SchemaProvider for PublicSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.table_names()
    }

    async fn table(&self, name: &str) -> MaybeTable {
        if let Some(table) = self.tables.table(name).await? {
            return Ok(Some(table));
        }
        if !is_path(name) || self.unread.is_made(name) {
            return Ok(None);
        }
        if !self.access.paths {
            return Err(external(
                Error::usage(format!("{name:?} is a path, and --safe allows registered tables only"))
                    .hint("register it with --table NAME=SHARDS, or leave out --safe"),
            ));
        }
        if is_run(Path::new(name)) {
            return Err(external(
                Error::usage(format!("{name:?} is a finished run, which has several tables")).hint(format!(
                    "name one of them: FROM '{name}'.counts, '{name}'.weights or '{name}'.imbalance"
                )),
            ));
        }
        let table = QueryTable::open(&[name.to_owned()], self.access.tables, self.threads);
        let table = Arc::new(table.map_err(external)?);
        self.unread.check(&table).map_err(external)?;
        if table.is_made_for_this_run() {
            self.made.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&table));
        }
        Ok(Some(table))
    }

    fn register_table(&self, name: String, table: Arc<dyn TableProvider>) -> MaybeTable {
        self.tables.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> MaybeTable {
        self.tables.deregister_table(name)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.table_exist(name)
    }
}

/// A finished run, whose tables are [`RUN_TABLES`].
#[derive(Debug)]
struct RunSchema {
    folder: PathBuf,
    threads: usize,
}

#[async_trait]
impl SchemaProvider for RunSchema {
    fn table_names(&self) -> Vec<String> {
        let is_there = |name: &&str| *name != "weights" || self.folder.join("weights.parquet").is_file();
        RUN_TABLES.into_iter().filter(is_there).map(str::to_owned).collect()
    }

    async fn table(&self, name: &str) -> MaybeTable {
        if self.table_exist(name) {
            run_table(&self.folder, name, self.threads).map(Some).map_err(external)
        } else {
            Ok(None)
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        RUN_TABLES.contains(&name)
    }
}

fn is_run(folder: &Path) -> bool {
    folder.join("counts.parquet").is_file()
}

/// The finished run beside `folder` whose name is nearest to that of `folder`, which holds none.
pub(super) fn near_run(folder: &Path) -> Option<String> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let entries = std::fs::read_dir(parent.unwrap_or(Path::new("."))).ok()?;
    let runs = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()).filter(|path| is_run(path)));
    let names: Vec<String> = runs.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect();
    let near = nearest(folder.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(parent.map_or_else(|| near.to_owned(), |parent| parent.join(near).display().to_string()))
}

/// What may be meant by the table `table` of the run `run`: another table of it, or another run, of `known` or, where
/// statements may name files (`paths`), of a folder.
pub(super) fn meant(run: &str, table: &str, known: &[String], paths: bool) -> Option<String> {
    let table = nearest(table, RUN_TABLES).unwrap_or(table);
    if known.iter().any(|name| name == run) {
        return Some(format!("{run}.{table}"));
    }
    if paths && is_run(Path::new(run)) {
        return Some(format!("'{run}'.{table}"));
    }
    let of_known = nearest(run, known.iter().map(String::as_str)).map(|run| format!("{run}.{table}"));
    of_known.or_else(|| near_run(Path::new(run)).filter(|_| paths).map(|run| format!("'{run}'.{table}")))
}

/// A table of the finished run in `folder`.
///
/// # Errors
/// [`Error::Input`] when the folder does not hold it.
pub(super) fn run_table(folder: &Path, name: &str, threads: usize) -> Result<Arc<dyn TableProvider>> {
    let counts = folder.join("counts.parquet");
    if name == "imbalance" {
        let batch = run_measures(folder, &counts)?;
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]]);
        return Ok(Arc::new(table.map_err(|cause| Error::internal(cause.to_string()))?));
    }
    let file = if name == "counts" { counts } else { folder.join("weights.parquet") };
    let as_files = HowTables { as_files: true, at: None };
    let table = QueryTable::open(&[file.display().to_string()], as_files, threads);
    let table = table.map_err(|error| {
        error.hint("name the folder of a finished run; it has weights when its formats include parquet")
    })?;
    signed(Arc::new(table), file.display().to_string())
}

/// The measures of the finished run in `folder`: those of its `imbalance.json`, else those that follow from its counts.
fn run_measures(folder: &Path, counts: &Path) -> Result<RecordBatch> {
    if let Some(saved) = read_measures(&folder.join("imbalance.json"))? {
        let no_rows = "the run did not measure rows: see rows_not_measured in run_results.json, \
                       or run again with --row-measures on";
        return measures(|name| saved.get(name).copied(), no_rows);
    }
    let found = measure(&read(counts)?.counts, Compat::default());
    let value = |name: &str| found.values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    measures(value, "the run wrote no imbalance.json")
}
