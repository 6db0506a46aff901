//! `FROM a JOIN b USING (id) WHERE id = 1`: the column of both is that of the left side. The planner knows this in `SELECT`
//! lists and behind them, not in `WHERE`; and a third table, `JOIN c USING (id)`, it cannot join.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ExceptSelectItem, Expr, Ident, JoinConstraint, JoinOperator, OrderByKind, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, VisitMut, VisitorMut,
    WildcardAdditionalOptions,
};

use crate::engine::rules::named_windows::of_ident;

/// Names the tables of such columns.
#[derive(Debug)]
pub(in crate::engine) struct UsingColumns;

impl VisitorMut for UsingColumns {
    type Break = ();

    // ORDER BY is of the query, which is visited before its SELECT.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = &*query.body else { return ControlFlow::Continue(()) };
        let mut columns = UsingJoins::of(select).columns;
        columns.retain(|column| {
            column.is_joined_again && !select.projection.iter().any(|item| column.is_new(item))
        });
        if let Some(OrderByKind::Expressions(keys)) = query.order_by.as_mut().map(|order| &mut order.kind) {
            with_tables(keys, &columns);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let UsingJoins { mut columns, by_tables, stars } = UsingJoins::of(select);
        with_tables(&mut select.selection, &columns);
        columns.retain(|column| column.is_joined_again);
        if columns.is_empty() {
            return ControlFlow::Continue(());
        }
        let joins = select.from.iter_mut().flat_map(|tables| &mut tables.joins);
        for (join, by_tables) in joins.zip(by_tables) {
            join.join_operator = by_tables.unwrap_or_else(|| join.join_operator.clone());
        }
        // Other options of a star name columns of their own.
        let all = SelectItem::Wildcard(WildcardAdditionalOptions::default());
        if let Some(stars) = stars {
            let items = std::mem::take(&mut select.projection).into_iter();
            let items = items.flat_map(|item| if item == all { stars.clone() } else { vec![item] });
            select.projection = items.collect();
        }
        with_tables(&mut select.projection, &columns);
        with_tables(&mut select.distinct, &columns);
        with_tables(&mut select.group_by, &columns);
        with_tables(&mut select.having, &columns);
        with_tables(&mut select.qualify, &columns);
        ControlFlow::Continue(())
    }
}

/// A column that tables have in common.
#[derive(Debug, Clone)]
struct Common {
    column: Ident,
    /// The name of the table whose column is meant.
    table: Vec<Ident>,
    /// Whether a third table has it, too.
    is_joined_again: bool,
}

impl Common {
    fn is(&self, name: &Ident) -> bool {
        of_ident(&self.column) == of_ident(name)
    }

    fn of(&self, table: &[Ident]) -> Expr {
        Expr::CompoundIdentifier([table, std::slice::from_ref(&self.column)].concat())
    }

    /// Whether an item of a `SELECT` list gives this name to a new column.
    fn is_new(&self, item: &SelectItem) -> bool {
        matches!(item, SelectItem::ExprWithAlias { alias, .. } if self.is(alias))
    }
}

/// What `USING` says of the tables of a query.
#[derive(Debug, Default)]
struct UsingJoins {
    columns: Vec<Common>,
    /// Of each join of further tables by the same columns: how it is said with the names of tables.
    by_tables: Vec<Option<JoinOperator>>,
    /// `*` with each column of several tables once, if all tables have a name.
    stars: Option<Vec<SelectItem>>,
}

impl UsingJoins {
    fn of(select: &Select) -> Self {
        let mut joined = Self::default();
        let [tables] = &select.from[..] else { return joined };
        let mut left = name_of(&tables.relation);
        let mut stars = vec![left.clone().map(|table| star(table, &[]))];
        for join in &tables.joins {
            let (right, using) = (name_of(&join.relation), using(&join.join_operator));
            stars.push(
                right.clone().map(|table| star(table, using.as_ref().map_or(&[][..], |using| &using.0))),
            );
            let by_tables =
                using.and_then(|(names, is_inner)| joined.add(names, is_inner, left.take(), right));
            joined.by_tables.push(by_tables);
            left = None;
        }
        joined.stars = stars.into_iter().collect();
        joined
    }

