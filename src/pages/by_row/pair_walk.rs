//! Two columns side by side inside the same lists: the labels of a row, and a value for each.
//!
//! The pages of the two columns do not end at the same slots, so that both are read in steps that lie within a
//! page of each.

use super::pair_row::{PairRow, PairSink};
use crate::counts::Cell;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::{Coding, DataPage, DataPages, open};
use crate::pages::format::dictionary::Dictionary;
use crate::pages::format::hybrid::Hybrid;
use crate::pages::format::leaf::LeafColumn;
use crate::pages::format::nesting::Nesting;
use crate::pages::format::slots::{BLOCK, check_repetition};
use crate::pages::format::stream::{Item, ValueStream};
use crate::pages::lookup::{EntryLabels, Lookup};
use crate::pages::outcome::{Step, corrupt, unsupported};
use crate::pages::value::StoredValue;

/// The chunks of two leaves of a row group that are inside the same lists: `map<label, value>`, or
/// `list<struct<label, value>>`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PairChunks<'a> {
    /// Labels, by name or index.
    pub keys: Chunk<'a>,
    /// The value of each label.
    pub values: Chunk<'a>,
    /// The lists around both leaves, as [`Nesting::of`] gives them for `keys`.
    pub nesting: &'a Nesting,
}

/// Classifies the value of a label, whichever label it is.
pub(crate) type PairCell<'c> = &'c dyn Fn(StoredValue<'_>) -> Cell;

/// Passes the rows of two chunks to `sink`. A NULL value is missing; a NULL key is skipped with its value.
pub(crate) fn walk(
    pair: &PairChunks<'_>,
    [key_space, value_space]: [&mut Workspace; 2],
    lookup: &mut Lookup<'_>,
    cell: PairCell<'_>,
    sink: &mut dyn PairSink,
) -> Step<()> {
    let (key_leaf, key_entries, mut key_pages) = open(&pair.keys, key_space)?;
    let (value_leaf, value_entries, mut value_pages) = open(&pair.values, value_space)?;
    let mut left = check_columns(pair, key_leaf, value_leaf)?;
    let mut rows = PairSlots {
        pair,
        labels: EntryLabels::new(key_leaf, key_entries),
        lookup,
        values: ValueCells::new(value_leaf, value_entries, cell),
        depth: 0,
        row: PairRow::new(pair.keys.rows, sink),
    };
    let (mut keys, mut values) = (PageSlots::none(key_leaf)?, PageSlots::none(value_leaf)?);
    let [mut key_levels, mut value_levels] = [SlotLevels::new(), SlotLevels::new()];
    while left > 0 {
        while keys.left == 0 {
            keys.finish()?;
            keys = next(key_leaf, &mut key_pages)?;
        }
        while values.left == 0 {
            values.finish()?;
            values = next(value_leaf, &mut value_pages)?;
        }
        let len = keys.left.min(values.left).min(BLOCK);
        left = left.saturating_sub(len as u64);
        keys.read(len, &mut key_levels)?;
        values.read(len, &mut value_levels)?;
        rows.slots(len, (&key_levels, &mut keys.stream), (&value_levels, &mut values.stream))?;
    }
    keys.finish()?;
    values.finish()?;
    rows.row.finish()
}

/// Checks that two columns are inside the same lists; gives their number of slots.
fn check_columns(pair: &PairChunks<'_>, key_leaf: LeafColumn, value_leaf: LeafColumn) -> Step<u64> {
    if key_leaf.max_rep == 0 {
        return unsupported("a pair of columns without a list");
    }
    let lists = |leaf: LeafColumn| (leaf.max_rep, leaf.element_def);
    if !pair.nesting.fits(key_leaf) || lists(key_leaf) != lists(value_leaf) {
        return unsupported("a pair of columns that are not inside the same lists");
    }
    let [keys, values] = [pair.keys, pair.values].map(|chunk| chunk.meta.num_values());
    if keys != values {
        return Err(corrupt(format!("{keys} keys beside {values} values")));
    }
    u64::try_from(keys).map_err(|_| corrupt("a negative number of values"))
}

fn next<'p>(leaf: LeafColumn, pages: &'p mut DataPages<'_>) -> Step<PageSlots<'p>> {
    match pages.next()? {
        Some(page) => PageSlots::new(leaf, &page),
        None => Err(corrupt("pages end early")),
    }
}

/// The slots of a page that are not read yet.
struct PageSlots<'p> {
    max_def: u32,
    repetition: Hybrid<'p>,
    definition: Hybrid<'p>,
    stream: ValueStream<'p>,
    left: usize,
}

impl<'p> PageSlots<'p> {
    fn new(leaf: LeafColumn, page: &DataPage<'p>) -> Step<Self> {
        Ok(Self {
            max_def: leaf.max_def,
            repetition: Hybrid::levels(page.repetition, leaf.max_rep)?,
            definition: Hybrid::levels(page.definition, leaf.max_def)?,
            stream: ValueStream::new(leaf, page)?,
            left: page.slots,
        })
    }

