//! Ways out of what queries ask for and the engine has not, where its own message says none.

use crate::error::Error;
use crate::source::type_words::in_words;

/// Aggregates that add or order numbers, and may be asked for the same of times.
const OF_NUMBERS: [&str; 6] =
    ["avg", "mean", "median", "percentile_cont", "quantile_cont", "approx_percentile_cont"];
/// Statements that change rows of files.
const CHANGES: [&str; 3] = ["DELETE", "UPDATE", "TRUNCATE"];
/// Words of names of statements that SQL writes otherwise.
const SPELLED: [(&str, &str); 7] = [
    ("MEMORY TABLE", "TABLE"),
    ("CATALOG SCHEMA", "SCHEMA"),
    ("CATALOG", "DATABASE"),
    ("SET VARIABLE", "SET"),
    ("RESET VARIABLE", "RESET"),
    ("TRANSACTION START", "BEGIN"),
    ("TRANSACTION END", "COMMIT"),
];

/// Functions of other engines, and how this one says the same.
const ELSEWHERE: [(&str, &str); 42] = [
    ("year", "date_part('year', x)"),
    ("quarter", "date_part('quarter', x)"),
    ("month", "date_part('month', x)"),
    ("week", "date_part('week', x)"),
    ("day", "date_part('day', x)"),
    ("dayofweek", "date_part('dow', x)"),
    ("dayofyear", "date_part('doy', x)"),
    ("hour", "date_part('hour', x)"),
    ("minute", "date_part('minute', x)"),
    ("second", "date_part('second', x)"),
    ("strftime", "to_char(x, '%Y-%m-%d')"),
    ("date_format", "to_char(x, '%Y-%m-%d')"),
    ("strptime", "to_timestamp(x, '%Y-%m-%d')"),
    ("age", "a - b"),
    ("last_day", "CAST(date_trunc('month', x) + INTERVAL '1 month' - INTERVAL '1 day' AS DATE)"),
    ("isfinite", "abs(x) < CAST('Infinity' AS DOUBLE)"),
    ("isinf", "abs(x) = CAST('Infinity' AS DOUBLE)"),
    (
        "percentile_disc",
        "SELECT min(x) FROM (SELECT x, cume_dist() OVER (ORDER BY x) AS c FROM t WHERE x IS NOT NULL) WHERE c >= 0.5",
    ),
    ("date_diff", DAYS_BETWEEN),
    ("datediff", DAYS_BETWEEN),
    ("len", "length(x)"),
    ("bitwise_not", "-1 - x"),
    ("xor", "(a | b) - (a & b)"),
    ("arg_max", "first_value(x ORDER BY y DESC NULLS LAST)"),
    ("max_by", "first_value(x ORDER BY y DESC NULLS LAST)"),
    ("arg_min", "first_value(x ORDER BY y)"),
    ("min_by", "first_value(x ORDER BY y)"),
    ("count_if", "count(*) FILTER (WHERE x)"),
    ("countif", "count(*) FILTER (WHERE x)"),
    ("mode", "SELECT x, count(*) FROM … GROUP BY x ORDER BY 2 DESC LIMIT 1"),
    ("any_value", "first_value(x)"),
    ("first", "first_value(x ORDER BY y)"),
    ("last", "last_value(x ORDER BY y)"),
    ("list", "array_agg(x)"),
    ("group_concat", "string_agg(x, ',')"),
    ("listagg", "string_agg(x, ',')"),
    ("if", "CASE WHEN x > 1 THEN a ELSE b END"),
    ("iff", "CASE WHEN x > 1 THEN a ELSE b END"),
    ("ifnull", "coalesce(x, y)"),
    ("dayname", "to_char(x, '%A')"),
    ("monthname", "to_char(x, '%B')"),
    ("width_bucket", "CAST(floor((x - low) / (high - low) * n) AS INT) + 1"),
];

/// How long it is from one time to another.
const DAYS_BETWEEN: &str =
    "CAST(b AS DATE) - CAST(a AS DATE) for days, or date_part('epoch', b - a) for seconds between times";

