//! Numbers are compared with numbers alone.
//!
//! DataFusion takes a date for its days since 1970, and a text for the number that it may be: `day >= 2024-05-05` is a
//! subtraction, which every day meets, and `'007' = 7` holds. A text in quotes is what it stands beside, as in other
//! engines; any other text is none.

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::utils::quote_identifier;
use datafusion::common::{Column, DFSchema, Result as DfResult, TableReference};
use datafusion::logical_expr::expr::{Case, InSubquery, ScalarFunction, SetComparison};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Join, LogicalPlan, Operator, Union};

use crate::engine::errors::external;
use crate::engine::rules::compared::compared;
use crate::error::Error;
use crate::source::type_words::type_words;

/// Functions that give one of their values, or compare them.
const OF_VALUES: [&str; 5] = ["coalesce", "greatest", "least", "make_array", "nullif"];
/// Functions that look for a value, or for those of another list, in a list.
const OF_LISTS: [&str; 14] = [
    "array_except",
    "array_has",
    "array_has_all",
    "array_has_any",
    "array_intersect",
    "array_position",
    "array_positions",
    "array_remove",
    "array_remove_all",
    "array_remove_n",
    "array_replace",
    "array_replace_all",
    "array_replace_n",
    "array_union",
];

/// A value that is no number, beside a number.
#[derive(Debug)]
pub(in crate::engine) struct BesideNumber {
    other: Expr,
    of: DataType,
    number: Expr,
    of_number: DataType,
    /// The operator, if the value is on its left.
    operator: Option<Operator>,
    is_compared: bool,
}

/// Refuses an expression that has numbers beside other values.
pub(super) fn check_kinds(part: &Expr, schema: &DFSchema) -> DfResult<()> {
    match beside_number(part, schema) {
        Some(mixed) => Err(external(mixed.refused())),
        None => Ok(()),
    }
}

