//! Labels of rows in several groups, counted at once: each label has a number for each group.

use super::counter::NONE;
use crate::pages::format::bits::gather;
use crate::pages::format::row_mask::{KeptSlots, RowFilter, RowMask};
use crate::pages::format::slots::{BLOCK, Bitmap, Firsts, SlotBlock};

/// Follows the rows of all groups, which do not share a row.
#[derive(Debug)]
pub(super) struct GroupedSlots<'m> {
    /// One for each group; none where all rows count and are of one group.
    filters: Vec<RowFilter<'m>>,
    firsts: Firsts,
    slots: KeptSlots,
    /// The slots of each group.
    kept: Vec<Bitmap>,
    /// The group of each value that is kept.
    groups: Vec<u32>,
    picked: Vec<u32>,
}

impl<'m> GroupedSlots<'m> {
    pub(super) fn new(masks: &[&'m RowMask]) -> Self {
        Self {
            filters: masks.iter().map(|mask| RowFilter::new(mask)).collect(),
            firsts: Firsts::default(),
            slots: KeptSlots::default(),
            kept: Vec::new(),
            groups: Vec::new(),
            picked: Vec::new(),
        }
    }

    /// Takes the next block; its bits say which values are the first of their rows, of all values.
    pub(super) fn next(&mut self, block: &SlotBlock) -> Bitmap {
        let all = self.firsts.next(block);
        self.kept.clear();
        self.kept.extend(self.filters.iter_mut().map(|filter| filter.next(block)));
        if self.filters.is_empty() {
            return all;
        }
        let mut any = [0; BLOCK / 64];
        for kept in &self.kept {
            any.iter_mut().zip(kept).for_each(|(any, kept)| *any |= kept);
        }
        self.slots.find(block, &any, &all);
        if self.kept.len() > 1 {
            self.find_groups(block);
        }
        all
    }

    fn find_groups(&mut self, block: &SlotBlock) {
        self.groups.clear();
        for (word, &values) in block.values.iter().enumerate().take(block.len.div_ceil(64)) {
            let start = self.groups.len();
            self.groups.resize(start + values.count_ones() as usize, 0);
            for (group, kept) in (0..).zip(&self.kept) {
                let mut own = gather(kept[word], values);
                while own != 0 {
                    self.groups[start + own.trailing_zeros() as usize] = group;
                    own &= own - 1;
                }
            }
        }
        self.slots.pick(&self.groups, &mut self.picked);
        std::mem::swap(&mut self.groups, &mut self.picked);
    }

    /// Whether not all values count.
    pub(super) fn is_masked(&self) -> bool {
        !self.filters.is_empty()
    }

    /// The slots of each group; empty where all are of one.
    pub(super) fn kept(&self) -> &[Bitmap] {
        &self.kept
    }

    /// The values that count.
    pub(super) fn slots(&self) -> &KeptSlots {
        &self.slots
    }

    /// How many numbers each label has.
    pub(super) fn per_label(&self) -> u32 {
        u32::try_from(self.filters.len()).map_or(u32::MAX, |groups| groups.max(1))
    }

    /// The group of a value that counts, by its place among them.
    pub(super) fn group(&self, at: usize) -> usize {
        self.groups.get(at).map_or(0, |group| *group as usize)
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
            if *label != NONE {
                fit &= *label < most;
                *label = label.wrapping_mul(per_label).wrapping_add(*group);
            }
        }
        fit
    }
}
