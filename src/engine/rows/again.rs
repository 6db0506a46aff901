//! Rows of a table that a program has handed over, which are opened once more.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;

use crate::engine::read::routes::Route;
use crate::engine::read::stream_table::column_of;
use crate::engine::rows::arrays::take_arrays;
use crate::engine::rows::buffers::RowBuffers;
use crate::engine::rows::job::{RowGroup, RowJob};
use crate::engine::rows::request::Request;
use crate::engine::rows::sink::RowSink;
use crate::engine::rows::workers::{Failure, side_by_side};
use crate::error::{Error, Result};
use crate::source::row_stream::{ComingRows, SharedRows, StreamEnd};

/// Reads all rows, batch by batch: each is a row group.
pub(super) async fn read_again<S: RowSink>(
    request: &Request<'_>,
    rows: &SharedRows,
    make: impl FnMut() -> S,
) -> Result<(Vec<S::Found>, Route)> {
    let job = Arc::new(RowJob::new(request).await?);
    let (shared, counted) = (rows.clone(), rows.end());
    let opening = tokio::task::spawn_blocking(move || shared.reopen()).await;
    let rows = opening.map_err(|cause| Error::internal(cause.to_string()))??;
    let next = Arc::new(Mutex::new(NextBatch { rows: Some(rows), counted, number: 0, first_row: 0 }));
    side_by_side(&job, request.limits.threads.max(1), make, move |job, sink| work(job, &next, sink)).await
}

/// What no thread has taken.
struct NextBatch {
    /// `None` once all have come.
    rows: Option<ComingRows>,
    /// What came when the rows were counted.
    counted: Option<StreamEnd>,
    number: usize,
    first_row: u64,
}

impl NextBatch {
    fn next(&mut self) -> Result<Option<(RowGroup, RecordBatch)>> {
        let Some(rows) = &mut self.rows else { return Ok(None) };
        let Some(batch) = rows.next()? else {
            let (end, name) = (rows.end(), rows.name().to_owned());
            self.rows = None;
            if Some(end) != self.counted {
                return Err(Error::changed("its rows changed while they were read")
                    .at(&name)
                    .hint("do not change a table while it is counted"));
            }
            return Ok(None);
        };
        let (number, first_row, rows) = (self.number, self.first_row, batch.num_rows() as u64);
        self.number += 1;
        self.first_row += rows;
        Ok(Some((RowGroup { number, shard: 0, group: number, first_row, rows }, batch)))
    }
}

fn work<S: RowSink>(
    job: &RowJob,
    next: &Mutex<NextBatch>,
    mut sink: S,
) -> std::result::Result<S::Found, Failure> {
    let mut buffers = RowBuffers::new(job);
    loop {
        let taken = {
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            let piece = next.number;
            next.next().map_err(|error| Failure { piece, error })
        };
        let outcome = match taken {
            Ok(None) => return Ok(sink.finish()),
            Ok(Some((piece, _))) if job.is_off(&piece) => return Ok(sink.finish()),
            Ok(Some((piece, batch))) => {
                sink.begin();
                take(job, &piece, &batch, &mut buffers, &mut sink)
                    .map_err(|error| Failure { piece: piece.number, error })
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = outcome {
            job.stop(failure.piece);
            return Err(failure);
        }
    }
}

fn take<S: RowSink>(
    job: &RowJob,
    piece: &RowGroup,
    batch: &RecordBatch,
    buffers: &mut RowBuffers,
    sink: &mut S,
) -> Result<()> {
    let columns: Vec<_> =
        job.names().map(|name| column_of(batch, name, &job.chunks.agreed)).collect::<Result<_>>()?;
    take_arrays(job, (piece.shard, piece.first_row), (batch.num_rows(), &columns), buffers, sink)
}
