//! Rows of a query.

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use tokio::runtime::Runtime;

use super::options::Options;
use super::stop::StopSwitch;
use crate::engine::sql::{Access, Answer, Session};
use crate::error::{Error, Result};
use crate::pipeline::machine::Machine;
use crate::pipeline::options::limits;
use crate::pipeline::sql::{SqlRequest, open};
use crate::threads::runtime;

/// The rows of a query, read as they are asked for.
pub struct QueryRows {
    answer: Answer,
    stop: StopSwitch,
    /// Dropped after what runs on it.
    runtime: Option<Runtime>,
    _session: Session,
}

/// Starts `sql`, one statement, in a session with these tables, each `NAME=SHARDS`, and finished runs. Of `options`, the
/// limits and the stop count.
///
/// # Errors
/// As `posweight sql`.
pub fn query(sql: &str, tables: &[String], runs: &[String], options: &Options) -> Result<QueryRows> {
    let limits = limits(&options.spec, Machine::left())?;
    let access = Access { paths: true, write: false, overwrite: false, tables: options.spec.how_tables()? };
    let threads = limits.threads;
    let session =
        open(&SqlRequest { tables: tables.to_vec(), runs: runs.to_vec(), limits, access, replaces: None })?;
    let mut statements = Session::parse(sql)?;
    let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err(Error::usage("give one statement").hint("write SELECT … FROM …"));
    };
    let runtime = runtime(threads, "posweight")?;
    let stop = options.stop.clone();
    let answer = within(&runtime, &stop, session.run(statement))??;
    Ok(QueryRows { answer, stop, runtime: Some(runtime), _session: session })
}

/// The value of `work`, unless the stop comes first. On a thread of its own: the caller's may belong to another runtime.
fn within<T: Send>(runtime: &Runtime, stop: &StopSwitch, work: impl Future<Output = T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let waiting = || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    stopped = stop.stopped() => Err(stopped),
                    done = work => Ok(done),
                }
            })
        };
        let waiting = scope.spawn(waiting);
        waiting.join().unwrap_or_else(|_| Err(Error::internal("a bug in posweight: a thread panicked")))
    })
}

impl Iterator for QueryRows {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let runtime = self.runtime.as_ref()?;
        let next = within(runtime, &self.stop, self.answer.next());
        let batch = next.unwrap_or_else(|error| Some(Err(error)))?;
        Some(batch.map_err(|error| ArrowError::ExternalError(Box::new(error))))
    }
}

impl RecordBatchReader for QueryRows {
    fn schema(&self) -> SchemaRef {
        self.answer.schema()
    }
}

impl Drop for QueryRows {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
