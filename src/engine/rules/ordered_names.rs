//! `SELECT 10 - x AS x … ORDER BY x + 0`: the name alone is that of the new column, but within an expression it is the
//! column of the table, in SQL. The planner takes the new one in both.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, OrderByKind, Query, SelectItem, SetExpr, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::error::{Error, Result};

/// What the name of a new column begins with while parts of `ORDER BY` are replaced by it.
const MARK: char = '\u{1}';

/// Sorts by new columns where their expressions are said again, and refuses what the planner would take for them.
#[derive(Debug, Default)]
pub(in crate::engine) struct OrderedNames {
    taken: Option<String>,
}

impl OrderedNames {
    /// Refuses a name with two meanings.
    ///
    /// # Errors
    /// [`Error::Usage`] that asks for another name.
    pub(in crate::engine) fn check(self) -> Result<()> {
        let Some(name) = self.taken else { return Ok(()) };
        Err(Error::usage(format!(
            "an expression in ORDER BY uses {name}, a column whose name is given to a new one"
        ))
        .hint(format!("give the new column another name, as in AS new_{name}")))
    }
}

impl VisitorMut for OrderedNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = &*query.body else { return ControlFlow::Continue(()) };
        let new = select.projection.iter().filter_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if !matches!(expr, Expr::Identifier(_)) => {
                uses(expr, alias).then(|| (expr.clone(), alias.clone()))
            }
            _ => None,
        });
        let new: Vec<(Expr, Ident)> = new.collect();
        let Some(order) = query.order_by.as_mut().filter(|_| !new.is_empty()) else {
            return ControlFlow::Continue(());
        };
        let OrderByKind::Expressions(keys) = &mut order.kind else { return ControlFlow::Continue(()) };
        for key in keys.iter_mut().map(|key| &mut key.expr).filter(|key| !matches!(key, Expr::Identifier(_)))
        {
            let _ = key.visit(&mut Marked(&new));
            if let Some((_, alias)) = new.iter().find(|(_, alias)| uses(key, alias)) {
                self.taken.get_or_insert_with(|| alias.to_string());
            }
            let _ = key.visit(&mut Unmarked);
        }
        ControlFlow::Continue(())
    }
}

/// Puts names of new columns in place of their expressions, with the mark.
struct Marked<'a>(&'a [(Expr, Ident)]);

impl VisitorMut for Marked<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, part: &mut Expr) -> ControlFlow<()> {
        if let Some((_, alias)) = self.0.iter().find(|(of, _)| of == part) {
            let name = format!("{MARK}{}", alias.value);
            *part = Expr::Identifier(Ident { value: name, ..alias.clone() });
        }
        ControlFlow::Continue(())
    }
}

/// Takes the mark away.
struct Unmarked;

impl VisitorMut for Unmarked {
    type Break = ();

    fn post_visit_expr(&mut self, part: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = part
            && let Some(plain) = name.value.strip_prefix(MARK)
        {
            name.value = plain.to_owned();
        }
        ControlFlow::Continue(())
    }
}

/// Whether an expression has a column of this name.
fn uses(expression: &Expr, name: &Ident) -> bool {
    struct Uses<'a>(&'a Ident);
    impl Visitor for Uses<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, part: &Expr) -> ControlFlow<()> {
            let is_same = |found: &Ident| match (found.quote_style, self.0.quote_style) {
                (None, None) => found.value.eq_ignore_ascii_case(&self.0.value),
                _ => found.value == self.0.value,
            };
            match part {
                Expr::Identifier(found) if is_same(found) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expression.visit(&mut Uses(name)).is_break()
}
