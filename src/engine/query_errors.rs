//! What is wrong with a statement or a condition, in the words of who wrote it.

use arrow::error::ArrowError;
use datafusion::common::{Column, DataFusionError, SchemaError};

use super::errors::ours;
use super::query_ways::{function_elsewhere, instead, of_times};
use crate::error::Error;
use crate::source::type_words::in_words;
use crate::source::vocabulary::nearest;
use crate::sql_text::identifier;

/// Columns listed in a hint.
const COLUMNS_SHOWN: usize = 12;
/// Functions that give tables.
const OVER_FILES: [&str; 4] = ["label_counts", "label_weights", "imbalance", "numbered_rows"];
/// Functions over a label column.
const OVER_LABELS: [&str; 5] = ["positives", "negatives", "missing", "prevalence", "pos_weight"];
/// Aggregates over numbers.
const NUMBERS_ONLY: [&str; 7] = ["sum", "avg", "mean", "var", "var_pop", "stddev", "stddev_pop"];
/// Tables of finished runs.
const OF_RUNS: [&str; 3] = ["counts", "weights", "imbalance"];
/// What the names of our own columns begin with.
const OWN: &str = "__posweight";
/// Prefixes that say nothing.
const PREFIXES: [&str; 7] = [
    "Internal error: ",
    "SQL error: ",
    "Error during planning: ",
    "Execution error: ",
    "Schema error: ",
    "This feature is not implemented: ",
    "Invalid or Unsupported Configuration: ",
];
/// What is said of structs and maps that texts are asked of.
const NO_TEXT: &str = "Unavailable default cast for native type String from physical type ";
/// What is said of a key of a window that has no distances.
const NO_RANGE: &str = "Cannot run range queries on datatype: ";
/// What is wrong, of the text `sql`; errors of our own are as they are.
pub(crate) fn of_sql(cause: &DataFusionError, sql: &str) -> Error {
    if let DataFusionError::SchemaError(error, _) = cause.find_root() {
        match &**error {
            SchemaError::FieldNotFound { field, valid_fields } => return no_column(field, valid_fields, sql),
            SchemaError::AmbiguousReference { field } => {
                let error = Error::usage(format!("several tables have the column {:?}", field.name));
                return error.hint(if sql.to_ascii_lowercase().contains("unnest(") {
                    format!(
                        "beside unnest, a new column takes no name of the table: write AS new_{}",
                        field.name
                    )
                } else {
                    format!("name the table, too: TABLE.{}", field.name)
                });
            }
            _ => {}
        }
    }
    if let Some(message) = cast_error(cause) {
        if message.contains("exceeds the representable") {
            return Error::input(in_words(message)).hint(hint(message));
        }
        if message.contains("to Decimal") {
            return Error::input(in_words(message))
                .hint("it does not fit: take a type with more digits before the point, or compare as CAST(x AS DOUBLE)");
        }
        return Error::input(in_words(message))
            .hint("texts that are no numbers are NULL with TRY_CAST(x AS INT); DESCRIBE NAME shows the types of columns");
    }
    let error = match cause.find_root() {
        // What a statement sets, such as the options of COPY.
        DataFusionError::Configuration(message) => Error::usage(message.clone()),
        _ => ours(cause),
    };
    if let Some(of) = error.to_string().split_once(NO_RANGE).and_then(|(_, of)| of.split('.').next()) {
        return Error::usage(format!("a window cannot be ordered by {}", in_words(of)))
            .hint("order by a number: of an interval i, that is date_part('epoch', i)");
    }
    if let Some(error) = instead(&error, sql) {
        return error;
    }
    let Error::Usage(detail) = &error else { return error };
    if detail.hint.is_some() {
        return error;
    }
    // What is around the root of an error names steps of the engine.
    let root = cause.find_root();
    let is_sql = matches!(root, DataFusionError::Plan(_) | DataFusionError::Execution(_));
    let whole = detail.message.rsplit("caused by\n").next().unwrap_or(&detail.message);
    let message = if is_sql { plain(&root.strip_backtrace()) } else { plain(whole) };
    if let Some(error) = unsupported(&message).or_else(|| wrong_argument(&root.strip_backtrace(), sql)) {
        return error;
    }
    let hint = called(&message).unwrap_or_else(|| hint(&root.strip_backtrace()));
    let first = message.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
    Error::usage(first).hint(hint)
}

