//! `FROM a JOIN b USING (id)`: the column of both is that of the left side. The planner does not know this in `WHERE` and
//! within expressions, takes it from the table whose name comes first for `*`, and cannot join a third table by it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ExceptSelectItem, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator,
    OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor,
    TableWithJoins, VisitMut, VisitorMut, WildcardAdditionalOptions,
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
        columns.retain(|column| !select.projection.iter().any(|item| column.is_new(item)));
        if let Some(OrderByKind::Expressions(keys)) = query.order_by.as_mut().map(|order| &mut order.kind) {
            with_tables(keys, &columns);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let UsingJoins { columns, by_tables, stars } = UsingJoins::of(select);
        if by_tables.is_empty() {
            return ControlFlow::Continue(());
        }
        let joins = select.from.iter_mut().flat_map(|tables| &mut tables.joins);
        for (join, by_tables) in joins.zip(by_tables) {
            join.join_operator = by_tables.unwrap_or_else(|| join.join_operator.clone());
        }
        if let Some(stars) = stars {
            let items = std::mem::take(&mut select.projection).into_iter();
            let items = items.flat_map(|item| stars.in_place_of(&item).unwrap_or_else(|| vec![item]));
            select.projection = items.collect();
        }
        with_tables(&mut select.projection, &columns);
        with_tables(&mut select.distinct, &columns);
        with_tables(&mut select.selection, &columns);
        with_tables(&mut select.group_by, &columns);
        with_tables(&mut select.having, &columns);
        with_tables(&mut select.qualify, &columns);
        ControlFlow::Continue(())
    }
}

/// Whether a query has a star over a `LEFT JOIN` with columns in common, whose tables cannot be named, or over a `NATURAL
/// JOIN`: the planner would take these columns from the table whose name comes first, and in its place.
pub(in crate::engine) fn has_unclear_star(select: &Select) -> bool {
    use JoinConstraint::{Natural, Using};
    use JoinOperator::{Inner, Join, Left, LeftOuter};
    let is_natural = |how: &JoinOperator| {
        matches!(how, Left(Natural) | LeftOuter(Natural) | Inner(Natural) | Join(Natural))
    };
    let may_be_unclear =
        |how: &JoinOperator| matches!(how, Left(Using(_)) | LeftOuter(Using(_))) || is_natural(how);
    let joins = || select.from.iter().flat_map(|tables| &tables.joins).map(|join| &join.join_operator);
    let is_nested = select.from.iter().any(|tables| has_nested(tables, &may_be_unclear));
    if !is_nested && !joins().any(may_be_unclear) {
        return false;
    }
    let stars = UsingJoins::of(select).stars.filter(|_| !is_nested && !joins().any(is_natural));
    select
        .projection
        .iter()
        .filter(|item| matches!(item, SelectItem::Wildcard(_)))
        .any(|item| stars.as_ref().is_none_or(|stars| stars.in_place_of(item).is_none()))
}

/// Whether tables in brackets are joined so.
fn has_nested(tables: &TableWithJoins, is: &dyn Fn(&JoinOperator) -> bool) -> bool {
    let parts = std::iter::once(&tables.relation).chain(tables.joins.iter().map(|join| &join.relation));
    parts.into_iter().any(|part| match part {
        TableFactor::NestedJoin { table_with_joins: inner, .. } => {
            inner.joins.iter().any(|join| is(&join.join_operator)) || has_nested(inner, is)
        }
        _ => false,
    })
}

/// `*` with each column of several tables once: those in common come first.
#[derive(Debug, Clone)]
struct Stars {
    /// Columns of the first table.
    common: Vec<Common>,
    /// Names of all tables, with the columns that are not taken from them.
    tables: Vec<(Vec<Ident>, Vec<Ident>)>,
}

impl Stars {
    /// What a star becomes; `None` for other items, and for stars without columns that are not among those in common.
    fn in_place_of(&self, item: &SelectItem) -> Option<Vec<SelectItem>> {
        let SelectItem::Wildcard(options) = item else { return None };
        let WildcardAdditionalOptions { opt_exclude, opt_except, .. } = options;
        let plain = WildcardAdditionalOptions {
            opt_exclude: opt_exclude.clone(),
            opt_except: opt_except.clone(),
            ..WildcardAdditionalOptions::default()
        };
        if *options != plain {
            return None;
        }
        let mut without: Vec<&Ident> = Vec::new();
        match opt_exclude {
            Some(ExcludeSelectItem::Single(name)) => without.push(name.0.last()?.as_ident()?),
            Some(ExcludeSelectItem::Multiple(names)) => {
                for name in names {
                    without.push(name.0.last()?.as_ident()?);
                }
            }
            None => {}
        }
        if let Some(except) = opt_except {
            without.push(&except.first_element);
            without.extend(&except.additional_elements);
        }
        if !without.iter().all(|name| self.common.iter().any(|column| column.is(name))) {
            return None;
        }
        let kept = self.common.iter().filter(|column| !without.iter().any(|name| column.is(name)));
        let kept = kept.map(|column| SelectItem::UnnamedExpr(column.of(&column.table)));
        Some(kept.chain(self.tables.iter().map(|(table, without)| star(table.clone(), without))).collect())
    }
}

/// A column that tables have in common.
#[derive(Debug, Clone)]
struct Common {
    column: Ident,
    /// The name of the table whose column is meant.
    table: Vec<Ident>,
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
    /// If all tables have a name.
    stars: Option<Stars>,
}

impl UsingJoins {
    fn of(select: &Select) -> Self {
        let mut joined = Self::default();
        let [tables] = &select.from[..] else { return joined };
        if !tables.joins.iter().any(|join| using(&join.join_operator).is_some()) {
            return joined;
        }
        let first = name_of(&tables.relation);
        let (mut left, mut common) = (first.clone(), Vec::new());
        let mut named = Vec::new();
        for join in &tables.joins {
            let (right, using) = (name_of(&join.relation), using(&join.join_operator));
            named.push(right.clone().map(|table| (table, using.clone().map_or(Vec::new(), |using| using.0))));
            let by_tables =
                using.and_then(|(names, is_inner)| joined.add(names, is_inner, left.clone(), right));
            joined.by_tables.push(by_tables);
            if left.take().is_some() {
                common.clone_from(&joined.columns);
            }
        }
        let of_first =
            first.map(|table| (table, common.iter().map(|column| column.column.clone()).collect::<Vec<_>>()));
        let tables = std::iter::once(of_first).chain(named).collect::<Option<_>>();
        joined.stars = tables.map(|tables| Stars { common, tables });
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
            let constraint = JoinConstraint::On(on);
            let operator = if is_inner { JoinOperator::Inner } else { JoinOperator::Left };
            return Some(operator(constraint));
        }
        // Rows are alike on both sides of an inner join.
        let table = left.or(right.filter(|_| is_inner))?;
        for column in names {
            if !self.columns.iter().any(|known| known.is(&column)) {
                self.columns.push(Common { column, table: table.clone() });
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
