//! Counts as signed integers, so that their differences can be negative.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast};

use crate::engine::errors::ours;
use crate::engine::read::rows::column;
use crate::error::Result;

/// The same table with its unsigned columns signed. Plans compare tables by their names alone, so that those of two
/// calls need two names: `name` is that of this one.
pub(in crate::engine) fn signed(
    table: Arc<dyn TableProvider>,
    name: impl Into<Arc<str>>,
) -> Result<Arc<dyn TableProvider>> {
    let schema = table.schema();
    let columns: Vec<Expr> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::UInt64 => cast(column(field.name()), DataType::Int64).alias(field.name()),
            _ => column(field.name()),
        })
        .collect();
    let plan = LogicalPlanBuilder::scan(TableReference::bare(name), provider_as_source(table), None)
        .and_then(|plan| plan.project(columns))
        .and_then(LogicalPlanBuilder::build);
    Ok(Arc::new(ViewTable::new(plan.map_err(|cause| ours(&cause))?, None)))
}
