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

/// The error in place of one of the engine, of the statement `sql`.
pub(super) fn instead(error: &Error, sql: &str) -> Option<Error> {
    let message = error.to_string();
    let has = |part: &str| message.contains(part);
    if has("OuterReferenceColumn") || has("table function 'unnest' not found") {
        return nested_in_from(sql);
    }
    if has("Error parsing timestamp") {
        return Some(Error::input(in_words(message.trim_start_matches("Parser error: "))).hint(
            "times are written as '2026-11-29 12:00:00'; a column of texts in another form is read with to_timestamp(x, '%Y-%m-%d %H:%M')",
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
    let is_named =
        |part: &str| message.to_ascii_lowercase().contains(&format!("date part '{part}' not supported"));
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