/// What is said of a value that a type does not hold, wherever it is in a chain of errors.
fn cast_error(cause: &DataFusionError) -> Option<&str> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(cause);
    while let Some(error) = next {
        if let Some(ArrowError::CastError(message)) = error.downcast_ref::<ArrowError>() {
            return Some(message);
        }
        next = error.source();
    }
    None
}

/// A message without prefixes, names of our own and Arrow's names of types.
fn plain(message: &str) -> String {
    let message = without_prefixes(message);
    let message =
        message.strip_prefix("ParserError(\"").and_then(|m| m.strip_suffix("\")")).unwrap_or(message);
    let message = message
        .strip_prefix("TokenizerError(\"")
        .and_then(|m| m.strip_suffix("\")"))
        .or_else(|| {
            Some(message.split_once("coercion failed with: ")?.1.split_once(" No function matches")?.0)
        })
        .map_or(message, without_prefixes);
    if let Some((_, of)) = message.split_once(NO_TEXT) {
        return format!("a function of texts does not take {}", in_words(of));
    }
    // Signatures that were tried, and types in two spellings.
    let message = message.split(", errors: ").next().unwrap_or(message);
    let message = match message.split_once(" No function matches") {
        Some((first, _)) if !first.is_empty() => first.trim_end_matches('.'),
        _ => message,
    };
    let message = message.split(" (DataType: ").next().unwrap_or(message);
    let message =
        message.replace("requires String", "requires text").replace("received String", "received text");
    let message =
        message.replace("datafusion.public.", "").replace("datafusion.", "").replace("?table?.", "");
    in_words(&message)
}

fn without_prefixes(message: &str) -> &str {
    PREFIXES.iter().fold(message, |message, prefix| message.strip_prefix(prefix).unwrap_or(message))
}

/// What the planner does not know, in place of how the parser writes it down.
fn unsupported(message: &str) -> Option<Error> {
    if message.contains("OuterReferenceColumn") || message.contains("ScalarSubquery(<") {
        return Some(
            Error::usage("a subquery uses a column of the query around it in a way that is not supported")
                .hint("join the two tables, with GROUP BY or ROW_NUMBER() in place of LIMIT"),
        );
    }
    if message.contains("Correlated scalar subquery can only be used in") {
        return Some(
            Error::usage("a subquery that uses a column of the query around it may stand in SELECT, WHERE and HAVING alone")
                .hint("name it in SELECT and sort by the name: SELECT …, (SELECT …) AS k FROM … ORDER BY k"),
        );
    }
    if message.contains("logical expression InSubquery") || message.contains("logical expression Exists") {
        return Some(
            Error::usage("IN (SELECT …) and EXISTS are supported in WHERE and HAVING alone")
                .hint("move it there, or write LEFT JOIN (SELECT DISTINCT y FROM …) AS o ON x = o.y, and ask o.y IS NOT NULL"),
        );
    }
    let is_tree = message.contains("Span(Location(") || message.contains("quote_style:");
    let start = message.find([' ', '(', '{']).filter(|_| is_tree)?;
    let end = message.find(['{', '(']).filter(|end| *end >= start)?;
    let what = message.get(..end).unwrap_or(message).trim();
    Some(
        Error::usage(format!("a clause of the statement is not supported: {what}"))
            .hint("write it in the SQL of PostgreSQL, with SELECT, JOIN, GROUP BY and window functions"),
    )
}

