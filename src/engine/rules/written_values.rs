//! Texts that become times, intervals and decimals, as other engines read them. A time may end with its minutes, and one that
//! has no zone leaves out the zone of the text. For DataFusion, a number is a time of day in nanoseconds, and an interval in
//! months.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::compute::cast as cast_array;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, TryCast, Volatility, binary_expr, cast, lit,
};

use crate::engine::rules::compared::{compared_types, map_compared};

/// Characters of a date.
const DATE: usize = 10;
/// Characters of hours and minutes.
const MINUTES: usize = 5;
/// What the names of functions begin with that read times.
const READERS: [&str; 2] = ["to_timestamp", "to_unixtime"];
/// Parts of a format that are hours.
const HOURS: [&str; 4] = ["%H", "%I", "%k", "%l"];
/// Parts of a format that are minutes, or have them.
const MINUTES_TOO: [&str; 8] = ["%M", "%R", "%T", "%X", "%c", "%r", "%s", "%+"];
/// The longest number that is written out.
const DIGITS_MAX: usize = 400;

/// What a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Becomes {
    Instant,
    /// A time or a date without a zone.
    Local,
    TimeOfDay,
    Interval,
    Decimal,
}

impl Becomes {
    #[cfg(feature = "cluster")]
    const ALL: [Self; 5] = [Self::Instant, Self::Local, Self::TimeOfDay, Self::Interval, Self::Decimal];

    /// What the function of its texts is called.
    fn name(self) -> &'static str {
        match self {
            Self::Instant => "written_instant",
            Self::Local => "written_time",
            Self::TimeOfDay => "written_time_of_day",
            Self::Interval => "written_interval",
            Self::Decimal => "written_decimal",
        }
    }

    fn of(of: &DataType) -> Option<Self> {
        Some(match of {
            DataType::Timestamp(_, Some(_)) => Self::Instant,
            DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64 => Self::Local,
            DataType::Time32(_) | DataType::Time64(_) => Self::TimeOfDay,
            DataType::Interval(_) => Self::Interval,
            of if of.is_decimal() => Self::Decimal,
            _ => return None,
        })
    }

    /// The text as DataFusion reads it; none for one that it reads so.
    fn written(self, text: &str) -> Option<String> {
        let plain = text.trim();
        let written = match self {
            Self::Instant => seconds_added(plain),
            Self::Local => {
                let local = zone_removed(plain);
                seconds_added(local.unwrap_or(plain)).or(local.map(str::to_owned))
            }
            Self::TimeOfDay => time_of_digits(plain),
            Self::Interval => interval_of_numbers(plain),
            Self::Decimal => without_exponent(plain),
        };
        written.or((plain.len() < text.len()).then(|| plain.to_owned()))
    }
}

/// The same expression, whose texts are written out where they become something else.
pub(super) fn with_written_values(part: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    match &part {
        Expr::Cast(Cast { field, .. }) | Expr::TryCast(TryCast { field, .. }) => {
            match Becomes::of(field.data_type()) {
                Some(becomes) => part.map_children(|child| Ok(written_of(child, becomes, schema))),
                None => Ok(Transformed::no(part)),
            }
        }
        Expr::ScalarFunction(call) if READERS.iter().any(|reader| call.func.name().starts_with(reader)) => {
            match call.args.len() {
                1 => part.map_children(|child| Ok(written_of(child, Becomes::Instant, schema))),
                _ => Ok(with_minutes(part)),
            }
        }
        _ => match compared_types(&part, schema).iter().find(|of| matches!(of, DataType::Timestamp(..))) {
            Some(of) => map_compared(part, |side| as_written(side, of)),
            None => Ok(Transformed::no(part)),
        },
    }
}

/// The same reading of a time by formats, which have minutes where they have hours: DataFusion leaves out hours alone.
fn with_minutes(part: Expr) -> Transformed<Expr> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = &part else { return Transformed::no(part) };
    let Some((text, formats)) = args.split_first() else { return Transformed::no(part) };
    let formats: Option<Vec<&str>> = formats
        .iter()
        .map(|format| match format {
            Expr::Literal(value, _) => value.try_as_str().flatten(),
            _ => None,
        })
        .collect();
    let has = |format: &str, parts: &[&str]| parts.iter().any(|part| format.contains(part));
    let lacks = |format: &str| has(format, &HOURS) && !has(format, &MINUTES_TOO);
    let Some(formats) = formats.filter(|formats| formats.iter().any(|format| lacks(format))) else {
        return Transformed::no(part);
    };
    let padded =
        formats.iter().map(|format| lit(format!("{format} {}", if lacks(format) { "%M" } else { "00" })));
    // NULL stays NULL.
    let text = binary_expr(text.clone(), Operator::StringConcat, lit(" 00"));
    Transformed::yes(func.call(std::iter::once(text).chain(padded).collect()))
}

