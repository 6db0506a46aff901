//! Conditions as the rules of DataFusion read them right, which push them towards the rows.
//!
//! * `x = 1 AND 1 = x` is false for them, and of `x >= 5 AND 5 < x` they may keep the first alone: literals stand on the
//!   right, also in conditions of joins.
//! * What names no column is pushed below `SELECT count(*)`, which has a row of no rows, too: it names one. So is what they
//!   take for false while they push it, such as `x = 1 AND x = 2`: they do not see the values.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result as DfResult, ScalarValue};
use datafusion::logical_expr::logical_plan::Filter;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility, lit,
};
use datafusion::optimizer::optimizer::{ApplyOrder, Optimizer};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The rule that pushes conditions.
const PUSHES: &str = "push_down_filter";

/// The rules of DataFusion, with this one where it is needed.
pub(in crate::engine) fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Vec::new();
    for rule in Optimizer::new().rules {
        if rule.name() == PUSHES {
            rules.push(Arc::new(PlainConditions) as Arc<dyn OptimizerRule + Send + Sync>);
        }
        rules.push(rule);
    }
    rules
}

/// Writes conditions of filters and joins so that they may be pushed.
#[derive(Debug)]
struct PlainConditions;

impl OptimizerRule for PlainConditions {
    fn name(&self) -> &'static str {
        "plain_conditions"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Filter(Filter { predicate, input, .. }) => {
                let condition = plain(predicate, &[&input], &input)?;
                condition.map_data(|predicate| Filter::try_new(predicate, input).map(LogicalPlan::Filter))
            }
            LogicalPlan::Join(mut join) => {
                let Some(condition) = join.filter.take() else {
                    return Ok(Transformed::no(LogicalPlan::Join(join)));
                };
                // Of an outer join, conditions are pushed to the side whose rows may be missing.
                let side = match join.join_type {
                    JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
                        &join.left
                    }
                    _ => &join.right,
                };
                let condition = plain(condition, &[&join.left, &join.right], side)?;
                Ok(condition.update_data(|condition| {
                    join.filter = Some(condition);
                    LogicalPlan::Join(join)
                }))
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

/// The same condition on rows of `inputs`, which may be pushed to `side`.
fn plain(condition: Expr, inputs: &[&LogicalPlan], side: &LogicalPlan) -> DfResult<Transformed<Expr>> {
    let turned = condition.transform_up(|part| Ok(with_literal_right(part)))?;
    if !inputs.iter().map(|input| has_row_of_none(input)).collect::<DfResult<Vec<_>>>()?.contains(&true) {
        return Ok(turned);
    }
    // Aggregates come last.
    let Some(column) = side.schema().columns().pop() else { return Ok(turned) };
    turned.transform_data(|condition| {
        let mut changed = false;
        let parts = split_conjunction_owned(condition).into_iter().map(|part| {
            let of = match &part {
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right })
                    if matches!(**right, Expr::Literal(..)) =>
                {
                    left.as_ref().clone()
                }
                part if part.any_column_refs() || *part == lit(true) => return part.clone(),
                _ => Expr::Column(column.clone()),
            };
            changed = true;
            on_row().call(vec![part, of])
        });
        let condition = conjunction(parts.collect::<Vec<_>>()).unwrap_or_else(|| lit(true));
        Ok(if changed { Transformed::yes(condition) } else { Transformed::no(condition) })
    })
}

fn with_literal_right(part: Expr) -> Transformed<Expr> {
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if matches!(*left, Expr::Literal(..)) && !matches!(*right, Expr::Literal(..)) =>
        {
            match op.swap() {
                Some(op) => Transformed::yes(Expr::BinaryExpr(BinaryExpr { left: right, op, right: left })),
                None => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
            }
        }
        other => Transformed::no(other),
    }
}

/// Whether a part of the rows is aggregated into a row even if there are none.
fn has_row_of_none(plan: &LogicalPlan) -> DfResult<bool> {
    plan.exists(|part| {
        Ok(match part {
            LogicalPlan::Aggregate(all) => {
                all.group_expr.iter().all(|key| matches!(key, Expr::GroupingSet(_)))
            }
            _ => false,
        })
    })
}

/// The function, which a cluster calls by name.
pub(in crate::engine) fn on_row() -> ScalarUDF {
    ScalarUDF::new_from_impl(OnRow { signature: Signature::any(2, Volatility::Immutable) })
}

/// Its first argument, for the row of the second. It may be NULL, as far as is known when a query is planned.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OnRow {
    signature: Signature,
}

impl ScalarUDFImpl for OnRow {
    fn name(&self) -> &'static str {
        "on_row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DfResult<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Boolean))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        // One value for all rows would be taken for a constant, also where there are no rows yet.
        let first = arguments.args.first().map(|first| first.to_array(arguments.number_rows)).transpose()?;
        Ok(first.map_or(ColumnarValue::Scalar(ScalarValue::Boolean(None)), ColumnarValue::Array))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_comes_before_what_pushes_conditions() {
        let names = optimizer_rules().iter().map(|rule| rule.name().to_owned()).collect::<Vec<_>>();
        assert!(names.windows(2).any(|pair| pair == ["plain_conditions", PUSHES]), "{names:?}");
    }
}
