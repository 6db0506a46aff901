//! Rows of a chunk as label sets, passed on in batches.

use crate::error::{Error, Result};
use crate::label_sets::LabelSets;
use crate::pages::format::chunk::Chunk;
use crate::pages::format::packed::low_bits;
use crate::pages::format::slots::{Bitmap, SlotBlock, wrong_rows};
use crate::pages::outcome::{ChunkOutcome, Step, Stop, settle};

/// Rows per batch, about.
const ROWS: usize = 4096;

/// Labels per batch, about; a batch that reaches them has fewer rows.
const LABELS: usize = 1 << 20;

/// Receives the next rows of a chunk.
pub(crate) type TakeRows<'t> = &'t mut dyn FnMut(&mut LabelSets) -> Result<()>;

/// Collects rows and passes them on.
pub(super) struct RowBatches<'s, 't> {
    pub(crate) sets: &'s mut LabelSets,
    labels: usize,
    take: TakeRows<'t>,
    /// Rows that ended, and rows of the row group.
    rows: u64,
    expected: u64,
    /// Whether a row has begun, and whether it is missing.
    begun: bool,
    silent: bool,
    failed: Option<Error>,
}

impl<'s, 't> RowBatches<'s, 't> {
    pub(crate) fn new(chunk: &Chunk<'_>, sets: &'s mut LabelSets, labels: usize, take: TakeRows<'t>) -> Self {
        sets.clear(labels);
        let expected = chunk.rows;
        Self { sets, labels, take, rows: 0, expected, begun: false, silent: false, failed: None }
    }

    /// Begins a row; the one before ends.
    #[inline]
    pub(crate) fn begin(&mut self, silent: bool) -> Step<()> {
        self.end()?;
        (self.begun, self.silent) = (true, silent);
        Ok(())
    }

    #[inline]
    fn end(&mut self) -> Step<()> {
        if !std::mem::take(&mut self.begun) {
            return Ok(());
        }
        if self.silent {
            self.sets.end_silent_row();
        } else {
            self.sets.end_row();
        }
        self.rows += 1;
        if self.rows > self.expected {
            return Err(wrong_rows(self.rows, self.expected));
        }
        if self.sets.rows() >= ROWS || self.sets.size() >= LABELS { self.give() } else { Ok(()) }
    }

    fn give(&mut self) -> Step<()> {
        if self.sets.rows() == 0 {
            return Ok(());
        }
        let taken = (self.take)(self.sets);
        self.sets.clear(self.labels);
        taken.map_err(|error| {
            self.failed = Some(error);
            // It is replaced by that error.
            Stop::Corrupt(String::new())
        })
    }

    /// Gives what is left.
    pub(crate) fn finish(&mut self) -> Step<()> {
        self.end()?;
        if self.rows != self.expected {
            return Err(wrong_rows(self.rows, self.expected));
        }
        self.give()
    }

    pub(crate) fn settle(self, step: Step<()>) -> Result<ChunkOutcome<()>> {
        match self.failed {
            Some(error) => Err(error),
            None => settle(step),
        }
    }
}

/// What comes next in the slots of a block.
pub(crate) enum Slots {
    /// A row begins.
    Row {
        /// Its list is NULL.
        null: bool,
    },
    /// The row at hand goes on.
    More {
        /// The first slot.
        at: usize,
        /// Number of slots of interest.
        len: usize,
    },
}

/// Goes through the rows of a block; `wanted` are the slots of interest.
#[inline]
pub(super) fn each_row(
    block: &SlotBlock,
    wanted: &Bitmap,
    mut each: impl FnMut(Slots) -> Step<()>,
) -> Step<()> {
    let words = block.starts.iter().zip(&block.nulls).zip(wanted).take(block.len.div_ceil(64));
    for (word, ((&starts, &nulls), &wanted)) in words.enumerate() {
        let (mut starts, mut from) = (starts, 0);
        loop {
            let bit = if starts == 0 { 64 } else { starts.trailing_zeros() as usize };
            let len = (wanted & low_bits(bit) & !low_bits(from)).count_ones() as usize;
            if len > 0 {
                each(Slots::More { at: word * 64 + from, len })?;
            }
            if bit == 64 {
                break;
            }
            each(Slots::Row { null: nulls >> bit & 1 == 1 })?;
            from = bit;
            starts &= starts - 1;
        }
    }
    Ok(())
}
