//! Weights of rows, and the exact sums that they become.

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::Float64Type;

use crate::counts::Mass;
use crate::error::{Error, Result, digits};

/// A weight, or a part of one, as a mass.
///
/// # Errors
/// [`Error::Resource`] when it is out of range.
pub(crate) fn mass(value: f64) -> Result<Mass> {
    Mass::from_f64(value).ok_or_else(mass_overflow)
}

/// The error for sums that are out of range.
pub(crate) fn mass_overflow() -> Error {
    Error::resource("the weighted counts pass 1.7e20").hint("divide the --sample-weight column by a constant")
}

/// The weights of rows, from the column `name` of doubles.
///
/// # Errors
/// [`Error::Input`] for NULL, and for a weight that is negative, not finite, too large, or so small that it would be 0.
pub(crate) fn weights<'a>(name: &str, array: &'a ArrayRef) -> Result<&'a Float64Array> {
    let weights = array.as_primitive::<Float64Type>();
    match first_bad(weights) {
        Some((_, what)) => Err(bad_weight(name, &what)),
        None => Ok(weights),
    }
}

/// The error for a value that is no weight, which the column `name` holds.
pub(crate) fn bad_weight(name: &str, what: &str) -> Error {
    Error::input(format!("{NO_WEIGHT} {name:?} holds {what}"))
        .hint("weights must be 0 or numbers from 1e-18 to 1e15; leave rows out with --where")
}

/// How errors about weights begin, after the shard.
pub(crate) const NO_WEIGHT: &str = "--sample-weight column";

/// The first row whose value is no weight, and that value.
pub(crate) fn first_bad(weights: &Float64Array) -> Option<(usize, String)> {
    let is_weight = |w: f64| w >= 0.0 && Mass::from_f64(w).is_some_and(|mass| mass != Mass::ZERO || w == 0.0);
    let (row, weight) = weights.iter().enumerate().find(|(_, weight)| !weight.is_some_and(is_weight))?;
    Some((row, weight.map_or_else(|| "NULL".to_owned(), digits)))
}

/// The sum of weights.
///
/// # Errors
/// [`Error::Resource`] when it is out of range.
pub(crate) fn sum(values: &[f64]) -> Result<Mass> {
    values.iter().try_fold(Mass::ZERO, |sum, &w| sum.checked_add(mass(w)?).ok_or_else(mass_overflow))
}
