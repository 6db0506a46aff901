//! Names without a table in subqueries. The planner takes one that several tables of a subquery have from the query around
//! it, if that has it too; in SQL it has no meaning.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::parser::{CopyToSource, CopyToStatement, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, Select, Visit, Visitor};

use crate::engine::errors::external;
use crate::engine::rules::named_windows::of_ident;
use crate::error::Error;

/// Names of columns that stand without a table in subqueries of several tables.
#[derive(Debug, Default)]
pub(super) struct InnerNames {
    names: HashSet<String>,
    /// Of each `SELECT` around a place, whether it has several tables.
    around: Vec<bool>,
}

impl InnerNames {
    /// Those of a statement.
    pub(super) fn of(statement: &Parsed) -> Self {
        let mut all = Self::default();
        match statement {
            Parsed::Statement(statement) => {
                let _ = statement.visit(&mut all);
            }
            Parsed::Explain(explain) => all = Self::of(&explain.statement),
            Parsed::CopyTo(CopyToStatement { source: CopyToSource::Query(query), .. }) => {
                let _ = query.visit(&mut all);
            }
            _ => {}
        }
        all
    }

    /// Refuses a plan in which such a name is of the query around its own, whose tables have it several times.
    ///
    /// # Errors
    /// [`Error::Usage`] with the name, and a way to write it.
    pub(super) fn check(&self, plan: &LogicalPlan) -> DfResult<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        let mut unclear: Option<Column> = None;
        plan.apply_with_subqueries(|step| {
            step.apply_expressions(|expression| {
                expression.apply(|part| {
                    let Expr::OuterReferenceColumn(_, column) = part else {
                        return Ok(TreeNodeRecursion::Continue);
                    };
                    let inputs = step.inputs().into_iter().map(LogicalPlan::schema);
                    let own: usize = inputs
                        .map(|schema| schema.qualified_fields_with_unqualified_name(&column.name).len())
                        .sum();
                    if own < 2 || !self.names.contains(&column.name) {
                        return Ok(TreeNodeRecursion::Continue);
                    }
                    unclear = Some(column.clone());
                    Ok(TreeNodeRecursion::Stop)
                })
            })
        })?;
        match unclear {
            None => Ok(()),
            Some(column) => Err(external(
                Error::usage(format!("several tables of a subquery have the column {:?}", column.name)).hint(
                    format!("name the table: TABLE.{0}; of the query around it: {column}", column.name),
                ),
            )),
        }
    }
}

impl Visitor for InnerNames {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.around.push(select.from.len() > 1 || select.from.iter().any(|tables| !tables.joins.is_empty()));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &Select) -> ControlFlow<()> {
        self.around.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, part: &SqlExpr) -> ControlFlow<()> {
        if let (SqlExpr::Identifier(name), [_, .., true]) = (part, &self.around[..]) {
            self.names.insert(of_ident(name));
        }
        ControlFlow::Continue(())
    }
}
