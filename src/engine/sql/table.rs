//! Shards as a table for queries, with their hive columns. Filters on hive columns leave out whole shards.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;

use crate::engine::dataset::{Cut, Dataset};
use crate::engine::errors::external;
use crate::engine::read::hive;
use crate::engine::read::table::{ShardTable, place_columns};
use crate::error::{Error, Result};
use crate::source::folder_values::check_folders;
use crate::source::formats::all_as_parquet;
use crate::source::listing::{self, Listed, Listing};
use crate::source::schema::{Agreement, Need, agree};
use crate::source::shards::{Shard, open};
use crate::source::spool::Spooled;
use crate::source::tables::at::HowTables;

/// Shards with their columns: those of the files, then the hive keys.
#[derive(Debug)]
pub(super) struct QueryTable {
    dataset: Dataset,
    schema: SchemaRef,
    threads: usize,
    /// The shards made of files that are not Parquet, for as long as they are needed.
    spooled: Vec<Spooled>,
    /// Whether the places of rows are the last columns.
    is_numbered: bool,
}

impl QueryTable {
    /// Lists and opens files, folders and globs.
    ///
    /// # Errors
    /// [`Error::Input`] naming every source and shard that cannot be read.
    pub(super) fn open(sources: &[String], how: HowTables, threads: usize) -> Result<Self> {
        Self::of(listing::list(sources, how)?.shards, threads)
    }

    /// Opens shards that were listed.
    ///
    /// # Errors
    /// [`Error::Input`] naming every shard that cannot be read.
    pub(super) fn of(listed: Vec<Listed>, threads: usize) -> Result<Self> {
        let (listing, spooled) = all_as_parquet(Listing { shards: listed, ..Listing::default() })?;
        let shards = open(listing.shards, threads)?;
        check_folders(&shards)?;
        let agreement = agree(&shards, &|_| Need::Nothing)?;
        let dataset = Dataset::new(shards, agreement.schema);
        let hive = dataset.hive.iter().map(|key| Arc::new(Field::new(key, DataType::Utf8, true)) as FieldRef);
        let fields: Vec<FieldRef> = dataset.schema.fields().iter().cloned().chain(hive).collect();
        Ok(Self { schema: Arc::new(Schema::new(fields)), dataset, threads, spooled, is_numbered: false })
    }

    /// The same table with the places of its rows as its last columns.
    ///
    /// # Errors
    /// [`Error::Input`] for a shard whose row groups have other numbers than their order says: the reader counts rows by
    /// these numbers.
    pub(super) fn numbered(self) -> Result<Self> {
        for shard in self.dataset.shards.iter() {
            let groups = shard.metadata.row_groups().iter().enumerate();
            if groups.into_iter().any(|(at, group)| group.ordinal().map(usize::try_from) != Some(Ok(at))) {
                return Err(Error::input("the row groups have wrong numbers")
                    .at(&shard.name)
                    .hint("write the shard again, or join on a column of its own"));
            }
        }
        let places = place_columns();
        let fields: Vec<FieldRef> = self.schema.fields().iter().cloned().chain(places).collect();
        Ok(Self { schema: Arc::new(Schema::new(fields)), is_numbered: true, ..self })
    }

    /// Whether the file `path`, which is whole and leads over no link, is one of its shards.
    pub(super) fn reads(&self, path: &Path) -> bool {
        let is_it = |shard: &Shard| std::fs::canonicalize(shard.place.path()).is_ok_and(|own| own == path);
        self.dataset.shards.iter().filter(|shard| shard.place.object().is_none()).any(is_it)
    }

    /// Whether its shards are removed with it.
    pub(super) fn is_made_for_this_run(&self) -> bool {
        !self.spooled.is_empty()
    }

    /// The schema that all shards agree on, for the columns at positions `columns`.
    fn agreed(&self, columns: &[usize]) -> Result<SchemaRef> {
        let names: BTreeSet<&str> = columns.iter().map(|&i| self.schema.field(i).name().as_str()).collect();
        let Agreement { schema, absent } = agree(&self.dataset.shards, &|name| {
            if names.contains(name) { Need::Exact } else { Need::Nothing }
        })?;
        let lacking = |name: &&str| !self.dataset.hive.iter().any(|key| key == name);
        let errors = names.iter().filter(|name| lacking(name)).filter_map(|name| {
            Some(Error::input(format!("there is no column {name:?}")).at(absent.get(*name)?))
        });
        match Error::together(errors.collect(), "columns") {
            Some(error) => {
                Err(error.hint("other shards have it: query those alone, or choose other columns"))
            }
            None => Ok(schema),
        }
    }

    /// For each shard, whether its hive keys meet `filters`. Filters on other columns are ignored.
    fn kept(&self, state: &dyn Session, filters: &[Expr]) -> DfResult<Vec<bool>> {
        let mut kept = vec![true; self.dataset.shards.len()];
        let keys = hive::keys(&self.dataset).map_err(external)?;
        let schema = DFSchema::try_from(keys.schema())?;
        for filter in filters.iter().filter(|filter| self.is_on_keys(filter)) {
            let condition = state.create_physical_expr(filter.clone(), &schema)?;
            let meets = condition.evaluate(&keys)?.into_array(keys.num_rows())?;
            let Some(meets) = meets.as_boolean_opt() else { continue };
            for (kept, meets) in kept.iter_mut().zip(meets) {
                *kept &= meets == Some(true);
            }
        }
        Ok(kept)
    }

    fn is_on_keys(&self, filter: &Expr) -> bool {
        let columns = filter.column_refs();
        let is_key = |name: &String| self.dataset.hive.contains(name);
        !columns.is_empty() && !filter.is_volatile() && columns.iter().all(|column| is_key(&column.name))
    }
}

#[async_trait]
impl TableProvider for QueryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        let how = |filter: &&Expr| {
            if self.is_on_keys(filter) {
                TableProviderFilterPushDown::Inexact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(how).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let columns = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let agreed = self.agreed(&columns).map_err(external)?;
        let kept = self.kept(state, filters)?;
        if !kept.contains(&true) {
            return Ok(Arc::new(EmptyExec::new(Arc::new(self.schema.project(&columns)?))));
        }
        let how = |number: usize| if kept[number] { Cut::Split } else { Cut::Skip };
        let table = ShardTable::new(&self.dataset.shards, &agreed, &self.dataset.hive, self.threads, how);
        let table = table.map_err(external)?;
        if !self.is_numbered {
            // The last column of that table, the number of the shard, is left out.
            return table.scan(state, Some(&columns), &[], limit).await;
        }
        // The places of rows follow that column.
        let own = self.schema.fields().len() - place_columns().len();
        let columns = columns.iter().map(|&at| if at < own { at } else { at + 1 }).collect();
        let table = table.with_places(&self.dataset.shards).map_err(external)?;
        table.scan(state, Some(&columns), &[], limit).await
    }
}
