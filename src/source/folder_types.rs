//! What the values of `key=value` folders are: numbers, booleans or dates where all values of a key are such.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::{DataType, Schema};
use serde::{Deserialize, Serialize};

use super::aside_names::is_aside_name;
use super::column_names::is_id_name;
use super::listing::hive_value;
use super::shards::Shard;

/// The type of the values of a key, beside NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FolderType {
    /// Whole numbers of 64 bits.
    Integer,
    /// Other numbers.
    Float,
    /// `true` and `false`.
    Boolean,
    /// `2026-11-29`.
    Date,
}

impl FolderType {
    /// As a type of columns.
    #[must_use]
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
        }
    }
}

/// The types of the keys whose values are not text, over all shards.
#[must_use]
pub(crate) fn folder_types(shards: &[Shard]) -> BTreeMap<String, FolderType> {
    values_of_keys(shards).into_iter().filter_map(|(key, values)| Some((key, of_values(&values)?))).collect()
}

fn values_of_keys(shards: &[Shard]) -> BTreeMap<String, BTreeSet<String>> {
    let mut values: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for shard in shards {
        for (key, _) in &shard.hive {
            values.entry(key).or_default().extend(hive_value(&shard.hive, key));
        }
    }
    values.into_iter().map(|(key, values)| (key.to_owned(), values)).collect()
}

/// The type of all values; `None` for text, and where there are none.
fn of_values(values: &BTreeSet<String>) -> Option<FolderType> {
    let all = |is: fn(&str) -> bool| values.iter().all(|value| is(value));
    if values.is_empty() {
        None
    } else if all(is_integer) {
        Some(FolderType::Integer)
    } else if all(is_number) {
        Some(FolderType::Float)
    } else if all(is_boolean) {
        Some(FolderType::Boolean)
    } else {
        all(is_date).then_some(FolderType::Date)
    }
}

/// A folder whose value makes a key text, while the values of all other folders, at least three times as many, are
/// numbers or dates: a sentence that names it.
#[must_use]
pub(crate) fn odd_folder(shards: &[Shard]) -> Option<String> {
    let mut values: BTreeMap<&str, BTreeMap<String, &Shard>> = BTreeMap::new();
    for shard in shards {
        for (key, _) in &shard.hive {
            if let Some(value) = hive_value(&shard.hive, key) {
                values.entry(key).or_default().entry(value).or_insert(shard);
            }
        }
    }
    values.into_iter().find_map(|(key, values)| {
        let all: BTreeSet<String> = values.keys().cloned().collect();
        if of_values(&all).is_some() {
            return None;
        }
        let kinds: [(IsKind, &str); 3] =
            [(is_integer, "integers"), (is_number, "numbers"), (is_date, "dates")];
        kinds.into_iter().find_map(|(is, kind)| {
            let odd: Vec<&String> = all.iter().filter(|value| !is(value)).collect();
            let others = all.len() - odd.len();
            let value = odd.first().filter(|_| others >= ODD_FEWER * odd.len())?;
            let shard = values.get(value.as_str())?;
            Some(format!("{key}={value} ({}), while {others} other folders of {key} are {kind}", shard.name))
        })
    })
}

/// Whether a value is of a kind.
type IsKind = fn(&str) -> bool;

/// Odd folders are this many times fewer than the others.
const ODD_FEWER: usize = 3;

/// The keys of folders that may name classes, with their values: several words.
pub(super) fn classes_of_folders(shards: &[Shard], schema: &Schema) -> BTreeMap<String, BTreeSet<String>> {
    let mut keys = values_of_keys(shards);
    keys.retain(|key, _| schema.field_with_name(key).is_err());
    let is_word = |value: &String| value.chars().any(char::is_alphabetic);
    keys.retain(|key, values| {
        values.len() > 1 && values.iter().all(is_word) && !is_aside_name(key) && !is_id_name(key)
    });
    keys
}

/// Numbers with a leading zero, such as 007, are names.
fn is_integer(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let has_leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let starts = digits.starts_with(|c: char| c.is_ascii_digit());
    let is_plain = digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+'));
    // Longer integers would lose digits.
    let fits = digits.contains(['.', 'e', 'E']) || is_integer(text);
    starts && is_plain && fits && !has_leading_zero && text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_boolean(text: &str) -> bool {
    ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |part: &str, width: usize| {
        let is_number = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_type_where_all_its_values_have_it() {
        let of = |values: &[&str]| of_values(&values.iter().map(|value| (*value).to_owned()).collect());
        for (values, expected) in [
            (&["1", "-20", "0"][..], Some(FolderType::Integer)),
            (&["1", "01"], None),
            (&["007"], None),
            (&["0.5", "2"], Some(FolderType::Float)),
            (&["1e3", "-2.25", "0.1"], Some(FolderType::Float)),
            (&["0.5", "00.5"], None),
            (&["nan", "1.5"], None),
            (&["inf"], None),
            (&["1.5", "99999999999999999999"], None),
            (&["1.2.3"], None),
            (&["true", "False"], Some(FolderType::Boolean)),
            (&["true", "0"], None),
            (&["2024-02-29", "2023-12-31"], Some(FolderType::Date)),
            (&["2023-02-29"], None),
            (&["2024-2-1"], None),
            (&["train", "1"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(of(values), expected, "{values:?}");
        }
    }
}
