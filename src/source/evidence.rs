//! What the cells of each column show: a sample of rows from several shards and row groups, the dictionaries
//! of text columns, and the statistics of all row groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::compute::kernels::length::length;
use arrow::datatypes::{DataType, Float64Type, Int64Type, Schema, UInt64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::statistics::Statistics;

use super::layout::{is_label, is_number, is_text, item};
use super::repeated_cells::RepeatedCells;
use super::row_reader::{Enough, RowChoice, read_columns};
use super::shards::Shard;
use super::structured::Element;
use super::text_cells::for_each_text;
use super::values::Value;
use crate::error::{Error, Result};
use crate::guard::guarded;

/// Rows looked at in the first row group, and in each part of any other.
const FIRST_ROWS: usize = 1024;
const PART_ROWS: usize = 256;
/// Distinct cells of a column that are remembered.
const CELLS_MAX: usize = 4096;
/// Cells from which they show whether values recur.
pub(super) const CELLS_MIN: u64 = 20;
/// Cells of a column that are shown.
pub(crate) const CELLS_SHOWN: usize = 4;
/// Characters of a cell that are shown.
const CELL_WIDTH: usize = 160;
/// A column whose cells take more bytes than this holds no labels: images, articles, embeddings.
const TEXT_BYTES_MAX: i64 = 4 << 10;
const LIST_BYTES_MAX: i64 = 64 << 10;

/// What the cells of one column show.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnEvidence {
    /// Distinct texts, or texts in lists, with the cells of the sample that hold each; 0 where a dictionary has
    /// it and the sample has not.
    pub(crate) texts: BTreeMap<String, u64>,
    /// Distinct numbers by their bits, NaN left out, with the cells of the sample that hold each; 0 for those that
    /// only bound the values of whole row groups.
    numbers: BTreeMap<u64, u64>,
    /// Integers that share their double with others, with their cells.
    large: BTreeMap<i128, u64>,
    /// Lengths of lists.
    pub(crate) lengths: BTreeSet<i64>,
    /// Cells of the sample that are not NULL.
    pub(crate) cells: u64,
    /// Cells of the sample that are NULL.
    pub(crate) nulls: u64,
    /// More distinct cells than are remembered.
    pub(crate) is_full: bool,
    /// Some bytes are not UTF-8.
    pub(crate) has_bytes: bool,
    /// Cells were too long to look at.
    pub(crate) is_long: bool,
    /// Some cells, as a person reads them.
    pub(crate) shown: Vec<String>,
    /// Cells of one file that another of its cells equals.
    pub(super) repeated: RepeatedCells,
}

