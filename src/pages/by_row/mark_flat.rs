//! A column without lists, row by row: which rows are positive, and which are unknown.
//!
//! Nothing is done for the rows of a negative run, so that a rare label costs little more than its pages.

use super::marks::{Marks, RowMark, side_of};
use crate::error::Result;
use crate::pages::cuts::{ColumnCuts, Cuts};
use crate::pages::format::bits::Bits;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::{Coding, DataPage, open};
use crate::pages::format::dictionary::{Dictionary, indices};
use crate::pages::format::hybrid::{Hybrid, HybridRun};
use crate::pages::format::leaf::{LeafColumn, Physical, RawValue, low};
use crate::pages::format::levels::validity;
use crate::pages::format::packed::{Packed, low_bits};
use crate::pages::format::plain::{self, PlainValues, word4, word8};
use crate::pages::format::stored_number::StoredNumber;
use crate::pages::judge::Judge;
use crate::pages::outcome::{ChunkOutcome, Step, settle, unsupported};
use crate::pages::value::StoredValue;

/// Marks the rows of a column without lists, as `judge` says at position 0; it is asked once per dictionary entry,
/// and for plain values that are neither 0 nor 1. Invalid values are negative; NULL is unknown, and so is a NULL struct
/// around the value.
///
/// On [`ChunkOutcome::Unsupported`] and on an error the content of `marks` is undefined.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself or the footer.
pub(crate) fn mark_judged(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    judge: &dyn Judge,
    marks: &mut Marks,
) -> Result<ChunkOutcome<()>> {
    settle(mark(chunk, workspace, judge, marks))
}

/// The same as `cell` says.
#[cfg(test)]
pub(crate) fn mark_flat(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    cell: &dyn Fn(StoredValue<'_>) -> crate::counts::Cell,
    marks: &mut Marks,
) -> Result<ChunkOutcome<()>> {
    mark_judged(chunk, workspace, &crate::pages::judge::CellJudge(&|_, value| cell(value)), marks)
}

fn mark(chunk: &Chunk<'_>, workspace: &mut Workspace, judge: &dyn Judge, marks: &mut Marks) -> Step<()> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    if leaf.max_rep > 0 {
        return unsupported("a list where a column of single values was expected");
    }
    marks.clear(usize::try_from(chunk.rows).unwrap_or(usize::MAX));
    let reader = ValueMarker::new(leaf, dictionary, judge);
    let (mut valid, mut values) = (Bits::default(), Marks::default());
    while let Some(page) = pages.next()? {
        let present = validity(leaf, &page, &mut valid)?;
        if present == page.slots {
            reader.page(&page, present, marks)?;
            continue;
        }
        values.clear(present);
        reader.page(&page, present, &mut values)?;
        marks.spread(valid.words(), &values);
        let start = marks.at;
        for (word, valid) in valid.words().iter().enumerate() {
            let n = (page.slots - word * 64).min(64);
            marks.word(RowMark::Unknown, !valid & low_bits(n), start + word * 64);
        }
        marks.at += page.slots;
    }
    Ok(())
}

/// A bit for each of up to 64 values.
#[inline]
fn word_of<T>(values: &[T], is: impl Fn(&T) -> bool) -> u64 {
    values.iter().enumerate().fold(0, |word, (i, value)| word | u64::from(is(value)) << i)
}

/// Reads the values of pages.
pub(super) struct ValueMarker<'r, 'a> {
    leaf: LeafColumn,
    dictionary: Dictionary<'a>,
    /// The side of each dictionary entry.
    sides: Vec<RowMark>,
    judge: &'r dyn Judge,
    /// What its rule says of numbers, if it has one.
    cuts: Option<ColumnCuts>,
    /// The sides of 0 and 1.
    known: [RowMark; 2],
}

impl<'r, 'a> ValueMarker<'r, 'a> {
    pub(crate) fn new(leaf: LeafColumn, dictionary: Dictionary<'a>, judge: &'r dyn Judge) -> Self {
        let side = |value: StoredValue<'_>| side_of(judge.target(0, value).0);
        let sides = (0..dictionary.len()).map(|entry| side(dictionary.value(entry))).collect();
        let one = if leaf.is_bit() { 1 } else { leaf.one() };
        let known = [0, one].map(|word| side(leaf.value(RawValue::Word(word))));
        Self { leaf, dictionary, sides, judge, cuts: ColumnCuts::of(judge, leaf), known }
    }

    fn side(&self, value: StoredValue<'_>) -> RowMark {
        side_of(self.judge.target(0, value).0)
    }

