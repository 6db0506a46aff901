//! `to_timestamp` of texts in a column gives times of the zone that it says: DataFusion leaves the zone out there.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::compute::cast;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl};

use crate::engine::rules::own_functions::called_as_inner;

const NAMES: [&str; 5] = [
    "to_timestamp",
    "to_timestamp_seconds",
    "to_timestamp_millis",
    "to_timestamp_micros",
    "to_timestamp_nanos",
];

/// These functions of a session, of all that it knows.
pub(in crate::engine) fn zoned_times(known: &HashMap<String, Arc<ScalarUDF>>) -> Vec<ScalarUDF> {
    let found = NAMES.iter().filter_map(|name| known.get(*name).cloned());
    found.map(|inner| ScalarUDF::new_from_impl(ZonedTimes { inner })).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ZonedTimes {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for ZonedTimes {
    called_as_inner!();

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let to = arguments.return_field.data_type().clone();
        match self.inner.inner().invoke_with_args(arguments)? {
            // They are instants in the zone of the session, UTC.
            ColumnarValue::Array(times) if *times.data_type() != to => {
                Ok(ColumnarValue::Array(cast(&times, &to)?))
            }
            times => Ok(times),
        }
    }
}