impl ColumnEvidence {
    /// The distinct numbers.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = f64> {
        self.numbers.keys().map(|bits| f64::from_bits(*bits))
    }

    /// The distinct numbers, with the cells of the sample that hold each.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (f64, u64)> {
        self.numbers.iter().map(|(bits, cells)| (f64::from_bits(*bits), *cells))
    }

    /// The cells of the sample that hold each value.
    fn cells_of_values(&self) -> impl Iterator<Item = u64> {
        let large = |bits: &u64| !self.large.is_empty() && f64::from_bits(*bits).abs() >= Value::EXACT;
        let numbers = self.numbers.iter().filter(move |(bits, _)| !large(bits)).map(|(_, cells)| cells);
        numbers.chain(self.large.values()).chain(self.texts.values()).copied()
    }

    /// Cells of the sample that hold what another cell holds too.
    pub(crate) fn recurring(&self) -> u64 {
        self.cells_of_values().filter(|cells| *cells > 1).sum()
    }

    /// Distinct values in the cells of the sample.
    pub(crate) fn distinct(&self) -> u64 {
        self.cells_of_values().filter(|cells| *cells > 0).count() as u64
    }

    /// Whether most texts are several words, not always as many, and most of them do not recur.
    pub(crate) fn has_phrases(&self) -> bool {
        let words = |text: &String| text.split_whitespace().count();
        let several = self.texts.keys().filter(|text| words(text) > 1).count();
        let most = self.texts.keys().map(words).max();
        let hardly_recur = self.is_full || self.texts.len() as u64 * 2 > self.cells;
        self.cells >= CELLS_MIN
            && hardly_recur
            && several * 2 > self.texts.len()
            && self.texts.keys().map(words).any(|n| Some(n) != most)
    }

    /// Whether few values recur in so many cells that they are hardly the ids of rows.
    pub(crate) fn has_few_values(&self) -> bool {
        self.recurs(10)
    }

    /// Whether there are so many cells for each value.
    pub(super) fn recurs(&self, cells_each: u64) -> bool {
        !self.is_full && self.cells >= CELLS_MIN && self.distinct() * cells_each <= self.cells
    }

    /// True when some cell has a value.
    pub(crate) fn has_values(&self) -> bool {
        !self.numbers.is_empty() || !self.texts.is_empty()
    }

    /// Adds a number that so many cells hold.
    pub(super) fn number(&mut self, number: f64, times: u64) {
        if number.is_nan() {
            return;
        }
        // Both zeros are one number.
        let bits = (number + 0.0).to_bits();
        if let Some(seen) = self.numbers.get_mut(&bits) {
            *seen += times;
        } else if self.numbers.len() < CELLS_MAX {
            self.numbers.insert(bits, times);
        } else {
            self.is_full = true;
        }
    }

    /// Adds what a text holds.
    pub(super) fn element(&mut self, element: &Element<'_>) {
        match element.value() {
            Some(Value::Text(text)) => self.text(text, 1),
            Some(value) => self.number(value.number().unwrap_or(f64::NAN), 1),
            None => {}
        }
    }

    pub(super) fn text(&mut self, text: &str, times: u64) {
        if let Some(seen) = self.texts.get_mut(text) {
            *seen += times;
        } else if self.texts.len() < CELLS_MAX {
            self.texts.insert(text.to_owned(), times);
        } else {
            self.is_full = true;
        }
    }

    fn add(&mut self, array: &ArrayRef) {
        self.show(array);
        self.repeated.add(array);
        self.cells += (array.len() - array.null_count()) as u64;
        self.nulls += array.null_count() as u64;
        let data_type = super::schema::plain_type(array.data_type());
        if item(&data_type).is_some() {
            let lengths = length(array).and_then(|lengths| cast(&lengths, &DataType::Int64));
            if let Ok(lengths) = lengths {
                let more = lengths.as_primitive::<Int64Type>().iter().flatten();
                self.lengths.extend(more.take(CELLS_MAX));
            }
            let Ok(lists) = cast(array, &data_type) else { return };
            let values = match &data_type {
                DataType::List(_) => lists.as_list::<i32>().values(),
                DataType::LargeList(_) => lists.as_list::<i64>().values(),
                _ => lists.as_fixed_size_list().values(),
            };
            self.add_values(values);
        } else {
            self.add_values(array);
        }
    }

    fn add_values(&mut self, array: &ArrayRef) {
        let data_type = super::schema::plain_type(array.data_type());
        if is_text(&data_type) {
            let mut bytes = false;
            for_each_text(array, &mut |text| match text {
                Ok(text) => self.text(text, 1),
                Err(_) => bytes = true,
            });
            self.has_bytes |= bytes;
        } else if is_number(&data_type)
            && let Ok(numbers) = cast(array, &DataType::Float64)
        {
            numbers.as_primitive::<Float64Type>().iter().flatten().for_each(|number| self.number(number, 1));
            match (&data_type, cast(array, &data_type)) {
                (DataType::Int64, Ok(integers)) => {
                    integers
                        .as_primitive::<Int64Type>()
                        .iter()
                        .flatten()
                        .for_each(|i| self.integer(i.into()));
                }
                (DataType::UInt64, Ok(integers)) => {
                    integers
                        .as_primitive::<UInt64Type>()
                        .iter()
                        .flatten()
                        .for_each(|i| self.integer(i.into()));
                }
                _ => {}
            }
        }
    }

    /// Tells an integer from others with the same double.
    fn integer(&mut self, integer: i128) {
        let is_known = self.large.contains_key(&integer);
        if (integer as f64).abs() >= Value::EXACT && (is_known || self.large.len() < CELLS_MAX) {
            *self.large.entry(integer).or_default() += 1;
        }
    }

    fn show(&mut self, array: &ArrayRef) {
        let options = FormatOptions::default().with_null("NULL");
        let plain = super::schema::plain_type(array.data_type());
        let readable = if plain == DataType::BinaryView { DataType::Utf8 } else { plain };
        let Ok(array) = cast(array, &readable) else { return };
        let Ok(format) = ArrayFormatter::try_new(&array, &options) else { return };
        for row in (0..array.len()).filter(|&row| array.is_valid(row)).take(FIRST_ROWS) {
            if self.shown.len() >= CELLS_SHOWN {
                return;
            }
            let cell = match quoted(&array, row) {
                Some(cell) => cell,
                None if is_text(&readable) => format!("{:?}", format.value(row).to_string()),
                None => format.value(row).to_string(),
            };
            let cell = if cell.chars().count() > CELL_WIDTH {
                format!("{}…", cell.chars().take(CELL_WIDTH).collect::<String>())
            } else {
                cell
            };
            if !self.shown.contains(&cell) {
                self.shown.push(cell);
            }
        }
    }

    /// What statistics say of the least and the largest value of a chunk.
    fn bounds(&mut self, data_type: &DataType, statistics: &Statistics) {
        let signed = data_type.is_signed_integer();
        let mut both =
            |bounds: [Option<f64>; 2]| bounds.into_iter().flatten().for_each(|x| self.number(x, 0));
        match statistics {
            Statistics::Boolean(s) => {
                both([s.min_opt(), s.max_opt()].map(|x| x.map(|x| f64::from(u8::from(*x)))));
            }
            Statistics::Int32(s) if signed => {
                both([s.min_opt(), s.max_opt()].map(|x| x.map(|x| f64::from(*x))));
            }
            Statistics::Int64(s) if signed => both([s.min_opt(), s.max_opt()].map(|x| x.map(|x| *x as f64))),
            Statistics::Float(s) => both([s.min_opt(), s.max_opt()].map(|x| x.map(|x| f64::from(*x)))),
            Statistics::Double(s) => both([s.min_opt().copied(), s.max_opt().copied()]),
            _ => {}
        }
    }
}

