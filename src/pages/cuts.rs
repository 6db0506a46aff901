//! Where numbers become positive: what a rule says, for comparisons of many numbers at a time.

use crate::counts::{Cell, Mass};
use crate::pages::format::leaf::{LeafColumn, NumberKind};
use crate::pages::format::stored_number::{StoredNumber, number};
use crate::pages::judge::{Judge, NumberRule};
use crate::pages::value::StoredValue;

/// Above this, integers are no longer all different as floats.
const BOUND_MAX: f64 = 1e9;
/// Numbers with a meaning of their own, at most.
const OTHERS_MAX: usize = 16;

/// What numbers of a column mean, by position.
#[derive(Debug, Clone)]
pub(super) struct Cuts<N> {
    /// By position, the least number that is positive.
    pub(super) at: Vec<N>,
    /// Numbers that have a meaning of their own at some position.
    others: Vec<N>,
    /// 0 and 1, where numbers between them are targets.
    part: Option<[N; 2]>,
    /// How 1 is stored.
    one: f64,
}

/// A number that the cuts say nothing of.
#[derive(Debug, Clone, Copy)]
pub(super) enum OddNumber {
    /// NaN is 0, then come the others in their order.
    Known(usize),
    Stray,
}

impl<N: StoredNumber> Cuts<N> {
    /// The cuts of some positions; `None` where one of them has no rule, or not the same kind of rule as the others.
    pub(super) fn of(judge: &dyn Judge, leaf: LeafColumn, width: usize) -> Option<Self> {
        let mut rules: Vec<NumberRule> = Vec::with_capacity(width);
        for position in 0..width {
            rules.push(judge.rule(position).filter(|rule| rule.at.abs() <= BOUND_MAX)?);
        }
        let soft = rules.first()?.soft;
        if rules.iter().any(|rule| rule.soft != soft) || judge.declared().iter().any(|x| x.abs() > BOUND_MAX)
        {
            return None;
        }
        let part = if soft { Some([N::first_from(leaf, 0.0)?, N::first_from(leaf, 1.0)?]) } else { None };
        let mut at = Vec::with_capacity(width);
        for (position, rule) in rules.iter().enumerate() {
            let first = N::first_from(leaf, rule.at)?;
            // A threshold such as 0.7 may be meant as a column of narrow floats holds it, which is less.
            let below = first.below();
            let is_meant = judge.declared().contains(&number(below.value(leaf)))
                && judge.target(position, below.value(leaf)) == (Cell::Positive, 1.0);
            at.push(if is_meant && !soft { below } else { first });
        }
        let one = if soft { number_of_one::<N>(leaf) } else { 1.0 };
        let mut cuts = Self { at, others: Vec::new(), part, one };
        for &declared in judge.declared() {
            let Some(other) = N::first_from(leaf, declared) else { continue };
            // Decimals with many digits are more than doubles can tell apart.
            let next = N::first_from(leaf, declared.next_up());
            if number(other.value(leaf)) == declared && next.is_none_or(|next| next.below() != other) {
                return None;
            }
            if number(other.value(leaf)) == declared
                && !cuts.others.contains(&other)
                && !cuts.agrees(judge, leaf, other)
            {
                cuts.others.push(other);
            }
        }
        (cuts.others.len() <= OTHERS_MAX).then_some(cuts)
    }

    /// Whether a declared number means what the rules say of it.
    fn agrees(&self, judge: &dyn Judge, leaf: LeafColumn, other: N) -> bool {
        let value = other.value(leaf);
        self.at.iter().enumerate().all(|(position, at)| {
            let (cell, target) = judge.target(position, value);
            let ruled = if other >= *at { Cell::Positive } else { Cell::Negative };
            match self.part {
                Some([zero, one]) => {
                    let units =
                        if other >= zero && other <= one { Some(other.units(self.one)) } else { None };
                    cell == ruled && units == Some(Mass::units_of_part(target))
                }
                None => cell == ruled,
            }
        })
    }

    /// How many kinds of odd numbers are known.
    pub(super) fn known(&self) -> usize {
        self.others.len() + 1
    }

    /// The value of an odd number that is known.
    pub(super) fn known_value(&self, leaf: LeafColumn, kind: usize) -> StoredValue<'static> {
        let other = kind.checked_sub(1).and_then(|other| self.others.get(other));
        other.map_or(StoredValue::Float(f64::NAN), |other| other.value(leaf))
    }

    /// Whether numbers are targets.
    pub(super) fn is_soft(&self) -> bool {
        self.part.is_some()
    }

    /// A number that is a target, in units.
    pub(super) fn units(&self, x: N) -> u64 {
        x.units(self.one)
    }

    /// Whether the cuts say nothing of one of `numbers`.
    pub(super) fn any_odd(&self, numbers: &[N]) -> bool {
        // Loops without an early end become loops over vector registers.
        let times = |is: &dyn Fn(&[N]) -> u32| numbers.chunks(1 << 16).map(is).sum::<u32>() as usize;
        let inside = match self.part {
            Some([zero, one]) => {
                times(&|all| all.iter().map(|x| u32::from(*x >= zero) & u32::from(*x <= one)).sum())
            }
            None => times(&|all| all.iter().map(|x| u32::from(!x.is_nan())).sum()),
        };
        let is_other = |other: &N| times(&|all| all.iter().map(|x| u32::from(x == other)).sum()) > 0;
        inside < numbers.len() || self.others.iter().any(is_other)
    }

    /// What is odd of a number; `None` where nothing is.
    pub(super) fn odd(&self, x: N) -> Option<OddNumber> {
        if x.is_nan() {
            return Some(OddNumber::Known(0));
        }
        if let Some(other) = self.others.iter().position(|other| x == *other) {
            return Some(OddNumber::Known(other + 1));
        }
        match self.part {
            Some([zero, one]) if !(x >= zero && x <= one) => Some(OddNumber::Stray),
            _ => None,
        }
    }
}

/// How 1 is stored, as a float.
fn number_of_one<N: StoredNumber>(leaf: LeafColumn) -> f64 {
    if leaf.is_decimal() { leaf.one() as f64 } else { 1.0 }
}

/// Cuts of one position, for numbers of any kind.
#[derive(Debug, Clone)]
pub(super) enum ColumnCuts {
    Single(Cuts<f32>),
    Double(Cuts<f64>),
    Short(Cuts<i32>),
    Long(Cuts<i64>),
}

impl ColumnCuts {
    /// `None` where numbers have no rule, or there are no numbers.
    pub(super) fn of(judge: &dyn Judge, leaf: LeafColumn) -> Option<Self> {
        judge.rule(0)?;
        Some(match leaf.number_kind()? {
            NumberKind::Single => Self::Single(Cuts::of(judge, leaf, 1)?),
            NumberKind::Double => Self::Double(Cuts::of(judge, leaf, 1)?),
            NumberKind::Short => Self::Short(Cuts::of(judge, leaf, 1)?),
            NumberKind::Long => Self::Long(Cuts::of(judge, leaf, 1)?),
        })
    }
}
