//! `sum`, `avg`, `var` and `stddev` that neither wrap around nor depend on the order of rows. Those that are not made in
//! [`exact_floats`] and [`whole_sums`] are those of DataFusion.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL128_MAX_SCALE, DataType, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::functions_aggregate::{average, stddev, sum, variance};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, GroupsAccumulator, SetMonotonicity, Signature,
};

use super::exact_floats::{self, DistinctFloats, FloatAccumulator, FloatGroups, FloatStatistic, is_exact};
use super::whole_sums::{self, WholeStatistic, is_whole};

/// Digits that a sum of decimals has more than its values.
const SUM_DIGITS: u8 = 10;
/// Digits that a mean of decimals has more than its values, all of them after the point.
const MEAN_DIGITS: u8 = 4;

/// `sum`, `avg`, `var`, `var_pop`, `stddev` and `stddev_pop`.
pub(super) fn all() -> [AggregateUDF; 6] {
    [
        (sum::sum_udaf(), FloatStatistic::Sum),
        (average::avg_udaf(), FloatStatistic::Mean),
        (variance::var_samp_udaf(), FloatStatistic::Variance { of_sample: true }),
        (variance::var_pop_udaf(), FloatStatistic::Variance { of_sample: false }),
        (stddev::stddev_udaf(), FloatStatistic::Deviation { of_sample: true }),
        (stddev::stddev_pop_udaf(), FloatStatistic::Deviation { of_sample: false }),
    ]
    .map(|(inner, statistic)| {
        AggregateUDF::new_from_impl(ExactAggregate { inner, statistic, of_sum: sum::sum_udaf() })
    })
}

#[derive(Debug)]
struct ExactAggregate {
    inner: Arc<AggregateUDF>,
    statistic: FloatStatistic,
    of_sum: Arc<AggregateUDF>,
}

impl PartialEq for ExactAggregate {
    fn eq(&self, other: &Self) -> bool {
        self.statistic == other.statistic
    }
}

impl Eq for ExactAggregate {}

impl Hash for ExactAggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.statistic.hash(state);
    }
}

impl ExactAggregate {
    fn is_mean(&self) -> bool {
        self.statistic == FloatStatistic::Mean
    }

    /// Whether it adds values of this type as whole numbers.
    fn adds(&self, from: Option<&FieldRef>) -> bool {
        (self.is_mean() || self.statistic == FloatStatistic::Sum)
            && from.is_some_and(|field| is_whole(field.data_type()))
    }

    fn whole(&self, args: &AccumulatorArgs) -> Option<WholeStatistic> {
        let whole = || WholeStatistic::new(self.name(), self.is_mean(), args);
        self.adds(args.expr_fields.first()).then(whole)
    }
}

impl AggregateUDFImpl for ExactAggregate {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        // A mean of integers is one of floats elsewhere, which are not all of them.
        if self.is_mean() { self.of_sum.signature() } else { self.inner.signature() }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match (types, self.statistic) {
            // Decimals of few digits leave no room.
            (
                [
                    DataType::Decimal32(digits, scale)
                    | DataType::Decimal64(digits, scale)
                    | DataType::Decimal128(digits, scale),
                ],
                FloatStatistic::Sum | FloatStatistic::Mean,
            ) => {
                let (more, after) =
                    if self.is_mean() { (MEAN_DIGITS, MEAN_DIGITS.cast_signed()) } else { (SUM_DIGITS, 0) };
                let digits = digits.saturating_add(more).min(DECIMAL128_MAX_PRECISION);
                Ok(DataType::Decimal128(digits, scale.saturating_add(after).min(DECIMAL128_MAX_SCALE)))
            }
            ([DataType::Null], FloatStatistic::Sum) => Ok(DataType::Int64),
            ([DataType::Interval(_)], FloatStatistic::Mean) => {
                plan_err!("avg takes numbers and durations, not intervals")
            }
            _ => self.inner.return_type(types),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if let Some(whole) = self.whole(&args) {
            return Ok(whole.accumulator(args.is_distinct));
        }
        if is_exact(args.return_type()) && args.is_distinct {
            return Ok(Box::new(DistinctFloats::new(self.statistic)));
        }
        if is_exact(args.return_type()) {
            return Ok(Box::new(FloatAccumulator::new(self.statistic)));
        }
        self.inner.accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if self.adds(args.expr_fields.first()) || is_exact(args.return_type()) {
            return self.accumulator(args);
        }
        self.inner.create_sliding_accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if self.adds(args.input_fields.first()) {
            return Ok(whole_sums::state_fields(&args));
        }
        if is_exact(args.return_type()) {
            return Ok(exact_floats::state_fields(&args));
        }
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        if self.adds(args.expr_fields.first()) || is_exact(args.return_type()) {
            return !args.is_distinct;
        }
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        if let Some(whole) = self.whole(&args) {
            return Ok(whole.groups());
        }
        if is_exact(args.return_type()) {
            return Ok(Box::new(FloatGroups::new(self.statistic)));
        }
        self.inner.create_groups_accumulator(args)
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.inner().set_monotonicity(data_type)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}