/// A list of texts as people write it, so that "10" is not taken for 10.
fn quoted(array: &ArrayRef, row: usize) -> Option<String> {
    item(array.data_type()).filter(|element| is_text(element))?;
    let values = match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value(row),
        DataType::LargeList(_) => array.as_list::<i64>().value(row),
        _ => array.as_fixed_size_list().value(row),
    };
    let texts = cast(&values, &DataType::Utf8).ok()?;
    let texts = texts.as_string::<i32>().iter();
    let shown: Vec<String> =
        texts.map(|text| text.map_or_else(|| "NULL".to_owned(), |text| format!("{text:?}"))).collect();
    Some(format!("[{}]", shown.join(", ")))
}

/// Looks at the columns for which `wanted` says yes. `schema` has the types that the shards agree on.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) naming a shard that cannot be read.
pub(crate) fn gather(
    shards: &[Shard],
    schema: &Schema,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<BTreeMap<String, ColumnEvidence>> {
    gather_and(shards, schema, wanted, &mut |_| ())
}

/// The same, where `each` sees the rows that are looked at.
///
/// # Errors
/// As for [`gather`].
pub(super) fn gather_and(
    shards: &[Shard],
    schema: &Schema,
    wanted: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(&RecordBatch),
) -> Result<BTreeMap<String, ColumnEvidence>> {
    // Of structs and maps only some cells are shown.
    let can_hold_labels = |t: &DataType| is_number(t) || is_label(t) || t.is_nested();
    let fields = schema.fields().iter().filter(|field| wanted(field.name()));
    let fields = fields.filter(|f| can_hold_labels(item(f.data_type()).unwrap_or(f.data_type())));
    let mut found: BTreeMap<String, ColumnEvidence> =
        fields.map(|field| (field.name().clone(), ColumnEvidence::default())).collect();
    let filled: Vec<&Shard> = shards.iter().filter(|shard| shard.rows > 0).collect();
    for shard in &filled {
        add_statistics(&*shard.with_footer()?, schema, &mut found);
    }
    let far = filled.iter().any(|shard| shard.place.object().is_some());
    let (mut unreadable, mut is_read) = (None, false);
    for (nth, at) in spread(filled.len()).into_iter().enumerate() {
        found.values_mut().for_each(|evidence| evidence.repeated.begin_file());
        let shard = filled[at].whole()?;
        let groups = spread(shard.metadata.num_row_groups());
        // Every row group of an object takes requests of its own.
        for group in groups.into_iter().take(if far { 1 } else { usize::MAX }) {
            let first = nth == 0 && group == 0;
            let slim = slim(&shard, group, &found);
            for (name, evidence) in &mut found {
                let is_there = shard.schema.field_with_name(name).is_ok();
                evidence.is_long |= is_there && !slim.contains_key(name.as_str());
            }
            let rows = RowChoice::Of(group, parts(&shard, group, first, far));
            let read = read_columns(&shard, rows, &|name| slim.contains_key(name), &mut |batch| {
                for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
                    if let Some(evidence) = found.get_mut(field.name()) {
                        evidence.add(array);
                    }
                }
                each(batch);
                Ok(Enough::No)
            });
            match read {
                Ok(()) => is_read = true,
                // Counting names every such shard, or leaves it out as asked.
                Err(error @ Error::Input(_)) => unreadable = unreadable.or(Some(error)),
                Err(error) => return Err(error),
            }
            if !far {
                add_dictionaries(&shard, group, &slim, &mut found);
            }
        }
    }
    match unreadable {
        Some(error) if !is_read => Err(error),
        _ => Ok(found),
    }
}

