//! Fields of structs of the query around a subquery: the planner reads `o.ship.carrier` there only as `o.ship['carrier']`.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, Query, Select, Subscript, TableFactor, Value, Visit, Visitor, VisitorMut,
};

use crate::engine::rules::named_windows::of_ident;

/// Writes fields of the query around a subquery so that the planner finds them.
#[derive(Debug, Default)]
pub(super) struct OuterFields {
    /// Of each `SELECT` around a place, the names of its tables.
    around: Vec<HashSet<String>>,
}

impl VisitorMut for OuterFields {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.around.push(tables(select));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<()> {
        self.around.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expression
            && let [table, column, fields @ ..] = &parts[..]
            && !fields.is_empty()
            && self.is_outer(table)
        {
            let root = Box::new(Expr::CompoundIdentifier(vec![table.clone(), column.clone()]));
            let access_chain = fields.iter().map(field).collect();
            *expression = Expr::CompoundFieldAccess { root, access_chain };
        }
        ControlFlow::Continue(())
    }
}

impl OuterFields {
    /// Whether a name is that of a table of a query around, and of none of its own.
    fn is_outer(&self, table: &Ident) -> bool {
        let name = of_ident(table);
        let has = |tables: &HashSet<String>| tables.contains(&name);
        match &self.around[..] {
            [around @ .., own] => !has(own) && around.iter().any(has),
            [] => false,
        }
    }
}

/// A field as it stands in brackets.
fn field(name: &Ident) -> AccessExpr {
    let text = Value::SingleQuotedString(of_ident(name));
    AccessExpr::Subscript(Subscript::Index { index: Expr::value(text) })
}

/// The names of the tables of a `SELECT`, also in brackets, but not those of the queries in its `FROM`.
fn tables(select: &Select) -> HashSet<String> {
    let mut found = TableNames::default();
    select.from.iter().for_each(|table| _ = table.visit(&mut found));
    found.names
}

#[derive(Debug, Default)]
struct TableNames {
    names: HashSet<String>,
    /// Queries around a place.
    queries: usize,
}

impl Visitor for TableNames {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let (alias, name) = match factor {
            _ if self.queries > 0 => (None, None),
            TableFactor::Table { name, alias, .. } => {
                (alias.as_ref(), name.0.last().and_then(|part| part.as_ident()))
            }
            TableFactor::Derived { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => (alias.as_ref(), None),
            _ => (None, None),
        };
        self.names.extend(alias.map(|alias| &alias.name).or(name).map(of_ident));
        ControlFlow::Continue(())
    }
}
