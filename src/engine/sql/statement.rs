//! A statement that was parsed: what it names, and what its columns are called.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::sql::parser::{CopyToSource, DFParser, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Select, SelectFlavor, SelectItem, SetExpr,
    Statement as SqlStatement, TableFactor, VisitMut, VisitorMut, WildcardAdditionalOptions, visit_relations,
};

use super::column_names::ColumnNames;
use super::outer_fields::OuterFields;
use crate::engine::query_errors::of_sql;
use crate::engine::rules::constant_orders::ConstantOrders;
use crate::engine::rules::is_distinct::IsDistinct;
use crate::engine::rules::long_numbers::LongNumbers;
use crate::engine::rules::named_windows::{NamedWindows, of_ident};
use crate::engine::rules::open_slices::OpenSlices;
use crate::engine::rules::ordered_names::OrderedNames;
use crate::engine::rules::told_casts::{ToldCasts, ToldKeys};
use crate::engine::rules::using_columns::UsingColumns;
use crate::error::{Error, Result};

/// A parsed statement, and the text that it was parsed from.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(super) parsed: Parsed,
    pub(super) text: Arc<str>,
}

impl Statement {
    /// The statements of `sql`, which semicolons separate.
    pub(super) fn all_of(sql: &str) -> Result<Vec<Self>> {
        let parsed = DFParser::parse_sql(sql).map_err(|cause| of_sql(&cause, sql))?;
        let text: Arc<str> = sql.into();
        let statement = |mut parsed| {
            as_meant(&mut parsed)?;
            Ok(Self { parsed, text: Arc::clone(&text) })
        };
        parsed.into_iter().map(statement).collect()
    }

    /// What is planned: numbers that are compared have all their digits, and columns names of their own.
    pub(super) fn exact(&self) -> Parsed {
        let mut parsed = self.parsed.clone();
        visit(&mut parsed, &mut LongNumbers);
        visit(&mut parsed, &mut ColumnNames);
        visit(&mut parsed, &mut NamedWindows::default());
        visit(&mut parsed, &mut OpenSlices);
        visit(&mut parsed, &mut ConstantOrders);
        visit(&mut parsed, &mut UsingColumns);
        visit(&mut parsed, &mut OuterFields::default());
        visit(&mut parsed, &mut ToldKeys);
        parsed
    }

    /// The same, whose casts say what they are.
    pub(super) fn with_told_casts(&self) -> Parsed {
        let mut parsed = self.exact();
        visit(&mut parsed, &mut ToldCasts);
        parsed
    }

    /// The statement whose windows stand where they are used.
    pub(super) fn with_windows(&self) -> Parsed {
        let mut parsed = self.parsed.clone();
        visit(&mut parsed, &mut NamedWindows::default());
        parsed
    }

    /// Whether it gives rows; those that only name something do not.
    #[must_use]
    pub(crate) fn gives_rows(&self) -> bool {
        let names = |statement: &SqlStatement| {
            matches!(statement, SqlStatement::CreateView { .. } | SqlStatement::Drop { .. })
        };
        match &self.parsed {
            Parsed::Statement(statement) => !names(statement),
            Parsed::CreateExternalTable(_) | Parsed::Reset(_) => false,
            Parsed::CopyTo(_) | Parsed::Explain(_) => true,
        }
    }

