//! Refuses clauses that the parser takes and the planner ignores: their rows would be wrong without a word.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Insert,
    JoinConstraint, JoinOperator, NamedWindowDefinition, NamedWindowExpr, Query, Select, SelectItem, SetExpr,
    SetOperator, SetQuantifier, Statement as SqlStatement, TableFactor, TableWithJoins, Visit, Visitor,
    WindowType,
};

use crate::engine::rules::using_columns::has_unclear_star;
use crate::error::Error;

/// Refuses a statement with a clause that would change nothing. `is_of_values` says whether a function is no aggregate and
/// no window function.
pub(super) fn check_clauses(statement: &Parsed, is_of_values: &dyn Fn(&str) -> bool) -> Result<(), Error> {
    let found = match statement {
        Parsed::Statement(statement) => clause_in(&**statement, is_of_values),
        Parsed::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => clause_in(&**query, is_of_values),
            CopyToSource::Relation(_) => None,
        },
        Parsed::Explain(explain) => return check_clauses(&explain.statement, is_of_values),
        Parsed::CreateExternalTable(_) | Parsed::Reset(_) => None,
    };
    match found {
        None => Ok(()),
        Some(Clause { name, instead }) => {
            Err(Error::usage(format!("{name} is not supported")).hint(instead.to_owned()))
        }
    }
}

/// A clause, and what to write in its place.
struct Clause {
    name: &'static str,
    instead: &'static str,
}

fn clause_in(part: &impl Visit, is_of_values: &dyn Fn(&str) -> bool) -> Option<Clause> {
    match part.visit(&mut ClauseSearch { is_of_values }) {
        ControlFlow::Break(clause) => Some(clause),
        ControlFlow::Continue(()) => None,
    }
}

/// Ends at the first clause that would be ignored.
struct ClauseSearch<'a> {
    is_of_values: &'a dyn Fn(&str) -> bool,
}

fn first(found: &[(bool, &'static str, &'static str)]) -> ControlFlow<Clause> {
    match found.iter().find(|(is_there, ..)| *is_there) {
        Some((_, name, instead)) => ControlFlow::Break(Clause { name, instead }),
        None => ControlFlow::Continue(()),
    }
}

/// Where `ALL` keeps duplicates apart, which the join that is made of it does not.
fn keeps_duplicates(body: &SetExpr) -> bool {
    match body {
        SetExpr::SetOperation { op, set_quantifier, left, right } => {
            let is_join = matches!(op, SetOperator::Except | SetOperator::Intersect | SetOperator::Minus);
            let keeps = matches!(set_quantifier, SetQuantifier::All | SetQuantifier::AllByName);
            is_join && keeps || keeps_duplicates(left) || keeps_duplicates(right)
        }
        _ => false,
    }
}

/// Whether a join keeps rows of its right side alone and has one column for two: that column would be of the left side.
fn loses_keys(table: &TableWithJoins) -> bool {
    use JoinConstraint::{Natural, Using};
    use JoinOperator::{FullOuter, Right, RightOuter};
    table.joins.iter().any(|join| {
        matches!(
            join.join_operator,
            Right(Using(_) | Natural) | RightOuter(Using(_) | Natural) | FullOuter(Using(_) | Natural)
        )
    })
}

const LOSES_KEYS: &str = "RIGHT or FULL JOIN with USING or NATURAL";
const NAMED_KEYS: &str =
    "write ON a.id = b.id, and coalesce(a.id, b.id) AS id for the column; a RIGHT JOIN b is b LEFT JOIN a";

/// Whether a star asks for other columns, or other names, than all.
fn renames(item: &SelectItem) -> bool {
    let (SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)) = item else {
        return false;
    };
    options.opt_ilike.is_some() || options.opt_rename.is_some() || options.opt_alias.is_some()
}

/// Whether a call says something of the rows that a function takes.
fn is_of_rows(call: &Function) -> bool {
    let of_list = match &call.args {
        FunctionArguments::List(list) => list.duplicate_treatment.is_some() || !list.clauses.is_empty(),
        _ => false,
    };
    let has_more = call.filter.is_some() || call.over.is_some() || call.null_treatment.is_some();
    of_list || has_more || !call.within_group.is_empty()
}