    /// A page without slots.
    fn none(leaf: LeafColumn) -> Step<Self> {
        let none = [].as_slice();
        let page = DataPage {
            slots: 0,
            coding: Coding::Plain,
            repetition: none,
            definition: none,
            values: none,
            nulls: None,
        };
        Self::new(leaf, &page)
    }

    /// Reads the levels of the next `len` slots; their values are next in the stream.
    fn read(&mut self, len: usize, levels: &mut SlotLevels) -> Step<()> {
        self.left -= len;
        let definition = &mut levels.definition[..len];
        self.repetition.fill(&mut levels.repetition[..len])?;
        self.definition.fill(definition)?;
        self.stream.block(definition.iter().filter(|level| **level == self.max_def).count())
    }

    /// To be called after the last slot.
    fn finish(&self) -> Step<()> {
        self.repetition.finish()?;
        self.definition.finish()?;
        self.stream.finish()
    }
}

/// The levels of up to [`BLOCK`] slots.
struct SlotLevels {
    repetition: Vec<u32>,
    definition: Vec<u32>,
}

impl SlotLevels {
    fn new() -> Self {
        Self { repetition: vec![0; BLOCK], definition: vec![0; BLOCK] }
    }
}

/// Puts rows together from slots.
struct PairSlots<'w, 'l, 'a, 's> {
    pair: &'w PairChunks<'a>,
    labels: EntryLabels<'w>,
    lookup: &'w mut Lookup<'l>,
    values: ValueCells<'w>,
    /// Number of lists that have an element in the slot before.
    depth: u32,
    row: PairRow<'s>,
}

impl PairSlots<'_, '_, '_, '_> {
    fn slots(
        &mut self,
        len: usize,
        (key_levels, keys): (&SlotLevels, &mut ValueStream<'_>),
        (value_levels, values): (&SlotLevels, &mut ValueStream<'_>),
    ) -> Step<()> {
        let leaf = self.labels.leaf();
        for slot in 0..len {
            let (repetition, definition) = (key_levels.repetition[slot], key_levels.definition[slot]);
            let value_definition = value_levels.definition[slot];
            let level = self.pair.nesting.level(definition).ok_or_else(|| leaf.no_level(definition))?;
            if value_definition > self.values.leaf.max_def {
                return Err(self.values.leaf.no_level(value_definition));
            }
            // Above the elements of the innermost list both columns have the same ancestors.
            let ancestors = |definition: u32| definition.min(leaf.element_def);
            if repetition != value_levels.repetition[slot]
                || ancestors(definition) != ancestors(value_definition)
            {
                return Err(corrupt("keys and values in different lists"));
            }
            check_repetition(repetition, self.depth, level.depth)?;
            self.depth = level.depth;
            if repetition == 0 {
                self.row.begin(level.null)?;
            }
            let value = if value_definition == self.values.leaf.max_def {
                let item = values.next()?;
                Some((self.values.cell(item)?, item))
            } else {
                None
            };
            if definition == leaf.max_def {
                self.entry(keys.next()?, value)?;
            } else if level.element {
                self.row.null_key();
            }
        }
        Ok(())
    }

    /// Adds the labels of a key, with a value or NULL, to the row at hand.
    fn entry(&mut self, key: Item<'_>, value: Option<(Cell, Item<'_>)>) -> Step<()> {
        match self.labels.of(self.lookup, key)? {
            Ok(labels) => {
                for &label in labels {
                    let cell = value.map_or(Cell::Missing, |(cell, _)| cell);
                    let invalid = value.filter(|_| cell == Cell::Invalid);
                    self.row.add(label, cell, invalid.map(|(_, item)| self.values.value(item)));
                }
            }
            Err(what) => self.row.invalid(what),
        }
        Ok(())
    }
}

/// The values of a chunk, classified once per dictionary entry.
struct ValueCells<'w> {
    leaf: LeafColumn,
    entries: Dictionary<'w>,
    cell: PairCell<'w>,
    /// By entry, once it occurred.
    known: Vec<Option<Cell>>,
}

impl<'w> ValueCells<'w> {
    fn new(leaf: LeafColumn, entries: Dictionary<'w>, cell: PairCell<'w>) -> Self {
        let known = vec![None; entries.len()];
        Self { leaf, entries, cell, known }
    }

    fn cell(&mut self, item: Item<'_>) -> Step<Cell> {
        let index = match item {
            Item::Single(raw) => return Ok((self.cell)(self.leaf.value(raw))),
            Item::Entry(index) => index,
        };
        let Some(known) = self.known.get_mut(index as usize) else {
            return Err(self.entries.no_entry(index));
        };
        Ok(*known.get_or_insert_with(|| (self.cell)(self.entries.value(index as usize))))
    }

    /// A value whose cell is known.
    fn value<'v>(&self, item: Item<'v>) -> StoredValue<'v>
    where
        Self: 'v,
    {
        match item {
            Item::Single(raw) => self.leaf.value(raw),
            Item::Entry(index) => self.entries.value(index as usize),
        }
    }
}
