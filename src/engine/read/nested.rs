//! Label columns inside other columns, taken out of them in a plan of DataFusion.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast,
};

use crate::engine::dataset::Dataset;
use crate::engine::errors::external;
use crate::engine::read::rows::column;
use crate::error::{Error, Result};
use crate::source::label_path::LabelPath;
use crate::source::schema::{plain_type, widen};

/// The label column `name`, which may lie inside another column.
///
/// # Errors
/// [`Error::Input`] when the shards hold it in different types.
pub(crate) fn label_column(dataset: &Dataset, name: &str) -> Result<Expr> {
    let holding = dataset.shards.iter().filter(|shard| shard.nested_names().any(|nested| nested == name));
    let mut paths = holding.filter_map(|shard| {
        let (_, path) = shard.nested_at(shard.schema.index_of(name).ok()?)?;
        Some((shard, path))
    });
    let Some((first, path)) = paths.next() else { return Ok(column(name)) };
    let own = dataset.own_schema();
    let agreed = LabelPath::find(name, &own).unwrap_or_else(|| path.clone());
    // Each shard is read in the type of all.
    let of_all = plain_type(agreed.data_type());
    let holds = |other: &LabelPath| widen(&of_all, &plain_type(other.data_type())).as_ref() == Some(&of_all);
    if let Some((other, _)) = paths.find(|(_, other)| !other.goes_as(&agreed) || !holds(other)) {
        return Err(Error::input(format!(
            "column {name:?} does not lie at the same place, or has not the same type, in {} and {}",
            first.name, other.name
        ))
        .hint("write the shards with one type, or leave out --engine plain, --where and --sample-weight"));
    }
    let root = own.field_with_name(path.root()).map_err(|cause| Error::internal(cause.to_string()))?;
    let take = TakeNested { path: agreed, signature: Signature::any(1, Volatility::Immutable) };
    let taken = ScalarUDF::new_from_impl(take).call(vec![column(root.name())]);
    let agreed = dataset.schema.field_with_name(name).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(cast(taken, agreed.data_type().clone()))
}

/// Takes a column out of the column that its path starts at.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TakeNested {
    path: LabelPath,
    signature: Signature,
}

impl ScalarUDFImpl for TakeNested {
    fn name(&self) -> &'static str {
        "take_nested"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> DfResult<DataType> {
        Ok(self.path.data_type().clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let columns = args.args.iter().map(|value| value.to_array(args.number_rows));
        let columns = columns.collect::<DfResult<Vec<_>>>()?;
        let column = columns.first().ok_or_else(|| external(Error::internal("no column")))?;
        Ok(ColumnarValue::Array(self.path.read(&Arc::clone(column)).map_err(external)?))
    }
}