    /// Marks the next `len` rows by the values of a page.
    pub(crate) fn page(&self, page: &DataPage<'_>, len: usize, marks: &mut Marks) -> Step<()> {
        match page.coding {
            Coding::Dictionary => self.indices(page.values, len, marks),
            Coding::Rle => {
                let mut bits = Hybrid::booleans(page.values)?;
                bits.runs(len, |run| {
                    match run {
                        HybridRun::Repeat { value, len } => {
                            marks.run(self.known[usize::from(value != 0)], len);
                        }
                        HybridRun::Packed(packed) => marks.bits(packed, self.known),
                    }
                    Ok(())
                })?;
                bits.finish()
            }
            Coding::Plain => self.plain(page.values, len, marks),
        }
    }

    fn indices(&self, values: &[u8], len: usize, marks: &mut Marks) -> Step<()> {
        let mut indices = indices(values)?;
        let mut batch = [0; 64];
        let side = |index: u32| self.sides.get(index as usize).copied();
        indices.runs(len, |run| {
            match run {
                HybridRun::Repeat { value, len } => {
                    let side = side(value).ok_or_else(|| self.dictionary.no_entry(value))?;
                    marks.run(side, len);
                }
                HybridRun::Packed(packed) if packed.width == 1 && self.sides.len() > 1 => {
                    marks.bits(packed, [self.sides[0], self.sides[1]]);
                }
                HybridRun::Packed(mut packed) => {
                    while packed.len > 0 {
                        let (part, rest) = packed.split(batch.len());
                        let batch = &mut batch[..part.len];
                        part.unpack(batch);
                        self.dictionary.check(batch)?;
                        for wanted in [RowMark::Positive, RowMark::Unknown] {
                            marks.word(
                                wanted,
                                word_of(batch, |index| side(*index) == Some(wanted)),
                                marks.at,
                            );
                        }
                        marks.at += part.len;
                        packed = rest;
                    }
                }
            }
            Ok(())
        })?;
        indices.finish()
    }