/// A text that is written, as it is read where it becomes a value of this type.
pub(super) fn as_written(side: Expr, to: &DataType) -> Transformed<Expr> {
    match Becomes::of(to) {
        Some(becomes) => of_literal(side, becomes),
        None => Transformed::no(side),
    }
}

/// A text of a column that is compared with values of this type, as one of them.
pub(super) fn text_as(side: Expr, to: &DataType, schema: &DFSchema) -> Transformed<Expr> {
    let is_column = !matches!(side, Expr::Literal(..)) && side.get_type(schema).is_ok_and(|of| is_text(&of));
    match Becomes::of(to).filter(|_| is_column) {
        Some(becomes) => Transformed::yes(cast(written_of(side, becomes, schema).data, to.clone())),
        None => Transformed::no(side),
    }
}

fn of_literal(side: Expr, becomes: Becomes) -> Transformed<Expr> {
    let Expr::Literal(value, metadata) = &side else { return Transformed::no(side) };
    match value.try_as_str().flatten().and_then(|text| becomes.written(text)) {
        Some(text) => Transformed::yes(Expr::Literal(ScalarValue::Utf8(Some(text)), metadata.clone())),
        None => Transformed::no(side),
    }
}

fn written_of(side: Expr, becomes: Becomes, schema: &DFSchema) -> Transformed<Expr> {
    match &side {
        Expr::Literal(..) => of_literal(side, becomes),
        Expr::ScalarFunction(call) if call.func.name() == becomes.name() => Transformed::no(side),
        _ if side.get_type(schema).is_ok_and(|of| is_text(&of)) => {
            Transformed::yes(Arc::new(written_value(becomes)).call(vec![side]))
        }
        _ => Transformed::no(side),
    }
}

fn is_text(of: &DataType) -> bool {
    match of {
        DataType::Dictionary(_, of) => of.is_string(),
        of => of.is_string(),
    }
}

/// Whether a text is like a pattern, in which 0 is any digit and a blank may be a T.
fn is_like(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.chars().zip(pattern.chars()).all(|(sign, like)| match like {
            '0' => sign.is_ascii_digit(),
            ' ' => sign == ' ' || sign == 'T',
            like => sign == like,
        })
}

/// A time with its minutes, and what is behind them.
fn minutes_and_rest(text: &str) -> Option<(&str, &str)> {
    let (time, rest) = text.split_at_checked(DATE + 1 + MINUTES)?;
    is_like(time, "0000-00-00 00:00").then_some((time, rest))
}

/// The text with seconds after its minutes; none for a text that has them, or is no time.
fn seconds_added(text: &str) -> Option<String> {
    let (time, zone) = minutes_and_rest(text)?;
    let ends = zone.chars().next().is_none_or(|sign| matches!(sign, 'Z' | '+' | '-' | ' '));
    ends.then(|| format!("{time}:00{zone}"))
}

/// The text without the zone that it ends with.
fn zone_removed(text: &str) -> Option<&str> {
    let (_, rest) = minutes_and_rest(text)?;
    let zone = rest.trim_start_matches(|sign: char| sign.is_ascii_digit() || matches!(sign, ':' | '.'));
    let is_zone = |zone: &str| matches!(zone, "Z" | "z") || Tz::from_str(zone).is_ok();
    is_zone(zone.trim_start()).then(|| text[..text.len() - zone.len()].trim_end())
}

/// `2359` and `235959` are times of day; of other numbers, the text says that it is none.
fn time_of_digits(text: &str) -> Option<String> {
    text.parse::<i64>().ok()?;
    Some(match (text.len(), text.bytes().all(|sign| sign.is_ascii_digit())) {
        (4, true) => format!("{}:{}:00", &text[..2], &text[2..]),
        (6, true) => format!("{}:{}:{}", &text[..2], &text[2..4], &text[4..]),
        _ => format!("{text}, which is no time of day,"),
    })
}

/// `5` is seconds, and `12:34:56` hours, minutes and seconds.
fn interval_of_numbers(text: &str) -> Option<String> {
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|sign| sign.is_ascii_digit() || sign == b'.');
    let (sign, plain) = match text.strip_prefix('-') {
        Some(plain) => ("-", plain),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let parts: Vec<&str> = plain.split(':').collect();
    if !parts.iter().all(|part| is_number(part)) {
        return None;
    }
    match parts[..] {
        [seconds] => Some(format!("{sign}{seconds} seconds")),
        [hours, minutes] => Some(format!("{sign}{hours} hours {sign}{minutes} minutes")),
        [hours, minutes, seconds] => {
            Some(format!("{sign}{hours} hours {sign}{minutes} minutes {sign}{seconds} seconds"))
        }
        _ => None,
    }
}