/// What only other engines take, by what this one says of it: what it is, and how it is written here.
const CLAUSES: [(&str, &str, &str); 6] = [
    (
        "join operator semi",
        "SEMI JOIN needs the side whose rows are kept",
        "write LEFT SEMI JOIN, or WHERE x IN (SELECT y FROM u)",
    ),
    (
        "join operator anti",
        "ANTI JOIN needs the side whose rows are kept",
        "write LEFT ANTI JOIN, or WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.y = t.x)",
    ),
    (
        "not be used as a sliding accumulator",
        "this aggregate takes no window that leaves rows behind",
        "begin the frame with UNBOUNDED PRECEDING; bool_and(x) is min(CAST(x AS INT)) = 1, and a text of the last rows array_to_string(array_agg(x) OVER (…), ',')",
    ),
    (
        "first argument must be a timestamp or null",
        "a series of times stands in SELECT, not in FROM",
        "write SELECT unnest(generate_series(a, b, INTERVAL '1 day')) AS t",
    ),
    ("found: pivot", "PIVOT is not supported", PIVOT),
    (
        "found: unpivot",
        "UNPIVOT is not supported",
        "write SELECT 'a' AS name, a AS x FROM t UNION ALL SELECT 'b', b FROM t",
    ),
];

/// Values that become columns.
const PIVOT: &str = "write an aggregate for each column: count(*) FILTER (WHERE x = 'a') AS a";

/// How to write a function of another engine.
pub(super) fn function_elsewhere(name: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, way)| *way)
}

/// The error in place of one of the engine, of the statement `sql`.
pub(super) fn instead(error: &Error, sql: &str) -> Option<Error> {
    let message = error.to_string();
    let has = |part: &str| message.contains(part);
    if has("OuterReferenceColumn") || has("table function 'unnest' not found") {
        return nested_in_from(sql);
    }
    let said = message.to_ascii_lowercase();
    if let Some((_, what, way)) = CLAUSES.iter().find(|(of, _, _)| said.contains(of)) {
        return Some(Error::usage(*what).hint(*way));
    }
    let has_sets = ["rollup(", "cube("].iter().any(|of| sql.to_ascii_lowercase().contains(of));
    if has_sets && has("Expected: ), found: ") {
        return Some(
            Error::usage("what begins with a bracket in ROLLUP or CUBE is a set of columns")
                .hint("let an expression begin with something else, as in ROLLUP(10 * (x / 10), y)"),
        );
    }
    if has("Divide by zero") {
        return Some(Error::input("a number is divided by 0, perhaps in a row that another condition leaves out").hint(
            "write x / nullif(y, 0), which is NULL where y is 0, or CASE WHEN y <> 0 THEN x / y > 4 END in conditions",
        ));
    }
    if has("Timestamp out of range") {
        return Some(
            Error::input(
                "a time plus days or months lies beyond its type, or in an hour that its zone skips or has twice",
            )
            .hint(
                "nanoseconds end in 2262: CAST(x AS TIMESTAMP) has microseconds; in a zone, add hours, as in x + INTERVAL '24 hours', or add to x AT TIME ZONE 'UTC'",
            ),
        );
    }
    if has("Error parsing timestamp") {
        return Some(Error::input(in_words(message.trim_start_matches("Parser error: "))).hint(
            "times are written as '2026-11-29 12:00:00'; a column of texts in another form is read with to_timestamp(x, '%Y-%m-%d %H:%M')",
        ));
    }
    if let Some((_, parsed)) = message.split_once("regex parse error") {
        let why =
            parsed.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it is not complete");
        return Some(Error::usage(format!("a regular expression cannot be read: {why}")).hint(
            "a sign that stands for itself has a backslash before it, as in x ~ '\\(beta\\)'; for a part of a text, write strpos(x, '(beta)') > 0",
        ));
    }
    if has("is not supported in CSV") {
        return Some(Error::input(in_words(message.trim_start_matches("Csv error: "))).hint(
            "copy to 'rows.parquet' or 'rows.json'; in CSV, a list is a text with array_to_string(x, ', '), and a struct its fields: s['field']",
        ));
    }
    let are_alike = has("require unique expression names") && has("CAST(");
    if has("duplicate unqualified field name") || are_alike {
        return Some(Error::usage("two parts of the query differ in a cast alone, and are taken for one").hint(
            "cast in a subquery: SELECT sum(x) AS a, sum(y) AS b FROM (SELECT x, CAST(x AS BIGINT) AS y FROM t)",
        ));
    }
    if has("Unary operator '-' only supports signed") {
        return Some(Error::usage("-x of an unsigned number is not supported").hint("write 0 - x"));
    }
    let long = [("decade", 10), ("century", 100), ("millennium", 1000)];
    let is_named = |part: &str| said.contains(&format!("date part '{part}' not supported"));
    if let Some((part, years)) = long.into_iter().find(|(part, _)| is_named(part)) {
        let more = if years > 10 { format!(" + {}", years - 1) } else { String::new() };
        return Some(
            Error::usage(format!("a date has no part {part:?} here"))
                .hint(format!("write floor((date_part('year', x){more}) / {years})")),
        );
    }
    if has("ANY in LIKE expression") {
        return Some(Error::usage("LIKE ANY is not supported").hint("write x LIKE 'a%' OR x LIKE 'b%'"));
    }
    let what = CHANGES.into_iter().find(|what| has(&format!("{what} operation on table")))?;
    Some(Error::usage(format!("{what} is not supported: rows of files are only added")).hint(
        "INSERT adds rows; copy those that shall stay to another place: COPY (SELECT * FROM t WHERE x > 0) TO 'kept.parquet'",
    ))
}