/// An argument that no form of a function takes, in place of all forms that were tried.
fn wrong_argument(message: &str, sql: &str) -> Option<Error> {
    let (before, tried) = message.split_once("' failed to match any signature")?;
    let (_, name) = before.rsplit_once("Function '")?;
    let of = tried.split_once("(DataType: ").and_then(|(_, rest)| rest.split_once(')')).map(|(of, _)| of);
    let of = of.filter(|of| !of.contains('('));
    let argument = argument_of(name, sql);
    let takes_numbers = NUMBERS_ONLY.contains(&name);
    let message = match (argument, of.map(in_words)) {
        (Some(argument), Some(of)) if takes_numbers => {
            format!("{name} takes numbers, but {argument} is {of}")
        }
        (Some(argument), Some(of)) => format!("{name} does not take {argument}, which is {of}"),
        (Some(argument), None) => format!("{name} does not take {argument}"),
        (None, Some(of)) => format!("{name} does not take {of}"),
        (None, None) => format!("{name} does not take this argument"),
    };
    let hint = match (of, argument) {
        (Some("Boolean"), argument) => {
            let x = argument.unwrap_or("x");
            format!("write positives({x}) for how many are true, or prevalence({x}) for the part of them")
        }
        _ => of_times(name, argument, tried).unwrap_or_else(|| {
            "DESCRIBE NAME shows the types of columns; convert one with CAST(x AS DOUBLE), CAST(x AS BIGINT) or CAST(x AS TEXT)".to_owned()
        }),
    };
    Some(Error::usage(message).hint(hint))
}

/// The argument of the only call of a function, if it has no calls inside.
fn argument_of<'s>(name: &str, sql: &'s str) -> Option<&'s str> {
    let (lower, call) = (sql.to_ascii_lowercase(), format!("{name}("));
    let start = lower.find(&call).filter(|first| lower.rfind(&call) == Some(*first))? + call.len();
    let inside = sql.get(start..)?;
    let argument = inside.get(..inside.find([')', ';'])?)?.trim();
    (!argument.is_empty() && !argument.contains('(')).then_some(argument)
}

/// What to do about a function that was called where another kind of function is.
fn called(message: &str) -> Option<String> {
    let quoted = |start: &str| message.strip_prefix(start)?.split_once('\'').map(|(name, _)| name);
    if let Some(name) = quoted("Invalid function '").filter(|name| OVER_FILES.contains(name)) {
        return Some(format!("{name} gives a table: SELECT * FROM {name}('data/')"));
    }
    let name = quoted("table function '").filter(|name| OVER_LABELS.contains(name))?;
    Some(format!("{name} takes a column: SELECT {name}(x) FROM 'data/'"))
}

