//! Labels of rows in several groups, counted at once: each label has a number for each group.

use super::set_count::SetCount;
use crate::pages::format::packed::low_bits;
use crate::pages::format::row_mask::{KeptSlots, RowFilter, RowMask};
use crate::pages::format::row_parts::{OUTSIDE, RowParts};
use crate::pages::format::slots::{BLOCK, Bitmap, Firsts, SlotBlock};
use crate::pages::lookup::NO_LABEL;

/// Follows the rows of all groups, which do not share a row.
#[derive(Debug)]
pub(super) struct GroupedSlots<'m> {
    rows: RowsApart<'m>,
    firsts: Firsts,
    /// The slots of rows that count, and the values among them.
    kept: Bitmap,
    slots: KeptSlots,
    /// The group of each value that is kept, where there are several.
    groups: Vec<u8>,
    picked: Vec<u8>,
}

/// How rows are told apart.
#[derive(Debug)]
enum RowsApart<'m> {
    /// All count, and are of one group.
    Not,
    /// Those of one group count.
    Kept(RowFilter<'m>),
    /// Those of several groups count.
    Groups(RowGroups),
}

/// The group of each row, followed from block to block.
#[derive(Debug)]
struct RowGroups {
    /// How many groups.
    len: usize,
    /// The group of each row, behind that of the slots in front of the first.
    numbers: Vec<u8>,
    /// Whether all rows are of a group.
    all: bool,
    /// Rows that have begun.
    begun: usize,
    /// The group of each slot.
    slots: Vec<u8>,
}

impl RowGroups {
    fn new(masks: &[&RowMask], rows: u64) -> Self {
        let masks: Vec<Option<&RowMask>> = masks.iter().map(|mask| Some(*mask)).collect();
        let mut numbers = RowParts::new(&masks).numbers(rows).unwrap_or_default();
        let all = !numbers.contains(&OUTSIDE);
        numbers.insert(0, OUTSIDE);
        Self { len: masks.len(), numbers, all, begun: 0, slots: vec![OUTSIDE; BLOCK] }
    }

    /// Finds the group of each slot; gives those of rows that count, and puts the group of each value into `groups`.
    fn next(&mut self, block: &SlotBlock, groups: &mut Vec<u8>) -> Bitmap {
        let mut kept = [0; BLOCK / 64];
        groups.resize(block.len, 0);
        let mut end = 0;
        let words = block.starts.iter().zip(&block.values).zip(&mut kept);
        for (((&starts, &values), kept), slots) in words.zip(self.slots[..block.len].chunks_mut(64)) {
            for (bit, slot) in slots.iter_mut().enumerate() {
                self.begun += usize::from(starts >> bit & 1 == 1);
                *slot = self.numbers.get(self.begun).copied().unwrap_or(OUTSIDE);
            }
            let len = slots.len();
            if values == low_bits(len) {
                groups[end..end + len].copy_from_slice(slots);
                end += len;
            } else {
                for (bit, slot) in slots.iter().enumerate() {
                    if let Some(group) = groups.get_mut(end) {
                        *group = *slot;
                    }
                    end += usize::from(values >> bit & 1 == 1);
                }
            }
            *kept = if self.all {
                low_bits(len)
            } else {
                slots.iter().rev().fold(0, |kept, slot| kept << 1 | u64::from(*slot != OUTSIDE))
            };
        }
        groups.truncate(end);
        kept
    }

    /// Calls `each` with the group of every slot that counts and whose bit is set.
    fn each(&self, bits: impl Iterator<Item = u64>, mut each: impl FnMut(usize)) {
        for (bits, slots) in bits.zip(self.slots.chunks(64)) {
            let mut bits = bits;
            while bits != 0 {
                let group = usize::from(slots[bits.trailing_zeros() as usize]);
                if group < self.len {
                    each(group);
                }
                bits &= bits - 1;
            }
        }
    }
}

