//! Iterative stratification (Sechidis et al. 2011): assigns rows to folds so that each fold has its share of every
//! label, the rarest label first; second order (Szymański and Kajdanowicz 2017) does so for every pair of labels.
//!
//! ```text
//! while a label has rows left: take the label with the fewest; assign each of its rows to the fold that lacks
//! most of this label; on ties, most of all labels of the row together; on ties, most rows; on ties, at random
//! rows without labels: to the fold that lacks most rows
//! ```
//!
//! For a label in more than half of the rows, the rows without it are distributed instead; the rows with it
//! follow, and folds get the right size.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::counts::as_f64;
use crate::error::{Error, Result};

/// Rows with their labels and random numbers.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rows {
    ends: Vec<usize>,
    labels: Vec<u32>,
    draws: Vec<u64>,
    /// Rows of each unit, where units are groups of rows.
    sizes: Option<Vec<u32>>,
}

impl Rows {
    /// Adds a row.
    pub(crate) fn push(&mut self, labels: &[u32], draw: u64) {
        self.labels.extend_from_slice(labels);
        self.ends.push(self.labels.len());
        self.draws.push(draw);
    }

    /// Appends the rows of `other`.
    pub(crate) fn append(&mut self, other: &Self) {
        let start = self.labels.len();
        self.labels.extend_from_slice(&other.labels);
        self.ends.extend(other.ends.iter().map(|end| start + end));
        self.draws.extend_from_slice(&other.draws);
    }

    /// Number of rows.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The labels of a row.
    #[must_use]
    pub(crate) fn labels(&self, row: usize) -> &[u32] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.labels[start..self.ends[row]]
    }

    /// The random number of a row.
    #[must_use]
    pub(crate) fn draw(&self, row: usize) -> u64 {
        self.draws[row]
    }

    /// Groups of these rows as units: row i is in group `groups[i]`. A label counts once for each row that has it.
    #[must_use]
    pub(crate) fn grouped(&self, groups: &[u32]) -> Self {
        let number = groups.iter().max().map_or(0, |last| *last as usize + 1);
        let (mut lengths, mut sizes) = (vec![0_usize; number], vec![0_u32; number]);
        let mut draws = vec![u64::MAX; number];
        for (row, group) in groups.iter().map(|group| *group as usize).enumerate() {
            lengths[group] += self.labels(row).len();
            sizes[group] = sizes[group].saturating_add(1);
            draws[group] = draws[group].min(self.draw(row));
        }
        let mut end = 0;
        let mut next = Vec::with_capacity(number);
        for length in lengths {
            next.push(end);
            end += length;
        }
        let mut labels = vec![0; end];
        for (row, group) in groups.iter().map(|group| *group as usize).enumerate() {
            let own = self.labels(row);
            labels[next[group]..next[group] + own.len()].copy_from_slice(own);
            next[group] += own.len();
        }
        Self { ends: next, labels, draws, sizes: Some(sizes) }
    }

    /// Rows of the largest group.
    #[must_use]
    pub(crate) fn largest(&self) -> u64 {
        self.sizes.iter().flatten().copied().max().map_or(1, u64::from)
    }

    /// Rows of a unit.
    #[must_use]
    pub(super) fn size(&self, row: usize) -> u32 {
        self.sizes.as_ref().map_or(1, |sizes| sizes[row])
    }

    /// Memory of these rows in bytes.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.ends.len() * (size_of::<usize>() + size_of::<u64>()) + self.labels.len() * size_of::<u32>()
    }

    /// The same rows with every pair of labels of a row as an additional label, numbered by first occurrence.
    ///
    /// # Errors
    /// [`Error::Resource`] if they would take more than `limit` bytes.
    pub(crate) fn with_pairs(&self, labels: u32, limit: usize) -> Result<Self> {
        let mut pairs: HashMap<(u32, u32), u32> = HashMap::new();
        let mut with = Self { draws: self.draws.clone(), ..Self::default() };
        for row in 0..self.len() {
            let own = self.labels(row);
            with.labels.extend_from_slice(own);
            for (i, &one) in own.iter().enumerate() {
                for &other in &own[i + 1..] {
                    let next = labels.saturating_add(u32::try_from(pairs.len()).unwrap_or(u32::MAX));
                    with.labels.push(*pairs.entry((one, other)).or_insert(next));
                }
            }
            with.ends.push(with.labels.len());
            if with.bytes() + pairs.len() * size_of::<[u64; 3]>() > limit {
                return Err(Error::resource("the label pairs of all rows do not fit in memory")
                    .hint("raise --memory-limit, or use order=1"));
            }
        }
        Ok(with)
    }
}

/// The labels of a row, ascending, with the labels in `frequent` inverted: present if the row lacks them.
pub(crate) fn turned(labels: &[u32], frequent: &[u32], into: &mut Vec<u32>) {
    into.clear();
    let (mut own, mut frequent) = (labels.iter().peekable(), frequent.iter().peekable());
    loop {
        match (own.peek(), frequent.peek()) {
            (Some(one), Some(other)) if one == other => {
                own.next();
                frequent.next();
            }
            (Some(one), Some(other)) if one > other => into.extend(frequent.next()),
            (Some(_), _) => into.extend(own.next()),
            (None, _) => {
                into.extend(frequent);
                return;
            }
        }
    }
}

