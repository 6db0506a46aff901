//! Rows without a value for a key of folders: DataFusion files them under the values of other rows.

use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as DfResult, ScalarValue};
use datafusion::datasource::listing::ListingTable;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::dml::CopyTo;
use datafusion::logical_expr::{
    ColumnarValue, DmlStatement, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TableSource, Volatility, cast, lit, when,
};

use crate::engine::errors::external;
use crate::error::Error;
use crate::source::listing::NULL_FOLDER;

/// The option that keeps the keys as columns of the files, too.
const KEEPS_KEYS: &str = "execution.keep_partition_by_columns";

/// The same plan, where COPY has a folder of its own for rows without a key, and INSERT refuses them.
pub(super) fn with_null_folders(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    plan.transform_down(|node| match node {
        LogicalPlan::Copy(copy) if !copy.partition_by.is_empty() => {
            Ok(Transformed::yes(LogicalPlan::Copy(with_null_folder(copy)?)))
        }
        LogicalPlan::Dml(insert) => Ok(match keys_of_folders(&insert.target) {
            keys if keys.is_empty() => Transformed::no(LogicalPlan::Dml(insert)),
            keys => Transformed::yes(LogicalPlan::Dml(with_keys(insert, &keys)?)),
        }),
        other => Ok(Transformed::no(other)),
    })
    .map(|changed| changed.data)
}

fn with_null_folder(copy: CopyTo) -> DfResult<CopyTo> {
    if copy.options.get(KEEPS_KEYS).is_some_and(|value| value.trim() != "false") {
        return Err(external(
            Error::usage(format!(
                "COPY with {KEEPS_KEYS} would have the keys twice, as folders and as columns"
            ))
            .hint("leave the option out: the keys of folders are columns when the folder is read"),
        ));
    }
    let columns = copy.input.schema().iter().map(|(table, field)| {
        let column = Expr::Column(Column::from((table, field)));
        if !copy.partition_by.contains(field.name()) {
            return Ok(column);
        }
        let text = cast(column.clone(), DataType::Utf8);
        Ok(when(column.is_null(), lit(NULL_FOLDER)).otherwise(text)?.alias(field.name()))
    });
    let columns = columns.collect::<DfResult<Vec<_>>>()?;
    let input = LogicalPlanBuilder::new_from_arc(copy.input).project(columns)?.build()?;
    Ok(CopyTo { input: input.into(), ..copy })
}

/// The keys of the folders of an external table.
fn keys_of_folders(target: &Arc<dyn TableSource>) -> Vec<String> {
    let Ok(provider) = source_as_provider(target) else { return Vec::new() };
    let Some(table) = provider.downcast_ref::<ListingTable>() else { return Vec::new() };
    table.options().table_partition_cols.iter().map(|(key, _)| key.clone()).collect()
}

fn with_keys(insert: DmlStatement, keys: &[String]) -> DfResult<DmlStatement> {
    let columns = insert.input.schema().iter().map(|(table, field)| {
        let column = Expr::Column(Column::from((table, field)));
        if keys.contains(field.name()) {
            let function = ScalarUDF::new_from_impl(PresentKey::of(field.name()));
            Arc::new(function).call(vec![column]).alias(field.name())
        } else {
            column
        }
    });
    let columns: Vec<Expr> = columns.collect();
    let input = LogicalPlanBuilder::new_from_arc(insert.input).project(columns)?.build()?;
    Ok(DmlStatement { input: input.into(), ..insert })
}

/// The values of a key of folders, none of which may be NULL.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PresentKey {
    key: String,
    signature: Signature,
}

impl PresentKey {
    fn of(key: &str) -> Self {
        Self { key: key.to_owned(), signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for PresentKey {
    fn name(&self) -> &'static str {
        "present_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DfResult<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let value = arguments.args.into_iter().next().unwrap_or(ColumnarValue::Scalar(ScalarValue::Null));
        let is_absent = match &value {
            ColumnarValue::Scalar(value) => value.is_null(),
            ColumnarValue::Array(values) => values.logical_null_count() > 0,
        };
        if is_absent {
            return Err(external(
                Error::input(format!("a row to insert has no {}, which is a key of the folders", self.key))
                    .hint(format!("give it a value, such as coalesce({}, 'none')", self.key)),
            ));
        }
        Ok(value)
    }
}
