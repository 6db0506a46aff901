//! A sum of 64-bit floats that is never rounded, so that it is the same in whatever order they come.
//!
//! Every finite float is a whole multiple of 2^-1074. The sum is a whole number of these, in digits of 32 bits; only
//! the digits that are in use are kept.

/// Bits of a digit; the others of its 64 take carries.
const DIGIT: usize = 32;
const MASK: i64 = 0xffff_ffff;
/// Additions after which carries are passed on: 2^29 digits of 32 bits fit.
const CARRY_AFTER: u32 = 1 << 29;
/// 2 to the power of minus this is what the lowest bit of a sum stands for.
pub(super) const UNIT: i64 = 1074;
/// The same for a sum of squares.
pub(super) const SQUARE_UNIT: i64 = 2 * UNIT;

/// A whole number without limits.
#[derive(Debug, Clone, Default)]
pub(super) struct ExactNumber {
    /// The place of the first digit.
    first: usize,
    /// Digits from the lowest on, each with a sign of its own.
    digits: Vec<i64>,
    /// Additions since carries were passed on.
    added: u32,
}

/// The lowest 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "the other bits are those of other digits")]
fn low(bits: u128) -> u32 {
    bits as u32
}

/// The lowest 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "the other bits are dealt with by the caller")]
fn low_half(bits: u128) -> u64 {
    bits as u64
}

/// A finite float as a whole number and the bit it begins at: `value = ± number · 2^(bit - 1074)`.
fn parts(value: f64) -> (u64, usize) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match usize::try_from((bits >> 52) & 0x7ff).unwrap_or(0) {
        0 => (fraction, 0),
        exponent => (fraction | 1 << 52, exponent - 1),
    }
}

impl ExactNumber {
    pub(super) fn of(number: u64) -> Self {
        let mut of = Self::default();
        of.add_at(number, 0, false);
        of
    }

    /// Adds a finite float, or takes it away.
    pub(super) fn add(&mut self, value: f64, away: bool) {
        let (number, bit) = parts(value);
        self.add_at(number, bit, value.is_sign_negative() != away);
    }

    /// Adds the square of a finite float, or takes it away.
    pub(super) fn add_square(&mut self, value: f64, away: bool) {
        let (number, bit) = parts(value);
        let square = u128::from(number) * u128::from(number);
        self.add_at(low_half(square), 2 * bit, away);
        self.add_at(low_half(square >> 64), 2 * bit + 64, away);
    }

    fn add_at(&mut self, number: u64, bit: usize, away: bool) {
        if number == 0 {
            return;
        }
        let (place, within) = (bit / DIGIT, bit % DIGIT);
        let wide = u128::from(number) << within;
        self.make_room(place, place + 3);
        let start = place - self.first;
        for (i, digit) in self.digits.iter_mut().skip(start).take(3).enumerate() {
            let part = i64::from(low(wide >> (DIGIT * i)));
            *digit += if away { -part } else { part };
        }
        self.counted(1);
    }

    /// Adds another number, or takes it away.
    pub(super) fn add_number(&mut self, other: &Self, away: bool) {
        let mut other = other.clone();
        other.carry();
        if other.digits.is_empty() {
            return;
        }
        self.make_room(other.first, other.first + other.digits.len());
        let start = other.first - self.first;
        for (digit, more) in self.digits.iter_mut().skip(start).zip(other.digits) {
            *digit += if away { -more } else { more };
        }
        self.counted(2);
    }

    fn counted(&mut self, additions: u32) {
        self.added += additions;
        if self.added >= CARRY_AFTER {
            self.carry();
        }
    }

    /// Makes sure that there are digits from place `from` to place `to`.
    fn make_room(&mut self, from: usize, to: usize) {
        if self.digits.is_empty() {
            self.first = from;
        }
        if from < self.first {
            let more = std::iter::repeat_n(0, self.first - from);
            self.digits.splice(..0, more);
            self.first = from;
        }
        if to > self.first + self.digits.len() {
            self.digits.resize(to - self.first, 0);
        }
    }

