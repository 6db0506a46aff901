//! What an expression compares, and the types in which it can be compared without loss.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::{Case, InSubquery, SetComparison};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, cast, lit,
};

use crate::engine::exact_decimals::{decimal_or_double, written_double};

/// The finest times of day, which hold all others.
const FINEST_OF_DAY: DataType = DataType::Time64(TimeUnit::Nanosecond);

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

/// Whether an expression compares its sides with each other.
fn compares(expression: &Expr) -> bool {
    match expression {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => is_comparison(*op),
        Expr::Case(Case { expr, .. }) => expr.is_some(),
        Expr::Between(_) | Expr::InList(_) => true,
        _ => false,
    }
}

/// The types of the sides that an expression compares; none for what compares nothing.
pub(super) fn compared_types(expression: &Expr, schema: &DFSchema) -> Vec<DataType> {
    let mut types = Vec::new();
    if let Expr::Case(Case { expr: Some(expr), when_then_expr, .. }) = expression {
        let whens = when_then_expr.iter().map(|(when, _)| when);
        types.extend(std::iter::once(expr).chain(whens).filter_map(|side| side.get_type(schema).ok()));
    } else if compares(expression) {
        // Nothing fails here.
        let _ = expression.apply_children(|side| {
            types.extend(side.get_type(schema).ok());
            Ok(TreeNodeRecursion::Continue)
        });
    }
    types
}

/// The same expression with other sides of what it compares.
pub(super) fn map_compared(
    expression: Expr,
    mut side: impl FnMut(Expr) -> Transformed<Expr>,
) -> DfResult<Transformed<Expr>> {
    match expression {
        Expr::Case(Case { expr: Some(expr), when_then_expr, else_expr }) => {
            let mut changed = false;
            let mut side = |expr: Expr| {
                let expr = side(expr);
                changed |= expr.transformed;
                Box::new(expr.data)
            };
            let expr = Some(side(*expr));
            let cases = when_then_expr.into_iter().map(|(when, then)| (side(*when), then)).collect();
            let case = Expr::Case(Case { expr, when_then_expr: cases, else_expr });
            Ok(if changed { Transformed::yes(case) } else { Transformed::no(case) })
        }
        comparison if compares(&comparison) => comparison.map_children(|expr| Ok(side(expr))),
        other => Ok(Transformed::no(other)),
    }
}

/// The type in which values of these types are compared, where DataFusion has none or one that loses values: times of
/// day of several units, dates and times of a zone, and numbers that are not all decimals of 38 digits.
pub(super) fn exact_type(types: &[DataType]) -> Option<DataType> {
    let is_time = |of: &DataType| matches!(of, DataType::Time32(_) | DataType::Time64(_));
    let mut times = types.iter().filter(|of| is_time(of));
    if let Some(first) = times.next()
        && times.any(|other| other != first)
    {
        return Some(FINEST_OF_DAY);
    }
    let zoned = types.iter().find(|of| matches!(of, DataType::Timestamp(TimeUnit::Nanosecond, Some(_))));
    if let Some(zoned) = zoned
        && types.iter().any(|of| matches!(of, DataType::Date32 | DataType::Date64))
    {
        return Some(zoned.clone());
    }
    decimal_or_double(types)
}

/// A side as a value of that type. Texts are read as what they are compared with, and NULL is NULL.
pub(super) fn as_exact(side: Expr, to: &DataType, schema: &DFSchema) -> Transformed<Expr> {
    if let (DataType::Float64, Some(number)) = (to, written_double(&side)) {
        return Transformed::yes(lit(number));
    }
    let of = side.get_type(schema);
    let is_other = of.is_ok_and(|of| of != *to && (of.is_numeric() || of.is_temporal()));
    if is_other { Transformed::yes(cast(side, to.clone())) } else { Transformed::no(side) }
}

/// The same comparison with the rows of a subquery, in a type that loses no values.
pub(super) fn with_exact_subquery(expression: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let (expr, subquery) = match &expression {
        Expr::InSubquery(InSubquery { expr, subquery, .. })
        | Expr::SetComparison(SetComparison { expr, subquery, .. }) => (expr, subquery),
        _ => return Ok(Transformed::no(expression)),
    };
    let rows = &subquery.subquery;
    let (Ok(of), Some(field)) = (expr.get_type(schema), rows.schema().fields().first()) else {
        return Ok(Transformed::no(expression));
    };
    let Some(to) = exact_type(&[of, field.data_type().clone()]) else {
        return Ok(Transformed::no(expression));
    };
    let subquery = Subquery { subquery: exact_rows(rows, &to)?, ..subquery.clone() };
    Ok(Transformed::yes(match expression {
        Expr::InSubquery(InSubquery { expr, negated, .. }) => {
            let expr = Box::new(as_exact(*expr, &to, schema).data);
            Expr::InSubquery(InSubquery { expr, subquery, negated })
        }
        Expr::SetComparison(SetComparison { expr, op, quantifier, .. }) => {
            let expr = Box::new(as_exact(*expr, &to, schema).data);
            Expr::SetComparison(SetComparison { expr, subquery, op, quantifier })
        }
        other => other,
    }))
}

/// Rows whose first column has that type.
fn exact_rows(rows: &Arc<LogicalPlan>, to: &DataType) -> DfResult<Arc<LogicalPlan>> {
    let schema = rows.schema();
    let columns = schema.iter().enumerate().map(|(at, (relation, field))| {
        let column = Expr::Column(Column::from((relation, field)));
        if at > 0 {
            return column;
        }
        let exact = as_exact(column, to, schema);
        if exact.transformed { exact.data.alias(field.name()) } else { exact.data }
    });
    let columns: Vec<Expr> = columns.collect();
    Ok(Arc::new(LogicalPlanBuilder::new_from_arc(Arc::clone(rows)).project(columns)?.build()?))
}

/// The same join, whose keys have a type that loses no values.
pub(super) fn with_exact_keys(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let LogicalPlan::Join(mut join) = plan else { return Ok(Transformed::no(plan)) };
    let mut changed = false;
    for (left, right) in &mut join.on {
        let (of_left, of_right) = (join.left.schema(), join.right.schema());
        let types = [left.get_type(of_left)?, right.get_type(of_right)?];
        if let Some(to) = exact_type(&types) {
            *left = as_exact(left.clone(), &to, of_left).data;
            *right = as_exact(right.clone(), &to, of_right).data;
            changed = true;
        }
    }
    let join = LogicalPlan::Join(join);
    Ok(if changed { Transformed::yes(join) } else { Transformed::no(join) })
}