impl<'m> GroupedSlots<'m> {
    /// For a chunk of `rows` rows.
    pub(super) fn new(masks: &[&'m RowMask], rows: u64) -> Self {
        let rows = match masks {
            [] => RowsApart::Not,
            [mask] => RowsApart::Kept(RowFilter::new(mask)),
            _ => RowsApart::Groups(RowGroups::new(masks, rows)),
        };
        Self {
            rows,
            firsts: Firsts::default(),
            kept: [0; BLOCK / 64],
            slots: KeptSlots::default(),
            groups: Vec::new(),
            picked: Vec::new(),
        }
    }

    /// Takes the next block; its bits say which values are the first of their rows, of all values.
    pub(super) fn next(&mut self, block: &SlotBlock) -> Bitmap {
        let all = self.firsts.next(block);
        self.kept = match &mut self.rows {
            RowsApart::Not => return all,
            RowsApart::Kept(filter) => filter.next(block),
            RowsApart::Groups(rows) => rows.next(block, &mut self.groups),
        };
        self.slots.find(block, &self.kept, &all);
        if let RowsApart::Groups(RowGroups { all: false, .. }) = self.rows {
            self.slots.pick(&self.groups, &mut self.picked);
            std::mem::swap(&mut self.groups, &mut self.picked);
        }
        all
    }

    /// Adds rows and nulls of the block that was taken to those of each group.
    pub(super) fn add_block(&self, block: &SlotBlock, counts: &mut [SetCount]) {
        match (&self.rows, counts) {
            (RowsApart::Not, [count]) => count.add_block(block, None),
            (RowsApart::Kept(_), [count]) => count.add_block(block, Some(&self.kept)),
            (RowsApart::Groups(rows), counts) => {
                for (group, count) in (0..).zip(&mut *counts) {
                    // Few enough for a sum of bytes.
                    let of = |groups: &[u8]| groups.iter().map(|other| u8::from(*other == group)).sum::<u8>();
                    count.values += self.groups.chunks(255).map(|groups| u64::from(of(groups))).sum::<u64>();
                }
                rows.each(block.starts.iter().copied(), |group| counts[group].rows += 1);
                rows.each(block.nulls.iter().copied(), |group| counts[group].null_rows += 1);
                let null_elements = block.elements.iter().zip(&block.values).map(|(all, known)| all & !known);
                rows.each(null_elements, |group| counts[group].null_elements += 1);
            }
            _ => {}
        }
    }

    /// Whether not all values count.
    pub(super) fn is_masked(&self) -> bool {
        !matches!(self.rows, RowsApart::Not)
    }

    /// The values that count.
    pub(super) fn slots(&self) -> &KeptSlots {
        &self.slots
    }

    /// How many numbers each label has.
    pub(super) fn per_label(&self) -> u32 {
        match &self.rows {
            RowsApart::Groups(rows) => u32::try_from(rows.len).unwrap_or(u32::MAX),
            _ => 1,
        }
    }

    /// The group of a value that counts, by its place among them.
    pub(super) fn group(&self, at: usize) -> usize {
        self.groups.get(at).map_or(0, |group| usize::from(*group))
    }

    /// Puts the number that it has in its group in the place of each label; false where there are too many.
    pub(super) fn number(&self, labels: &mut [u32]) -> bool {
        let per_label = self.per_label();
        if per_label == 1 {
            return true;
        }
        let most = (u32::MAX - 1) / per_label;
        let mut fit = true;
        for (label, group) in labels.iter_mut().zip(&self.groups) {
            if *label != NO_LABEL {
                fit &= *label < most;
                *label = label.wrapping_mul(per_label).wrapping_add(u32::from(*group));
            }
        }
        fit
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slots_are_of_the_groups_of_their_rows(
            slots in proptest::collection::vec((proptest::bool::weighted(0.3), proptest::bool::weighted(0.9), proptest::bool::weighted(0.9)), 1..400),
            of in proptest::collection::vec(0..4_usize, 400), all in any::<bool>(), cut in 1..300_usize,
        ) {
            let mut slots = slots;
            slots[0].0 = true;
            let rows = slots.iter().filter(|(start, ..)| *start).count();
            // The last number stands for no group.
            let of: Vec<usize> = of.into_iter().map(|group| if all { group % 3 } else { group }).collect();
            let masks: Vec<RowMask> = (0..3).map(|group| {
                let mut words = vec![0; rows.div_ceil(64)];
                (0..rows).filter(|row| of[*row] == group).for_each(|row| words[row / 64] |= 1_u64 << (row % 64));
                RowMask::new(words, rows)
            }).collect();
            let masks: Vec<&RowMask> = masks.iter().collect();
            let mut filters: Vec<RowFilter<'_>> = masks.iter().map(|mask| RowFilter::new(mask)).collect();
            let mut grouped = GroupedSlots::new(&masks, rows as u64);
            prop_assert!(grouped.is_masked() && grouped.per_label() == 3);
            let (mut found, mut expected) = (vec![SetCount::default(); 3], vec![SetCount::default(); 3]);
            for part in slots.chunks(cut) {
                let mut block = SlotBlock { len: part.len(), ..SlotBlock::new() };
                for (at, (start, element, value)) in part.iter().enumerate() {
                    let put = |bits: &mut Bitmap, bit: bool| bits[at / 64] |= u64::from(bit) << (at % 64);
                    put(&mut block.starts, *start);
                    put(&mut block.elements, *element);
                    put(&mut block.values, *element && *value);
                    put(&mut block.nulls, *start && !*element && *value);
                }
                grouped.next(&block);
                grouped.add_block(&block, &mut found);
                let kept: Vec<Bitmap> = filters.iter_mut().map(|filter| filter.next(&block)).collect();
                expected.iter_mut().zip(&kept).for_each(|(count, kept)| count.add_block(&block, Some(kept)));
                let has = |bits: &Bitmap, slot: usize| bits[slot / 64] >> (slot % 64) & 1 == 1;
                let values = (0..part.len()).filter(|slot| has(&block.values, *slot));
                let groups: Vec<usize> =
                    values.filter_map(|slot| kept.iter().position(|kept| has(kept, slot))).collect();
                let mut labels = vec![5; groups.len()];
                prop_assert!(grouped.number(&mut labels));
                prop_assert_eq!(&groups, &(0..groups.len()).map(|at| grouped.group(at)).collect::<Vec<_>>());
                prop_assert!(labels.iter().zip(&groups).all(|(label, group)| *label as usize == 15 + group));
            }
            prop_assert_eq!(found, expected);
        }
    }
}
