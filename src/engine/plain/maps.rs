//! Labels of layout `map`: a row names labels and gives each a value.
//!
//! ```text
//! [cat, dog] [0.9, 0.2]      two lists side by side: a map, a list of structs
//! {"cat": 0.9, "dog": 0.2}   a text that holds an object
//! ```
//!
//! A row with a key that is not a label is invalid, and nothing else of it is counted. If a row repeats a label, one
//! value counts: invalid, else positive, uncertain, negative or missing, the first of these that occurs.

use std::collections::HashMap;

use arrow::array::ArrayRef;

use crate::counts::{Cell, Mass, MassTally};
use crate::engine::counting::{Counting, Keys};
use crate::engine::group_key::GroupKey;
use crate::engine::partial::{PartialRow, Partials};
use crate::engine::plain::batch_weights::BatchWeights;
use crate::engine::plain::cells::{BatchRows, CellSum, STRAYS_SHOWN, StrayValue};
use crate::engine::plain::columns::Lists;
use crate::engine::plain::sets::null_row;
use crate::engine::plain::visit::visit;
use crate::engine::read::interner::Interner;
use crate::engine::read::weights::{mass, mass_overflow};
use crate::error::{Error, Result};
use crate::source::structured::object;
use crate::source::text_maps::no_object;
use crate::source::values::Value;

/// Texts whose labels are remembered, and the length above which none is.
const TEXTS_MAX: usize = 4096;
const TEXT_BYTES_MAX: usize = 1024;

/// A label of a row, with what its value means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MapEntry {
    pub(crate) label: u32,
    pub(crate) cell: Cell,
    /// The target of a positive or negative value.
    target: f64,
}

/// The labels of a row.
#[derive(Debug, Default)]
pub(crate) struct MapRow {
    /// The row says nothing.
    pub(crate) is_null: bool,
    /// Ascending, each label once; all other labels are negative.
    pub(crate) entries: Vec<MapEntry>,
    null_keys: u64,
    /// What is wrong with a key, or with the whole row.
    invalid_key: Option<String>,
    /// A label with a value that has no meaning.
    invalid_value: Option<(u32, String)>,
}

impl MapRow {
    fn clear(&mut self) {
        self.entries.clear();
        (self.is_null, self.null_keys) = (false, 0);
        (self.invalid_key, self.invalid_value) = (None, None);
    }

    fn end(&mut self) {
        if self.invalid_key.is_some() {
            self.entries.clear();
            self.invalid_value = None;
        }
        merge(&mut self.entries);
    }
}

/// Sorts entries by label; of a repeated label the value that wins stays, of equal sides the highest target.
fn merge(entries: &mut Vec<MapEntry>) {
    if !entries.is_sorted_by(|a, b| a.label < b.label) {
        entries.sort_by(|a, b| {
            let key = |entry: &MapEntry| (entry.label, weakness(entry.cell));
            key(a).cmp(&key(b)).then(b.target.total_cmp(&a.target))
        });
        entries.dedup_by_key(|entry| entry.label);
    }
}

/// A lower number wins.
fn weakness(cell: Cell) -> u8 {
    match cell {
        Cell::Invalid => 0,
        Cell::Positive => 1,
        Cell::Uncertain => 2,
        Cell::Negative => 3,
        Cell::Missing => 4,
    }
}

/// Reads rows, and remembers what texts hold.
#[derive(Debug)]
pub(crate) struct MapReader {
    interner: Interner,
    texts: HashMap<Box<str>, MapRow>,
    row: MapRow,
}

/// Takes a row, by its place in the batch.
type TakeRow<'e> = &'e mut dyn FnMut(usize, &MapRow, &Interner) -> Result<()>;

impl MapReader {
    pub(crate) fn new(counting: &Counting) -> Self {
        let interner = Interner::new(&counting.keys, counting.domain.spelling);
        Self { interner, texts: HashMap::new(), row: MapRow::default() }
    }

