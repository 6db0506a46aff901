//! Rows that come once as a DataFusion table: one thread reads them, several count them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
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
    while let Some(batch) = rows.next()? {
        shared.have_come(rows.bytes());
        if sender.blocking_send(Ok(with_number(&batch, schema)?)).is_err() {
            return Ok(());
        }
    }
    shared.finish(rows.end());
    Ok(())
}

/// A batch with the types of `schema`, and the number of its shard.
fn with_number(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let columns = names.map(|name| column_of(batch, name, schema)).collect::<Result<_>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|cause| Error::internal(cause.to_string()))
}

/// A column of a batch with its type in `schema`, or the number of the shard.
pub(crate) fn column_of(batch: &RecordBatch, name: &str, schema: &Schema) -> Result<ArrayRef> {
    if name == SHARD_COLUMN {
        return Ok(Arc::new(UInt32Array::from_value(0, batch.num_rows())));
    }
    let internal = |cause: arrow::error::ArrowError| Error::internal(cause.to_string());
    let array = batch.column_by_name(name);
    let array = array.ok_or_else(|| Error::internal(format!("a batch has no column {name:?}")))?;
    let data_type = schema.field_with_name(name).map_err(internal)?.data_type();
    if array.data_type() == data_type {
        return Ok(Arc::clone(array));
    }
    arrow::compute::cast(array, data_type).map_err(internal)
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
