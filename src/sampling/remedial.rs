//! REMEDIAL (Charte et al. 2015): splits rows with rare and frequent labels in two, one for each kind.
//!
//! A row whose SCUMBLE is above the mean over all rows becomes two rows: the first keeps the labels whose IRLbl
//! is at most MeanIR, the second the other labels. If all labels of such a row are on one side, the other copy
//! has no label; `one_sided=keep` does not split these rows. Missing labels are missing in both copies.

use super::Rarity;
use crate::row_measures::Scumble;

/// Decides which rows are split.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Remedial {
    scumble: Scumble,
    /// Whether a label goes to the second copy.
    minority: Vec<bool>,
    one_sided: bool,
}

impl Remedial {
    /// For labels with this rarity; `one_sided` also splits rows whose labels are all on one side.
    #[must_use]
    pub(crate) fn new(rarity: &Rarity, one_sided: bool) -> Self {
        let mut minority = vec![false; rarity.positives.len()];
        rarity.minority().into_iter().for_each(|label| minority[label as usize] = true);
        Self { scumble: Scumble::new(rarity.positives.iter().copied()), minority, one_sided }
    }

    /// SCUMBLE of a row with these labels.
    #[must_use]
    pub(crate) fn scumble(&self, labels: &[u32]) -> f64 {
        self.scumble.of(labels)
    }

    /// Whether a label goes to the second copy.
    #[must_use]
    pub(crate) fn is_minority(&self, label: u32) -> bool {
        self.minority[label as usize]
    }

    /// The labels of both copies of a row.
    #[must_use]
    pub(crate) fn copies(&self, labels: &[u32]) -> [Vec<u32>; 2] {
        let (second, first) = labels.iter().partition(|label| self.is_minority(**label));
        [first, second]
    }

    /// Whether a row with these labels is split, if the mean of SCUMBLE is `mean`.
    #[must_use]
    pub(crate) fn splits(&self, labels: &[u32], mean: f64) -> bool {
        let minority = || labels.iter().filter(|label| self.is_minority(**label)).count();
        self.scumble(labels) > mean && (self.one_sided || (1..labels.len()).contains(&minority()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_mix_become_two() {
        // IRLbl 1, 2, 4, 8; MeanIR 3.75.
        let rarity = Rarity { rows: 20, positives: vec![8, 4, 2, 1], most: 8, mean_ir: 3.75 };
        let both = Remedial::new(&rarity, true);
        let mixed = Remedial::new(&rarity, false);
        assert!((both.scumble(&[0, 3]) - (1.0 - 8.0_f64.sqrt() / 4.5)).abs() < 1e-15);
        assert_eq!(both.scumble(&[3]), 0.0);
        assert!(both.splits(&[0, 3], 0.1) && mixed.splits(&[0, 3], 0.1));
        assert!(both.splits(&[0, 1], 0.05) && !mixed.splits(&[0, 1], 0.05));
        assert!(!both.splits(&[0, 1], 0.1));
        assert_eq!(both.copies(&[0, 2, 3]), [vec![0], vec![2, 3]]);
        assert_eq!([0, 1, 2, 3].map(|label| both.is_minority(label)), [false, false, true, true]);
    }
}
