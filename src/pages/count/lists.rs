//! Lists of labels.
//!
//! A list column is first read on the assumption that every value stands for at most one label and that none
//! is invalid: then rows need not be collected. If the assumption fails, the chunk is read again row by row,
//! because an invalid row is positive for no label.

use super::counter::SetCounter;
use super::entries::{Entries, one_label};
use super::groups::GroupedSlots;
use super::lists_by_row;
use super::set_count::SetCount;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::open;
use crate::pages::format::dictionary::Dictionary;
use crate::pages::format::leaf::LeafColumn;
use crate::pages::format::nesting::Nesting;
use crate::pages::format::row_mask::{KeptSlots, RowMask};
use crate::pages::format::slots::{Levels, RowCheck, SlotBlock, ones};
use crate::pages::format::stream::{Item, ValueStream};
use crate::pages::lookup::{Lookup, NO_LABEL};
use crate::pages::outcome::Step;

/// Counts a chunk into `counter`.
pub(crate) fn count(
    chunk: &Chunk<'_>,
    nesting: Option<&Nesting>,
    mask: Option<&RowMask>,
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    counter: &mut SetCounter,
) -> Step<SetCount> {
    let masks: Vec<&RowMask> = mask.into_iter().collect();
    if let Some(counts) =
        counter.attempt(|counter| at_once(chunk, nesting, &masks, workspace, lookup, counter))?
    {
        return Ok(counts.into_iter().next().unwrap_or_default());
    }
    let count = counter
        .attempt(|counter| lists_by_row::count(chunk, nesting, mask, workspace, lookup, counter).map(Some))?;
    Ok(count.unwrap_or_default())
}

/// Counts the rows of several masks: in group g, label i has the number i times the groups + g. `None` where that is not
/// possible at once.
pub(super) fn count_groups(
    chunk: &Chunk<'_>,
    nesting: Option<&Nesting>,
    masks: &[&RowMask],
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    counter: &mut SetCounter,
) -> Step<Option<Vec<SetCount>>> {
    counter.attempt(|counter| at_once(chunk, nesting, masks, workspace, lookup, counter))
}

/// `None` when a value stands for several labels or is invalid, or when two entries of a dictionary stand for
/// the same label, which a row may hold both of.
fn at_once(
    chunk: &Chunk<'_>,
    nesting: Option<&Nesting>,
    masks: &[&RowMask],
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    counter: &mut SetCounter,
) -> Step<Option<Vec<SetCount>>> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let mut counts = vec![SetCount::default(); masks.len().max(1)];
    let (mut block, mut grouped) = (SlotBlock::new(), GroupedSlots::new(masks, chunk.rows));
    let (mut entries, mut labels, mut coding) = (None, Vec::new(), None);
    let mut missing = None;
    let (mut rows, mut picked) = (RowCheck::new(chunk.rows), Vec::new());
    while let Some(page) = pages.next()? {
        let mut levels = Levels::nested(leaf, nesting, &page)?;
        let mut stream = ValueStream::new(leaf, &page)?;
        while levels.next(&mut block)? {
            rows.add(&block)?;
            let all = grouped.next(&block);
            grouped.add_block(&block, &mut counts);
            let (values, mut firsts) = (ones(&block.values), &all[..]);
            stream.block(values)?;
            let slots = grouped.is_masked().then(|| grouped.slots());
            let mut indices = stream.indices();
            if let Some(all) = indices {
                dictionary.check(all)?;
                if let Some(slots) = slots {
                    slots.pick(all, &mut picked);
                    indices = Some(&picked);
                }
            }
            if let Some(slots) = slots {
                firsts = slots.firsts();
            }
            if let Some(indices) = indices.filter(|_| lookup.has_missing()) {
                let missing = missing.get_or_insert_with(|| missing_entries(&dictionary, lookup));
                let is_missing = |index: &u32| missing.get(*index as usize).is_some_and(|is| *is);
                leave_out(&mut counts, &grouped, indices.iter().map(is_missing));
            }
            if let (Some(indices), None) = (indices, &entries) {
                entries = Entries::new(&dictionary, lookup, (firsts, indices), grouped.per_label());
                if entries.is_none() {
                    return Ok(None);
                }
            }
            let changed = coding.replace(page.coding).is_some_and(|before| before != page.coding);
            if changed
                && block.starts[0] & 1 == 0
                && let Some(entries) = &entries
                && !entries.hand_over(page.coding, &dictionary, lookup, counter)
            {
                return Ok(None);
            }
            if let (Some(indices), Some(entries)) = (indices, &mut entries) {
                labels.resize(indices.len(), 0);
                if !entries.add(firsts, indices, (&mut labels, &grouped), counter) {
                    return Ok(None);
                }
                continue;
            }
            labels.resize(values, 0);
            if !read_labels(leaf, &mut stream, lookup, counter, (slots, &mut picked), &mut labels)? {
                return Ok(None);
            }
            if lookup.has_missing() {
                leave_out(&mut counts, &grouped, labels.iter().map(|label| *label == NO_LABEL));
            }
            if grouped.per_label() > 1 {
                if !grouped.number(&mut labels) {
                    return Ok(None);
                }
                labels.iter().filter(|label| **label != NO_LABEL).for_each(|label| counter.admit(*label));
            }
            counter.add_rows(firsts, &labels);
        }
        stream.finish()?;
    }
    rows.finish()?;
    let all = entries.is_none_or(|entries| entries.finish(&dictionary, lookup, counter));
    Ok(all.then_some(counts))
}

