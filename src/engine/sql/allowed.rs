//! What a statement may do.

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{DdlStatement, Expr, LogicalPlan};

use super::Access;
use crate::engine::functions;
use crate::engine::partial_exec::external;
use crate::error::Error;

/// Refuses what `access` does not allow: reading, views and external tables are always right, unless
/// only registered tables may be read.
pub(super) fn check(plan: &LogicalPlan, access: Access) -> DfResult<()> {
    plan.apply_with_subqueries(|node| match refusal(node, access) {
        Some(error) => Err(external(error)),
        None => node.apply_expressions(|expression| expression.apply(counts_rows)),
    })?;
    Ok(())
}

/// Refuses DISTINCT labels: the optimizer would make it a grouping before the aggregate can say so.
fn counts_rows(expression: &Expr) -> DfResult<TreeNodeRecursion> {
    if let Expr::AggregateFunction(call) = expression
        && call.params.distinct
        && functions::is_over_labels(call.func.name())
    {
        return Err(external(
            Error::usage(format!("{}(DISTINCT …) has no meaning", call.func.name()))
                .hint("leave out DISTINCT: rows are counted"),
        ));
    }
    Ok(TreeNodeRecursion::Continue)
}

fn refusal(node: &LogicalPlan, access: Access) -> Option<Error> {
    let writes = |what: &str| {
        (!access.write).then(|| {
            Error::usage(format!("{what} writes, and queries only read"))
                .hint("use --allow-write if that is what you want, or --out FILE for the result of a query")
        })
    };
    match node {
        LogicalPlan::Copy(_) => writes("COPY"),
        LogicalPlan::Dml(dml) => writes(&dml.op.to_string()),
        LogicalPlan::Ddl(DdlStatement::CreateView(_) | DdlStatement::DropView(_)) => None,
        LogicalPlan::Ddl(DdlStatement::CreateExternalTable(_)) if access.paths => None,
        LogicalPlan::Ddl(DdlStatement::CreateExternalTable(_)) => Some(
            Error::usage("CREATE EXTERNAL TABLE reads files, and --safe allows registered tables only")
                .hint("register it with --table NAME=SHARDS, or leave out --safe"),
        ),
        LogicalPlan::Ddl(ddl) => Some(
            Error::usage(format!("{} is not allowed", ddl.name()))
                .hint("CREATE VIEW and CREATE EXTERNAL TABLE are, and last as long as the session"),
        ),
        LogicalPlan::Statement(statement) => Some(
            Error::usage(format!("{} is not allowed", statement.name()))
                .hint("settings are flags, such as --memory-limit and --threads; transactions and prepared statements have no use here"),
        ),
        _ => None,
    }
}
