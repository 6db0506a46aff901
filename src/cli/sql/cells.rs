//! Cells as text.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::{Error, Result};

/// The rows of a batch, each cell as text; NULL is `null`.
pub(super) fn rows(batch: &RecordBatch, null: &str) -> Result<Vec<Vec<String>>> {
    let options = FormatOptions::default().with_null(null);
    let failed = |cause: arrow::error::ArrowError| Error::internal(cause.to_string());
    let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>().map_err(failed)?;
    let cell = |column: &ArrayFormatter<'_>, row| column.value(row).try_to_string().map_err(failed);
    (0..batch.num_rows()).map(|row| columns.iter().map(|column| cell(column, row)).collect()).collect()
}
