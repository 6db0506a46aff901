//! What values say at the positions of lists, or in a column.

use super::value::StoredValue;
use crate::counts::Cell;

/// Says what values mean: at each position of a list, or in a column, which then has one position.
pub(crate) trait Judge {
    /// The side of `value`, and what of a row it adds to the positives: from 0 to 1.
    fn target(&self, position: usize, value: StoredValue<'_>) -> (Cell, f64);

    /// What all numbers mean that are not NaN and not among [`Judge::declared`]; `None` where they have no rule.
    fn rule(&self, _position: usize) -> Option<NumberRule> {
        None
    }

    /// Numbers that may have a meaning of their own.
    fn declared(&self) -> &[f64] {
        &[]
    }

    /// Whether sums of targets are asked for.
    fn is_soft(&self) -> bool {
        false
    }
}

/// What numbers mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NumberRule {
    /// Numbers from here on are positive, those below are negative.
    pub(crate) at: f64,
    /// Whether numbers from 0 to 1 are targets themselves. All others have to be asked for.
    pub(crate) soft: bool,
}

/// Values that are wholly positive, or not at all.
#[cfg(test)]
pub(super) struct CellJudge<'c>(pub(super) &'c dyn Fn(usize, StoredValue<'_>) -> Cell);

#[cfg(test)]
impl Judge for CellJudge<'_> {
    fn target(&self, position: usize, value: StoredValue<'_>) -> (Cell, f64) {
        let cell = (self.0)(position, value);
        (cell, if cell == Cell::Positive { 1.0 } else { 0.0 })
    }
}