/// Lists of a table that are taken apart beside it.
fn nested_in_from(sql: &str) -> Option<Error> {
    let start = sql.to_ascii_lowercase().find("unnest(")? + "unnest(".len();
    let argument = sql.get(start..)?.split([')', ',']).next()?.trim();
    let list = argument.rsplit('.').next().filter(|list| !list.is_empty())?;
    Some(Error::usage("unnest in FROM takes no columns of a table beside it").hint(format!(
        "write it in SELECT, as in SELECT item, count(*) FROM (SELECT unnest({list}) AS item FROM t) AS u GROUP BY item"
    )))
}

/// How to get an average or a median of times, from `tried`, which has the types of the arguments.
pub(super) fn of_times(function: &str, argument: Option<&str>, tried: &str) -> Option<String> {
    if !OF_NUMBERS.contains(&function) {
        return None;
    }
    let (x, share) = (argument.unwrap_or("x"), if function.contains("percentile") { ", 0.5" } else { "" });
    let x = x.split(',').next().unwrap_or(x).trim();
    if tried.contains("Timestamp(") {
        return Some(format!("write to_timestamp({function}(date_part('epoch', {x}){share}))"));
    }
    (tried.contains("Date32") || tried.contains("Date64")).then(|| {
        format!("write DATE '1970-01-01' + CAST(round({function}({x} - DATE '1970-01-01'{share})) AS INT)")
    })
}

/// The name of a statement as SQL writes it, such as `DROP TABLE` for `DropTable`.
pub(super) fn spelled(name: &str) -> String {
    let mut words = String::new();
    for sign in name.chars() {
        if sign.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(sign.to_uppercase());
    }
    SPELLED
        .iter()
        .find(|(of, _)| words.ends_with(of))
        .map_or_else(|| words.clone(), |(of, sql)| words.replace(of, sql))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_called_as_they_are_written() {
        for (name, expected) in [
            ("DropTable", "DROP TABLE"),
            ("SetVariable", "SET"),
            ("CreateMemoryTable", "CREATE TABLE"),
            ("CreateCatalogSchema", "CREATE SCHEMA"),
            ("CreateCatalog", "CREATE DATABASE"),
            ("TransactionStart", "BEGIN"),
            ("Prepare", "PREPARE"),
        ] {
            assert_eq!(spelled(name), expected);
        }
    }
}
