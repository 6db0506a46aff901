//! What values mean by a spec, with its contradictions refused.

use super::spec::{Scalars, ValueSpec};
use crate::error::{Error, Result};
use crate::source::spelling::Spelling;
use crate::source::unknown_as::NullAs;
use crate::source::values::{Domain, Literal};

/// What values mean by a spec.
///
/// # Errors
/// [`Error::Usage`] naming the flags that contradict each other.
pub(super) fn declared(values: &ValueSpec) -> Result<Domain> {
    declared_over(values, &ValueSpec::default(), &Domain::default())
}

/// What values of one label of a spec mean; what `values` leaves open is that of the spec, which says `general` and
/// so means `base`.
///
/// # Errors
/// [`Error::Usage`] naming the flags that contradict each other.
pub(super) fn declared_over(values: &ValueSpec, general: &ValueSpec, base: &Domain) -> Result<Domain> {
    let literals = |given: Option<&Scalars>, base: &Vec<Literal>| match given {
        None => base.clone(),
        Some(given) => given.texts().iter().map(|text| Literal::new(text)).collect(),
    };
    // What is said of one label alone takes the place of the other way to read numbers.
    let threshold = values.threshold.or(base.threshold.filter(|_| values.soft != Some(true)));
    if threshold.is_some_and(|t| !t.is_finite()) {
        return Err(Error::usage("--threshold is not a finite number").hint("give a number such as 0.5"));
    }
    let positive_values = values.positive_values.as_ref().or(general.positive_values.as_ref());
    let negative_values = values.negative_values.as_ref().or(general.negative_values.as_ref());
    // A threshold decides about every number that is not declared, also about 1 and 0.
    let default = match threshold {
        None => Domain::default(),
        Some(_) => Domain { positive: Vec::new(), negative: Vec::new(), ..Domain::default() },
    };
    let mut domain = Domain {
        positive: literals(positive_values, &default.positive),
        negative: literals(negative_values, &default.negative),
        missing: literals(values.missing_values.as_ref(), &base.missing),
        uncertain: literals(values.uncertain_values.as_ref(), &base.uncertain),
        uncertain_as: values.uncertain_as.as_deref().map_or(Ok(base.uncertain_as), str::parse)?,
        threshold,
        soft: values.soft.unwrap_or(base.soft && values.threshold.is_none()),
        null_as: base.null_as,
        spelling: Spelling {
            trim: values.trim.unwrap_or(base.spelling.trim),
            ignore_case: values.ignore_case.unwrap_or(base.spelling.ignore_case),
        },
    };
    domain.null_as = null_as(values, &domain)?;
    domain.check_declared(positive_values.is_some(), negative_values.is_some())?;
    Ok(domain)
}

/// What NULL and NaN count as: said by `--null-as`, or by `nan` and `null` among the values of a side.
fn null_as(values: &ValueSpec, domain: &Domain) -> Result<NullAs> {
    let sides = [
        ("--missing-values", &domain.missing, &values.missing_values, NullAs::Missing),
        ("--uncertain-values", &domain.uncertain, &values.uncertain_values, NullAs::Uncertain),
        ("--positive-values", &domain.positive, &values.positive_values, NullAs::Positive),
        ("--negative-values", &domain.negative, &values.negative_values, NullAs::Negative),
    ];
    let said = values.null_as.as_deref().map(str::parse::<NullAs>).transpose()?;
    let mut said = said.map(|side| ("--null-as", side));
    for (flag, literals, given, side) in sides {
        let Some(null) = literals.iter().find(|literal| literal.is_null()).filter(|_| given.is_some()) else {
            continue;
        };
        match said {
            Some((other, before)) if before != side => {
                return Err(Error::usage(format!(
                    "{flag} has {null}, but {other} says that NULL and NaN are {}",
                    before.as_str()
                ))
                .hint("NULL and NaN have one meaning: say it once, with --null-as"));
            }
            _ => said = Some((flag, side)),
        }
    }
    Ok(said.map_or(domain.null_as, |(_, side)| side))
}
