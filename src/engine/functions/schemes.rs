//! Scalar functions of one label's counts: weighting schemes and imbalance measures.

use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::engine::errors::external;
use crate::error::{Error, Result as Ours};
use crate::measures::{LabelMeasure, entropy, im_r, irlbl};
use crate::source::schema::plain_type;
use crate::source::type_words::type_words;
use crate::weights::{Scheme, weigh_label};

/// The counts that a function takes before its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// (pos, neg)
    Sides,
    /// (pos, neg), which the formula takes as (neg, pos).
    SidesSwapped,
    /// (pos)
    Positives,
    /// (pos, against): see [`weigh_label`].
    Against,
}

#[derive(Debug, Clone, Copy)]
enum Formula {
    Scheme(Scheme),
    Measure(LabelMeasure),
}

/// Functions of schemes: name, counts, name of the scheme.
const SCHEME_FUNCTIONS: [(&str, Takes, &str); 17] = [
    ("ratio_weight", Takes::Sides, "ratio"),
    ("laplace_weight", Takes::Sides, "laplace"),
    ("power_weight", Takes::Sides, "power"),
    ("sqrt_weight", Takes::Sides, "sqrt"),
    ("log_weight", Takes::Sides, "log"),
    ("log1p_weight", Takes::Sides, "log1p"),
    ("inverse_frequency_weight", Takes::Against, "inverse-frequency"),
    ("balanced_weight", Takes::Sides, "balanced"),
    ("balanced_negative_weight", Takes::SidesSwapped, "balanced"),
    ("effective_number_weight", Takes::Positives, "effective-number"),
    ("inverse_propensity_weight", Takes::Against, "inverse-propensity"),
    ("enet_weight", Takes::Sides, "enet"),
    ("focal_alpha", Takes::Sides, "focal-alpha"),
    ("ldam_margin", Takes::Against, "ldam-margin"),
    ("prior_bias", Takes::Sides, "prior-bias"),
    ("logit_adjustment", Takes::Sides, "logit-adjustment"),
    ("repeat_factor", Takes::Against, "repeat-factor"),
];

const MEASURE_FUNCTIONS: [(&str, Takes, LabelMeasure); 3] = [
    ("irlbl", Takes::Against, irlbl),
    ("im_r", Takes::Sides, im_r),
    ("label_entropy", Takes::Sides, entropy),
];

/// Every scalar function of counts.
pub(super) fn all() -> Ours<Vec<ScalarUDF>> {
    let schemes = SCHEME_FUNCTIONS.into_iter().map(|(name, takes, scheme)| {
        let scheme: Scheme = scheme.parse()?;
        Ok(CountFunction::new(name, takes, Formula::Scheme(scheme), scheme.parameter_count()))
    });
    let measures = MEASURE_FUNCTIONS
        .into_iter()
        .map(|(name, takes, measure)| Ok(CountFunction::new(name, takes, Formula::Measure(measure), 0)));
    schemes.chain(measures).map(|function| Ok(ScalarUDF::new_from_impl(function?))).collect()
}

#[derive(Debug)]
struct CountFunction {
    name: &'static str,
    takes: Takes,
    formula: Formula,
    /// How many numbers it takes.
    numbers: RangeInclusive<usize>,
    signature: Signature,
}

// Each name has one formula.
impl PartialEq for CountFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for CountFunction {}

impl Hash for CountFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl CountFunction {
    fn new(name: &'static str, takes: Takes, formula: Formula, parameters: usize) -> Self {
        let counts = Self::counts(takes);
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { name, takes, formula, numbers: counts..=counts + parameters, signature }
    }

    /// How many leading arguments are counts.
    fn counts(takes: Takes) -> usize {
        if takes == Takes::Positives { 1 } else { 2 }
    }

    /// The value for one row of arguments.
    fn of(&self, arguments: &[f64]) -> Ours<Option<f64>> {
        let (counts, parameters) = arguments.split_at(Self::counts(self.takes).min(arguments.len()));
        if let Some(wrong) = counts.iter().find(|count| !(count.is_finite() && **count >= 0.0)) {
            return Err(Error::input(format!("{}: {wrong} is not a count", self.name))
                .hint("counts are finite numbers of at least 0"));
        }
        let (one, two) = (counts.first().copied().unwrap_or(0.0), counts.get(1).copied().unwrap_or(0.0));
        // A formula without negatives needs one all the same, so that the label has both sides.
        let (pos, neg, against) = match self.takes {
            Takes::Sides => (one, two, 0.0),
            Takes::SidesSwapped => (two, one, 0.0),
            Takes::Positives => (one, 1.0, 0.0),
            Takes::Against => (one, 1.0, two),
        };
        match self.formula {
            // A zero without a sign.
            Formula::Measure(measure) => Ok(measure(pos, neg, against).map(|value| value + 0.0)),
            Formula::Scheme(scheme) => {
                let weight = weigh_label(&scheme.with_parameters(parameters)?, pos, neg, against);
                if weight.is_nan() || weight.abs() > f64::from(f32::MAX) {
                    return Err(Error::input(format!(
                        "{}: the weight of {counts:?} is {weight}, beyond what a 32-bit float holds",
                        self.name
                    ))
                    .hint("check the counts, and choose parameters closer to their defaults"));
                }
                Ok(Some(weight))
            }
        }
    }
}

impl ScalarUDFImpl for CountFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (least, most) = (self.numbers.start(), self.numbers.end());
        if !self.numbers.contains(&types.len()) {
            let takes = match most - least {
                0 => format!("{least}"),
                1 => format!("{least} or {most}"),
                _ => format!("{least} to {most}"),
            };
            return plan_err!("{} takes {takes} numbers, not {}", self.name, types.len());
        }
        let is_number = |of: &DataType| of.is_numeric() || of.is_null();
        match types.iter().map(plain_type).find(|of| !is_number(of)) {
            Some(other) => plan_err!("{} takes numbers, not {}", self.name, type_words(&other)),
            None => Ok(vec![DataType::Float64; types.len()]),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let columns = args.args.iter().map(|value| value.to_array(args.number_rows));
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let columns: Vec<&Float64Array> = columns.iter().map(AsArray::as_primitive::<Float64Type>).collect();
        let mut arguments = vec![0.0; columns.len()];
        let values = (0..args.number_rows).map(|row| {
            if columns.iter().any(|column| column.is_null(row)) {
                return Ok(None);
            }
            for (argument, column) in arguments.iter_mut().zip(&columns) {
                *argument = column.value(row);
            }
            self.of(&arguments).map_err(external)
        });
        let values: ArrayRef = Arc::new(values.collect::<Result<Float64Array>>()?);
        if scalar && !values.is_empty() {
            return Ok(ColumnarValue::Scalar(datafusion::scalar::ScalarValue::try_from_array(&values, 0)?));
        }
        Ok(ColumnarValue::Array(values))
    }
}
