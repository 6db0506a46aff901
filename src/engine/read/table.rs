//! Shards as a DataFusion table, and a physical plan as one.
//!
//! The shard table is a `ParquetSource` inside `DataSourceExec`; beside the columns of the files it has
//! the hive columns and, last, the number of the shard a row comes from.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use parquet::arrow::RowNumber;

use crate::engine::dataset::{Cut, hive_value, shard_number};
use crate::engine::errors::external;
use crate::engine::objects::Readers;
use crate::engine::read::pieces;
use crate::error::{Error, Result};
use crate::source::int96::{check_row_group, has_int96};
use crate::source::names::names;
use crate::source::shards::Shard;
use crate::threads::in_order;

/// The column that says which shard a row comes from.
pub(crate) const SHARD_COLUMN: &str = "__posweight_shard";

/// The column with the name of that shard, in tables with the places of rows.
pub(crate) const NAME_COLUMN: &str = "__posweight_name";
/// The column with the position of the first row of that shard.
pub(crate) const FIRST_COLUMN: &str = "__posweight_first";
/// The column with the number of the row in that shard.
pub(crate) const ROW_COLUMN: &str = "__posweight_row";

/// The columns with the places of rows.
pub(crate) fn place_columns() -> [FieldRef; 3] {
    [
        Field::new(NAME_COLUMN, DataType::Utf8, false),
        Field::new(FIRST_COLUMN, DataType::Int64, false),
        Field::new(ROW_COLUMN, DataType::Int64, false).with_extension_type(RowNumber),
    ]
    .map(Arc::new)
}

/// Shards with one agreed schema.
#[derive(Debug)]
pub(crate) struct ShardTable {
    schema: SchemaRef,
    table: TableSchema,
    groups: Vec<FileGroup>,
}

impl ShardTable {
    /// `columns` are those of the files; `hive` the folder keys that no file column hides; `how` says what
    /// may be done with a shard, by its number.
    pub(crate) fn new(
        shards: &[Shard],
        columns: &SchemaRef,
        hive: &[String],
        partitions: usize,
        how: impl Fn(usize) -> Cut,
    ) -> Result<Self> {
        let mut constants: Vec<FieldRef> =
            hive.iter().map(|key| Arc::new(Field::new(key, DataType::Utf8, true)) as FieldRef).collect();
        constants.push(Arc::new(Field::new(SHARD_COLUMN, DataType::UInt32, false)));
        let table = TableSchema::builder(Arc::clone(columns)).with_table_partition_cols(constants).build();
        let mut groups = Vec::new();
        for list in pieces::cut(shards, how, partitions)? {
            let files = list.into_iter().map(|part| {
                let (at, piece) = (part.shard, part.file(shards)?);
                let value = |key| hive_value(&shards[at], key);
                let mut values: Vec<ScalarValue> =
                    hive.iter().map(|key| ScalarValue::Utf8(value(key))).collect();
                values.push(ScalarValue::UInt32(Some(shard_number(at)?)));
                let piece = piece.with_partition_values(values).with_extension(shards[at].clone());
                Ok(match &shards[at].deleted {
                    Some(_) => piece.with_extension(live_rows(&shards[at])),
                    None => piece,
                })
            });
            groups.push(FileGroup::new(files.collect::<Result<_>>()?));
        }
        Ok(Self { schema: Arc::clone(table.table_schema()), groups, table })
    }

