//! What a statement may do: read by default, write when allowed.

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{DdlStatement, Expr, LogicalPlan};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

use crate::engine::errors::external;
use crate::engine::functions;
use crate::error::Error;
use crate::source::tables::at::HowTables;

/// What statements may use beside the registered tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    /// Files that statements name.
    pub paths: bool,
    /// Statements that write, such as COPY and INSERT.
    pub write: bool,
    /// How tables of other formats are read.
    pub tables: HowTables,
}

/// Refuses a statement that `access` does not allow. Queries and views are always allowed, external tables only where
/// statements may name files.
pub(super) fn check(plan: &LogicalPlan, access: Access) -> DfResult<()> {
    plan.apply_with_subqueries(|node| match refusal(node, access) {
        Some(error) => Err(external(error)),
        None => node.apply_expressions(|expression| expression.apply(refuse_distinct)),
    })?;
    Ok(())
}

/// Refuses DISTINCT in aggregates over labels here, because the optimizer turns it into a grouping before the
/// aggregate can refuse it.
fn refuse_distinct(expression: &Expr) -> DfResult<TreeNodeRecursion> {
    if let Expr::AggregateFunction(call) = expression
        && call.params.distinct
        && functions::is_over_labels(call.func.name())
    {
        return Err(external(
            Error::usage(format!("{}(DISTINCT …) is not supported", call.func.name()))
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
                .hint("only CREATE VIEW and CREATE EXTERNAL TABLE are allowed; they last until the session ends"),
        ),
        LogicalPlan::Statement(statement) => Some(
            Error::usage(format!("{} is not allowed", statement.name()))
                .hint("use flags such as --memory-limit and --threads for settings; transactions and prepared statements are not supported"),
        ),
        _ => None,
    }
}