/// A number such as `1.5e3` without the power of ten.
fn without_exponent(text: &str) -> Option<String> {
    let (number, power) = text.split_once(['e', 'E'])?;
    let power: i32 = power.parse().ok()?;
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{part}");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()?.checked_add(power)?;
    let before = usize::try_from(point.unsigned_abs()).ok().filter(|places| *places <= DIGITS_MAX)?;
    Some(if point <= 0 {
        format!("{sign}0.{}{digits}", "0".repeat(before))
    } else if before >= digits.len() {
        format!("{sign}{digits}{}", "0".repeat(before - digits.len()))
    } else {
        format!("{sign}{}.{}", &digits[..before], &digits[before..])
    })
}

/// The functions, which a cluster calls by name.
#[cfg(feature = "cluster")]
pub(in crate::engine) fn written_values() -> [ScalarUDF; 5] {
    Becomes::ALL.map(written_value)
}

fn written_value(becomes: Becomes) -> ScalarUDF {
    ScalarUDF::new_from_impl(WrittenValue { becomes, signature: Signature::any(1, Volatility::Immutable) })
}

/// Texts of a column as DataFusion reads them.
#[derive(Debug, PartialEq, Eq, Hash)]
struct WrittenValue {
    becomes: Becomes,
    signature: Signature,
}

impl ScalarUDFImpl for WrittenValue {
    fn name(&self) -> &'static str {
        self.becomes.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let Some(texts) = arguments.args.first() else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
        };
        let is_value = matches!(texts, ColumnarValue::Scalar(_));
        let texts = texts.to_array(if is_value { 1 } else { arguments.number_rows })?;
        let texts = cast_array(&texts, &DataType::Utf8)?;
        let known = texts.as_string::<i32>();
        let is_other = |text: Option<&str>| text.is_some_and(|text| self.becomes.written(text).is_some());
        let texts: ArrayRef = if known.iter().any(is_other) {
            let written = |text: &str| self.becomes.written(text).unwrap_or_else(|| text.to_owned());
            Arc::new(known.iter().map(|text| text.map(written)).collect::<StringArray>())
        } else {
            texts
        };
        Ok(if is_value {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&texts, 0)?)
        } else {
            ColumnarValue::Array(texts)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_out() {
        use Becomes::{Decimal, Instant, Interval, Local, TimeOfDay};
        for (becomes, text, expected) in [
            (Local, "2024-03-31 10:00", Some("2024-03-31 10:00:00")),
            (Instant, "2024-03-31T10:00Z", Some("2024-03-31T10:00:00Z")),
            (Instant, "2024-03-31 10:00+02", Some("2024-03-31 10:00:00+02")),
            (Instant, "2024-03-31 10:00 Europe/Berlin", Some("2024-03-31 10:00:00 Europe/Berlin")),
            (Instant, "2024-03-31T10:00+02", Some("2024-03-31T10:00:00+02")),
            (Instant, "2024-03-31 10:00:30+02", None),
            (Local, "2024-03-31 10:00:30", None),
            (Local, "2024-03-31", None),
            (Local, " 2024-03-31 ", Some("2024-03-31")),
            (Local, "2024-03-31 10", None),
            (Local, "2024-03-31 1:00", None),
            (Local, "2024-03-31 10-00", None),
            (Local, "a b", None),
            (Local, "31.03.2024 10:00", None),
            (Local, "é2024-03-31 10:00", None),
            (Local, "2024-03-31 10:00:30.5+02:30", Some("2024-03-31 10:00:30.5")),
            (Local, "2024-03-31T10:00:30Z", Some("2024-03-31T10:00:30")),
            (Local, "2024-03-31 10:00-05", Some("2024-03-31 10:00:00")),
            (Local, "2024-03-31 10:00:30 Europe/Berlin", Some("2024-03-31 10:00:30")),
            (Local, "2024-03-31 10:00:30 nowhere", None),
            (TimeOfDay, "12:34:56", None),
            (TimeOfDay, "2359", Some("23:59:00")),
            (TimeOfDay, "235958", Some("23:59:58")),
            (TimeOfDay, "127", Some("127, which is no time of day,")),
            (TimeOfDay, "-123", Some("-123, which is no time of day,")),
            (Interval, "5", Some("5 seconds")),
            (Interval, "-1.5", Some("-1.5 seconds")),
            (Interval, "12:34", Some("12 hours 34 minutes")),
            (Interval, "-1:02:03.5", Some("-1 hours -02 minutes -03.5 seconds")),
            (Interval, "3 days", None),
            (Interval, "1:2:3:4", None),
            (Decimal, "1.5e3", Some("1500")),
            (Decimal, "-1.25E-2", Some("-0.0125")),
            (Decimal, "12.5e0", Some("12.5")),
            (Decimal, "125e-2", Some("1.25")),
            (Decimal, "1e999999999999", None),
            (Decimal, "1e4000", None),
            (Decimal, "e5", None),
            (Decimal, "12.5", None),
        ] {
            assert_eq!(becomes.written(text).as_deref(), expected, "{text}");
        }
    }
}