/// What to do about a message.
fn hint(message: &str) -> String {
    let has = |part: &str| message.contains(part);
    let unknown = message.split_once("Invalid function '").and_then(|(_, rest)| rest.split_once('\''));
    if let Some(way) = unknown.and_then(|(name, _)| function_elsewhere(name)) {
        return format!("write {way}");
    }
    let suggested = message.split_once("Did you mean '").and_then(|(_, rest)| rest.split('\'').next());
    if let Some(near) = suggested.and_then(|near| nearest(unknown?.0, [near])) {
        return format!("did you mean {near}? SHOW FUNCTIONS lists all");
    }
    let hint = if has("not intervals") {
        "write avg(date_part('epoch', i)) * INTERVAL '1 second'"
    } else if has("requires Float") && (has("Timestamp(") || has("Date")) {
        "take the place among numbers, as in percentile_cont(date_part('epoch', t), 0.5), of which to_timestamp(…) makes a time"
    } else if has("unary operator BitwiseNot") {
        "write -1 - x, which is ~x of signed whole numbers"
    } else if has("Conflicting ordering requirements") {
        "aggregates in several orders are lists first: array_to_string(array_agg(x ORDER BY y), ',')"
    } else if has("DISTINCT ON expressions must match") {
        "name the columns of DISTINCT ON (…) in the order in which ORDER BY has them"
    } else if has("Too many columns") {
        "several columns are compared with WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND u.b = t.b), or with a JOIN"
    } else if has("escape_char") {
        "the pattern has to be a text in quotes, as in x LIKE '10!%' ESCAPE '!'"
    } else if has(NO_TEXT) && has("List(") {
        "a list has array_length(x) elements, and is a text with array_to_string(x, ', ')"
    } else if has(NO_TEXT) {
        "name a field of a struct, as in s['field'], or a key of a map, as in m['key'][1]"
    } else if has("requires String") {
        "make a text of it with CAST(x AS TEXT), or of a list with array_to_string(x, ', ')"
    } else if has("represented as nanoseconds") {
        "nanoseconds end in the year 2262: write CAST(x AS TIMESTAMP), which has microseconds"
    } else if has("found: exclude") || has("found: EXCLUDE") {
        "EXCLUDE is not supported: take the row away, as in sum(x) OVER (…) - x"
    } else if has("infer common") && has("Time32(") {
        "compare times of day as CAST(x AS TIME)"
    } else if has("infer common") && has("Interval(") {
        "write an interval with its word: INTERVAL '36 hours'"
    } else if has("Compression feature") {
        "write it without compression, or as Parquet, which is compressed: COPY … TO 'rows.parquet'"
    } else if has("STORED AS") || has("registered file format") {
        "say the format: COPY … TO 'rows/' STORED AS PARQUET; it is PARQUET, CSV, JSON or ARROW, without compression around it"
    } else if has("Unterminated string") || has("Expected close delimiter") {
        "close the quote; a quote inside of a text is written twice: 'it''s'"
    } else if has(" at Line: ") || has("Expected: ") || has("sql parser error") {
        "a word or a sign is missing or misspelt there"
    } else if has("GROUP BY clause") {
        "add the column to GROUP BY, or put it in an aggregate such as positives(x)"
    } else if has("exceeds the representable") {
        "nanoseconds end in the year 2262: compare with microseconds, as in arrow_cast(x, 'Timestamp(µs)') < '9999-12-31'"
    } else if has("infer common")
        || has("No function matches")
        || has("oerce")
        || has("type_coercion")
        || has("failed to match")
        || has("cannot be cast")
        || has("Cannot cast")
    {
        "DESCRIBE NAME shows the types of columns; convert one with CAST(x AS DOUBLE), CAST(x AS BIGINT) or CAST(x AS TEXT)"
    } else if has("Invalid function") || has("table function") {
        "SHOW FUNCTIONS lists all functions"
    } else if has("unique expression names") {
        "give one of the two another name: AS other"
    } else if has("already exists") {
        "choose another name, or write CREATE OR REPLACE"
    } else if has("Insert into not") {
        "only tables of CREATE EXTERNAL TABLE can be written; save rows with COPY (SELECT …) TO 'rows.parquet', or with --out FILE"
    } else {
        "DESCRIBE NAME shows the columns of a table, SHOW FUNCTIONS all functions"
    };
    hint.to_owned()
}

