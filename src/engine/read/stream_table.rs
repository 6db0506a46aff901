//! Rows that come once as a DataFusion table: one thread reads them, several count them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array as _, ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::engine::errors::{external, ours};
use crate::engine::read::table::SHARD_COLUMN;
use crate::error::{Error, Result};
use crate::source::row_stream::SharedRows;

/// Batches that were read and wait to be counted, for each thread that counts.
const WAITING: usize = 1;

/// The columns of `columns`, and the number of the one shard beside them.
pub(super) fn stream_table(
    rows: &SharedRows,
    columns: &SchemaRef,
    threads: usize,
) -> Result<Arc<dyn TableProvider>> {
    let number = Arc::new(Field::new(SHARD_COLUMN, DataType::UInt32, false));
    let schema = columns.fields().iter().cloned().chain([number]).collect::<Vec<_>>();
    let (schema, threads) = (Arc::new(Schema::new(schema)), threads.max(1));
    let reader = Arc::new(StreamReading {
        rows: rows.clone(),
        schema: Arc::clone(&schema),
        waiting: threads * WAITING,
        batches: Mutex::new(None),
    });
    let partitions = (0..threads).map(|_| Arc::new(CountedPart(Arc::clone(&reader))) as _).collect();
    let table = StreamingTable::try_new(schema, partitions).map_err(|cause| ours(&cause))?;
    Ok(Arc::new(table))
}

type Batches = Arc<tokio::sync::Mutex<Receiver<Result<RecordBatch>>>>;

/// The thread that reads, which begins when the first batch is asked for.
struct StreamReading {
    rows: SharedRows,
    schema: SchemaRef,
    waiting: usize,
    batches: Mutex<Option<Batches>>,
}

impl StreamReading {
    fn batches(&self) -> Result<Batches> {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(batches) = &*batches {
            return Ok(Arc::clone(batches));
        }
        let (sender, receiver) = channel(self.waiting);
        let (rows, schema) = (self.rows.clone(), Arc::clone(&self.schema));
        std::thread::Builder::new()
            .name("posweight-stream".to_owned())
            .spawn(move || {
                if let Err(error) = read(&rows, &schema, &sender) {
                    // Whoever counts may have ended before.
                    let _ = sender.blocking_send(Err(error));
                }
            })
            .map_err(|cause| Error::resource(format!("threads cannot be started: {cause}")))?;
        let shared = Arc::new(tokio::sync::Mutex::new(receiver));
        *batches = Some(Arc::clone(&shared));
        Ok(shared)
    }
}

/// Sends all rows, as long as anybody counts them.
fn read(shared: &SharedRows, schema: &SchemaRef, sender: &Sender<Result<RecordBatch>>) -> Result<()> {
    let mut rows = shared.take()?;
    let mut columns = NumberedColumns::of(&rows.schema(), schema)?;
    while let Some(batch) = rows.next()? {
        shared.have_come(rows.bytes());
        if sender.blocking_send(Ok(columns.read(&batch)?)).is_err() {
            return Ok(());
        }
    }
    shared.finish(rows.end());
    Ok(())
}

/// The columns of batches with the types of `schema`, and the number of their shard.
struct NumberedColumns<'s> {
    schema: &'s SchemaRef,
    /// Where they are in a batch; the number of the shard is not.
    places: Vec<Option<usize>>,
    /// The number of the shard, for as many rows as any batch had.
    number: UInt32Array,
}

impl<'s> NumberedColumns<'s> {
    fn of(rows: &Schema, schema: &'s SchemaRef) -> Result<Self> {
        let place = |field: &Arc<Field>| match rows.index_of(field.name()) {
            Ok(place) => Ok(Some(place)),
            Err(_) if field.name() == SHARD_COLUMN => Ok(None),
            Err(cause) => Err(Error::internal(cause.to_string())),
        };
        let places = schema.fields().iter().map(place).collect::<Result<_>>()?;
        Ok(Self { schema, places, number: UInt32Array::from_value(0, 0) })
    }

    fn read(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        if self.number.len() < rows {
            self.number = UInt32Array::from_value(0, rows);
        }
        let columns = self.places.iter().zip(self.schema.fields()).map(|(place, field)| match place {
            Some(place) => with_type(batch.column(*place), field.data_type()),
            None => Ok(Arc::new(self.number.slice(0, rows)) as ArrayRef),
        });
        let columns = columns.collect::<Result<_>>()?;
        RecordBatch::try_new(Arc::clone(self.schema), columns)
            .map_err(|cause| Error::internal(cause.to_string()))
    }
}

fn with_type(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if array.data_type() == data_type {
        return Ok(Arc::clone(array));
    }
    arrow::compute::cast(array, data_type).map_err(|cause| Error::internal(cause.to_string()))
}

/// A column of a batch with its type in `schema`, or the number of the shard.
pub(crate) fn column_of(batch: &RecordBatch, name: &str, schema: &Schema) -> Result<ArrayRef> {
    if name == SHARD_COLUMN {
        return Ok(Arc::new(UInt32Array::from_value(0, batch.num_rows())));
    }
    let array = batch.column_by_name(name);
    let array = array.ok_or_else(|| Error::internal(format!("a batch has no column {name:?}")))?;
    let field = schema.field_with_name(name).map_err(|cause| Error::internal(cause.to_string()))?;
    with_type(array, field.data_type())
}

/// What one thread counts.
struct CountedPart(Arc<StreamReading>);

impl fmt::Debug for CountedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CountedPart").field(&self.0.schema).finish()
    }
}

impl PartitionStream for CountedPart {
    fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let reading = Arc::clone(&self.0);
        let batches = stream::try_unfold(None, move |batches: Option<Batches>| {
            let reading = Arc::clone(&reading);
            async move {
                let batches = match batches {
                    Some(batches) => batches,
                    None => reading.batches().map_err(external)?,
                };
                let next = batches.lock().await.recv().await;
                next.transpose().map_err(external).map(|batch| batch.map(|batch| (batch, Some(batches))))
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.0.schema), batches))
    }
}