/// Rows and positives that the folds still lack.
struct Lacking {
    folds: usize,
    rows: Vec<f64>,
    /// Label by label, one value per fold.
    labels: Vec<f64>,
}

impl Lacking {
    /// The fold that lacks most of `label`, or most rows without a label, for a row with these labels.
    fn fold(&self, label: Option<usize>, labels: &[u32], draw: u64) -> usize {
        let most = |lack: &[f64], among: &[usize]| {
            let most = among.iter().map(|&fold| lack[fold]).fold(f64::NEG_INFINITY, f64::max);
            among.iter().copied().filter(|&fold| lack[fold] == most).collect::<Vec<_>>()
        };
        let mut among: Vec<usize> = (0..self.folds).collect();
        if let Some(label) = label {
            among = most(&self.labels[label * self.folds..(label + 1) * self.folds], &among);
        }
        if among.len() > 1 && labels.len() > 1 {
            let together =
                |fold: usize| labels.iter().map(move |l| self.labels[*l as usize * self.folds + fold]);
            let together: Vec<f64> = (0..self.folds).map(|fold| together(fold).sum()).collect();
            among = most(&together, &among);
        }
        if among.len() > 1 {
            among = most(&self.rows, &among);
        }
        let place = (u128::from(draw.rotate_left(32)) * among.len() as u128) >> 64;
        among.get(usize::try_from(place).unwrap_or(0)).copied().unwrap_or(0)
    }

    fn take(&mut self, fold: usize, labels: &[u32], size: u32) {
        self.rows[fold] -= f64::from(size);
        for label in labels {
            self.labels[*label as usize * self.folds + fold] -= 1.0;
        }
    }
}

/// The fold of every row, or of every group of rows. `shares` of the folds add up to 1. Rows are processed by their random numbers, so the
/// order in which they are given does not matter if all numbers differ.
#[must_use]
pub(crate) fn stratify(rows: &Rows, shares: &[f64]) -> Vec<u16> {
    let folds = shares.len();
    let labels = rows.labels.iter().max().map_or(0, |most| *most as usize + 1);
    let mut left = vec![0_usize; labels];
    rows.labels.iter().for_each(|label| left[*label as usize] += 1);
    let share_of = |n: usize| shares.iter().map(move |share| share * as_f64(n as u64));
    let mut lacking = Lacking {
        folds,
        rows: share_of(
            rows.sizes.as_ref().map_or(rows.len(), |sizes| sizes.iter().map(|n| *n as usize).sum()),
        )
        .collect(),
        labels: left.iter().flat_map(|n| share_of(*n)).collect(),
    };
    let mut order: Vec<u32> = (0..).take(rows.len()).collect();
    // Large groups first: small ones fill what these leave.
    order.sort_by_key(|&row| (Reverse(rows.size(row as usize)), rows.draw(row as usize)));
    // The rows of each label, in that order.
    let mut starts = Vec::with_capacity(labels + 1);
    let mut sum = 0;
    for n in &left {
        starts.push(sum);
        sum += n;
    }
    let mut next = starts.clone();
    starts.push(sum);
    let mut bags = vec![0_u32; sum];
    for &row in &order {
        for &label in rows.labels(row as usize) {
            bags[next[label as usize]] = row;
            next[label as usize] += 1;
        }
    }
    let mut dealt = vec![0_u16; rows.len()];
    let mut deal = |row: u32, label: Option<usize>, lacking: &mut Lacking, left: &mut [usize]| {
        let row = row as usize;
        let fold = lacking.fold(label, rows.labels(row), rows.draw(row));
        dealt[row] = u16::try_from(fold).unwrap_or(0);
        lacking.take(fold, rows.labels(row), rows.size(row));
        rows.labels(row).iter().for_each(|label| left[*label as usize] -= 1);
    };
    let mut is_dealt = vec![false; rows.len()];
    let mut rarest: BinaryHeap<_> =
        left.iter().enumerate().filter(|(_, n)| **n > 0).map(|(label, n)| Reverse((*n, label))).collect();
    while let Some(Reverse((n, label))) = rarest.pop() {
        // The heap gets a new entry when a label has lost rows.
        if left[label] != n || n == 0 {
            continue;
        }
        let mut touched = Vec::new();
        for &row in &bags[starts[label]..starts[label + 1]] {
            if !std::mem::replace(&mut is_dealt[row as usize], true) {
                deal(row, Some(label), &mut lacking, &mut left);
                touched.extend_from_slice(rows.labels(row as usize));
            }
        }
        touched.sort_unstable();
        touched.dedup();
        let changed = touched.into_iter().map(|label| label as usize).filter(|label| left[*label] > 0);
        rarest.extend(changed.map(|label| Reverse((left[label], label))));
    }
    for &row in order.iter().filter(|row| !is_dealt[**row as usize]) {
        deal(row, None, &mut lacking, &mut left);
    }
    dealt
}

