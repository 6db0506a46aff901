//! Integers of which each bit is a label.

use std::collections::BTreeMap;

use super::candidates::CandidateColumn;
use super::column_names::{NameRank, is_mask_name, rank_of_name};
use super::evidence::ColumnEvidence;
use super::values::Value;

/// Cells from which the frequencies of numbers tell masks from indices.
const CELLS_MIN: u64 = 100;
/// Bits at least, with which there are four numbers of several bits, and at most: indices are seldom above.
const BITS_MIN: u32 = 3;
const BITS_MAX: u32 = 16;
/// The part of comparisons that must be as those of masks.
const PART: f64 = 0.8;

impl CandidateColumn<'_> {
    /// By its name, or by how frequent its numbers are where its name says that it has labels.
    pub(super) fn is_mask(&self) -> bool {
        let is_label = || self.is_named || rank_of_name(self.name()) != NameRank::Other;
        is_mask_name(self.name()) || is_label() && are_like_masks(self.evidence)
    }
}

/// Whether numbers are frequent as masks are, and not as indices are: most rows have few labels, so that a number without
/// one of its bits is more frequent, and numbers of one bit are more frequent than smaller ones of several.
fn are_like_masks(evidence: &ColumnEvidence) -> bool {
    let mut cells: BTreeMap<u64, u64> = BTreeMap::new();
    for (number, times) in evidence.counted() {
        let Some(whole) = Value::whole(number).and_then(|whole| u64::try_from(whole).ok()) else {
            return false;
        };
        cells.insert(whole, times);
    }
    let bits = cells.keys().last().map_or(0, |most| u64::BITS - most.leading_zeros());
    if evidence.cells < CELLS_MIN || !(BITS_MIN..=BITS_MAX).contains(&bits) {
        return false;
    }
    let of = |number: u64| cells.get(&number).copied().unwrap_or(0);
    let singles = || (0..bits).map(|bit| 1_u64 << bit);
    let several = || cells.iter().filter(|(number, _)| number.count_ones() > 1);
    let without = several().flat_map(|(number, times)| {
        singles().filter(move |bit| number & bit > 0).map(move |bit| of(number & !bit) >= *times)
    });
    let larger = several().flat_map(|(number, times)| {
        singles().filter(move |bit| bit > number).map(move |bit| of(bit) > *times)
    });
    let do_hold = |comparisons: &mut dyn Iterator<Item = bool>| {
        let (hold, all) =
            comparisons.fold((0_u32, 0_u32), |(hold, all), holds| (hold + u32::from(holds), all + 1));
        all > 0 && f64::from(hold) >= PART * f64::from(all)
    };
    do_hold(&mut { without }) && do_hold(&mut { larger })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counted: impl Iterator<Item = (u64, u64)>) -> bool {
        let mut evidence = ColumnEvidence::default();
        for (number, cells) in counted {
            evidence.number(number as f64, cells);
            evidence.cells += cells;
        }
        are_like_masks(&evidence)
    }

    #[test]
    fn independent_bits_are_masks_and_classes_are_not() {
        for bits in 3..9 {
            let share = |bit: u32| 50 + 40 * u64::from(bit);
            let cells = |mask: u64| {
                let each =
                    (0..bits).map(|bit| if mask >> bit & 1 == 1 { share(bit) } else { 1000 - share(bit) });
                each.fold(2000, |cells, part| cells * part / 1000)
            };
            assert!(of((0..1 << bits).map(|mask| (mask, cells(mask))).filter(|(_, n)| *n > 0)), "{bits}");
        }
        for classes in 3..40 {
            assert!(!of((0..classes).map(|class| (class, 1000 / (class + 1)))), "{classes} by frequency");
            assert!(!of((1..=classes).map(|class| (class, 1000 / class))), "{classes} from 1");
            assert!(!of((0..classes).map(|class| (class, 100))), "{classes} alike");
        }
        // Powers of two alone are classes with gaps.
        assert!(!of((0..6).map(|bit| (1 << bit, 100))));
    }
}
