//! Rows of this machine, or of a cluster.

use crate::engine::cluster;
use crate::engine::rows::read::read_rows_here;
use crate::engine::rows::request::Request;
use crate::engine::rows::sink::RowSink;
use crate::error::Result;

/// Reads all rows by several threads, each with a sink of its own, and gives what these have found. Blocks of
/// a row group come in order, to one sink.
///
/// # Errors
/// As [`crate::engine::count`], and those of the sinks.
pub(crate) async fn read_rows<S: RowSink>(
    request: &Request<'_>,
    make: impl FnMut() -> S,
) -> Result<Vec<S::Found>> {
    if let Some(address) = &request.limits.cluster {
        return cluster::rows(address, request, make).await;
    }
    read_rows_here(request, make).await.map(|(found, _)| found)
}
