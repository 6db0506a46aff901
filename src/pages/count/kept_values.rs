//! The values of a column without lists in rows that count, each with how often it occurs.

use super::values::{ValueSink, ValuesFound};
use crate::pages::format::bytes::prefixed;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::{Coding, DataPage, open};
use crate::pages::format::dictionary::Histogram;
use crate::pages::format::hybrid::{Hybrid, HybridRun};
use crate::pages::format::leaf::{LeafColumn, Physical, RawValue, low};
use crate::pages::format::packed::Packed;
use crate::pages::format::plain::{self, Neighbours, PlainValues};
use crate::pages::format::row_mask::{KeptValues, RowMask};
use crate::pages::outcome::{Step, corrupt, unsupported};
use crate::pages::value::StoredValue;

/// Like [`each_value`](super::values::each_value), of a column without lists and of the rows of `mask` alone.
pub(super) fn each_kept_value(
    chunk: &Chunk<'_>,
    mask: &RowMask,
    workspace: &mut Workspace,
    to: &mut (impl ValueSink + ?Sized),
) -> Step<ValuesFound> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    if leaf.max_rep > 0 {
        return unsupported("a list where a column of single values was expected");
    }
    if mask.rows() as u64 != chunk.rows {
        return Err(corrupt(format!("{} rows in a row group of {}", mask.rows(), chunk.rows)));
    }
    let (mut found, mut kept, mut row) = (ValuesFound::default(), KeptValues::new(mask), 0);
    let (mut histogram, mut texts) = (Histogram::new(&dictionary), Vec::new());
    while let Some(page) = pages.next()? {
        kept.find(leaf, &page, row)?;
        row += page.slots;
        let values = kept.ones();
        found.units += kept.rows as u64;
        found.nulls += (kept.rows - values) as u64;
        if values == 0 {
            continue;
        }
        match page.coding {
            Coding::Dictionary => histogram.add_kept(&dictionary, page.values, kept.range())?,
            Coding::Rle => {
                let (mut bits, mut ones, mut at) = (Hybrid::booleans(page.values)?, 0, 0);
                let range = kept.range();
                bits.runs(kept.len(), |run| {
                    ones += match run {
                        HybridRun::Repeat { value: 0, .. } => 0,
                        HybridRun::Repeat { len, .. } => range.ones_of(at, len),
                        HybridRun::Packed(packed) => range.ones_in(packed, at),
                    };
                    at += run.len();
                    Ok(())
                })?;
                bits.finish()?;
                both_bits(values, ones, to);
            }
            Coding::Plain if leaf.is_text() && to.takes_texts() => {
                kept_texts(&page, &kept, &mut texts)?;
                if !to.texts(&texts, values, None)? {
                    plain_values(leaf, &page, &kept, to)?;
                }
            }
            Coding::Plain => plain_values(leaf, &page, &kept, to)?,
        }
    }
    if !leaf.is_text() || !to.texts(dictionary.bytes(), dictionary.len(), Some(histogram.counts()))? {
        histogram.entries().for_each(|(index, rows)| to.value(dictionary.value(index), rows));
    }
    Ok(found)
}

/// Puts the plain texts of the rows that count beside each other.
fn kept_texts(page: &DataPage<'_>, kept: &KeptValues<'_>, out: &mut Vec<u8>) -> Step<()> {
    out.clear();
    let mut left = page.values;
    for at in 0..kept.len() {
        let (_, rest) = prefixed(left)?;
        if kept.word(at, 1) == 1 {
            out.extend_from_slice(&left[..left.len() - rest.len()]);
        }
        left = rest;
    }
    Ok(())
}

fn both_bits(values: usize, ones: usize, to: &mut (impl ValueSink + ?Sized)) {
    for (value, rows) in [(false, values - ones), (true, ones)] {
        if rows > 0 {
            to.value(StoredValue::Bool(value), rows as u64);
        }
    }
}

fn plain_values(
    leaf: LeafColumn,
    page: &DataPage<'_>,
    kept: &KeptValues<'_>,
    to: &mut (impl ValueSink + ?Sized),
) -> Step<()> {
    let (len, values) = (kept.len(), kept.ones());
    plain::check(leaf.physical, page.values, len)?;
    match leaf.physical {
        Physical::Bit => {
            let packed = Packed { bytes: page.values, width: 1, start: 0, len };
            both_bits(values, kept.range().ones_in(packed, 0), to);
        }
        Physical::Word4 => {
            kept_words(
                leaf,
                &page.values.as_chunks().0[..len],
                u32::from_le_bytes,
                low(leaf.one()),
                kept,
                to,
            );
        }
        Physical::Word8 => {
            kept_words(leaf, &page.values.as_chunks().0[..len], u64::from_le_bytes, leaf.one(), kept, to);
        }
        physical => {
            let (mut values, mut neighbours) = (PlainValues::new(physical, page.values), Neighbours::new());
            for at in 0..len {
                let value = values.next()?;
                if kept.word(at, 1) == 1 {
                    give(leaf, neighbours.push(value), to);
                }
            }
            give(leaf, neighbours.finish(), to);
        }
    }
    Ok(())
}

/// Words of which most are 0 or `one`.
fn kept_words<const SIZE: usize, W: PartialEq + Copy + Default + Into<u64>>(
    leaf: LeafColumn,
    values: &[[u8; SIZE]],
    load: impl Fn([u8; SIZE]) -> W,
    one: W,
    kept: &KeptValues<'_>,
    to: &mut (impl ValueSink + ?Sized),
) {
    let (mut zeros, mut ones, mut neighbours) = (0_u64, 0_u64, Neighbours::new());
    for (values, at) in values.chunks(64).zip((0..).step_by(64)) {
        let word = kept.word(at, values.len());
        let (mut is_zero, mut is_one) = (0_u64, 0_u64);
        for (i, bytes) in values.iter().enumerate() {
            let value = load(*bytes);
            is_zero |= u64::from(value == W::default()) << i;
            is_one |= u64::from(value == one) << i;
        }
        zeros += u64::from((is_zero & word).count_ones());
        ones += u64::from((is_one & word).count_ones());
        let mut others = word & !is_zero & !is_one;
        while others != 0 {
            let value = load(values[others.trailing_zeros() as usize]);
            give(leaf, neighbours.push(RawValue::Word(value.into())), to);
            others &= others - 1;
        }
    }
    give(leaf, neighbours.finish(), to);
    for (word, rows) in [(0, zeros), (one.into(), ones)] {
        if rows > 0 {
            to.value(leaf.value(RawValue::Word(word)), rows);
        }
    }
}

fn give(leaf: LeafColumn, run: Option<(RawValue<'_>, u64)>, to: &mut (impl ValueSink + ?Sized)) {
    if let Some((raw, rows)) = run {
        to.value(leaf.value(raw), rows);
    }
}
