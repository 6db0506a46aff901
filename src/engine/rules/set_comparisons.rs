//! `x > ALL (SELECT y …)` and `x = ANY (SELECT y …)`.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DfResult, TableReference};
use datafusion::logical_expr::expr::SetComparison;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery};

use crate::engine::errors::external;
use crate::error::Error;

/// The table that rows of the subquery are of. Under their own name they are taken for rows of the query around it,
/// where that has a table of this name.
const COMPARED: &str = "__compared";

/// The same comparison, with rows that have a name of their own where a column of theirs is called as one of `schema`,
/// the query around it.
pub(super) fn with_own_rows(part: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) = part else {
        return Ok(Transformed::no(part));
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