/// Some cells, as a person reads them, of columns that can hold no labels; none of columns with long cells.
pub(crate) fn cells_of_others(
    shards: &[Shard],
    found: &BTreeMap<String, ColumnEvidence>,
) -> BTreeMap<String, Vec<String>> {
    let mut others: BTreeMap<String, ColumnEvidence> = BTreeMap::new();
    let whole = shards.iter().find(|shard| shard.rows > 0).and_then(|shard| shard.whole().ok());
    let Some(shard) = whole else { return BTreeMap::new() };
    let mut groups = 0..shard.metadata.num_row_groups();
    let Some(group) = groups.find(|&group| shard.live_rows(group) > 0) else { return BTreeMap::new() };
    let metadata = shard.metadata.row_group(group);
    for (field, leaves) in shard.schema.fields().iter().zip(shard.leaves()) {
        let bytes: i64 = leaves.map(|leaf| metadata.column(leaf).uncompressed_size()).sum();
        if !found.contains_key(field.name()) && bytes / metadata.num_rows().max(1) <= TEXT_BYTES_MAX {
            others.insert(field.name().clone(), ColumnEvidence::default());
        }
    }
    let rows = RowChoice::Of(group, std::iter::once(0..FIRST_ROWS).collect());
    // What cannot be read shows nothing here; counting says why.
    let names: BTreeSet<String> = others.keys().cloned().collect();
    let _ = read_columns(&shard, rows, &|name| names.contains(name), &mut |batch| {
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            if let Some(evidence) = others.get_mut(field.name()) {
                evidence.show(array);
            }
        }
        Ok(Enough::No)
    });
    others.into_iter().map(|(name, evidence)| (name, evidence.shown)).collect()
}

/// The first, the middle and the last of `n`.
fn spread(n: usize) -> Vec<usize> {
    let mut places = vec![0, n / 2, n.saturating_sub(1)];
    places.retain(|place| *place < n);
    places.dedup();
    places
}

/// Rows at the beginning, in the middle and at the end of a row group.
fn parts(shard: &Shard, group: usize, first: bool, far: bool) -> Vec<Range<usize>> {
    let all = usize::try_from(shard.metadata.row_group(group).num_rows()).unwrap_or(0);
    let head = if first { FIRST_ROWS } else { PART_ROWS };
    if far || all <= head + 2 * PART_ROWS {
        return std::iter::once(0..all.min(if far { head } else { all })).collect();
    }
    let middle = (all / 2).max(head);
    let last = (all - PART_ROWS).max(middle + PART_ROWS);
    vec![0..head, middle..middle + PART_ROWS, last.min(all)..all]
}

