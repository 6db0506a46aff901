//! The values of a column without lists, row by row.

use crate::error::Result;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::open;
use crate::pages::format::leaf::LeafColumn;
use crate::pages::format::slots::{BLOCK, Levels, SlotBlock, ones};
use crate::pages::format::stream::ValueStream;
use crate::pages::outcome::{ChunkOutcome, Step, settle, unsupported};
use crate::pages::value::StoredValue;

/// Gives values a code.
pub(crate) trait ValueCodes {
    /// The code of a value, or of NULL.
    fn code(&mut self, value: Option<StoredValue<'_>>) -> u32;

    /// Takes values whose codes are asked for next, so that what is known of them is fetched from memory at the same time.
    fn expect(&mut self, _values: &[StoredValue<'_>]) {}
}

impl<F: FnMut(Option<StoredValue<'_>>) -> u32> ValueCodes for F {
    fn code(&mut self, value: Option<StoredValue<'_>>) -> u32 {
        self(value)
    }
}

/// Appends a code for every row of a chunk to `out`. A code is asked for once per dictionary entry that occurs, and once
/// per run of equal plain values. On [`ChunkOutcome::Unsupported`] and on an error `out` is unchanged.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself or the footer.
pub(crate) fn read_codes(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    given: &mut dyn ValueCodes,
    out: &mut Vec<u32>,
) -> Result<ChunkOutcome<()>> {
    let before = out.len();
    let read = settle(codes(chunk, workspace, given, out));
    if !matches!(read, Ok(ChunkOutcome::Counted(()))) {
        out.truncate(before);
    }
    read
}

fn codes(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    given: &mut dyn ValueCodes,
    out: &mut Vec<u32>,
) -> Step<()> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    no_list(leaf)?;
    let mut known: Vec<Option<u32>> = vec![None; dictionary.len()];
    let (mut block, mut codes, mut null) = (SlotBlock::new(), Vec::new(), None);
    let (mut unknown, mut new) = (dictionary.len(), Vec::new());
    while let Some(page) = pages.next()? {
        let mut levels = Levels::new(leaf, &page)?;
        let mut stream = ValueStream::new(leaf, &page)?;
        let mut last = None;
        while levels.next(&mut block)? {
            let values = ones(&block.values);
            stream.block(values)?;
            codes.clear();
            if let Some(indices) = stream.indices() {
                dictionary.check(indices)?;
                if unknown > 0 {
                    let unmet = indices.iter().filter(|index| known[**index as usize].is_none());
                    new.extend(unmet.map(|index| dictionary.value(*index as usize)));
                    given.expect(&new);
                    new.clear();
                }
                codes.extend(indices.iter().map(|&index| {
                    *known[index as usize].get_or_insert_with(|| {
                        unknown -= 1;
                        given.code(Some(dictionary.value(index as usize)))
                    })
                }));
            } else {
                for _ in 0..values {
                    let raw = stream.single()?;
                    let same = last.filter(|(before, _)| *before == raw);
                    let (_, code) =
                        *last.insert(same.unwrap_or_else(|| (raw, given.code(Some(leaf.value(raw))))));
                    codes.push(code);
                }
            }
            if values == block.len {
                out.extend_from_slice(&codes);
                continue;
            }
            let null = *null.get_or_insert_with(|| given.code(None));
            let mut codes = codes.iter();
            block.each(|slot| {
                out.push(if slot.value { codes.next().copied().unwrap_or(null) } else { null });
                Ok(())
            })?;
        }
        stream.finish()?;
    }
    Ok(())
}

/// Calls `each` with the values of a chunk, in batches. Returns false, without a further call, at the first
/// block that holds a NULL.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself or the footer; any error of
/// `each`.
pub(crate) fn read_values(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    each: &mut dyn FnMut(&[StoredValue<'_>]) -> Result<()>,
) -> Result<ChunkOutcome<bool>> {
    let mut failed = None;
    let read = settle(values(chunk, workspace, &mut |values| match each(values) {
        Ok(()) => true,
        Err(error) => {
            failed = Some(error);
            false
        }
    }));
    failed.map_or(read, Err)
}

/// `each` says whether to go on.
fn values(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    each: &mut dyn FnMut(&[StoredValue<'_>]) -> bool,
) -> Step<bool> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    no_list(leaf)?;
    let mut block = SlotBlock::new();
    while let Some(page) = pages.next()? {
        let mut levels = Levels::new(leaf, &page)?;
        let mut stream = ValueStream::new(leaf, &page)?;
        let mut batch = Vec::with_capacity(BLOCK);
        while levels.next(&mut block)? {
            if ones(&block.values) < block.len {
                return Ok(false);
            }
            stream.block(block.len)?;
            batch.clear();
            if let Some(indices) = stream.indices() {
                dictionary.check(indices)?;
                batch.extend(indices.iter().map(|index| dictionary.value(*index as usize)));
            } else {
                for _ in 0..block.len {
                    batch.push(leaf.value(stream.single()?));
                }
            }
            if !each(&batch) {
                return Ok(true);
            }
        }
        stream.finish()?;
    }
    Ok(true)
}

fn no_list(leaf: LeafColumn) -> Step<()> {
    if leaf.max_rep > 0 {
        return unsupported("a list where a column of single values was expected");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::by_hand::{ByHand, DICTIONARY, PLAIN, indices, packed, words};

    const FIELD: &str = "optional int32 a;";

    /// Three values by index, then two plain ones; the levels of either page.
    fn chunk(levels: [&[u32]; 2]) -> ByHand {
        let [first, second] = levels.map(|levels| packed(levels, 1));
        let slots = levels.iter().map(|levels| levels.len()).sum::<usize>();
        let slots = [slots, levels[0].len(), levels[1].len()].map(|slots| i32::try_from(slots).unwrap());
        ByHand::new(FIELD, slots[0].into(), u64::try_from(slots[0]).unwrap())
            .dictionary(3, &words(&[7, 8, 9]))
            .data(slots[1], DICTIONARY, [&[], &first], &indices(&[2, 0, 2], 2))
            .data(slots[2], PLAIN, [&[], &second], &words(&[5, 5]))
    }

    #[test]
    fn codes_are_asked_for_once_and_stand_in_the_order_of_rows() {
        let mut asked = Vec::new();
        let mut out = vec![1];
        let mut code = |value: Option<StoredValue<'_>>| {
            asked.push(value.map(|value| value.to_string()));
            match value {
                Some(StoredValue::Int(int)) => u32::try_from(int).unwrap(),
                _ => 0,
            }
        };
        let by_hand = chunk([&[1, 0, 1, 1], &[1, 1, 0]]);
        let read = read_codes(&by_hand.chunk(), &mut Workspace::default(), &mut code, &mut out);
        assert_eq!(read.unwrap(), ChunkOutcome::Counted(()));
        assert_eq!(out, [1, 9, 0, 7, 9, 5, 5, 0]);
        assert_eq!(asked, [Some("9"), Some("7"), None, Some("5")].map(|text| text.map(str::to_owned)));
    }

    /// Notes what is expected, and gives no codes.
    #[derive(Default)]
    struct UnmetValues(Vec<String>);

    impl ValueCodes for UnmetValues {
        fn code(&mut self, _: Option<StoredValue<'_>>) -> u32 {
            0
        }

        fn expect(&mut self, values: &[StoredValue<'_>]) {
            self.0.extend(values.iter().map(ToString::to_string));
        }
    }

    #[test]
    fn entries_are_expected_that_were_not_met() {
        let slots = i32::try_from(BLOCK + 3).unwrap();
        let entries = [&vec![1; BLOCK][..], &[1, 0, 2]].concat();
        let by_hand = ByHand::new(FIELD, slots.into(), u64::try_from(slots).unwrap())
            .dictionary(4, &words(&[7, 8, 9, 10]))
            .data(slots, DICTIONARY, [&[], &packed(&vec![1; entries.len()], 1)], &indices(&entries, 2));
        let (mut expected, mut out) = (UnmetValues::default(), Vec::new());
        read_codes(&by_hand.chunk(), &mut Workspace::default(), &mut expected, &mut out).unwrap();
        assert_eq!(
            (expected.0.len(), &expected.0[BLOCK - 1..]),
            (BLOCK + 2, &["8", "7", "9"].map(str::to_owned)[..])
        );
    }

    #[test]
    fn nothing_is_left_of_a_damaged_chunk() {
        let levels = packed(&[1; 2], 1);
        let by_hand = ByHand::new(FIELD, 4, 4)
            .dictionary(1, &words(&[7]))
            .data(2, DICTIONARY, [&[], &levels], &indices(&[0, 0], 1))
            .data(2, DICTIONARY, [&[], &levels], &indices(&[0, 1], 1));
        let mut out = vec![1];
        let read =
            read_codes(&by_hand.chunk(), &mut Workspace::default(), &mut UnmetValues::default(), &mut out);
        assert_eq!(
            read.unwrap_err().to_string(),
            "corrupt column chunk: index 1 in a dictionary of 1 entries"
        );
        assert_eq!(out, [1]);
    }

    #[test]
    fn values_come_in_order_unless_one_is_null() {
        let all = |by_hand: &ByHand| {
            let mut found = Vec::new();
            let read = read_values(&by_hand.chunk(), &mut Workspace::default(), &mut |values| {
                found.extend(values.iter().map(ToString::to_string));
                Ok(())
            });
            (read.unwrap(), found.join(" "))
        };
        let whole = chunk([&[1; 3], &[1; 2]]);
        assert_eq!(all(&whole), (ChunkOutcome::Counted(true), "9 7 9 5 5".to_owned()));
        let with_null = chunk([&[1; 3], &[1, 0, 1]]);
        assert_eq!(all(&with_null), (ChunkOutcome::Counted(false), "9 7 9".to_owned()));
    }
}