/// Whether a function takes distinct rows.
fn is_of_distinct_rows(call: &Function) -> bool {
    let FunctionArguments::List(list) = &call.args else { return false };
    let is_star = |of: &FunctionArg| matches!(of, FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
    list.duplicate_treatment == Some(DuplicateTreatment::Distinct) && list.args.iter().any(is_star)
}

/// Whether the definition of a window begins with the name of another one.
fn extends_window(NamedWindowDefinition(_, window): &NamedWindowDefinition) -> bool {
    matches!(window, NamedWindowExpr::WindowSpec(window) if window.window_name.is_some())
}

const EXTENDED_WINDOW: &str = "a window with the name of another one, and a part of it said again,";
const WHOLE_WINDOW: &str =
    "write OVER w for the window w as it is, or all of it: OVER (PARTITION BY g ORDER BY x)";

/// Whether a join takes the nearest row, which no plan can.
fn is_nearest(from: &[TableWithJoins]) -> bool {
    let mut joins = from.iter().flat_map(|table| &table.joins);
    joins.any(|join| matches!(join.join_operator, JoinOperator::AsOf { .. }))
}

impl Visitor for ClauseSearch<'_> {
    type Break = Clause;

    fn pre_visit_statement(&mut self, statement: &SqlStatement) -> ControlFlow<Clause> {
        let SqlStatement::Insert(Insert { source: Some(rows), .. }) = statement else {
            return ControlFlow::Continue(());
        };
        // They would be cast to the columns of the table before the query calculates with them.
        let is_lost = !matches!(*rows.body, SetExpr::Values(_)) && rows.visit(&mut ValuesSearch).is_break();
        first(&[(
            is_lost,
            "VALUES within the query of an INSERT",
            "name the rows before: CREATE VIEW v AS SELECT …; INSERT INTO t SELECT * FROM v",
        )])
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Clause> {
        first(&[
            (
                keeps_duplicates(&query.body),
                "EXCEPT ALL or INTERSECT ALL",
                "leave out ALL, or count the rows with GROUP BY and join the counts",
            ),
            (query.fetch.is_some(), "FETCH FIRST", "write LIMIT at the end: SELECT x FROM … LIMIT 3"),
            (!query.locks.is_empty(), "FOR UPDATE", "leave it out: queries only read"),
            (
                query.for_clause.is_some(),
                "FOR XML, FOR JSON or FOR BROWSE",
                "choose the format with --format",
            ),
            (query.format_clause.is_some(), "FORMAT", "choose the format with --format"),
            (query.settings.is_some(), "SETTINGS", "use flags such as --memory-limit and --threads"),
        ])
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Clause> {
        let (GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers)) = &select.group_by;
        first(&[
            (
                select.projection.is_empty(),
                "SELECT without columns",
                "name the columns, or take all of them: SELECT * FROM …",
            ),
            (select.top.is_some(), "TOP", "write LIMIT at the end: SELECT x FROM … LIMIT 3"),
            (
                is_nearest(&select.from),
                "ASOF JOIN",
                "join with a.time >= b.time, and keep the row of each a.id with ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.time DESC) = 1",
            ),
            (select.from.iter().any(loses_keys), LOSES_KEYS, NAMED_KEYS),
            (
                has_unclear_star(select),
                "this * over a NATURAL JOIN, or a LEFT JOIN with USING",
                "name all tables, and write USING: SELECT * FROM … AS a LEFT JOIN … AS b USING (id); or name the columns",
            ),
            (select.prewhere.is_some(), "PREWHERE", "write WHERE"),
            (
                select.projection.iter().any(renames),
                "* with ILIKE, RENAME or AS",
                "name the columns: SELECT a, b AS c FROM …",
            ),
            (select.named_window.iter().any(extends_window), EXTENDED_WINDOW, WHOLE_WINDOW),
            (!select.connect_by.is_empty(), "CONNECT BY", "write WITH RECURSIVE"),
            (
                !modifiers.is_empty(),
                "GROUP BY … WITH ROLLUP, CUBE or TOTALS",
                "write GROUP BY ROLLUP (a, b) or GROUP BY CUBE (a, b)",
            ),
        ])
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Clause> {
        let Expr::Function(call) = expression else { return ControlFlow::Continue(()) };
        let extends =
            matches!(&call.over, Some(WindowType::WindowSpec(window)) if window.window_name.is_some());
        let is_of_values = (self.is_of_values)(&call.name.to_string().to_lowercase());
        first(&[
            (extends, EXTENDED_WINDOW, WHOLE_WINDOW),
            (
                is_of_values && is_of_rows(call),
                "DISTINCT, FILTER, ORDER BY, OVER or IGNORE NULLS of a function of single values",
                "leave it out, or write an aggregate such as sum(x) FILTER (WHERE x > 3)",
            ),
            (
                is_of_distinct_rows(call),
                "DISTINCT *",
                "write SELECT count(*) FROM (SELECT DISTINCT * FROM …)",
            ),
        ])
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Clause> {
        let sampled = "write WHERE with a condition such as id % 10 = 0, or LIMIT";
        match factor {
            TableFactor::Table { sample, with_hints, partitions, index_hints, version, .. } => first(&[
                (sample.is_some(), "TABLESAMPLE", sampled),
                (!with_hints.is_empty() || !index_hints.is_empty(), "a table hint", "leave it out"),
                (!partitions.is_empty(), "PARTITION (…)", "write WHERE with the key of the folders"),
                (version.is_some(), "a version of a table", "use --table-version or --table-timestamp"),
            ]),
            TableFactor::Pivot { .. } => first(&[(
                true,
                "PIVOT",
                "write an aggregate for each column: count(*) FILTER (WHERE split = 'test') AS test",
            )]),
            TableFactor::Unpivot { .. } => first(&[(
                true,
                "UNPIVOT",
                "write a SELECT for each column: SELECT 'cat' AS label, cat AS value FROM … UNION ALL SELECT 'dog', dog FROM …",
            )]),
            TableFactor::NestedJoin { table_with_joins, .. } => {
                first(&[(loses_keys(table_with_joins), LOSES_KEYS, NAMED_KEYS)])
            }
            TableFactor::Derived { sample, .. } => first(&[(sample.is_some(), "TABLESAMPLE", sampled)]),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Ends at the first list of values.
struct ValuesSearch;

impl Visitor for ValuesSearch {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if has_values(&query.body) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn has_values(body: &SetExpr) -> bool {
    match body {
        SetExpr::Values(_) => true,
        SetExpr::SetOperation { left, right, .. } => has_values(left) || has_values(right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn refused(sql: &str) -> Option<String> {
        let statements = DFParser::parse_sql(sql).unwrap();
        check_clauses(&statements[0], &|name| name == "abs").err().map(|error| error.to_string())
    }

    #[test]
    fn clauses_that_would_change_nothing_are_refused_wherever_they_are() {
        for (sql, word) in [
            ("SELECT * FROM a TABLESAMPLE (10 PERCENT)", "TABLESAMPLE"),
            ("EXPLAIN SELECT * FROM a TABLESAMPLE BERNOULLI (10)", "TABLESAMPLE"),
            ("SELECT * FROM (SELECT x FROM a) b TABLESAMPLE (10 ROWS)", "TABLESAMPLE"),
            ("COPY (SELECT x FROM a PREWHERE x = 0) TO 'b.csv'", "PREWHERE"),
            ("SELECT * ILIKE 'x%' FROM a", "* with ILIKE, RENAME or AS"),
            ("INSERT INTO t SELECT sum(a) FROM (VALUES (1.4)) AS v(a)", "VALUES within the query"),
            ("INSERT INTO t WITH v(a) AS (VALUES (1)) SELECT a FROM v", "VALUES within the query"),
            ("INSERT INTO t SELECT a FROM b UNION ALL VALUES (1)", "VALUES within the query"),
            (
                "INSERT INTO t SELECT a FROM b WHERE a IN (SELECT * FROM (VALUES (1.4)) AS q(k))",
                "VALUES within the query",
            ),
            ("SELECT * FROM b LEFT JOIN f('x') USING (id)", "a LEFT JOIN with USING"),
            ("SELECT * FROM b NATURAL LEFT JOIN a", "* over a NATURAL JOIN"),
            ("SELECT count(DISTINCT *) FROM a", "DISTINCT *"),
            ("SELECT abs(x) FILTER (WHERE x > 3) FROM a", "a function of single values"),
            ("SELECT abs(DISTINCT x) FROM a", "a function of single values"),
            ("SELECT abs(x) OVER (ORDER BY y) FROM a", "a function of single values"),
            ("SELECT sum(x) OVER (w ORDER BY y) FROM a WINDOW w AS (PARTITION BY g)", EXTENDED_WINDOW),
            (
                "SELECT sum(x) OVER v FROM a WINDOW w AS (PARTITION BY g), v AS (w ORDER BY y)",
                EXTENDED_WINDOW,
            ),
            ("SELECT x, count(*) FROM a GROUP BY x WITH ROLLUP", "ROLLUP"),
            (
                "SELECT x FROM a UNION SELECT y FROM b WHERE y IN (SELECT x FROM a EXCEPT ALL SELECT 1)",
                "EXCEPT ALL",
            ),
            ("SELECT x FROM a INTERSECT ALL SELECT x FROM b", "INTERSECT ALL"),
            ("SELECT x FROM a FOR UPDATE", "FOR UPDATE"),
            ("SELECT FROM a", "without columns"),
            ("SELECT x FROM a WHERE EXISTS (SELECT FROM b)", "without columns"),
            ("SELECT TOP 3 x FROM a", "TOP"),
            ("SELECT x FROM a FETCH FIRST 2 ROWS ONLY", "FETCH"),
            ("SELECT * FROM a PIVOT (count(x) FOR y IN (1, 2))", "PIVOT"),
            ("SELECT * FROM a UNPIVOT (x FOR y IN (b, c))", "UNPIVOT"),
            ("SELECT 1 FROM a ASOF JOIN b MATCH_CONDITION (a.t >= b.t) ON a.x = b.x", "ASOF"),
            ("CREATE VIEW v AS SELECT x FROM a WITH (NOLOCK)", "hint"),
            ("SELECT x FROM a FULL JOIN b USING (x)", "FULL JOIN"),
            ("SELECT x FROM a NATURAL RIGHT JOIN b", "FULL JOIN"),
            ("SELECT x FROM c, (a RIGHT OUTER JOIN b USING (x))", "FULL JOIN"),
        ] {
            assert!(refused(sql).is_some_and(|message| message.contains(word)), "{sql}: {:?}", refused(sql));
        }
        for sql in [
            "SELECT x, count(*) FROM a GROUP BY ROLLUP (x, y)",
            "SELECT x FROM a EXCEPT SELECT x FROM b",
            "SELECT x FROM a LEFT JOIN b USING (x) FULL JOIN c ON a.x = c.x",
            "SELECT x FROM a UNION ALL SELECT x FROM b",
        ] {
            assert_eq!(refused(sql), None, "{sql}");
        }
    }
}