/// The leaf of each column that has just one, in a shard.
fn leaves(shard: &Shard) -> HashMap<&str, usize> {
    let fields = shard.schema.fields().iter().zip(shard.leaves());
    let one = fields.filter(|(_, leaves)| leaves.len() == 1);
    one.map(|(field, leaves)| (field.name().as_str(), leaves.start)).collect()
}

/// The columns whose cells are short enough to be labels, with their first leaves. A column inside another is read
/// with all of that one.
fn slim<'s>(
    shard: &'s Shard,
    group: usize,
    found: &BTreeMap<String, ColumnEvidence>,
) -> HashMap<&'s str, usize> {
    let metadata = shard.metadata.row_group(group);
    let leaves = shard.leaves();
    let columns = shard.schema.fields().iter().enumerate();
    let short = columns.filter_map(|(place, field)| {
        let own = leaves.get(place).filter(|own| !own.is_empty())?;
        let read = shard.nested_at(place).map_or(own, |(root, _)| &leaves[root]);
        let bytes: i64 = read.clone().map(|leaf| metadata.column(leaf).uncompressed_size()).sum();
        let limit =
            if field.data_type().is_nested() || read != own { LIST_BYTES_MAX } else { TEXT_BYTES_MAX };
        let is_short = bytes / metadata.num_rows().max(1) <= limit;
        (found.contains_key(field.name()) && is_short).then_some((field.name().as_str(), own.start))
    });
    short.collect()
}

fn add_statistics(shard: &Shard, schema: &Schema, found: &mut BTreeMap<String, ColumnEvidence>) {
    for (name, leaf) in leaves(shard) {
        let (Some(evidence), Ok(field)) = (found.get_mut(name), schema.field_with_name(name)) else {
            continue;
        };
        let data_type = item(field.data_type()).unwrap_or(field.data_type());
        for group in shard.metadata.row_groups() {
            let statistics = group.columns().get(leaf).and_then(ColumnChunkMetaData::statistics);
            if let Some(statistics) = statistics.filter(|s| !s.is_min_max_deprecated()) {
                evidence.bounds(data_type, statistics);
            }
        }
    }
}

/// Adds the dictionaries of text columns, which hold every distinct cell unless there are very many.
fn add_dictionaries(
    shard: &Shard,
    group: usize,
    columns: &HashMap<&str, usize>,
    found: &mut BTreeMap<String, ColumnEvidence>,
) {
    for (name, leaf) in columns {
        let is_text = shard.schema.field_with_name(name).is_ok_and(|field| {
            let plain = super::schema::plain_type(field.data_type());
            is_text(item(&plain).unwrap_or(&plain))
        });
        if !is_text {
            continue;
        }
        let chunk = shard.metadata.row_group(group).column(*leaf);
        let entries = guarded(|| dictionary(shard, group, chunk)).flatten().unwrap_or_default();
        if let Some(evidence) = found.get_mut(*name) {
            entries.iter().for_each(|entry| evidence.text(entry, 0));
        }
    }
}

/// The entries of the dictionary of a text column, if it has one.
fn dictionary(shard: &Shard, group: usize, chunk: &ColumnChunkMetaData) -> Option<Vec<String>> {
    chunk.dictionary_page_offset()?;
    let file = Arc::new(shard.place.open().ok()?);
    let rows = usize::try_from(shard.metadata.row_group(group).num_rows()).ok()?;
    let mut pages = SerializedPageReader::new(file, chunk, rows, None).ok()?;
    let Page::DictionaryPage { buf, .. } = pages.get_next_page().ok()?? else { return None };
    let (mut entries, mut rest) = (Vec::new(), &buf[..]);
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (entry, after) = after.split_at_checked(length)?;
        entries.push(std::str::from_utf8(entry).ok()?.to_owned());
        rest = after;
        if entries.len() == CELLS_MAX {
            break;
        }
    }
    Some(entries)
}
