//! Random over- and undersampling by labels (Charte et al. 2015): ML-ROS and ML-RUS.
//!
//! ```text
//! bag of a label   its rows, in the order of shard names
//! turn             for every label in the loop: if its IRLbl has reached MeanIR, it leaves the loop; else one
//!                  row of its bag is picked, and the counts of the labels of this row are updated
//! ```
//!
//! MeanIR stays that of the rows. A clone for one label also counts for the other labels of the row, and a
//! dropped row leaves every bag. Each turn picks a row or removes a label from the loop, so both methods always end.
//!
//! ML-ROS computes IRLbl again at each turn, from the positives of the most frequent label with its clones: these
//! grow as well where the label occurs together with rare ones. A label that has left the loop does not come back,
//! even if the most frequent label grows later. ML-RUS divides by the positives of the most frequent label before
//! the plan, as MULAN does: with those left, the most frequent label itself would never reach MeanIR.

use super::Rarity;
use super::draw::{Draw, Stream};
use crate::counts::as_f64;
use crate::error::Result;

/// Rows by label and labels by row.
pub(crate) trait Bags {
    /// The row at position `place` in the bag of a label.
    ///
    /// # Errors
    /// If spilled rows cannot be read.
    fn row(&self, label: u32, place: u64) -> Result<u64>;

    /// Writes the labels of a row into `labels`: all of them to clone it, those that have bags to drop it.
    ///
    /// # Errors
    /// As [`Self::row`].
    fn labels(&self, row: u64, labels: &mut Vec<u32>) -> Result<()>;
}

/// A label in the loop.
struct Turn {
    label: u32,
    size: u64,
    picks: Stream,
    picked: u64,
}

impl Turn {
    fn all(labels: &[u32], rarity: &Rarity, draw: &Draw) -> Vec<Self> {
        let turn = |&label: &u32| Self {
            label,
            size: rarity.positives[label as usize],
            picks: draw.label(label),
            picked: 0,
        };
        labels.iter().map(turn).collect()
    }

    /// A row of the bag.
    fn pick(&mut self, bags: &impl Bags) -> Result<u64> {
        self.picked += 1;
        bags.row(self.label, self.picks.below(self.picked - 1, self.size))
    }
}

/// Clones up to `budget` rows of minority labels; calls `clone` for each and returns their number.
///
/// # Errors
/// What `bags` and `clone` return.
pub(crate) fn oversample(
    rarity: &Rarity,
    bags: &impl Bags,
    budget: u64,
    draw: &Draw,
    mut clone: impl FnMut(u64) -> Result<()>,
) -> Result<u64> {
    let mut positives = rarity.positives.clone();
    let mut turns = Turn::all(&rarity.minority(), rarity, draw);
    let (mut cloned, mut labels, mut most) = (0, Vec::new(), rarity.most);
    while cloned < budget && !turns.is_empty() {
        let mut kept = Vec::with_capacity(turns.len());
        for mut turn in turns {
            let is_minority = as_f64(most) / as_f64(positives[turn.label as usize]) > rarity.mean_ir;
            if !is_minority || cloned == budget {
                continue;
            }
            let row = turn.pick(bags)?;
            bags.labels(row, &mut labels)?;
            for label in &labels {
                let positives = &mut positives[*label as usize];
                *positives += 1;
                most = most.max(*positives);
            }
            clone(row)?;
            cloned += 1;
            kept.push(turn);
        }
        turns = kept;
    }
    Ok(cloned)
}

/// Drops up to `budget` rows of majority labels; calls `drop` for each and returns their number. Every row
/// number is below `rows`.
///
/// # Errors
/// What `bags` and `drop` return.
pub(crate) fn undersample(
    rarity: &Rarity,
    bags: &impl Bags,
    budget: u64,
    draw: &Draw,
    rows: u64,
    mut drop: impl FnMut(u64) -> Result<()>,
) -> Result<u64> {
    let mut positives = rarity.positives.clone();
    let mut turns = Turn::all(&rarity.majority(), rarity, draw);
    let mut gone = Bits::new(rows);
    let (mut dropped, mut labels) = (0, Vec::new());
    while dropped < budget && !turns.is_empty() {
        let mut kept = Vec::with_capacity(turns.len());
        for mut turn in turns {
            let left = positives[turn.label as usize];
            // Without rows, its IRLbl is infinite.
            if left == 0 || as_f64(rarity.most) / as_f64(left) >= rarity.mean_ir || dropped == budget {
                continue;
            }
            // Rows are left, so the loop finds one; it skips dropped rows.
            let row = loop {
                let row = turn.pick(bags)?;
                if gone.set(row) {
                    break row;
                }
            };
            bags.labels(row, &mut labels)?;
            labels.iter().for_each(|label| positives[*label as usize] -= 1);
            drop(row)?;
            dropped += 1;
            kept.push(turn);
        }
        turns = kept;
    }
    Ok(dropped)
}

/// One bit per row.
#[derive(Debug)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// No bit set, for `rows` rows.
    #[must_use]
    pub(crate) fn new(rows: u64) -> Self {
        Self(vec![0; usize::try_from(rows.div_ceil(64)).unwrap_or(usize::MAX)])
    }

    /// Sets the bit of a row; false if it was already set.
    pub(crate) fn set(&mut self, row: u64) -> bool {
        let bit = 1 << (row % 64);
        let place = usize::try_from(row / 64).ok().and_then(|word| self.0.get_mut(word));
        match place {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }
}
