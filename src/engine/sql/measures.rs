//! The table `imbalance`: every measure of `imbalance.json` as rows `[measure, value, note]`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};

use crate::error::{Error, Result};
use crate::measures::MEASURES;
use crate::row_measures::ROW_MEASURES;

/// Measures of groups.
const OF_GROUPS: [&str; 2] = ["ld", "lpd"];
const TCS: &str = "tcs";

/// Every measure with its value: `value` gives `None` for a measure that was not computed, and `Some(None)` for one that
/// is not defined. `no_rows` says why measures of rows were not computed. A value that is NULL has a note.
///
/// # Errors
/// [`Error::Internal`] when Arrow refuses the columns.
pub(crate) fn measures(value: impl Fn(&str) -> Option<Option<f64>>, no_rows: &str) -> Result<RecordBatch> {
    let of_set = MEASURES.iter().map(|measure| measure.name);
    let of_rows = ROW_MEASURES.iter().map(|measure| measure.name);
    let names: Vec<&str> = of_set.chain(of_rows).chain([TCS]).chain(OF_GROUPS).collect();
    let note = |name: &str| match value(name) {
        Some(Some(_)) => None,
        Some(None) => Some("not defined for these counts"),
        None if OF_GROUPS.contains(&name) => Some("compares the groups of compute --by"),
        None if name == TCS && value("distinct_labelsets").is_some() => Some("needs num_features"),
        None => Some(no_rows),
    };
    let notes: StringArray = names.iter().map(|name| note(name)).collect();
    let values: Float64Array = names.iter().map(|name| value(name).flatten()).collect();
    let columns = [
        ("measure", Arc::new(StringArray::from(names)) as ArrayRef, false),
        ("value", Arc::new(values) as _, true),
        ("note", Arc::new(notes) as _, true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|cause| Error::internal(cause.to_string()))
}
