//! Columns whose row holds a set of labels.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::label_sets::LabelSets;
use crate::pages::{
    LabelSet, NO_LABEL, RowMask, SetCount, SetCounter, StoredValue, TextParts, Workspace, count_kept_sets,
    count_sets, rows_of_sets,
};
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
    kept_sets(shard, rules, None)
}

/// Of the rows that bits which come again and again say, or of all.
fn kept_sets(shard: &ColumnFile, rules: &mut dyn LabelSet, kept: Option<u64>) -> Expected {
    let (mut workspace, mut counter, mut sum) =
        (Workspace::default(), SetCounter::new(), SetCount::default());
    for chunk in shard.chunks() {
        let count = match kept {
            None => count_sets(&chunk, &mut workspace, rules, &mut counter),
            Some(bits) => {
                let rows = chunk.rows as usize;
                let mask = RowMask::new(vec![bits; rows.div_ceil(64)], rows);
                count_kept_sets(&chunk, None, &mask, &mut workspace, rules, &mut counter)
            }
        };
        let count = counted(count.unwrap());
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
struct Delimited {
    /// Texts are cut together.
    together: bool,
    /// Longer parts are two labels, or invalid.
    two: usize,
    invalid: usize,
    /// Added to each label.
    more: u32,
}

impl Delimited {
    const USUAL: Self = Self { together: false, two: usize::MAX, invalid: usize::MAX, more: 0 };
}

impl LabelSet for Delimited {
    fn labels(&mut self, value: StoredValue<'_>, out: &mut Vec<u32>) -> Result<(), String> {
        let StoredValue::Text(text) = value else { return Err(value.to_string()) };
        for part in text.split(|byte| *byte == b'|').filter(|part| !part.is_empty()) {
            let label = part.len() as u32 + self.more;
            match part.len() {
                len if len > self.invalid => return Err(format!("{len} bytes")),
                len if len > self.two => out.extend([label, label + 1, label]),
                _ => out.push(label),
            }
        }
        Ok(())
    }

    fn separator(&self) -> Option<u8> {
        self.together.then_some(b'|')
    }

    fn part_labels(&mut self, parts: TextParts<'_>, out: &mut Vec<u32>) -> bool {
        let lens: Vec<_> = parts.places().1.map(|(from, to)| to - from).collect();
        out.clear();
        out.extend(lens.iter().map(|len| if *len == 0 { NO_LABEL } else { *len as u32 + self.more }));
        lens.into_iter().max().is_none_or(|len| len <= self.two.min(self.invalid))
    }
}

/// The labels of each row; `None` where it says nothing.
fn rows_of(shard: &ColumnFile, meaning: &mut dyn LabelSet) -> Vec<Option<Vec<u32>>> {
    let (mut workspace, mut found) = (Workspace::default(), Vec::new());
    for chunk in shard.chunks() {
        let mut give = |sets: &mut LabelSets| {
            found.extend(
                (0..sets.rows()).map(|row| (!sets.is_silent(row)).then(|| sets.positives(row).to_vec())),
            );
            Ok(())
        };
        let mut sets = LabelSets::default();
        counted(rows_of_sets(&chunk, &mut workspace, meaning, 1, &mut sets, &mut give).unwrap());
    }
    found
}

proptest! {
    #[test]
    fn texts_that_are_cut_together_are_texts_that_are_cut_one_by_one(
        texts in prop::collection::vec(prop::option::weighted(0.9, "[a|]{0,9}|(a{0,70}|\\|){0,5}"), 0..1200),
        settings in settings(), two in 60..90_usize, invalid in 60..90_usize,
        more in prop::sample::select(vec![0, 5000]), kept in any::<u64>(),
    ) {
        let array: ArrayRef = Arc::new(StringArray::from(texts));
        let shard = ColumnFile::write(&array, settings.properties().build());
        for kept in [None, Some(kept)] {
            let [alone, together] = [false, true]
                .map(|together| kept_sets(&shard, &mut Delimited { together, two, invalid, more }, kept));
            prop_assert_eq!(together, alone);
        }
        let [alone, together] =
            [false, true].map(|together| rows_of(&shard, &mut Delimited { together, two, invalid, more }));
        prop_assert_eq!(together, alone);
    }
}

#[test]
fn a_delimited_string_stands_for_several_labels() {
    let texts = [Some("a|bb"), None, Some(""), Some("bb|bb|a"), Some("ccc"), Some("a|bb")];
    let array: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    for dictionary in [true, false] {
        let settings = Settings { dictionary, ..Settings::plain() };
        let shard = ColumnFile::write(&array, settings.properties().build());
        let found = sets(&shard, &mut Delimited { ..Delimited::USUAL });
        assert_eq!(found.positives, [0, 3, 3, 1]);
        assert_eq!((found.count.rows, found.count.null_rows, found.count.invalid_rows), (6, 1, 0));
    }
}