    fn plain(&self, bytes: &[u8], len: usize, marks: &mut Marks) -> Step<()> {
        plain::check(self.leaf.physical, bytes, len)?;
        let one = self.leaf.one();
        match &self.cuts {
            Some(ColumnCuts::Single(cuts)) => return self.numbers(cuts, bytes, len, marks),
            Some(ColumnCuts::Double(cuts)) => return self.numbers(cuts, bytes, len, marks),
            Some(ColumnCuts::Short(cuts)) => return self.numbers(cuts, bytes, len, marks),
            Some(ColumnCuts::Long(cuts)) => return self.numbers(cuts, bytes, len, marks),
            None => {}
        }
        match self.leaf.physical {
            Physical::Bit => marks.bits(Packed { bytes, width: 1, start: 0, len }, self.known),
            Physical::Word4 => self.words(&bytes.as_chunks().0[..len], |b| low(word4(b)), low(one), marks),
            Physical::Word8 => self.words(&bytes.as_chunks().0[..len], word8, one, marks),
            physical => {
                let mut values = PlainValues::new(physical, bytes);
                let mut last: Option<(RawValue<'_>, RowMark)> = None;
                for _ in 0..len {
                    let raw = values.next()?;
                    let side = match last {
                        Some((same, side)) if same == raw => side,
                        _ => self.side(self.leaf.value(raw)),
                    };
                    last = Some((raw, side));
                    marks.run(side, 1);
                }
            }
        }
        Ok(())
    }

    /// Marks plain numbers by the cuts; the bytes hold as many.
    fn numbers<N: StoredNumber>(
        &self,
        cuts: &Cuts<N>,
        bytes: &[u8],
        len: usize,
        marks: &mut Marks,
    ) -> Step<()> {
        let (mut batch, size) = ([N::default(); 64], self.leaf.physical.size());
        let Some(cut) = cuts.at.first().copied() else { return unsupported("numbers without a label") };
        for at in (0..len).step_by(batch.len()) {
            let batch = &mut batch[..64.min(len - at)];
            let stored = &bytes[at * size..];
            let odd = if !N::read(self.leaf, stored, batch) {
                low_bits(batch.len())
            } else if cuts.any_odd(batch) {
                word_of(batch, |x| cuts.odd(*x).is_some())
            } else {
                0
            };
            marks.word(RowMark::Positive, word_of(batch, |x| *x >= cut) & !odd, marks.at);
            let mut left = odd;
            while left != 0 {
                let i = left.trailing_zeros() as usize;
                let mark = self.side(self.leaf.value(plain::at(self.leaf.physical, stored, i)));
                marks.word(mark, 1, marks.at + i);
                left &= left - 1;
            }
            marks.at += batch.len();
        }
        Ok(())
    }

    fn words<const SIZE: usize, W>(
        &self,
        values: &[[u8; SIZE]],
        load: impl Fn([u8; SIZE]) -> W,
        one: W,
        marks: &mut Marks,
    ) where
        W: PartialEq + Copy + Default + Into<u64>,
    {
        for values in values.chunks(64) {
            let ones = word_of(values, |bytes| load(*bytes) == one);
            let zeros = word_of(values, |bytes| load(*bytes) == W::default());
            marks.word(self.known[0], zeros, marks.at);
            marks.word(self.known[1], ones, marks.at);
            let mut others = low_bits(values.len()) & !ones & !zeros;
            while others > 0 {
                let i = others.trailing_zeros() as usize;
                let side = self.side(self.leaf.value(RawValue::Word(load(values[i]).into())));
                marks.word(side, 1, marks.at + i);
                others &= others - 1;
            }
            marks.at += values.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::counts::Cell;
    use crate::pages::by_hand::{ByHand, DICTIONARY, PLAIN, RLE, hybrid, indices, packed, words};

    /// 1 is positive, 2 says nothing.
    fn cell(value: StoredValue<'_>) -> Cell {
        match value {
            StoredValue::Bool(true) | StoredValue::Int(1) => Cell::Positive,
            StoredValue::Int(2) => Cell::Uncertain,
            _ => Cell::Negative,
        }
    }

    /// `+`, `?` and `-` for each row.
    fn marked(chunk: &ByHand) -> Result<ChunkOutcome<String>> {
        let mut marks = Marks::default();
        let outcome = mark_flat(&chunk.chunk(), &mut Workspace::default(), &cell, &mut marks)?;
        let is =
            |bits: &[u64], row: usize| bits.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1);
        let mark = |row| match (is(&marks.positives, row), is(&marks.unknown, row)) {
            (true, false) => '+',
            (false, true) => '?',
            (false, false) => '-',
            (true, true) => '!',
        };
        Ok(outcome.map(|()| (0..marks.rows).map(mark).collect()))
    }

    #[test]
    fn pages_of_every_coding_follow_each_other() {
        let chunk = ByHand::new("optional int32 a;", 14, 14)
            .dictionary(3, &words(&[0, 1, 2]))
            .data(4, DICTIONARY, [&[], &packed(&[1, 0, 1, 1], 1)], &indices(&[1, 2, 0], 2))
            .data(6, PLAIN, [&[], &hybrid(&[(false, vec![1; 6])], 1)], &words(&[7, 1, 2, 0, 1, 1]))
            .data(4, DICTIONARY, [&[], &packed(&[0, 1, 0, 1], 1)], &[2, 4, 1]);
        assert_eq!(marked(&chunk).unwrap(), ChunkOutcome::Counted("+??--+?-++?+?+".to_owned()));
        let bits = ByHand::new("required boolean a;", 10, 10).data(3, PLAIN, [&[], &[]], &[0b101]).data(
            7,
            RLE,
            [&[], &[]],
            &[4, 0, 0, 0, 6, 1, 3, 0b10],
        );
        assert_eq!(marked(&bits).unwrap(), ChunkOutcome::Counted("+-++++-+--".to_owned()));
        // Pages of whole words of rows and some more; the second begins inside of a word.
        let (bytes, sides): (Vec<u8>, _) = (
            (0..19).map(|i: u8| i.wrapping_mul(37)).collect(),
            |byte: u8, bit: usize| {
                if byte >> bit & 1 == 1 { '+' } else { '-' }
            },
        );
        let long = ByHand::new("required boolean a;", 299, 299).data(149, PLAIN, [&[], &[]], &bytes).data(
            150,
            PLAIN,
            [&[], &[]],
            &bytes,
        );
        let page = |rows: usize| (0..rows).map(|row| sides(bytes[row / 8], row % 8)).collect::<String>();
        assert_eq!(marked(&long).unwrap(), ChunkOutcome::Counted(page(149) + &page(150)));
        let entry = ByHand::new("required int32 a;", 1, 1).dictionary(1, &words(&[1])).data(
            1,
            DICTIONARY,
            [&[], &[]],
            &indices(&[1], 1),
        );
        assert!(marked(&entry).is_err(), "an index without an entry");
    }

    proptest! {
        #[test]
        fn damage_is_an_error_or_other_marks(
            levels in proptest::collection::vec(any::<u8>(), 0..20),
            values in proptest::collection::vec(any::<u8>(), 0..40),
            coding in proptest::sample::select(&[PLAIN, DICTIONARY][..]),
        ) {
            let chunk = ByHand::new("optional int32 a;", 70, 70)
                .dictionary(2, &words(&[0, 1]))
                .data(70, coding, [&[], &levels], &values);
            if let Ok(ChunkOutcome::Counted(marks)) = marked(&chunk) {
                prop_assert!(marks.len() == 70 && !marks.contains('!'));
            }
        }
    }
}
