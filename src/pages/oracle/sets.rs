//! Columns whose row holds a set of labels.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::pages::{LabelSet, SetCount, SetCounter, StoredValue, Workspace, count_sets};
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use proptest::prelude::*;

use super::{ColumnFile, counted, value};
use crate::pages::generate::{Settings, label_array, lists, rows, settings};

/// Labels for ints and texts; what they are is decided by a number, so that all kinds of mappings occur.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) bound: Option<u32>,
    /// Values from here on are invalid.
    pub(super) invalid: i64,
    /// Two values stand for one label each below, for two labels from here on.
    pub(super) two: i64,
    /// Values 1 and 2 stand for the same label.
    pub(super) alike: bool,
}

impl Rules {
    fn number(value: StoredValue<'_>) -> Result<i64, String> {
        match value {
            StoredValue::Int(int) => Ok(int),
            StoredValue::UInt(int) => i64::try_from(int).map_err(|e| e.to_string()),
            StoredValue::Text(text) => Ok(text.len() as i64),
            other => Err(other.to_string()),
        }
    }
}

impl LabelSet for Rules {
    fn labels(&mut self, value: StoredValue<'_>, out: &mut Vec<u32>) -> Result<(), String> {
        let number = Self::number(value)?;
        match u32::try_from(number) {
            Err(_) => {}
            Ok(label)
                if self.bound.is_some_and(|bound| label < bound)
                    && !matches!(value, StoredValue::Text(_)) =>
            {
                out.push(label);
            }
            _ if number >= self.invalid => return Err(format!("{number} is not a label")),
            Ok(label) if number >= self.two => out.extend([label, label / 2, label]),
            Ok(2) if self.alike => out.push(1),
            Ok(label) => out.push(label),
        }
        Ok(())
    }

    fn identity_bound(&self) -> Option<u32> {
        self.bound
    }
}

pub(super) fn rules() -> impl Strategy<Value = Rules> {
    let never = 1000_i64;
    (
        prop_oneof![Just(None), Just(Some(4)), Just(Some(50))],
        prop_oneof![3 => Just(never), 1 => Just(9)],
        prop_oneof![3 => Just(never), 1 => Just(7)],
        prop_oneof![3 => Just(false), 1 => Just(true)],
    )
        .prop_map(|(bound, invalid, two, alike)| Rules { bound, invalid, two, alike })
}

/// What the labels of rows, each a list of values, add up to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Expected {
    pub(super) positives: Vec<u64>,
    pub(super) count: SetCount,
}

impl Expected {
    pub(super) fn row<'v>(
        &mut self,
        values: Option<impl Iterator<Item = Option<StoredValue<'v>>>>,
        rules: &mut Rules,
    ) {
        self.count.rows += 1;
        let Some(values) = values else {
            self.count.null_rows += 1;
            return;
        };
        let (mut labels, mut invalid) = (Vec::new(), false);
        for value in values {
            match value {
                None => self.count.null_elements += 1,
                Some(value) => invalid |= rules.labels(value, &mut labels).is_err(),
            }
        }
        if invalid {
            self.count.invalid_rows += 1;
            return;
        }
        for label in labels.into_iter().collect::<BTreeSet<_>>() {
            let label = label as usize;
            self.positives.resize(self.positives.len().max(label + 1), 0);
            self.positives[label] += 1;
        }
    }
}

fn sets(shard: &ColumnFile, rules: &mut dyn LabelSet) -> Expected {
    let (mut workspace, mut counter, mut sum) =
        (Workspace::default(), SetCounter::new(), SetCount::default());
    for chunk in shard.chunks() {
        let count = counted(count_sets(&chunk, &mut workspace, rules, &mut counter).unwrap());
        assert_eq!(count.first_invalid.is_some(), count.invalid_rows > 0);
        sum.rows += count.rows;
        sum.null_rows += count.null_rows;
        sum.null_elements += count.null_elements;
        sum.invalid_rows += count.invalid_rows;
    }
    Expected { positives: trimmed(counter.take()), count: sum }
}

/// Without labels that no row has at the end.
pub(super) fn trimmed(mut positives: Vec<u64>) -> Vec<u64> {
    while positives.last() == Some(&0) {
        positives.pop();
    }
    positives
}

proptest! {
    #[test]
    fn labels_of_lists_are_counted_as_arrow_reads_them(
        list in proptest::sample::select(&["list", "large list"][..]),
        kind in proptest::sample::select(&["i32", "i64", "u16", "text"][..]),
        rows in rows(0..9_usize), mut rules in rules(), settings in settings(),
    ) {
        let array = lists(list, &rows, |codes| label_array(kind, codes));
        let shard = ColumnFile::write(&array, settings.properties().build());
        let mut expected = Expected::default();
        for array in shard.arrays() {
            for row in 0..array.len() {
                let items = array.is_valid(row).then(|| match array.data_type() {
                    DataType::List(_) => array.as_list::<i32>().value(row),
                    _ => array.as_list::<i64>().value(row),
                });
                expected.row(items.as_ref().map(|items| (0..items.len()).map(|i| value(items, i))), &mut rules);
            }
        }
        prop_assert_eq!(sets(&shard, &mut rules), expected);
    }

    #[test]
    fn labels_of_single_values_are_counted_as_arrow_reads_them(
        kind in proptest::sample::select(&["i32", "i64", "u16", "text"][..]),
        codes in proptest::collection::vec(proptest::option::weighted(0.9, 0..12_u8), 0..500),
        mut rules in rules(), settings in settings(),
    ) {
        let shard = ColumnFile::write(&label_array(kind, &codes), settings.properties().build());
        let mut expected = Expected::default();
        for array in shard.arrays() {
            for row in 0..array.len() {
                expected.row(value(&array, row).map(|value| std::iter::once(Some(value))), &mut rules);
            }
        }
        prop_assert_eq!(sets(&shard, &mut rules), expected);
    }
}

/// Splits at `|`; a label is named by its length.
struct Delimited;

impl LabelSet for Delimited {
    fn labels(&mut self, value: StoredValue<'_>, out: &mut Vec<u32>) -> Result<(), String> {
        let StoredValue::Text(text) = value else { return Err(value.to_string()) };
        out.extend(
            text.split(|byte| *byte == b'|').filter(|part| !part.is_empty()).map(|part| part.len() as u32),
        );
        Ok(())
    }
}

#[test]
fn a_delimited_string_stands_for_several_labels() {
    let texts = [Some("a|bb"), None, Some(""), Some("bb|bb|a"), Some("ccc"), Some("a|bb")];
    let array: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    for dictionary in [true, false] {
        let settings = Settings { dictionary, ..Settings::plain() };
        let found = sets(&ColumnFile::write(&array, settings.properties().build()), &mut Delimited);
        assert_eq!(found.positives, [0, 3, 3, 1]);
        assert_eq!((found.count.rows, found.count.null_rows, found.count.invalid_rows), (6, 1, 0));
    }
}