    /// The same table with the columns of [`place_columns`] after the others.
    pub(crate) fn with_places(self, shards: &[Shard]) -> Result<Self> {
        let [name_column, first_column, row_column] = place_columns();
        let mut next: i64 = 0;
        let firsts = shards.iter().map(|shard| {
            let rows = i64::try_from(shard.file_rows()).ok();
            let after = rows.and_then(|rows| next.checked_add(rows));
            let after = after.ok_or_else(|| Error::input("there are more than 2^63 rows"))?;
            Ok(std::mem::replace(&mut next, after))
        });
        let firsts: Vec<i64> = firsts.collect::<Result<_>>()?;
        let names = names(shards);
        let place = |mut file: PartitionedFile| {
            let number = match file.partition_values.last() {
                Some(ScalarValue::UInt32(Some(number))) => *number as usize,
                _ => return Err(Error::internal("a piece without the number of its shard")),
            };
            let (Some(name), Some(first)) = (names.get(number), firsts.get(number)) else {
                return Err(Error::internal("a piece of no shard"));
            };
            file.partition_values.push(ScalarValue::Utf8(Some(name.clone())));
            file.partition_values.push(ScalarValue::Int64(Some(*first)));
            Ok(file)
        };
        let groups = self.groups.into_iter().map(|group| {
            let files = group.into_inner().into_iter().map(place).collect::<Result<Vec<_>>>()?;
            Ok(FileGroup::new(files))
        });
        let groups = groups.collect::<Result<Vec<_>>>()?;
        let constants: Vec<FieldRef> =
            self.table.table_partition_cols().iter().cloned().chain([name_column, first_column]).collect();
        let table = TableSchema::builder(Arc::clone(self.table.file_schema()))
            .with_table_partition_cols(constants)
            .with_virtual_columns(vec![row_column])
            .build();
        Ok(Self { schema: Arc::clone(table.table_schema()), table, groups })
    }

    /// Makes sure that the reader holds all INT96 times of the columns that are read.
    async fn check_times(&self, projection: Option<&Vec<usize>>) -> DfResult<()> {
        let fields = self.schema.fields();
        let all = || (0..fields.len()).collect();
        let places: Vec<usize> = projection.cloned().unwrap_or_else(all);
        let names: BTreeSet<String> = places.into_iter().map(|place| fields[place].name().clone()).collect();
        let files = self.groups.iter().flat_map(FileGroup::iter);
        let mut seen = HashSet::new();
        let shards: Vec<Shard> = files
            .filter_map(|file| file.extension::<Shard>())
            .filter(|shard| has_int96(shard.metadata.file_metadata().schema_descr()))
            .filter(|shard| seen.insert(shard.name.clone()))
            .cloned()
            .collect();
        if shards.is_empty() {
            return Ok(());
        }
        let threads = self.groups.len();
        let check = move || {
            let checked = in_order(shards, threads, |shard| {
                let shard = shard.with_footer()?;
                let fields = shard.schema.fields().iter().enumerate();
                let roots = fields.filter(|(_, field)| names.contains(field.name())).map(|(root, _)| root);
                let (roots, metadata) = (roots.collect::<Vec<_>>(), &shard.metadata);
                (0..metadata.num_row_groups())
                    .try_for_each(|group| {
                        check_row_group(&shard.place, metadata, &shard.schema, group, &roots)
                    })
                    .map_err(|error| error.at(&shard.name))
            });
            checked.into_iter().collect::<Result<()>>()
        };
        let checked = tokio::task::spawn_blocking(check).await;
        checked.map_err(|cause| external(Error::internal(cause.to_string())))?.map_err(external)
    }
}

/// The rows of a shard that are not deleted.
fn live_rows(shard: &Shard) -> ParquetAccessPlan {
    let groups = 0..shard.metadata.num_row_groups();
    let access = groups.map(|group| match (shard.live_selection(group), shard.live_rows(group)) {
        (None, _) => RowGroupAccess::Scan,
        (Some(_), 0) => RowGroupAccess::Skip,
        (Some(selection), _) => RowGroupAccess::Selection(selection),
    });
    ParquetAccessPlan::new(access.collect())
}

#[async_trait]
impl TableProvider for ShardTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.check_times(projection).await?;
        // The session's options, which forbid pruning by statistics: a source of its own would allow it.
        let options = state.default_table_options().parquet;
        let source = ParquetSource::new(self.table.clone()).with_table_parquet_options(options);
        let source = Arc::new(source.with_parquet_file_reader_factory(Arc::new(Readers::new())));
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(self.groups.clone())
            .with_limit(limit)
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// A physical plan under a logical one.
#[derive(Debug)]
pub(crate) struct PlanTable(pub(crate) Arc<dyn ExecutionPlan>);

#[async_trait]
impl TableProvider for PlanTable {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let Some(projection) = projection else { return Ok(Arc::clone(&self.0)) };
        let schema: &Schema = &self.0.schema();
        let columns = projection.iter().map(|&i| {
            let name = schema.field(i).name();
            (Arc::new(Column::new(name, i)) as _, name.clone())
        });
        Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), Arc::clone(&self.0))?))
    }
}