/// Takes values that are missing out of the values of their groups.
fn leave_out(counts: &mut [SetCount], grouped: &GroupedSlots<'_>, missing: impl Iterator<Item = bool>) {
    for (at, _) in missing.enumerate().filter(|(_, is_missing)| *is_missing) {
        if let Some(count) = counts.get_mut(grouped.group(at)) {
            count.values = count.values.saturating_sub(1);
        }
    }
}

/// Which entries of a dictionary count as missing.
fn missing_entries(dictionary: &Dictionary<'_>, lookup: &Lookup<'_>) -> Vec<bool> {
    (0..dictionary.len()).map(|entry| lookup.is_missing(dictionary.value(entry))).collect()
}

/// Reads the labels of plain values, of all into `out` or of those that are kept; false when one of these has several
/// or is invalid.
fn read_labels(
    leaf: LeafColumn,
    stream: &mut ValueStream<'_>,
    lookup: &mut Lookup<'_>,
    counter: &mut SetCounter,
    (slots, picked): (Option<&KeptSlots>, &mut Vec<u32>),
    out: &mut Vec<u32>,
) -> Step<bool> {
    if leaf.is_integer()
        && let Some(values) = stream.plain()
        && values.words_below(lookup.bound(), out)?
    {
        if let Some(slots) = slots {
            slots.pick(out, picked);
            std::mem::swap(out, picked);
        }
        counter.admit_all(out);
        return Ok(true);
    }
    let values = out.len();
    out.clear();
    for at in 0..values {
        let Item::Single(raw) = stream.next()? else { return Ok(false) };
        if slots.is_some_and(|slots| !slots.has(at)) {
            continue;
        }
        let Some(label) = one_label(lookup, leaf.value(raw)) else { return Ok(false) };
        if label != NO_LABEL {
            counter.admit(label);
        }
        out.push(label);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::by_hand::{ByHand, DICTIONARY, PLAIN, indices, packed, words};
    use crate::pages::count::sets::count_sets;
    use crate::pages::lookup::LabelSet;
    use crate::pages::outcome::ChunkOutcome;
    use crate::pages::value::StoredValue;

    /// Integers are labels, but 8 is none, 9 is invalid.
    struct Ints;

    impl LabelSet for Ints {
        fn labels(&mut self, value: StoredValue<'_>, out: &mut Vec<u32>) -> Result<(), String> {
            match value {
                StoredValue::Int(8) => Ok(()),
                StoredValue::Int(int @ 0..8) => {
                    out.push(u32::try_from(int).unwrap());
                    Ok(())
                }
                other => Err(format!("{other} is no label")),
            }
        }
    }

    const LIST: &str = "required group a (LIST) { repeated group list { required int32 element; } }";

    fn list(slots: i64, rows: u64) -> ByHand {
        ByHand::new(LIST, slots, rows)
    }

    /// Levels of slots that all have a value.
    fn levels(repetition: &[u32]) -> [Vec<u8>; 2] {
        [packed(repetition, 1), packed(&vec![1; repetition.len()], 1)]
    }

    trait Append: Sized {
        fn entries(self, repetition: &[u32], indices: &[u32]) -> Self;
        fn ints(self, repetition: &[u32], values: &[u32]) -> Self;
    }

    impl Append for ByHand {
        fn entries(self, repetition: &[u32], values: &[u32]) -> Self {
            let [repetition, definition] = levels(repetition);
            let slots = i32::try_from(values.len()).unwrap();
            self.data(slots, DICTIONARY, [&repetition, &definition], &indices(values, 2))
        }

        fn ints(self, repetition: &[u32], values: &[u32]) -> Self {
            let [repetition, definition] = levels(repetition);
            let slots = i32::try_from(values.len()).unwrap();
            self.data(slots, PLAIN, [&repetition, &definition], &words(values))
        }
    }

    /// Positives, or why there are none; what was counted before has to be there in any case.
    fn positives(by_hand: &ByHand) -> Result<(Vec<u64>, SetCount), String> {
        let (mut workspace, mut counter) = (Workspace::default(), SetCounter::new());
        let before = list(1, 1).ints(&[0], &[7]);
        count_sets(&before.chunk(), &mut workspace, &mut Ints, &mut counter).unwrap();
        let outcome = count_sets(&by_hand.chunk(), &mut workspace, &mut Ints, &mut counter);
        let mut positives = counter.take();
        assert_eq!(positives.pop(), Some(1));
        match outcome {
            Ok(ChunkOutcome::Counted(count)) => Ok((positives, count)),
            Ok(ChunkOutcome::Unsupported(reason)) => panic!("{reason}"),
            Err(error) => {
                assert!(positives.iter().all(|rows| *rows == 0), "{positives:?} after {error}");
                Err(error.to_string())
            }
        }
    }

    #[test]
    fn a_row_may_go_on_from_indices_to_plain_values() {
        // Rows [3], [1, 2 | 2, 1, 4] and [2, 2], cut into pages at the bar.
        let by_hand = list(8, 3).dictionary(3, &words(&[3, 1, 2]));
        let by_hand = by_hand.entries(&[0, 0, 1], &[0, 1, 2]).ints(&[1, 1, 1, 0, 1], &[2, 1, 4, 2, 2]);
        assert_eq!(positives(&by_hand).unwrap().0, [0, 1, 2, 1, 1, 0, 0]);
    }

    #[test]
    fn a_row_may_go_on_between_pages_of_a_kind_and_back_to_indices() {
        let of_a_kind = list(5, 2)
            .dictionary(2, &words(&[1, 2]))
            .entries(&[0, 1], &[0, 1])
            .entries(&[1, 0, 1], &[0, 1, 1]);
        assert_eq!(positives(&of_a_kind).unwrap().0, [0, 1, 2, 0, 0, 0, 0]);
        let back = list(4, 2).dictionary(2, &words(&[1, 2])).ints(&[0, 1], &[2, 3]).entries(&[1, 0], &[1, 0]);
        assert_eq!(positives(&back).unwrap().0, [0, 1, 1, 1, 0, 0, 0]);
    }

    #[test]
    fn two_entries_may_be_the_same_label() {
        let by_hand = list(4, 3).dictionary(3, &words(&[5, 5, 8])).entries(&[0, 1, 0, 0], &[0, 1, 1, 2]);
        assert_eq!(positives(&by_hand).unwrap().0, [0, 0, 0, 0, 0, 2, 0]);
    }

    #[test]
    fn an_invalid_row_is_positive_for_no_label() {
        let invalid = |by_hand: ByHand| {
            let (positives, count) = positives(&by_hand).unwrap();
            (positives[..3].to_vec(), count.invalid_rows, count.first_invalid)
        };
        let expected = (vec![0, 1, 1], 1, Some("9 is no label".to_owned()));
        // Rows [1, 2] and [1, 9], or [1 | 9] on two pages.
        assert_eq!(invalid(list(4, 2).ints(&[0, 1, 0, 1], &[1, 2, 1, 9])), expected);
        assert_eq!(invalid(list(4, 2).ints(&[0, 1, 0], &[1, 2, 1]).ints(&[1], &[9])), expected);
        let dictionary = list(4, 2).dictionary(3, &words(&[1, 2, 9]));
        assert_eq!(invalid(dictionary.entries(&[0, 1, 0], &[0, 1, 0]).entries(&[1], &[2])), expected);
    }

    #[test]
    fn damage_leaves_no_trace() {
        let good = || list(4, 2).ints(&[0, 1], &[1, 2]);
        let corrupt = |found: &str| Err(format!("corrupt column chunk: {found}"));
        let two = list(4, 2).dictionary(1, &words(&[1]));
        assert_eq!(
            positives(&two.entries(&[0, 1, 0, 1], &[0, 0, 0, 3])),
            corrupt("index 3 in a dictionary of 1 entries")
        );
        assert_eq!(positives(&good().ints(&[0, 0], &[1, 2])), corrupt("3 lists in a row group of 2 rows"));
        assert_eq!(positives(&good().ints(&[1, 1], &[1, 2])), corrupt("1 lists in a row group of 2 rows"));
        assert_eq!(positives(&good().ints(&[0, 1], &[1])), corrupt("pages with 3 values, the footer says 4"));
        assert_eq!(positives(&list(1, 1).ints(&[1], &[1])), corrupt("a list goes on without an element"));
        let invalid = list(4, 2).dictionary(1, &words(&[1])).ints(&[0, 1], &[1, 9]).entries(&[0, 1], &[0, 2]);
        assert_eq!(positives(&invalid), corrupt("index 2 in a dictionary of 1 entries"));
        let empty = [packed(&[0, 0], 1), packed(&[1, 0], 1)];
        let empty = list(4, 2).data(2, PLAIN, [&empty[0], &empty[1]], &words(&[1])).ints(&[1, 1], &[2, 3]);
        assert_eq!(positives(&empty), corrupt("a list goes on without an element"));
        let empty = [packed(&[0, 1, 0, 0], 1), packed(&[0, 1, 1, 1], 1)];
        let empty = list(4, 3).data(4, PLAIN, [&empty[0], &empty[1]], &words(&[1, 2, 3]));
        assert_eq!(positives(&empty), corrupt("a list goes on without an element"));
    }
}
