//! `x > ALL (SELECT y …)`, `x = ANY (SELECT y …)`, and the rows of `x IN (SELECT y …)` and `EXISTS (SELECT y …)`.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result as DfResult, TableReference};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery, lit};

use crate::engine::errors::external;
use crate::error::Error;

/// The table that rows of the subquery are of, or their column. Under their own name they are taken for rows of the query
/// around it, where that has a table of this name.
const COMPARED: &str = "__compared";

/// The same comparison, with rows that have a name of their own where a column of theirs is called as one of `schema`,
/// the query around it.
pub(super) fn with_own_rows(part: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let (expr, subquery, op, quantifier) = match part {
        Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
            (expr, subquery, op, quantifier)
        }
        Expr::InSubquery(membership) => return with_named_column(membership),
        Expr::Exists(Exists { subquery, negated }) => {
            let rows = subquery.subquery.as_ref().clone();
            let subquery = Subquery { subquery: Arc::new(with_one_column(rows, &subquery)?), ..subquery };
            return Ok(Transformed::yes(Expr::Exists(Exists { subquery, negated })));
        }
        part => return Ok(Transformed::no(part)),
    };
    let rows = &subquery.subquery;
    let is_around = |(table, field): (Option<&TableReference>, &FieldRef)| {
        schema.iter().any(|(other, known)| other == table && known.name() == field.name())
    };
    if !rows.schema().iter().any(is_around) {
        return Ok(Transformed::no(Expr::SetComparison(SetComparison { expr, subquery, op, quantifier })));
    }
    let named = LogicalPlanBuilder::from(rows.as_ref().clone()).alias(COMPARED)?.build()?;
    let subquery = Subquery { subquery: Arc::new(named), ..subquery };
    Ok(Transformed::yes(Expr::SetComparison(SetComparison { expr, subquery, op, quantifier })))
}

/// As many rows of a constant: DataFusion may panic where rows of a join are asked for and none of their columns is. Rows that
/// a row of the query around chooses stay as they are: the choice may need their columns.
pub(super) fn with_one_column(rows: LogicalPlan, like: &Subquery) -> DfResult<LogicalPlan> {
    if like.outer_ref_columns.is_empty() {
        LogicalPlanBuilder::new(rows).project([lit(1).alias(COMPARED)])?.build()
    } else {
        Ok(rows)
    }
}

/// The same membership, whose column has a name of its own where it is of no table. Where it decides with another condition,
/// its rows have it twice, which only a table tells apart.
fn with_named_column(membership: InSubquery) -> DfResult<Transformed<Expr>> {
    let InSubquery { expr, subquery, negated } = membership;
    let rows = &subquery.subquery;
    let Some((None, field)) = rows.schema().iter().next() else {
        return Ok(Transformed::no(Expr::InSubquery(InSubquery { expr, subquery, negated })));
    };
    let column = Expr::Column(Column::new_unqualified(field.name())).alias(COMPARED);
    let named = LogicalPlanBuilder::new_from_arc(Arc::clone(rows)).project([column])?.build()?;
    let subquery = Subquery { subquery: Arc::new(named), ..subquery };
    Ok(Transformed::yes(Expr::InSubquery(InSubquery { expr, subquery, negated })))
}

/// Refuses these comparisons where they cannot be planned.
pub(super) fn check_place(plan: &LogicalPlan) -> DfResult<()> {
    if matches!(plan, LogicalPlan::Filter(_)) {
        return Ok(());
    }
    plan.apply_expressions(|expression| {
        let found = expression.exists(|part| Ok(matches!(part, Expr::SetComparison(_))))?;
        if found {
            return Err(external(
                Error::usage("ANY (SELECT …) and ALL (SELECT …) are supported in WHERE and HAVING alone")
                    .hint("compare with one value in their place, as in x > (SELECT max(y) FROM …)"),
            ));
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map(drop)
}