    /// Adds a join by these columns; the table on its left is not known if there are several.
    fn add(
        &mut self,
        names: Vec<Ident>,
        is_inner: bool,
        left: Option<Vec<Ident>>,
        right: Option<Vec<Ident>>,
    ) -> Option<JoinOperator> {
        let on = right.as_ref().and_then(|right| self.on_tables(&names, right));
        if let Some(on) = on {
            let again = self.columns.iter_mut().filter(|column| names.iter().any(|name| column.is(name)));
            again.for_each(|column| column.is_joined_again = true);
            let constraint = JoinConstraint::On(on);
            let operator = if is_inner { JoinOperator::Inner } else { JoinOperator::Left };
            return Some(operator(constraint));
        }
        // Rows are alike on both sides of an inner join.
        let table = left.or(right.filter(|_| is_inner))?;
        for column in names {
            if !self.columns.iter().any(|known| known.is(&column)) {
                self.columns.push(Common { column, table: table.clone(), is_joined_again: false });
            }
        }
        None
    }

    /// That a table is alike in all these columns, if they are known.
    fn on_tables(&self, names: &[Ident], right: &[Ident]) -> Option<Expr> {
        let alike = names.iter().map(|name| {
            let column = self.columns.iter().find(|column| column.is(name))?;
            Some(Expr::BinaryOp {
                left: Box::new(column.of(&column.table)),
                op: BinaryOperator::Eq,
                right: Box::new(column.of(right)),
            })
        });
        let both = |one, other| Expr::BinaryOp {
            left: Box::new(one),
            op: BinaryOperator::And,
            right: Box::new(other),
        };
        alike.collect::<Option<Vec<Expr>>>()?.into_iter().reduce(both)
    }
}

/// The columns of `USING`, and whether rows are alike in them on both sides of the join.
fn using(how: &JoinOperator) -> Option<(Vec<Ident>, bool)> {
    use JoinOperator::{Inner, Join, Left, LeftOuter};
    let (JoinConstraint::Using(names), is_inner) = (match how {
        Inner(constraint) | Join(constraint) => (constraint, true),
        Left(constraint) | LeftOuter(constraint) => (constraint, false),
        _ => return None,
    }) else {
        return None;
    };
    let names = names.iter().map(|name| name.0.last()?.as_ident().cloned());
    Some((names.collect::<Option<_>>()?, is_inner))
}

/// What columns of a table are named by.
fn name_of(table: &TableFactor) -> Option<Vec<Ident>> {
    match table {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(vec![alias.name.clone()])
        }
        TableFactor::Table { name, alias: None, args: None, .. } => {
            name.0.iter().map(|part| part.as_ident().cloned()).collect()
        }
        _ => None,
    }
}

/// All columns of a table, save these.
fn star(table: Vec<Ident>, without: &[Ident]) -> SelectItem {
    let except = without.split_first().map(|(first, rest)| ExceptSelectItem {
        first_element: first.clone(),
        additional_elements: rest.to_vec(),
    });
    let options = WildcardAdditionalOptions { opt_except: except, ..WildcardAdditionalOptions::default() };
    SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table.into()), options)
}

/// Puts tables before columns, save in subqueries, whose own tables may have columns of the name.
fn with_tables(part: &mut impl VisitMut, columns: &[Common]) {
    if !columns.is_empty() {
        let _ = part.visit(&mut WithTables { columns, depth: 0 });
    }
}

struct WithTables<'a> {
    columns: &'a [Common],
    depth: usize,
}

impl VisitorMut for WithTables<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, part: &mut Expr) -> ControlFlow<()> {
        if let (0, Expr::Identifier(name)) = (self.depth, &*part)
            && let Some(column) = self.columns.iter().find(|column| column.is(name))
        {
            *part = column.of(&column.table);
        }
        ControlFlow::Continue(())
    }
}
