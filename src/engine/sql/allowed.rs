//! What a statement may do: read by default, write when allowed.

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{DdlStatement, Expr, LogicalPlan};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

use super::statement::refuse_twice;
use crate::engine::errors::external;
use crate::engine::functions;
use crate::engine::query_ways::spelled;
use crate::error::Error;
use crate::source::tables::at::HowTables;

/// What statements may use beside the registered tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    /// Files that statements name.
    pub paths: bool,
    /// Statements that write, such as COPY and INSERT.
    pub write: bool,
    /// Files that COPY replaces.
    pub overwrite: bool,
    /// How tables of other formats are read.
    pub tables: HowTables,
}

/// Refuses a statement that `access` does not allow. Queries and views are always allowed, external tables only where
/// statements may name files.
pub(super) fn check(plan: &LogicalPlan, access: Access) -> DfResult<()> {
    plan.apply_with_subqueries(|node| match refusal(node, access) {
        Some(error) => Err(external(error)),
        None => node.apply_expressions(|expression| expression.apply(refuse_argument)),
    })?;
    Ok(())
}

/// Refuses `*` in aggregates over labels, which is no column, and DISTINCT, because the optimizer turns it into a grouping
/// before the aggregate can refuse it.
#[expect(deprecated, reason = "the planner still gives it for `*`")]
fn refuse_argument(expression: &Expr) -> DfResult<TreeNodeRecursion> {
    if let Expr::AggregateFunction(call) = expression
        && functions::is_over_labels(call.func.name())
    {
        let name = call.func.name();
        if call.params.args.iter().any(|argument| matches!(argument, Expr::Wildcard { .. })) {
            return Err(external(Error::usage(format!("{name} takes one label column, not *")).hint(
                format!("name the column: {name}(x); SELECT * FROM label_counts('data/') counts every label"),
            )));
        }
        if !call.params.distinct {
            return Ok(TreeNodeRecursion::Continue);
        }
        return Err(external(
            Error::usage(format!("{name}(DISTINCT …) is not supported"))
                .hint("leave out DISTINCT: the function counts rows"),
        ));
    }
    Ok(TreeNodeRecursion::Continue)
}

fn writes(what: &str) -> Error {
    Error::usage(format!("{what} writes, and queries only read"))
        .hint("allow it with --allow-write, or save the rows of a query with --out FILE")
}

/// Refuses a statement that changes rows before it is planned, since a plan fails for other reasons first.
pub(super) fn check_statement(statement: &Parsed, access: Access) -> Result<(), Error> {
    let Parsed::Statement(statement) = statement else { return Ok(()) };
    let what = match &**statement {
        SqlStatement::Insert(_) => "INSERT",
        SqlStatement::Update { .. } => "UPDATE",
        SqlStatement::Delete(_) => "DELETE",
        SqlStatement::Merge { .. } => "MERGE",
        SqlStatement::Truncate { .. } => "TRUNCATE",
        _ => return Ok(()),
    };
    if access.write { Ok(()) } else { Err(writes(what)) }
}

fn refusal(node: &LogicalPlan, access: Access) -> Option<Error> {
    let writes = |what: &str| (!access.write).then(|| writes(what));
    match node {
        LogicalPlan::Copy(copy) => writes("COPY").or_else(|| refuse_twice(copy.input.schema().as_arrow()).err()),
        LogicalPlan::Dml(dml) => writes(&dml.op.to_string()),
        LogicalPlan::Ddl(DdlStatement::CreateView(_) | DdlStatement::DropView(_)) => None,
        LogicalPlan::Ddl(DdlStatement::CreateExternalTable(_)) if access.paths => None,
        LogicalPlan::Ddl(DdlStatement::CreateExternalTable(_)) => Some(
            Error::usage("CREATE EXTERNAL TABLE reads files, and --safe allows registered tables only")
                .hint("register it with --table NAME=SHARDS, or leave out --safe"),
        ),
        LogicalPlan::Ddl(ddl) => Some(
            Error::usage(format!("{} is not allowed", spelled(ddl.name())))
                .hint("only CREATE VIEW and CREATE EXTERNAL TABLE are allowed; they last until the session ends"),
        ),
        LogicalPlan::Statement(statement) => Some(
            Error::usage(format!("{} is not allowed", spelled(statement.name())))
                .hint("use flags such as --memory-limit and --threads for settings; transactions and prepared statements are not supported"),
        ),
        _ => None,
    }
}
