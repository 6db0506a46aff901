//! Row groups that no row of which can meet the condition, by their statistics and folders.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray, UInt64Array};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::file::metadata::RowGroupMetaData;

use crate::engine::dataset::hive_value;
use crate::engine::one_nan::plain_bounds;
use crate::source::shards::Shard;

/// What statistics have to say for a row group to be read.
#[derive(Debug)]
pub(super) struct Pruning {
    predicate: Arc<PruningPredicate>,
    schema: SchemaRef,
}

impl Pruning {
    /// For a condition on columns of `schema`; `None` where no statistics can answer it.
    pub(super) fn of(condition: &Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Option<Self> {
        let builder = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema));
        Some(Self { predicate: builder.build(Arc::clone(condition))?, schema: Arc::clone(schema) })
    }

    /// Whether a row of a row group may meet the condition.
    pub(super) fn may_hold(&self, shard: &Shard, group: usize) -> bool {
        let statistics =
            GroupStatistics { shard, group: shard.metadata.row_group(group), schema: &self.schema };
        self.predicate.prune(&statistics).map_or(true, |kept| kept.contains(&true))
    }
}

/// The statistics of one row group.
struct GroupStatistics<'a> {
    shard: &'a Shard,
    group: &'a RowGroupMetaData,
    schema: &'a SchemaRef,
}

impl GroupStatistics<'_> {
    /// What a column of the file says, as the type that the condition takes.
    fn ask(
        &self,
        column: &Column,
        what: impl Fn(&StatisticsConverter<'_>) -> parquet::errors::Result<ArrayRef>,
    ) -> Option<ArrayRef> {
        let wanted = self.schema.field_with_name(&column.name).ok()?;
        if self.shard.schema.field_with_name(&column.name).is_err() {
            let folder = hive_value(self.shard, &column.name)?;
            return cast(&StringArray::from(vec![folder]), wanted.data_type())
                .ok()
                .map(|of| plain_bounds(&of));
        }
        let descriptor = self.shard.metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(&column.name, &self.shard.schema, descriptor).ok()?;
        Some(plain_bounds(&cast(&what(&converter).ok()?, wanted.data_type()).ok()?))
    }
}

impl PruningStatistics for GroupStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.ask(column, |converter| converter.row_group_mins([self.group]))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.ask(column, |converter| converter.row_group_maxes([self.group]))
    }

    fn num_containers(&self) -> usize {
        1
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let descriptor = self.shard.metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(&column.name, &self.shard.schema, descriptor).ok()?;
        let converter = converter.with_missing_null_counts_as_zero(false);
        Some(Arc::new(converter.row_group_null_counts([self.group]).ok()?))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = u64::try_from(self.group.num_rows()).ok()?;
        Some(Arc::new(UInt64Array::from(vec![rows])))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
