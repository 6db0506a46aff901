//! The values of a column, each with how often it occurs.

use crate::error::Result;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::{Coding, open};
use crate::pages::format::dictionary::Histogram;
use crate::pages::format::hybrid::Hybrid;
use crate::pages::format::leaf::RawValue;
use crate::pages::format::levels::values;
use crate::pages::format::plain::{Neighbours, PlainValues};
use crate::pages::format::slots::{Levels, SlotBlock, ones, wrong_rows};
use crate::pages::outcome::{ChunkOutcome, Step, settle};
use crate::pages::value::StoredValue;

/// Calls `each` with a value and the number of rows that hold it: once per dictionary entry that occurs, and for
/// plain values once per run of equal values. Gives the rows that are NULL.
///
/// On [`ChunkOutcome::Unsupported`] and on an error some values may have been given already.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself or the footer.
pub(crate) fn count_values(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    each: &mut dyn FnMut(StoredValue<'_>, u64),
) -> Result<ChunkOutcome<u64>> {
    settle(each_value(chunk, workspace, &mut *each).map(|found| found.nulls))
}

/// Takes the values of a column.
pub(super) trait ValueSink {
    /// A value, and the number of rows that hold it.
    fn value(&mut self, value: StoredValue<'_>, rows: u64);

    /// Whether [`Self::texts`] takes plain texts.
    fn takes_texts(&self) -> bool {
        false
    }

    /// Takes all `len` plain texts of a page together, with the number of rows that hold each, or one row for each;
    /// false where they are given one by one.
    fn texts(&mut self, _bytes: &[u8], _len: usize, _rows: Option<&[u64]>) -> Step<bool> {
        Ok(false)
    }
}

impl<F: FnMut(StoredValue<'_>, u64) + ?Sized> ValueSink for F {
    fn value(&mut self, value: StoredValue<'_>, rows: u64) {
        self(value, rows);
    }
}

/// What a column has beside its values.
#[derive(Debug, Default)]
pub(super) struct ValuesFound {
    /// Values and NULLs: rows, or the elements of lists.
    pub(super) units: u64,
    /// NULLs among them. Where there are lists, a NULL list is none.
    pub(super) nulls: u64,
}

/// The same to `to`, of a column with lists too.
pub(super) fn each_value(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    to: &mut (impl ValueSink + ?Sized),
) -> Step<ValuesFound> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let (mut found, mut rows, mut block) = (ValuesFound::default(), 0, SlotBlock::new());
    let mut histogram = Histogram::new(&dictionary);
    while let Some(page) = pages.next()? {
        let (slots, len) = if leaf.max_rep == 0 {
            (page.slots, values(leaf, &page)?)
        } else {
            let (mut slots, mut len, mut levels) = (0, 0, Levels::new(leaf, &page)?);
            while levels.next(&mut block)? {
                rows += ones(&block.starts) as u64;
                slots += ones(&block.elements);
                len += ones(&block.values);
            }
            (slots, len)
        };
        found.units += slots as u64;
        found.nulls += (slots - len) as u64;
        match page.coding {
            Coding::Dictionary => histogram.add(&dictionary, page.values, len)?,
            Coding::Rle => {
                let ones = Hybrid::booleans(page.values)?.ones(len)?;
                for (value, rows) in [(false, len - ones), (true, ones)] {
                    if rows > 0 {
                        to.value(StoredValue::Bool(value), rows as u64);
                    }
                }
            }
            Coding::Plain if leaf.is_text() && to.texts(page.values, len, None)? => {}
            Coding::Plain => {
                let mut values = PlainValues::new(leaf.physical, page.values);
                let mut neighbours = Neighbours::new();
                let mut add = |run: Option<(RawValue<'_>, u64)>| {
                    if let Some((raw, rows)) = run {
                        to.value(leaf.value(raw), rows);
                    }
                };
                for _ in 0..len {
                    add(neighbours.push(values.next()?));
                }
                add(neighbours.finish());
            }
        }
    }
    if !leaf.is_text() || !to.texts(dictionary.bytes(), dictionary.len(), Some(histogram.counts()))? {
        histogram.entries().for_each(|(index, rows)| to.value(dictionary.value(index), rows));
    }
    if leaf.max_rep > 0 && rows != chunk.rows {
        return Err(wrong_rows(rows, chunk.rows));
    }
    Ok(found)
}
