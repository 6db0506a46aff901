//! The labels of rows that come once, batch by batch.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use crate::counts::LabelCounts;
use crate::engine::count::collect::Collector;
use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::plain::counter::Counter;
use crate::engine::read::table::SHARD_COLUMN;
use crate::engine::rows::decode::Decoder;
use crate::error::{Error, Result};
use crate::label_sets::LabelSets;
use crate::source::shards::Shard;

/// Reads the labels of batches of one stream, and counts them: a value that a count refuses is refused.
#[derive(Debug)]
pub(crate) struct ComingLabels {
    counting: Arc<Counting>,
    /// The label columns and the number of the shard.
    schema: SchemaRef,
    shards: Arc<Vec<Shard>>,
    counter: Counter,
    collector: Collector,
    decoder: Decoder,
    sets: LabelSets,
}

impl ComingLabels {
    /// Of the one shard of `dataset`, whose labels are known.
    ///
    /// # Errors
    /// [`Error::Internal`] for a label column that is not in the shard.
    pub(crate) fn new(dataset: &Dataset, counting: &Arc<Counting>) -> Result<Self> {
        let field = |name: &str| dataset.schema.field_with_name(name).map(|field| Arc::new(field.clone()));
        let fields = counting.layout.cells().map(field).collect::<std::result::Result<Vec<FieldRef>, _>>();
        let mut fields = fields.map_err(|cause| Error::internal(cause.to_string()))?;
        fields.push(Arc::new(Field::new(SHARD_COLUMN, DataType::UInt32, false)));
        Ok(Self {
            schema: Arc::new(Schema::new(fields)),
            shards: Arc::clone(&dataset.shards),
            counter: Counter::new(Arc::clone(counting)),
            collector: Collector::new(Arc::clone(counting)),
            decoder: Decoder::default(),
            sets: LabelSets::default(),
            counting: Arc::clone(counting),
        })
    }

    /// The labels of the rows of a batch.
    ///
    /// # Errors
    /// [`Error::Input`] naming a value without a meaning, or a label that is not known.
    pub(crate) fn read(&mut self, batch: &RecordBatch) -> Result<&LabelSets> {
        let internal = |cause: arrow::error::ArrowError| Error::internal(cause.to_string());
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for field in self.schema.fields().iter().take(self.schema.fields().len() - 1) {
            let column = batch.column_by_name(field.name());
            let column =
                column.ok_or_else(|| Error::internal(format!("a batch has no column {:?}", field.name())))?;
            columns.push(arrow::compute::cast(column, field.data_type()).map_err(internal)?);
        }
        columns.push(Arc::new(UInt32Array::from_value(0, batch.num_rows())));
        let own = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(internal)?;
        self.counter.update(&own)?;
        if self.counter.has_strays() {
            self.collect()?;
            self.collector.check(&self.shards)?;
        }
        let cells = own.num_columns() - 1;
        self.decoder.read(&own.columns()[..cells], &self.counting, &mut self.sets)?;
        if self.sets.rows() != batch.num_rows() {
            return Err(Error::internal("a batch has other rows than its labels"));
        }
        Ok(&self.sets)
    }

    fn collect(&mut self) -> Result<()> {
        self.counter.take().try_for_each(|part| self.collector.add(&part))
    }

    /// The counts of all rows.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn finish(mut self) -> Result<LabelCounts> {
        self.collect()?;
        self.collector.finish(&self.shards).map(|counted| counted.total)
    }
}