/// There is no column of this name; `valid` are those that there are.
fn no_column(field: &Column, valid: &[Column], sql: &str) -> Error {
    let name = &field.name;
    let whole = match &field.relation {
        Some(relation) if relation.table() != "?table?" => format!("{}.{name}", relation.table()),
        _ => name.clone(),
    };
    let mut known: Vec<&str> =
        valid.iter().map(|column| column.name.as_str()).filter(|known| !known.starts_with(OWN)).collect();
    known.dedup();
    let quoted = |known: &str| {
        format!(
            "write \"{known}\" in double quotes, since names without them are read in lower case and end at dots and dashes"
        )
    };
    let is_written = |known: &&str| {
        let known = *known;
        known.eq_ignore_ascii_case(&whole)
            || known != name && known.eq_ignore_ascii_case(name)
            || known.contains(['.', '-', ' ']) && sql.to_lowercase().contains(&known.to_lowercase())
    };
    let is_in_quotes = sql.contains(&format!("\"{name}\""));
    let near = nearest(name, known.iter().copied());
    let text = format!("texts are in single quotes: '{name}'");
    let hint = match (known.iter().copied().find(is_written), near) {
        (Some(known), _) if !is_in_quotes || known != name => quoted(known),
        (_, Some(near)) if is_in_quotes => format!("did you mean \"{near}\"? {text}"),
        (_, None) if is_in_quotes => text,
        (_, Some(near)) => format!("did you mean {}?", as_written(near)),
        _ if known.is_empty() => "name a table that has it: FROM TABLE".to_owned(),
        _ => {
            let more = if known.len() > COLUMNS_SHOWN { ", …" } else { "" };
            known.truncate(COLUMNS_SHOWN);
            let known: Vec<String> = known.into_iter().map(as_written).collect();
            format!("the columns are {}{more}", known.join(", "))
        }
    };
    Error::usage(format!("there is no column {whole:?}")).hint(hint)
}

/// A name as SQL reads it: in double quotes unless it is a word in lower case.
fn as_written(name: &str) -> String {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_plain = name.chars().all(is_word) && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_plain { name.to_owned() } else { identifier(name) }
}

/// The name of a table as SQL reads it; that of a run is before the point.
fn as_table(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((run, table)) if OF_RUNS.contains(&table) => format!("{}.{table}", as_written(run)),
        _ => as_written(name),
    }
}

/// The error of a condition of `--where`.
pub(crate) fn of_condition(cause: &DataFusionError, condition: &str) -> Error {
    match of_sql(cause, condition) {
        Error::Usage(detail) => {
            let error = Error::usage(format!("--where {condition:?}: {}", detail.message));
            let hint = detail.hint.unwrap_or_default();
            let hint = if hint.contains("DESCRIBE NAME") {
                "give an SQL condition over the columns of the shards, which posweight inspect lists"
                    .to_owned()
            } else {
                hint
            };
            error.hint(hint)
        }
        other => other,
    }
}

/// The same error with what a table that does not exist may be: one of `tables`, or what `run` finds for its name.
pub(crate) fn no_table(error: Error, tables: &[String], run: impl Fn(&str) -> Option<String>) -> Error {
    let Error::Usage(detail) = &error else { return error };
    let Some(name) = missing_table(&detail.message) else { return error };
    let message = detail.message.clone();
    let near = nearest(name, tables.iter().map(String::as_str)).or_else(|| {
        // Names without quotes were read in lower case.
        tables.iter().map(String::as_str).find(|table| table.eq_ignore_ascii_case(name))
    });
    let hint = match near.map(|near| (near, as_table(near))) {
        Some((near, quoted)) if near != quoted && near.eq_ignore_ascii_case(name) => {
            format!(
                "write {quoted}: names without double quotes are read in lower case and end at dots and dashes"
            )
        }
        Some((_, quoted)) => format!("did you mean {quoted}?"),
        None if run(name).is_some() => format!("did you mean {}?", run(name).unwrap_or_default()),
        None => {
            "register it with --table NAME=SHARDS, or put a folder, a file or a glob in quotes: FROM 'data/'"
                .to_owned()
        }
    };
    Error::usage(message).hint(hint)
}

/// The same error where statements may not name files: a function over files is not unknown, but not allowed.
pub(crate) fn no_files(error: Error, are_allowed: bool) -> Error {
    let message = error.to_string();
    let name = message.strip_prefix("table function '").and_then(|rest| rest.strip_suffix("' not found"));
    match name.filter(|name| !are_allowed && OVER_FILES.contains(name)) {
        None => error,
        Some(name) => Error::usage(format!("{name} reads files, and --safe allows registered tables only"))
            .hint("query a registered table, as in SELECT positives(x) FROM NAME, or leave out --safe"),
    }
}