    /// Gives every row of a batch in order. `columns` are the labels and their values, or texts.
    pub(crate) fn read(
        &mut self,
        columns: &[ArrayRef],
        counting: &Counting,
        each: TakeRow<'_>,
    ) -> Result<()> {
        match columns {
            [keys, values] => self.read_lists(&Lists::of(keys)?, &Lists::of(values)?, counting, each),
            [texts] => self.read_texts(texts, counting, each),
            _ => Err(Error::internal(format!("{} columns of a map", columns.len()))),
        }
    }

    fn read_lists(
        &mut self,
        keys: &Lists,
        values: &Lists,
        counting: &Counting,
        each: TakeRow<'_>,
    ) -> Result<()> {
        let Self { interner, row, .. } = self;
        let (mut ids, mut cells) = (Vec::new(), Vec::new());
        let [mut bad_keys, mut bad_values] = [Texts::default(), Texts::default()];
        visit(&keys.values, |at, key| {
            ids.push(key.map(|key| interner.id(&key).map_err(|what| bad_keys.add(at, what))));
        })?;
        visit(&values.values, |at, value| {
            let (cell, target) = counting.domain.target_of(value.as_ref());
            if let (Cell::Invalid, Some(value)) = (cell, value) {
                bad_values.add(at, value.to_string());
            }
            cells.push((cell, target));
        })?;
        let missing = counting.domain.target_of(None);
        for number in 0..keys.len() {
            row.clear();
            row.is_null = keys.is_null(number);
            let range = if row.is_null { 0..0 } else { keys.range(number) };
            let has_values = !values.is_null(number);
            let beside = if has_values && !row.is_null { values.range(number) } else { 0..0 };
            if has_values && range.len() != beside.len() {
                row.invalid_key = Some(format!("{} labels beside {} values", range.len(), beside.len()));
            }
            let places = beside.map(Some).chain(std::iter::repeat(None));
            for (at, place) in range.zip(places) {
                let label = match &ids[at] {
                    None => {
                        row.null_keys += 1;
                        continue;
                    }
                    Some(Err(())) => {
                        row.invalid_key.get_or_insert_with(|| bad_keys.get(at));
                        continue;
                    }
                    Some(Ok(label)) => *label,
                };
                let (cell, target) = place.map_or(missing, |place| cells[place]);
                row.entries.push(MapEntry { label, cell, target });
                if let (Cell::Invalid, Some(place)) = (cell, place) {
                    row.invalid_value.get_or_insert_with(|| (label, bad_values.get(place)));
                }
            }
            row.end();
            each(number, row, interner)?;
        }
        Ok(())
    }