    /// Passes carries on: all digits but the last are from 0 to 2^32, and the last has the sign of the number.
    fn carry(&mut self) {
        self.added = 0;
        let mut carry = 0;
        for digit in &mut self.digits {
            let sum = *digit + carry;
            *digit = sum & MASK;
            carry = sum >> DIGIT;
        }
        if carry != 0 {
            self.digits.push(carry);
        }
        while let [.., below, -1] = &mut self.digits[..] {
            *below -= MASK + 1;
            self.digits.pop();
        }
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        let zeros = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..zeros);
        self.first += zeros;
    }

    /// Without its sign, and whether it was below zero.
    fn magnitude(&self) -> (Self, bool) {
        let mut number = self.clone();
        number.carry();
        let is_negative = number.digits.last().is_some_and(|digit| *digit < 0);
        if is_negative {
            number.digits.iter_mut().for_each(|digit| *digit = -*digit);
            number.carry();
        }
        (number, is_negative)
    }

    /// The product of two numbers.
    pub(super) fn times(&self, other: &Self) -> Self {
        let ((one, one_negative), (two, two_negative)) = (self.magnitude(), other.magnitude());
        let mut digits = vec![0_u64; one.digits.len() + two.digits.len()];
        for (i, x) in one.digits.iter().enumerate() {
            let mut carry = 0;
            for (j, y) in two.digits.iter().enumerate() {
                let sum = x.unsigned_abs() * y.unsigned_abs() + digits[i + j] + carry;
                (digits[i + j], carry) = (sum & MASK.unsigned_abs(), sum >> DIGIT);
            }
            digits[i + two.digits.len()] = carry;
        }
        let is_negative = one_negative != two_negative;
        let signed = digits.into_iter().map(|digit| {
            let digit = i64::from(low(u128::from(digit)));
            if is_negative { -digit } else { digit }
        });
        Self { first: one.first + two.first, digits: signed.collect(), added: 1 }
    }

    /// The float that is nearest to this number times 2^-`unit`; of two that are as near, the one that is even.
    /// `unit` is at least [`UNIT`].
    pub(super) fn rounded(&self, unit: i64) -> f64 {
        let (number, is_negative) = self.magnitude();
        let Some(top) = number.digits.len().checked_sub(1) else { return 0.0 };
        let digit = |back: usize| top.checked_sub(back).map_or(0, |at| number.digits[at].unsigned_abs());
        let window = u128::from(digit(0)) << 64 | u128::from(digit(1)) << DIGIT | u128::from(digit(2));
        let is_more = number.digits.iter().rev().skip(3).any(|digit| *digit != 0);
        let position = |place: usize| i64::try_from(place * DIGIT).unwrap_or(i64::MAX);
        // The bit that the window begins at, and the one of the last bit that the float has.
        let begins = position(number.first + top) - 64;
        let length = 128 - i64::from(window.leading_zeros());
        let least = unit - UNIT;
        let lowest = (begins + length - 53).max(least);
        let Ok(dropped) = u32::try_from(lowest - begins) else { return f64::NAN };
        let bits = if dropped > 100 {
            0
        } else {
            let (kept, rest, half) =
                (window >> dropped, window & ((1 << dropped) - 1), (1_u128 << dropped) >> 1);
            let is_up = rest > half || rest == half && (is_more || kept % 2 == 1);
            let exponent = u128::try_from(lowest - least).unwrap_or(0);
            low_half(((exponent << 52) + kept + u128::from(is_up)).min(u128::from(f64::INFINITY.to_bits())))
        };
        let value = f64::from_bits(bits);
        if is_negative { -value } else { value }
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        self.digits.capacity() * size_of::<i64>()
    }

    /// Writes the number for [`Self::read`].
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let mut number = self.clone();
        number.carry();
        to.extend((number.first as u64).to_le_bytes());
        to.extend((number.digits.len() as u64).to_le_bytes());
        number.digits.iter().for_each(|digit| to.extend(digit.to_le_bytes()));
    }

    /// Reads a number, and leaves what follows it; `None` if there is none.
    pub(super) fn read(from: &mut &[u8]) -> Option<Self> {
        let first = usize::try_from(read_word(from)?).ok()?;
        let length = usize::try_from(read_word(from)?).ok()?;
        let digits =
            (0..length).map(|_| read_word(from).map(u64::cast_signed)).collect::<Option<Vec<_>>>()?;
        Some(Self { first, digits, added: 1 })
    }
}