/// The same error of a path that a statement names: it is no key of a spec.
pub(crate) fn of_path(error: Error) -> Error {
    match error.remedy().and_then(|hint| hint.split_once("; relative paths of a spec")) {
        None => error,
        Some((check, _)) => {
            let hint = check.to_owned();
            error.hint(hint)
        }
    }
}

/// The name in `table 'name' not found`.
fn missing_table(message: &str) -> Option<&str> {
    message.strip_prefix("table '")?.strip_suffix("' not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint_of(name: &str, valid: &[&str], sql: &str) -> String {
        let valid: Vec<Column> = valid.iter().map(|name| Column::new(Some("?table?"), *name)).collect();
        let error = no_column(&Column::new(Some("?table?"), name), &valid, sql);
        assert_eq!(error.to_string(), format!("there is no column {name:?}"));
        error.remedy().unwrap().to_owned()
    }

    #[test]
    fn hints_about_columns_fit() {
        let valid = ["split", "Cat", "my.dog", "__posweight_shard"];
        assert!(hint_of("cat", &valid, "Cat = 1").starts_with("write \"Cat\" in double quotes"));
        assert!(hint_of("dog", &valid, "my.dog = 1").starts_with("write \"my.dog\" in double quotes"));
        assert_eq!(hint_of("train", &valid, "split = \"train\""), "texts are in single quotes: 'train'");
        assert_eq!(hint_of("splt", &valid, "splt = 1"), "did you mean split?");
        assert_eq!(hint_of("ct", &valid, "ct = 1"), "did you mean \"Cat\"?");
        assert_eq!(hint_of("x", &valid, "x = 1"), "the columns are split, \"Cat\", \"my.dog\"");
        assert_eq!(hint_of("x", &[], "SELECT x"), "name a table that has it: FROM TABLE");
    }

    #[test]
    fn arguments_are_named_and_trees_are_not_shown() {
        let tried = "Function 'avg' failed to match any signature, errors: Error during planning: Function 'avg' requires Decimal, but received Boolean (DataType: Boolean).,Error";
        let error = wrong_argument(tried, "SELECT AVG( \"Toxic\" ) FROM a").unwrap();
        assert_eq!(error.to_string(), "avg takes numbers, but \"Toxic\" is bool");
        assert!(error.remedy().unwrap().contains("prevalence(\"Toxic\")"));
        let error = wrong_argument(tried, "SELECT mean(x) FROM a").unwrap();
        assert_eq!(error.to_string(), "avg does not take bool");
        assert!(
            hint("SELECT DISTINCT ON expressions must match initial ORDER BY expressions")
                .contains("in the order")
        );
        assert!(
            hint("Conflicting ordering requirements in aggregate functions")
                .contains("array_agg(x ORDER BY y)")
        );
        let error = wrong_argument(tried, "SELECT avg(x), avg(toxic) FROM a").unwrap();
        assert_eq!(error.to_string(), "avg does not take bool");
        let tree = "Unsupported expression Map { value: \"a\", quote_style: None, span: Span(Location(1,15)..Location(1,18)) }";
        let error = unsupported(tree).unwrap();
        assert_eq!(
            error.to_string(),
            "a clause of the statement is not supported: Unsupported expression Map"
        );
        assert!(unsupported("there is no column \"x\" (y)").is_none());
    }

    #[test]
    fn messages_have_no_names_of_the_engine() {
        let message = "Error during planning: Cannot infer common argument type for comparison operation Int64 = List(Utf8) of ?table?.x";
        assert_eq!(
            plain(message),
            "Cannot infer common argument type for comparison operation 64-bit integer = List(text) of x"
        );
        assert_eq!(missing_table("table 'wieghts.counts' not found"), Some("wieghts.counts"));
    }
}
