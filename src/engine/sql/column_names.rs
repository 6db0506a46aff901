//! Names for columns that the planner would give one name: `x::int, x::double` are both `x` for it, and `1, 1` have no
//! others than those of the list in `WITH t(a, b)`. And the places of columns in ROLLUP, CUBE and GROUPING SETS.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor, Value,
    ValueWithSpan, VisitMut, VisitorMut,
};

use crate::engine::rules::told_casts::WithoutCasts;

/// Names what the planner cannot tell apart.
pub(super) struct ColumnNames;

impl VisitorMut for ColumnNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for table in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            name_columns(&mut table.query.body, &table.alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived { subquery, alias: Some(alias), .. } = factor {
            name_columns(&mut subquery.body, alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let repeated = repeated(&select.projection);
        for (at, item) in select.projection.iter_mut().enumerate() {
            if let SelectItem::UnnamedExpr(expression) = item
                && (is_cast(expression) || repeated.contains(&at))
            {
                let written = Ident::with_quote('"', expression.to_string());
                *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias: written };
            }
        }
        let Select { projection, group_by: GroupByExpr::Expressions(keys, _), .. } = select else {
            return ControlFlow::Continue(());
        };
        for key in keys {
            if let Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) = key {
                sets.iter_mut().flatten().for_each(|key| of_place(key, projection));
            }
        }
        ControlFlow::Continue(())
    }
}

/// Gives the columns of a query, which the planner cannot tell apart, the names of a list.
fn name_columns(body: &mut SetExpr, names: &TableAlias) {
    match body {
        SetExpr::Select(select) => {
            let items = &mut select.projection;
            if items.len() != names.columns.len() || repeated(items).is_empty() {
                return;
            }
            for (item, name) in items.iter_mut().zip(&names.columns) {
                if let SelectItem::UnnamedExpr(expression) = item {
                    *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias: name.name.clone() };
                }
            }
        }
        SetExpr::Query(query) => name_columns(&mut query.body, names),
        SetExpr::SetOperation { left, right, .. } => {
            name_columns(left, names);
            name_columns(right, names);
        }
        _ => {}
    }
}

/// Whether it is called for the planner as what it casts, which may be a column that rows are in order of.
fn is_cast(expression: &Expr) -> bool {
    match expression {
        Expr::Nested(inner) => is_cast(inner),
        other => matches!(other, Expr::Cast { .. }),
    }
}

/// Where expressions without a name are that differ from one before in casts alone, or not at all.
fn repeated(items: &[SelectItem]) -> Vec<usize> {
    let mut known = HashSet::new();
    let is_repeated = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expression) => {
            let mut plain = expression.clone();
            // Nothing ends the visit early.
            let _ = plain.visit(&mut WithoutCasts);
            !known.insert(plain.to_string())
        }
        _ => false,
    };
    let places = items.iter().map(is_repeated).collect::<Vec<_>>();
    places.iter().enumerate().filter(|(_, is_repeated)| **is_repeated).map(|(at, _)| at).collect()
}

/// The column at a place, where a key says the place.
fn of_place(key: &mut Expr, columns: &[SelectItem]) {
    let Expr::Value(ValueWithSpan { value: Value::Number(place, _), .. }) = key else { return };
    let Some(at) = place.parse::<usize>().ok().and_then(|place| place.checked_sub(1)) else { return };
    let is_one =
        |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    if let Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = columns.get(at)
        && columns.iter().take(at).all(is_one)
    {
        *key = expr.clone();
    }
}
