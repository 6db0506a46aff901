//! Sets of few labels in batches of one size: processors foresee loops that take as many steps as before.

use crate::engine::rows::set_bits::{LabelKeys, SetHash};
use crate::row_measures::RowSums;

/// Sets of a batch.
const BATCH: usize = 256;

/// Sets of few labels, by their bits, and the rows of each.
#[derive(Debug, Clone, Default)]
struct WaitingSets {
    sets: Vec<u64>,
    rows: Vec<u64>,
}

/// Sets that are added to sums.
#[derive(Debug)]
pub(super) struct SizedSets<'k> {
    keys: &'k LabelKeys,
    /// By number of labels: sets with their rows.
    waiting: Vec<WaitingSets>,
    labels: Vec<u32>,
}

impl<'k> SizedSets<'k> {
    pub(super) fn new(keys: &'k LabelKeys) -> Self {
        Self { keys, waiting: vec![WaitingSets::default(); keys.few() + 1], labels: Vec::new() }
    }

    /// Adds the rows of a set to `sums`, now or later, if it is one of several labels and its bits give them back.
    #[inline]
    pub(super) fn add(&mut self, hash: SetHash, rows: u64, sums: &mut RowSums) {
        let Some(size) = self.keys.size(hash).filter(|size| *size > 1) else { return };
        let waiting = &mut self.waiting[size];
        waiting.sets.push(hash[0]);
        waiting.rows.push(rows);
        if waiting.sets.len() >= BATCH {
            self.give(size, sums);
        }
    }

    /// Adds the rows of such a set to `sums` at once.
    pub(super) fn add_now(&mut self, hash: SetHash, rows: u64, sums: &mut RowSums) {
        if self.keys.labels(hash, &mut self.labels) && self.labels.len() > 1 {
            sums.add_alike(&self.labels, &[], rows);
        }
    }

    /// Adds all that wait.
    pub(super) fn finish(mut self, sums: &mut RowSums) {
        (0..self.waiting.len()).for_each(|size| self.give(size, sums));
    }

    fn give(&mut self, size: usize, sums: &mut RowSums) {
        let WaitingSets { sets, rows } = &mut self.waiting[size];
        if sets.is_empty() {
            return;
        }
        self.labels.resize(size * sets.len(), 0);
        for (set, labels) in sets.drain(..).zip(self.labels.chunks_exact_mut(size)) {
            self.keys.unpack(set, labels);
        }
        sums.add_sets(size, &self.labels, rows);
        rows.clear();
    }
}
