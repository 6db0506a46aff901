//! A column of the query around a subquery has the type that it has there: DataFusion keeps the one that it had before the
//! branches of a UNION or a CASE got one type, and then compares decimals of two scales by their digits.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};
use datafusion::optimizer::AnalyzerRule;

use crate::engine::rules::one_nan::input_schema;

/// Queries around each other whose types may depend on each other.
const ROUNDS: usize = 8;

/// Gives columns of queries around subqueries their types, and then all expressions again.
#[derive(Debug)]
pub(in crate::engine) struct OuterTypes {
    /// The rules that give expressions a type.
    pub(in crate::engine) types: Vec<Arc<dyn AnalyzerRule + Send + Sync>>,
}

impl AnalyzerRule for OuterTypes {
    fn analyze(&self, mut plan: LogicalPlan, config: &ConfigOptions) -> DfResult<LogicalPlan> {
        for _ in 0..ROUNDS {
            let changed = with_outer_types(plan)?;
            plan = changed.data;
            if !changed.transformed {
                break;
            }
            for rule in &self.types {
                plan = rule.analyze(plan, config)?;
            }
        }
        Ok(plan)
    }

    fn name(&self) -> &'static str {
        "outer_types"
    }
}

fn with_outer_types(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    plan.transform_down_with_subqueries(|step| {
        let schema = input_schema(&step)?;
        step.map_expressions(|expression| {
            expression.transform_up(|part| match part {
                Expr::ScalarSubquery(subquery) => {
                    let changed = typed(subquery, &schema)?;
                    Ok(changed.update_data(Expr::ScalarSubquery))
                }
                Expr::Exists(Exists { subquery, negated }) => {
                    let changed = typed(subquery, &schema)?;
                    Ok(changed.update_data(|subquery| Expr::Exists(Exists { subquery, negated })))
                }
                Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                    let changed = typed(subquery, &schema)?;
                    Ok(changed
                        .update_data(|subquery| Expr::InSubquery(InSubquery { expr, subquery, negated })))
                }
                Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
                    let changed = typed(subquery, &schema)?;
                    Ok(changed.update_data(|subquery| {
                        Expr::SetComparison(SetComparison { expr, subquery, op, quantifier })
                    }))
                }
                part => Ok(Transformed::no(part)),
            })
        })
    })
}

/// A subquery whose columns of the query around it have the types that are in `schema`.
fn typed(subquery: Subquery, schema: &DFSchema) -> DfResult<Transformed<Subquery>> {
    let typed = |expression: Expr| {
        expression.transform_up(|part| match part {
            Expr::OuterReferenceColumn(field, column) => Ok(match field_of(schema, &column, &field) {
                Some(field) => Transformed::yes(Expr::OuterReferenceColumn(field, column)),
                None => Transformed::no(Expr::OuterReferenceColumn(field, column)),
            }),
            part => Ok(Transformed::no(part)),
        })
    };
    let Subquery { subquery, outer_ref_columns, spans } = subquery;
    let changed = Arc::unwrap_or_clone(subquery).transform_up(|step| {
        let changed = step.map_expressions(typed)?;
        if changed.transformed { Ok(Transformed::yes(changed.data.recompute_schema()?)) } else { Ok(changed) }
    })?;
    let outer_ref_columns = outer_ref_columns.into_iter().map(|column| Ok(typed(column)?.data));
    let outer_ref_columns = outer_ref_columns.collect::<DfResult<Vec<_>>>()?;
    let subquery = Subquery { subquery: Arc::new(changed.data), outer_ref_columns, spans };
    Ok(Transformed::new_transformed(subquery, changed.transformed))
}

/// The field of a column, if it has another type than is `known`.
fn field_of(schema: &DFSchema, column: &Column, known: &FieldRef) -> Option<FieldRef> {
    let (_, field) = schema.qualified_field_from_column(column).ok()?;
    (field.data_type() != known.data_type()).then(|| Arc::clone(field))
}