/// Examples distribution distance (ED): mean over folds of |rows − requested rows|.
#[must_use]
pub(crate) fn examples_distribution(rows: &[u64], shares: &[f64]) -> f64 {
    let all = as_f64(rows.iter().sum());
    let off = rows.iter().zip(shares).map(|(rows, share)| (as_f64(*rows) - share * all).abs());
    off.sum::<f64>() / rows.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::Draw;

    /// Rows of each fold, and positives of each label in it.
    fn counts(rows: &Rows, labels: usize, folds: &[u16], k: usize) -> (Vec<u64>, Vec<Vec<u64>>) {
        let (mut sizes, mut positives) = (vec![0; k], vec![vec![0; labels]; k]);
        for (row, fold) in folds.iter().enumerate() {
            let fold = usize::from(*fold);
            sizes[fold] += 1;
            rows.labels(row).iter().for_each(|label| positives[fold][*label as usize] += 1);
        }
        (sizes, positives)
    }

    #[test]
    fn every_fold_has_its_share() {
        let draw = Draw::new(7, 0).shard("x");
        let mut rows = Rows::default();
        for row in 0..3000 {
            let labels: Vec<u32> = (0..8)
                .filter(|&label| draw.below(row * 8 + u64::from(label) + 100_000, 1 << label) == 0)
                .collect();
            rows.push(&labels, draw.bits(row));
        }
        for shares in [vec![0.2; 5], vec![0.8, 0.1, 0.1]] {
            let folds = stratify(&rows, &shares);
            let (sizes, positives) = counts(&rows, 8, &folds, shares.len());
            for label in 0..8 {
                let all: u64 = positives.iter().map(|fold| fold[label]).sum();
                for (fold, share) in positives.iter().zip(&shares) {
                    let off = as_f64(fold[label]) - share * as_f64(all);
                    assert!(off.abs() <= 3.0, "label {label} is off by {off}");
                }
            }
            assert!(examples_distribution(&sizes, &shares) < 5.0);
        }
    }

    #[test]
    fn the_order_of_rows_is_of_no_account() {
        let draw = Draw::new(3, 0).shard("x");
        let row = |row: u64| {
            (vec![u32::try_from(row % 3).unwrap(), 3 + u32::from(row.is_multiple_of(7))], draw.bits(row))
        };
        let (mut forth, mut back) = (Rows::default(), Rows::default());
        (0..200).map(row).for_each(|(labels, draw)| forth.push(&labels, draw));
        (0..200).rev().map(row).for_each(|(labels, draw)| back.push(&labels, draw));
        let mut turned = stratify(&back, &[0.5, 0.5]);
        turned.reverse();
        assert_eq!(stratify(&forth, &[0.5, 0.5]), turned);
    }

    #[test]
    fn rows_without_labels_and_no_rows() {
        let mut rows = Rows::default();
        assert!(stratify(&rows, &[0.5, 0.5]).is_empty());
        (0..10).for_each(|draw| rows.push(&[], draw));
        let folds = stratify(&rows, &[0.5, 0.5]);
        assert_eq!(folds.iter().filter(|fold| **fold == 0).count(), 5);
    }

    #[test]
    fn groups_stay_together_and_folds_keep_their_shares() {
        let draw = Draw::new(3, 0).shard("a");
        let mut rows = Rows::default();
        let groups: Vec<u32> = (0..6000_u32).map(|row| row % 997).collect();
        for (row, group) in (0_u64..).zip(&groups) {
            let labels: &[u32] = if group % 50 == 0 {
                &[0, 1]
            } else if row % 3 == 0 {
                &[0]
            } else {
                &[]
            };
            rows.push(labels, draw.bits(row));
        }
        let grouped = rows.grouped(&groups);
        assert_eq!(grouped.len(), 997);
        let of_group = stratify(&grouped, &[0.75, 0.25]);
        let folds: Vec<u16> = groups.iter().map(|group| of_group[*group as usize]).collect();
        let (sizes, positives) = counts(&rows, 2, &folds, 2);
        let all = counts(&rows, 2, &vec![0; 6000], 2).1[0].clone();
        assert!(sizes[1].abs_diff(1500) <= 10, "{sizes:?}");
        for label in 0..2 {
            assert!(positives[1][label].abs_diff(all[label] / 4) <= 12, "{positives:?} of {all:?}");
        }
    }

    #[test]
    fn frequent_labels_are_turned_round() {
        let mut found = Vec::new();
        for (labels, expected) in
            [(&[][..], &[2, 5][..]), (&[2, 5], &[]), (&[0, 2, 3], &[0, 3, 5]), (&[3, 5, 7], &[2, 3, 7])]
        {
            turned(labels, &[2, 5], &mut found);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn pairs_are_labels_too() {
        let mut rows = Rows::default();
        rows.push(&[0, 2, 3], 1);
        rows.push(&[2, 3], 2);
        assert!(rows.with_pairs(4, 10).is_err());
        let with = rows.with_pairs(4, 1 << 20).unwrap();
        assert_eq!((with.labels(0), with.labels(1)), (&[0, 2, 3, 4, 5, 6][..], &[2, 3, 6][..]));
    }
}