    fn read_texts(&mut self, texts: &ArrayRef, counting: &Counting, each: TakeRow<'_>) -> Result<()> {
        let mut failed = None;
        visit(texts, |number, value| {
            let taken = match value {
                Some(value) if !counting.domain.is_missing(&value) => {
                    self.read_text(&value, counting);
                    let row = match value {
                        Value::Text(text) => self.texts.get(text).unwrap_or(&self.row),
                        _ => &self.row,
                    };
                    each(number, row, &self.interner)
                }
                _ => {
                    self.row.clear();
                    self.row.is_null = true;
                    each(number, &self.row, &self.interner)
                }
            };
            if let Err(error) = taken {
                failed.get_or_insert(error);
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Puts what a text holds into `texts`, or into `row`.
    fn read_text(&mut self, value: &Value<'_>, counting: &Counting) {
        let Self { interner, texts, row } = self;
        let text = match value {
            Value::Text(text) if texts.contains_key(*text) => return,
            Value::Text(text) => *text,
            other => {
                row.clear();
                row.invalid_key = Some(format!("{other} is not UTF-8"));
                return;
            }
        };
        let mut found = std::mem::take(row);
        found.clear();
        let parsed = object(text, |key, value| {
            let Some(key) = key.value() else {
                found.null_keys += 1;
                return;
            };
            match interner.id(&key) {
                Ok(label) => {
                    let value = value.value();
                    let (cell, target) = counting.domain.target_of(value.as_ref());
                    found.entries.push(MapEntry { label, cell, target });
                    if let (Cell::Invalid, Some(value)) = (cell, value) {
                        found.invalid_value.get_or_insert_with(|| (label, value.to_string()));
                    }
                }
                Err(what) => {
                    found.invalid_key.get_or_insert(what);
                }
            }
        });
        if let Err(malformed) = parsed {
            found.invalid_key = Some(no_object(text, &malformed));
        }
        found.end();
        if text.len() > TEXT_BYTES_MAX {
            *row = found;
            return;
        }
        if texts.len() >= TEXTS_MAX {
            texts.clear();
        }
        texts.insert(text.into(), found);
    }
}

/// What is wrong with some elements, as text; not of all where they are many.
#[derive(Default)]
struct Texts(Vec<(usize, String)>);

impl Texts {
    fn add(&mut self, at: usize, text: String) {
        if self.0.len() < STRAYS_SHOWN {
            self.0.push((at, text));
        }
    }

    fn get(&self, at: usize) -> String {
        let found = self.0.iter().find(|(place, _)| *place == at).or(self.0.last());
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

/// What counts of a label's value that has no meaning say.
pub(crate) fn no_side(label: &str, value: &str) -> String {
    format!("label {label:?} has value {value}, which is neither positive nor negative")
}

/// Counts per label id, of the rows that name the label.
#[derive(Debug)]
pub(super) struct MapSums {
    reader: MapReader,
    positional: bool,
    sums: Vec<CellSum>,
}

impl MapSums {
    pub(super) fn new(counting: &Counting) -> Self {
        let positional = !matches!(counting.keys, Keys::Names(_));
        Self { reader: MapReader::new(counting), positional, sums: Vec::new() }
    }

    pub(super) fn name_bytes(&self) -> usize {
        self.reader.interner.name_bytes()
    }

    pub(super) fn len(&self) -> usize {
        self.sums.len()
    }

    pub(super) fn update(
        &mut self,
        columns: &[ArrayRef],
        counting: &Counting,
        weights: Option<&BatchWeights>,
        counted: &mut BatchRows,
        strays: &mut Vec<StrayValue>,
    ) -> Result<()> {
        let Self { reader, sums, .. } = self;
        reader.read(columns, counting, &mut |number, row, interner| {
            counted.skipped += row.null_keys;
            if row.is_null {
                return null_row(number, weights, counted);
            }
            let invalid = row.invalid_key.clone().or_else(|| {
                let (label, value) = row.invalid_value.as_ref()?;
                Some(no_side(&interner.label(*label), value))
            });
            if let Some(text) = invalid.filter(|_| strays.len() < STRAYS_SHOWN) {
                strays.push(StrayValue { label: None, row: number, text });
            }
            let weight =
                if counting.has_mass() { weights.map_or(1.0, |weights| weights.value(number)) } else { 0.0 };
            for entry in &row.entries {
                let at = entry.label as usize;
                if at >= sums.len() {
                    sums.resize(at + 1, CellSum::default());
                }
                sums[at].tally.add(entry.cell, 1);
                if counting.has_mass() {
                    add_mass(&mut sums[at].mass, entry, weight)?;
                }
            }
            Ok(())
        })
    }

    /// Rows so far that have each label, by its id.
    pub(super) fn positives(&self) -> impl ExactSizeIterator<Item = u64> {
        self.sums.iter().map(|sum| sum.tally.positives)
    }

    /// The name of an id that is no position.
    pub(super) fn name(&self, id: usize) -> Option<&str> {
        self.reader.interner.name(id)
    }

    /// Gives out one partial row per label of `ids` that was named.
    pub(super) fn give(&self, ids: std::ops::Range<usize>, by: &GroupKey, out: &mut Partials) {
        for (id, sum) in ids.clone().zip(&self.sums[ids]) {
            if sum.tally.total() == Some(0) {
                continue;
            }
            out.push(&PartialRow {
                by,
                index: self.positional.then_some(id as u64),
                name: self.reader.interner.name(id),
                tally: sum.tally,
                mass: sum.mass,
                ..PartialRow::default()
            });
        }
    }
}

/// Adds the mass of a value. All mass of the rows that is not positive becomes negative at the end, so that what is
/// not known is taken away from the negatives here.
fn add_mass(sum: &mut MassTally, entry: &MapEntry, weight: f64) -> Result<()> {
    match entry.cell {
        Cell::Positive | Cell::Negative => {
            let more = sum.positives.checked_add(mass(weight * entry.target)?);
            sum.positives = more.ok_or_else(mass_overflow)?;
        }
        _ => {
            let less = Mass::from_units(-mass(weight)?.units());
            sum.negatives = sum.negatives.checked_add(less).ok_or_else(mass_overflow)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;

    use super::*;
    use crate::counts::NameOrder;
    use crate::engine::counting::tests::counting;
    use crate::source::layout::LayoutKind;

    #[test]
    fn of_a_repeated_label_the_stronger_value_counts() {
        let order = [Cell::Missing, Cell::Negative, Cell::Uncertain, Cell::Positive, Cell::Invalid];
        let entry = |label, cell, target| MapEntry { label, cell, target };
        for (strength, &cell) in order.iter().enumerate() {
            for &weaker in &order[..strength] {
                let mut entries =
                    vec![entry(7, weaker, 0.9), entry(3, Cell::Negative, 0.0), entry(7, cell, 0.1)];
                merge(&mut entries);
                assert_eq!(entries, [entry(3, Cell::Negative, 0.0), entry(7, cell, 0.1)]);
            }
        }
        let mut entries = vec![entry(1, Cell::Positive, 0.6), entry(1, Cell::Positive, 0.8)];
        merge(&mut entries);
        assert_eq!(entries, [entry(1, Cell::Positive, 0.8)]);
    }

    #[test]
    fn texts_are_read_once_and_say_what_is_wrong_with_them() {
        let counting = counting(LayoutKind::Map, &["y"], Keys::Names(NameOrder::Name));
        let mut reader = MapReader::new(&counting);
        let long = format!("{{'{}': 1}}", "x".repeat(2 * TEXT_BYTES_MAX));
        let texts = [
            Some(r#"{"cat": 1, "dog": 0, "emu": null}"#),
            None,
            Some("{'dog': True, 3: 1.0}"),
            Some("{}"),
            Some(&long),
            Some(r#"{"cat": 2}"#),
            Some(r#"{"cat": "#),
            Some(r#"{"cat": 1, "dog": 0, "emu": null}"#),
        ];
        let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let mut rows = Vec::new();
        reader
            .read(&[texts], &counting, &mut |number, row, interner| {
                assert_eq!(number, rows.len());
                let name = |entry: &MapEntry| (interner.label(entry.label), entry.cell);
                let labels: Vec<_> = row.entries.iter().map(name).collect();
                let wrong = row.invalid_key.clone().or(row.invalid_value.clone().map(|(_, value)| value));
                rows.push((row.is_null, labels, wrong));
                Ok(())
            })
            .unwrap();
        let labels = |of: &[(&str, Cell)]| of.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect::<Vec<_>>();
        let first = labels(&[("cat", Cell::Positive), ("dog", Cell::Negative), ("emu", Cell::Missing)]);
        assert_eq!(rows[0], (false, first, None));
        assert_eq!(rows[7], rows[0]);
        assert_eq!(rows[1], (true, Vec::new(), None));
        assert_eq!(rows[2].1, labels(&[("dog", Cell::Positive), ("3", Cell::Positive)]));
        assert_eq!(rows[3], (false, Vec::new(), None));
        assert_eq!((rows[4].1.len(), rows[4].1[0].1), (1, Cell::Positive));
        assert_eq!(rows[5].2.as_deref(), Some("2"));
        assert!(rows[6].2.as_deref().unwrap().contains("is not a JSON object"), "{:?}", rows[6]);
    }
}
