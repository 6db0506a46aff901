//! What an expression compares, and the types in which it can be compared without loss.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::{Between, Case, InList, InSubquery, SetComparison};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, Union, cast, lit,
};

use crate::engine::rules::exact_decimals::{decimal_or_double, even_type, written_double};
use crate::engine::rules::time_types::{in_zone, mixed_times};

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

/// The sides that an expression compares with each other; none for what compares nothing.
pub(super) fn compared(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => vec![left, right],
        Expr::Between(Between { expr, low, high, .. }) => vec![expr, low, high],
        Expr::InList(InList { expr, list, .. }) => std::iter::once(&**expr).chain(list).collect(),
        Expr::Case(Case { expr: Some(expr), when_then_expr, .. }) => {
            std::iter::once(&**expr).chain(when_then_expr.iter().map(|(when, _)| &**when)).collect()
        }
        _ => Vec::new(),
    }
}

/// The types of these sides.
pub(super) fn compared_types(expression: &Expr, schema: &DFSchema) -> Vec<DataType> {
    compared(expression).into_iter().filter_map(|side| side.get_type(schema).ok()).collect()
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
        other if compared(&other).is_empty() => Ok(Transformed::no(other)),
        comparison => comparison.map_children(|expr| Ok(side(expr))),
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
    let is_short = |of: &DataType| matches!(of, DataType::Float16 | DataType::Float32);
    if types.iter().any(is_short) && types.iter().any(DataType::is_integer) {
        return Some(DataType::Float64);
    }
    mixed_times(types).or_else(|| decimal_or_double(types))
}

/// A side as a value of that type. Texts are read as what they are compared with, and NULL is NULL.
pub(super) fn as_exact(side: Expr, to: &DataType, schema: &DFSchema) -> Transformed<Expr> {
    if let (DataType::Float64, Some(number)) = (to, written_double(&side)) {
        return Transformed::yes(lit(number));
    }
    let local = in_zone(side, to, schema);
    if local.transformed {
        return local;
    }
    let side = local.data;
    let of = side.get_type(schema);
    let is_other = of.is_ok_and(|of| of != *to && (of.is_numeric() || of.is_temporal()));
    if is_other { Transformed::yes(cast(side, to.clone())) } else { Transformed::no(side) }
}

/// The same comparison with the rows of a subquery, in a type that loses no values.
pub(super) fn with_exact_subquery(expression: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let (Expr::InSubquery(InSubquery { expr, subquery, .. })
    | Expr::SetComparison(SetComparison { expr, subquery, .. })) = &expression
    else {
        return Ok(Transformed::no(expression));
    };
    let rows = &subquery.subquery;
    let (Ok(of), Some(field)) = (expr.get_type(schema), rows.schema().fields().first()) else {
        return Ok(Transformed::no(expression));
    };
    let Some(to) = exact_type(&[of, field.data_type().clone()]) else {
        return Ok(Transformed::no(expression));
    };
    let subquery = Subquery { subquery: exact_rows(rows, &[Some(to.clone())])?, ..subquery.clone() };
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

/// Rows whose columns have these types, where there is one.
pub(super) fn exact_rows(rows: &Arc<LogicalPlan>, to: &[Option<DataType>]) -> DfResult<Arc<LogicalPlan>> {
    let schema = rows.schema();
    let columns = schema.iter().enumerate().map(|(at, (relation, field))| {
        let column = Expr::Column(Column::from((relation, field)));
        let Some(Some(to)) = to.get(at) else { return column };
        let exact = as_exact(column, to, schema);
        if exact.transformed {
            exact.data.alias_qualified(relation.cloned(), field.name())
        } else {
            exact.data
        }
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

/// The same union, whose columns of decimals and doubles are doubles: DataFusion makes decimals of 15 places of them.
pub(super) fn with_exact_union(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let LogicalPlan::Union(Union { inputs, schema }) = plan else { return Ok(Transformed::no(plan)) };
    let exact = (0..schema.fields().len()).map(|at| {
        let field =
            |input: &Arc<LogicalPlan>| input.schema().fields().get(at).map(|of| of.data_type().clone());
        let types: Vec<DataType> = inputs.iter().filter_map(field).collect();
        mixed_times(&types).or_else(|| even_type(&types))
    });
    let exact: Vec<Option<DataType>> = exact.collect();
    // What is within may have become doubles before.
    let is_known = |first: &Arc<LogicalPlan>| {
        let types = first.schema().fields().iter().map(|of| of.data_type());
        types.eq(schema.fields().iter().map(|of| of.data_type()))
    };
    if exact.iter().all(Option::is_none) && inputs.first().is_none_or(is_known) {
        return Ok(Transformed::no(LogicalPlan::Union(Union { inputs, schema })));
    }
    let inputs = inputs.into_iter().map(|input| exact_rows(&input, &exact)).collect::<DfResult<_>>()?;
    Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?)))
}