/// What an expression compares with a number, or gives in place of one, although it is none.
pub(in crate::engine) fn beside_number(part: &Expr, schema: &DFSchema) -> Option<BesideNumber> {
    let of = |side: &Expr| side.get_type(schema).ok();
    let is_given = |mixed: BesideNumber| BesideNumber { is_compared: false, ..mixed };
    match part {
        Expr::ScalarFunction(ScalarFunction { func, args }) if OF_VALUES.contains(&func.name()) => {
            mixed(args.iter().map(|side| (side, of(side))), true).map(is_given)
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if OF_LISTS.contains(&func.name()) => {
            let values = if func.name().starts_with("array_replace") { 3 } else { 2 };
            mixed(args.iter().take(values).map(|side| (side, of(side).map(item))), true)
        }
        Expr::InSubquery(InSubquery { expr, subquery, .. })
        | Expr::SetComparison(SetComparison { expr, subquery, .. }) => {
            let (column, field) = subquery.subquery.schema().iter().next().map(named)?;
            mixed([(&**expr, of(expr)), (&column, Some(field))], true)
        }
        Expr::Case(Case { when_then_expr, else_expr, .. }) => {
            let values = when_then_expr.iter().map(|(_, then)| &**then).chain(else_expr.as_deref());
            let compared = mixed(compared(part).into_iter().map(|side| (side, of(side))), true);
            compared.or_else(|| mixed(values.map(|side| (side, of(side))), false).map(is_given))
        }
        _ => {
            let mut found = mixed(compared(part).into_iter().map(|side| (side, of(side))), true)?;
            if let Expr::BinaryExpr(BinaryExpr { left, op, .. }) = part {
                found.operator = Some(*op).filter(|_| **left == found.other);
            }
            Some(found)
        }
    }
}

/// Refuses joins whose keys, and unions whose columns are of several kinds. A union of texts and numbers is one of texts.
pub(super) fn check_columns(plan: &LogicalPlan) -> DfResult<()> {
    match plan {
        LogicalPlan::Join(Join { on, left, right, .. }) => on.iter().try_for_each(|(key, other)| {
            let of_key = key.get_type(left.schema()).ok();
            match mixed([(key, of_key), (other, other.get_type(right.schema()).ok())], true) {
                Some(found) => Err(external(found.refused())),
                None => Ok(()),
            }
        }),
        LogicalPlan::Union(Union { inputs, schema }) => (0..schema.fields().len()).try_for_each(|at| {
            let columns = inputs.iter().filter_map(|input| input.schema().iter().nth(at).map(named));
            let columns: Vec<_> = columns.collect();
            match mixed(columns.iter().map(|(column, of)| (column, Some(of.clone()))), false) {
                Some(found) => Err(external(found.in_union(at + 1))),
                None => Ok(()),
            }
        }),
        _ => Ok(()),
    }
}

/// A column with its type.
fn named((relation, field): (Option<&TableReference>, &FieldRef)) -> (Expr, DataType) {
    (Expr::Column(Column::from((relation, field))), field.data_type().clone())
}

/// Of values that are compared, one that is no number and a number beside it.
fn mixed<'e>(
    sides: impl IntoIterator<Item = (&'e Expr, Option<DataType>)>,
    with_texts: bool,
) -> Option<BesideNumber> {
    // Long lists have few types.
    let mut kinds: Vec<(&Expr, DataType, bool)> = Vec::new();
    for (side, of) in sides {
        let Some(of) = of else { continue };
        let reads_text = with_texts && !is_in_quotes(side);
        if !kinds.iter().any(|(_, known, reads)| *known == of && *reads == reads_text) {
            kinds.push((side, of, reads_text));
        }
    }
    kinds.iter().find_map(|(other, of, reads_text)| {
        let (number, of_number, _) =
            kinds.iter().find(|(_, number, _)| is_beside(of, number, *reads_text))?;
        Some(BesideNumber {
            other: (*other).clone(),
            of: of.clone(),
            number: (*number).clone(),
            of_number: of_number.clone(),
            operator: None,
            is_compared: true,
        })
    })
}

/// A text as it is written, which is of the type of what it stands beside.
fn is_in_quotes(side: &Expr) -> bool {
    matches!(side, Expr::Literal(value, _) if value.data_type().is_string())
}

/// Whether values of the first type are no numbers, and those of the second one are.
fn is_beside(of: &DataType, number: &DataType, with_texts: bool) -> bool {
    match (plain(of), plain(number)) {
        (DataType::Struct(of), DataType::Struct(number)) => of.iter().zip(number).any(|(of, number)| {
            let (of, number) = (of.data_type(), number.data_type());
            is_beside(of, number, with_texts) || is_beside(number, of, with_texts)
        }),
        (of, number) => match (item_of(of), item_of(number)) {
            (Some(of), Some(number)) => {
                is_beside(of, number, with_texts) || is_beside(number, of, with_texts)
            }
            (None, None) => number.is_numeric() && (of.is_temporal() || with_texts && of.is_string()),
            _ => false,
        },
    }
}

/// The type of values, however they are stored.
fn plain(of: &DataType) -> &DataType {
    match of {
        DataType::Dictionary(_, value) => plain(value),
        DataType::RunEndEncoded(_, value) => plain(value.data_type()),
        of => of,
    }
}

fn item_of(of: &DataType) -> Option<&DataType> {
    match of {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => Some(item.data_type()),
        _ => None,
    }
}

/// The type of the items of a list; another type as it is.
fn item(of: DataType) -> DataType {
    item_of(&of).cloned().unwrap_or(of)
}

impl BesideNumber {
    /// Whether the number is a date without quotes, which is a subtraction.
    pub(in crate::engine) fn is_date(&self) -> bool {
        self.of.is_temporal() && date_of(&self.number).is_some()
    }

    pub(in crate::engine) fn refused(&self) -> Error {
        let (name, what) = (shown(&self.other), in_words(&self.of));
        let verb = if self.is_compared { "is compared with" } else { "stands beside" };
        let number = match &self.number {
            Expr::Literal(value, _) => format!("the number {value}"),
            _ if self.is_date() => "a number: without quotes, a date is a subtraction".to_owned(),
            side => format!("{} ({})", shown(side), type_words(&self.of_number)),
        };
        Error::usage(format!("{name} is {what}, but it {verb} {number}")).hint(self.hint())
    }

    fn hint(&self) -> String {
        let name = name_of(&self.other).unwrap_or_else(|| "x".to_owned());
        if let Some(date) =
            date_of(&self.number).or_else(|| date_in_digits(&self.number)).filter(|_| self.of.is_temporal())
        {
            let before = self.operator.map(|operator| format!("{name} {operator} ")).unwrap_or_default();
            return format!("write the date in quotes: {before}'{date}'");
        }
        match plain(&self.of) {
            DataType::Date32 | DataType::Date64 => format!(
                "write dates in quotes, as in '2026-11-29'; as numbers, date_part('year', {name}) is the year, and {name} - DATE '1970-01-01' the days since 1970"
            ),
            DataType::Timestamp(..) => format!(
                "write times in quotes, as in '2026-11-29 12:00:00'; date_part('epoch', {name}) is the number of seconds since 1970"
            ),
            DataType::Time32(_) | DataType::Time64(_) => format!(
                "write times of day in quotes, as in '12:00:00'; date_part('hour', {name}) is a number"
            ),
            DataType::Interval(_) | DataType::Duration(_) => format!(
                "write an interval with its word, as in INTERVAL '36 hours'; date_part('epoch', {name}) is the number of seconds"
            ),
            of if of.is_string() => {
                let number = if self.of_number.is_integer() { "BIGINT" } else { "DOUBLE" };
                let text = match &self.number {
                    Expr::Literal(value, _) => format!("write the number in quotes: '{value}'"),
                    side => format!(
                        "compare texts, with CAST({} AS TEXT)",
                        name_of(side).unwrap_or_else(|| "y".to_owned())
                    ),
                };
                format!("{text}, or compare numbers, with CAST({name} AS {number})")
            }
            _ => "give both sides values of one type, with CAST(x AS TEXT) or CAST(x AS BIGINT)".to_owned(),
        }
    }

    fn in_union(&self, at: usize) -> Error {
        let words = type_words(&self.of_number);
        Error::usage(format!("column {at} of a union is {} in one query, and {words} in another", in_words(&self.of)))
            .hint("give it one type in all of them: CAST(x AS TEXT), or a date in place of the number: DATE '2026-11-29'")
    }
}

/// The name of a column, also of one that is cast.
fn name_of(side: &Expr) -> Option<String> {
    match side {
        Expr::Column(column) | Expr::OuterReferenceColumn(_, column) => {
            Some(quote_identifier(&column.name).into_owned())
        }
        Expr::Cast(cast) => name_of(&cast.expr),
        Expr::TryCast(cast) => name_of(&cast.expr),
        Expr::Alias(alias) => name_of(&alias.expr),
        _ => None,
    }
}

fn shown(side: &Expr) -> String {
    match (name_of(side), side) {
        (Some(name), _) => name,
        (None, Expr::Literal(value, _)) => value.to_string(),
        _ => match side.column_refs().into_iter().map(|column| &column.name).min() {
            Some(name) => format!("an expression of {}", quote_identifier(name)),
            None => "a value".to_owned(),
        },
    }
}

fn in_words(of: &DataType) -> String {
    match plain(of) {
        DataType::Date32 | DataType::Date64 => "a date".to_owned(),
        DataType::Timestamp(..) => "a time".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "a time of day".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "an interval".to_owned(),
        of if of.is_string() => "text".to_owned(),
        of => format!("a {}", type_words(of)),
    }
}

/// A whole number as it is written.
fn whole(side: &Expr) -> Option<i64> {
    match side {
        Expr::Literal(value, _) if value.data_type().is_integer() => value.to_string().parse().ok(),
        _ => None,
    }
}

/// The date that a subtraction such as `2024-05-05` is meant to be.
fn date_of(number: &Expr) -> Option<String> {
    let difference = |expression: &Expr| match expression {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) => {
            Some(((**left).clone(), whole(right)?))
        }
        _ => None,
    };
    let (year_and_month, day) = difference(number)?;
    let (year, month) = difference(&year_and_month)?;
    written_date(whole(&year)?, month, day)
}

/// The date that a number such as 20240505 is meant to be.
fn date_in_digits(number: &Expr) -> Option<String> {
    let digits = whole(number)?;
    written_date(digits / 10_000, digits / 100 % 100, digits % 100)
}

fn written_date(year: i64, month: i64, day: i64) -> Option<String> {
    let fits = (1000..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    fits.then(|| format!("{year}-{month:02}-{day:02}"))
}