    /// The table or view that it makes, and whether the rows of that come from a table of the same name.
    pub(super) fn makes(&self) -> Option<(String, bool)> {
        match &self.parsed {
            Parsed::CreateExternalTable(table) => Some((one_name(&table.name)?, false)),
            Parsed::Statement(statement) => match &**statement {
                SqlStatement::CreateView(view) => {
                    let name = one_name(&view.name)?;
                    let is_read = visit_relations(&view.query, |read| {
                        if one_name(read).as_ref() == Some(&name) {
                            ControlFlow::Break(())
                        } else {
                            ControlFlow::Continue(())
                        }
                    });
                    Some((name, is_read.is_break()))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The file or folder that it copies rows to.
    pub(super) fn copies_to(&self) -> Option<&str> {
        fn target(parsed: &Parsed) -> Option<&str> {
            match parsed {
                Parsed::CopyTo(copy) => Some(&copy.target),
                Parsed::Explain(explain) => target(&explain.statement),
                _ => None,
            }
        }
        target(&self.parsed)
    }

    /// What its columns are called: expressions as they are written, without the tables of their columns.
    pub(super) fn named(&self, schema: &SchemaRef) -> SchemaRef {
        let Parsed::Statement(statement) = &self.parsed else { return Arc::clone(schema) };
        let SqlStatement::Query(query) = &**statement else { return Arc::clone(schema) };
        let Some(select) = first_select(&query.body) else { return Arc::clone(schema) };
        let items = &select.projection;
        let is_one = |item: &&SelectItem| {
            matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
        };
        let before = items.iter().take_while(is_one).count();
        // What follows `*` is counted from the end.
        let after = if before == items.len() { 0 } else { items.iter().rev().take_while(is_one).count() };
        let count = schema.fields().len();
        if before + after > count || before == items.len() && before != count {
            return Arc::clone(schema);
        }
        let item = |at: usize| match (at < before, count - at <= after) {
            (true, _) => items.get(at),
            (false, true) => items.get(items.len() - (count - at)),
            (false, false) => None,
        };
        let fields = schema.fields().iter().enumerate().map(|(at, field)| match item(at) {
            Some(SelectItem::UnnamedExpr(expression)) => match written(expression, field.name()) {
                Some(name) => Arc::new(field.as_ref().clone().with_name(name)),
                None => Arc::clone(field),
            },
            _ => Arc::clone(field),
        });
        Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
    }
}

/// The name of a column that is not called `known`, which is what a column of a table keeps.
fn written(expression: &Expr, known: &str) -> Option<String> {
    let is_known = |ident: &Ident| of_ident(ident) == known;
    match expression {
        Expr::Nested(inner) => written(inner, known),
        Expr::Identifier(ident) if is_known(ident) => None,
        Expr::CompoundIdentifier(parts) if parts.last().is_some_and(is_known) => None,
        other => Some(other.to_string()),
    }
}

/// A name without a schema.
fn one_name(name: &ObjectName) -> Option<String> {
    match &name.0[..] {
        [ObjectNamePart::Identifier(ident)] => Some(of_ident(ident)),
        _ => None,
    }
}

/// The part of a query that names its columns.
fn first_select(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => first_select(&query.body),
        SetExpr::SetOperation { left, .. } => first_select(left),
        _ => None,
    }
}

/// Reads what the planner takes for something else, or not at all. Names of functions in place of a table are in lower
/// case, as those of other functions are; `FROM t` is `SELECT * FROM t`; `IS DISTINCT FROM` binds closer than `AND`; and
/// the keys of a COPY are names, not the quotes around them.
fn as_meant(statement: &mut Parsed) -> Result<()> {
    visit(statement, &mut AsMeant);
    let mut groups = IsDistinct::default();
    visit(statement, &mut groups);
    groups.check()?;
    let mut order = OrderedNames::default();
    visit(statement, &mut order);
    order.check()?;
    let keys = match statement {
        Parsed::CopyTo(copy) => &mut copy.partitioned_by[..],
        _ => &mut [],
    };
    keys.iter_mut().for_each(|key| *key = without_quotes(key));
    Ok(())
}

/// Shows all parts of a statement to a visitor that never ends early.
fn visit(statement: &mut Parsed, visitor: &mut impl VisitorMut<Break = ()>) {
    match statement {
        Parsed::Statement(statement) => {
            let _ = statement.visit(visitor);
        }
        Parsed::Explain(explain) => visit(&mut explain.statement, visitor),
        Parsed::CopyTo(copy) => {
            if let CopyToSource::Query(query) = &mut copy.source {
                let _ = query.visit(visitor);
            }
        }
        Parsed::CreateExternalTable(_) | Parsed::Reset(_) => {}
    }
}

/// The name in double quotes; a name without them as it is.
fn without_quotes(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

struct AsMeant;

impl VisitorMut for AsMeant {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if select.flavor == SelectFlavor::FromFirstNoSelect {
            select.flavor = SelectFlavor::FromFirst;
            select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
            for part in &mut name.0 {
                if let ObjectNamePart::Identifier(ident) = part
                    && ident.quote_style.is_none()
                {
                    ident.value = ident.value.to_lowercase();
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// The error for rows with two columns of one name, which files and programs cannot tell apart.
pub(crate) fn refuse_twice(schema: &Schema) -> Result<()> {
    let fields: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let twice =
        fields.iter().enumerate().find(|(at, name)| fields.iter().take(*at).any(|other| other == *name));
    match twice {
        None => Ok(()),
        Some((_, name)) => Err(Error::usage(format!("two columns are called {name:?}")).hint(
            "name the columns, and give one of the two another name: SELECT a.x, b.x AS x_2; JOIN b USING (x) gives x once",
        )),
    }
}
