//! What the cells of a CSV column are: the type that holds all of them as they are.

use arrow::datatypes::DataType;

use crate::source::joined::Comma;

/// Whole numbers up to here are floating-point numbers too.
const EXACT_MAX: u64 = 1 << 53;

/// What cells of a column were seen; empty ones are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CellKinds {
    boolean: bool,
    integer: bool,
    /// A whole number that no floating-point number may stand for.
    large: bool,
    negative: bool,
    /// A whole number above those of 64 bits with a sign.
    unsigned: bool,
    float: bool,
    /// Numbers with a decimal comma: some at all, some that are surely such, and some that may as well be two whole ones.
    comma: bool,
    sure_comma: bool,
    unsure_comma: bool,
    /// NaN or infinity, which are words in columns of texts.
    nan: bool,
    text: bool,
}

impl CellKinds {
    /// Sees a cell of a file whose fields are separated by `separator`: a comma is decimal where it is another one.
    pub(super) fn see(&mut self, cell: &str, separator: u8) {
        if self.text || cell.is_empty() {
            return;
        }
        let trimmed = cell.trim();
        if let Some(number) = whole(trimmed) {
            self.integer = true;
            self.negative |= number < 0;
            self.large |= number.unsigned_abs() > EXACT_MAX;
        } else if unsigned(trimmed).is_some() {
            self.integer = true;
            (self.large, self.unsigned) = (true, true);
        } else if fraction(trimmed).is_some() {
            self.float = true;
        } else if separator != b',' && comma_fraction(trimmed).is_some() {
            let is_sure = Comma::of(trimmed) == Some(Comma::Decimal);
            self.comma = true;
            self.sure_comma |= is_sure;
            self.unsure_comma |= !is_sure && !trimmed.ends_with(",0");
        } else if unbounded(trimmed).is_some() {
            self.nan = true;
        } else if truth(trimmed).is_some() {
            self.boolean = true;
        } else {
            self.text = true;
        }
    }

    /// The type that holds all cells as they are.
    pub(super) fn data_type(self) -> DataType {
        let Self { boolean, integer, large, negative, unsigned, nan, text, .. } = self;
        let Self { comma, sure_comma, unsure_comma, .. } = self;
        // Whole numbers beside two of them with a comma between them may be lists.
        let is_list = comma && !sure_comma && (integer || unsure_comma);
        let float = self.float || comma;
        let is_number = integer || float;
        match () {
            () if is_list || comma && self.float => DataType::Utf8,
            () if text || (boolean && is_number) || (nan && !is_number) => DataType::Utf8,
            () if boolean => DataType::Boolean,
            () if large && (float || nan) || unsigned && negative => DataType::Utf8,
            () if float || nan => DataType::Float64,
            () if unsigned => DataType::UInt64,
            () if integer => DataType::Int64,
            () => DataType::Null,
        }
    }
}

/// Whether digits begin with a zero that a number would lose.
fn has_leading_zero(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit()
}

pub(super) fn whole(text: &str) -> Option<i64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    (is_plain && !has_leading_zero(text)).then(|| text.parse().ok()).flatten()
}

/// A whole number from 0 on, which may be above all of [`whole`].
pub(super) fn unsigned(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    (is_plain && !has_leading_zero(text)).then(|| text.parse().ok()).flatten()
}

pub(super) fn fraction(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    // Digits alone are a whole number that is too large, or have leading zeros.
    let is_fraction = text.bytes().any(|byte| b".eE".contains(&byte)) && !text.starts_with('+');
    let number = (is_plain && is_fraction && !has_leading_zero(text)).then(|| text.parse().ok()).flatten();
    number.filter(|number: &f64| number.is_finite())
}

/// A number with a decimal comma.
pub(super) fn comma_fraction(text: &str) -> Option<f64> {
    let is_one = text.bytes().filter(|byte| *byte == b',').count() == 1 && !text.contains('.');
    is_one.then(|| fraction(&text.replacen(',', ".", 1))).flatten()
}

/// NaN and the infinities, as writers spell them.
pub(super) fn unbounded(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "inf" | "infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

pub(super) fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_type_that_holds_all_its_cells() {
        let of = |cells: &[&str]| {
            let mut kinds = CellKinds::default();
            cells.iter().for_each(|cell| kinds.see(cell, b','));
            kinds.data_type()
        };
        for (cells, expected) in [
            (&["", ""][..], DataType::Null),
            (&["1", "", " -3"], DataType::Int64),
            (&["1", "0.5", "1e-3"], DataType::Float64),
            (&["1", "nan"], DataType::Float64),
            (&["1.5", "-inf", "Infinity"], DataType::Float64),
            (&["inf", "sup"], DataType::Utf8),
            (&["nan"], DataType::Utf8),
            (&["9007199254740993", "0.5"], DataType::Utf8),
            (&["9223372036854775808", "0"], DataType::UInt64),
            (&["9223372036854775808", "-1"], DataType::Utf8),
            (&["9223372036854775808", "0.5"], DataType::Utf8),
            (&["18446744073709551616"], DataType::Utf8),
            (&["02139", "10001"], DataType::Utf8),
            (&["1", "00.5"], DataType::Utf8),
            (&["true", "False"], DataType::Boolean),
            (&["true", "1"], DataType::Utf8),
            (&["1", "2", "NA"], DataType::Utf8),
            (&["1e999"], DataType::Utf8),
            (&["+1"], DataType::Utf8),
            (&["-"], DataType::Utf8),
        ] {
            assert_eq!(of(cells), expected, "{cells:?}");
        }
    }

    #[test]
    fn commas_are_decimal_where_they_do_not_separate() {
        let of = |cells: &[&str], separator: u8| {
            let mut kinds = CellKinds::default();
            cells.iter().for_each(|cell| kinds.see(cell, separator));
            kinds.data_type()
        };
        for (cells, expected) in [
            (&["1,0", "0,0", ""][..], DataType::Float64),
            (&["0,25", "-1,5", "3"], DataType::Float64),
            (&["0,05", "nan"], DataType::Float64),
            (&["1,5e-05", "2,5"], DataType::Float64),
            // Lists of up to two numbers.
            (&["3,14", "7,2"], DataType::Utf8),
            (&["1,0", "1"], DataType::Utf8),
            (&["0,05", "1,2,3"], DataType::Utf8),
            (&["0,05", "0.5"], DataType::Utf8),
            (&["0,05", "true"], DataType::Utf8),
            (&["007,5"], DataType::Utf8),
        ] {
            assert_eq!(of(cells, b';'), expected, "{cells:?}");
            assert_eq!(of(cells, b','), DataType::Utf8, "{cells:?}");
        }
        assert_eq!(comma_fraction("-1,5e-05"), Some(-1.5e-5));
    }
}