/// Reads a 64-bit word, and leaves what follows it.
pub(super) fn read_word(from: &mut &[u8]) -> Option<u64> {
    let (word, rest) = from.split_first_chunk::<8>()?;
    *from = rest;
    Some(u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> f64 {
        let mut number = ExactNumber::default();
        values.iter().for_each(|value| number.add(*value, false));
        number.rounded(UNIT)
    }

    /// Finite floats of every size.
    fn floats() -> impl Iterator<Item = f64> {
        let mut state = 7_u64;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from_bits(state ^ state >> 29)
        })
        .filter(|value| value.is_finite())
    }

    #[test]
    fn a_sum_of_two_is_rounded_as_the_processor_rounds_it() {
        let mut floats = floats();
        for _ in 0..20_000 {
            let (one, other) = (floats.next().unwrap(), floats.next().unwrap());
            // Most pairs are far apart: these are not.
            let near = f64::from_bits(one.to_bits() ^ (other.to_bits() & 0x800f_ffff_ffff_ffff));
            for other in [other, near, -near / 4.0] {
                assert_eq!(sum(&[one, other]), one + other, "{one:e} {other:e}");
            }
        }
    }

    #[test]
    fn sums_are_the_same_in_whatever_order() {
        let values: Vec<f64> = floats().take(300).collect();
        let forth = sum(&values);
        let back: Vec<f64> = values.iter().rev().copied().collect();
        assert_eq!(sum(&back).to_bits(), forth.to_bits());
        let (mut one, mut other) = (ExactNumber::default(), ExactNumber::default());
        values.iter().step_by(2).for_each(|value| one.add(*value, false));
        values.iter().skip(1).step_by(2).for_each(|value| other.add(*value, false));
        let mut bytes = Vec::new();
        other.write(&mut bytes);
        one.add_number(&ExactNumber::read(&mut &bytes[..]).unwrap(), false);
        assert_eq!(one.rounded(UNIT).to_bits(), forth.to_bits());
        values.iter().for_each(|value| one.add(*value, true));
        assert_eq!(one.rounded(UNIT).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn sums_at_the_edges() {
        let big = 2.0_f64.powi(53);
        assert_eq!(sum(&[]), 0.0);
        assert_eq!(sum(&[-0.0]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(sum(&[big, 1.0]), big);
        assert_eq!(sum(&[big, 1.0, f64::MIN_POSITIVE]), big + 2.0);
        assert_eq!(sum(&[big, 1.0, -5e-324]), big);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]), f64::MAX);
        assert_eq!(sum(&[-f64::MAX, -f64::MAX]), f64::NEG_INFINITY);
        assert_eq!(sum(&[5e-324, 5e-324, 5e-324]), 1.5e-323);
        assert_eq!(sum(&[1e308, 1.0, -1e308]), 1.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
    }

    #[test]
    fn carries_are_passed_on_again_and_again() {
        let mut number = ExactNumber::default();
        for round in 0..50 {
            for _ in 0..100 {
                number.add(-1.5, false);
                number.add(0.25, false);
            }
            number.carry();
            assert_eq!(number.rounded(UNIT), -125.0 * f64::from(round + 1));
            assert!(number.digits.len() <= 3, "{number:?}");
        }
    }

    #[test]
    fn products_and_squares_are_exact() {
        for value in [3.0, -2.5, 1e-200, 1e150, 0.1, 123_456_789.123_456_79] {
            let (mut one, mut square) = (ExactNumber::default(), ExactNumber::default());
            one.add(value, false);
            square.add_square(value, false);
            let mut product = one.times(&one);
            assert_eq!(product.rounded(SQUARE_UNIT), value * value, "{value}");
            product.add_number(&square, true);
            assert_eq!(product.rounded(SQUARE_UNIT), 0.0);
        }
        let mut number = ExactNumber::default();
        number.add(-1e100, false);
        assert_eq!(number.times(&ExactNumber::of(10)).rounded(UNIT), -1e100 * 10.0);
        assert_eq!(number.times(&ExactNumber::of(0)).rounded(UNIT), 0.0);
    }
}
