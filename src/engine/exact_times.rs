//! Texts that are compared with times are read in the unit of the times.
//!
//! DataFusion compares times and texts in nanoseconds, which end in the year 2262; open ends such as `9999-12-31` are
//! common in tables.

use std::iter::once;
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, cast};
use datafusion::optimizer::Analyzer;
use datafusion::optimizer::analyzer::AnalyzerRule;

/// Reads texts beside times in the unit of the times, in all expressions of a plan.
#[derive(Debug)]
struct TextTimes;

impl AnalyzerRule for TextTimes {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expression| {
                let name = names.save(&expression);
                let changed = with_text_times(expression, &schema)?;
                Ok(changed.update_data(|expression| name.restore(expression)))
            })
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "TextTimes"
    }
}

/// The rules of DataFusion, and before them this one: it must see texts before they get a type.
pub(super) fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let own: Arc<dyn AnalyzerRule + Send + Sync> = Arc::new(TextTimes);
    once(own).chain(Analyzer::new().rules).collect()
}

/// The same expression, where texts that are compared with times are read in the unit of the times.
pub(crate) fn with_text_times(expression: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    expression.transform_up(|expression| {
        Ok(match expression {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
                let (l, r) = (unit_of(&left, schema), unit_of(&right, schema));
                match (l, r) {
                    (Some(unit), None) if is_text(&right) => {
                        let right = Box::new(cast(*right, unit));
                        Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
                    }
                    (None, Some(unit)) if is_text(&left) => {
                        let left = Box::new(cast(*left, unit));
                        Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
                    }
                    _ => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
                }
            }
            Expr::Between(Between { expr, negated, low, high }) => match unit_of(&expr, schema) {
                Some(unit) => {
                    let [low, high] = [low, high].map(|end| Box::new(read_as(*end, &unit)));
                    Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
                }
                None => Transformed::no(Expr::Between(Between { expr, negated, low, high })),
            },
            Expr::InList(InList { expr, list, negated }) => match unit_of(&expr, schema) {
                Some(unit) => {
                    let list = list.into_iter().map(|one| read_as(one, &unit)).collect();
                    Transformed::yes(Expr::InList(InList { expr, list, negated }))
                }
                None => Transformed::no(Expr::InList(InList { expr, list, negated })),
            },
            other => Transformed::no(other),
        })
    })
}

pub(crate) fn is_comparison(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// The type of times that are not in nanoseconds; `None` for other types.
fn unit_of(expression: &Expr, schema: &DFSchema) -> Option<DataType> {
    if is_text(expression) {
        return None;
    }
    let data_type = expression.get_type(schema).ok()?;
    let is_coarse = matches!(data_type, DataType::Timestamp(unit, _) if unit != TimeUnit::Nanosecond);
    is_coarse.then_some(data_type)
}

fn is_text(expression: &Expr) -> bool {
    matches!(
        expression,
        Expr::Literal(
            ScalarValue::Utf8(Some(_)) | ScalarValue::LargeUtf8(Some(_)) | ScalarValue::Utf8View(Some(_)),
            _
        )
    )
}

fn read_as(expression: Expr, data_type: &DataType) -> Expr {
    if is_text(&expression) { cast(expression, data_type.clone()) } else { expression }
}
