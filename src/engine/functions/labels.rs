//! The aggregates `positives`, `negatives`, `missing`, `prevalence` and `pos_weight`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};

use super::counter::{LabelAccumulator, LabelGroups, LabelStatistic, STATE};
use super::sides::is_label;
use crate::source::type_words::type_words;

/// Every aggregate over a label column.
pub(super) fn all() -> [AggregateUDF; 5] {
    [
        ("positives", LabelStatistic::Positives),
        ("negatives", LabelStatistic::Negatives),
        ("missing", LabelStatistic::Missing),
        ("prevalence", LabelStatistic::Prevalence),
        ("pos_weight", LabelStatistic::PosWeight),
    ]
    .map(|(name, statistic)| {
        AggregateUDF::new_from_impl(LabelAggregate {
            name,
            statistic,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LabelAggregate {
    name: &'static str,
    statistic: LabelStatistic,
    signature: Signature,
}

impl LabelAggregate {
    fn check(&self, types: &[DataType]) -> Result<()> {
        match types {
            [one] if is_label(one) => Ok(()),
            [one] => plan_err!(
                "{}: a column of type {} is not a label column; use bool, int, float, decimal or \"0\"/\"1\" strings (for list columns, use label_counts)",
                self.name,
                type_words(one)
            ),
            many => plan_err!("{} takes one label column, not {} arguments", self.name, many.len()),
        }
    }

    fn refuse_distinct(&self, args: &AccumulatorArgs) -> Result<()> {
        if args.is_distinct {
            return plan_err!(
                "{}(DISTINCT …) is not supported: it counts rows; leave out DISTINCT",
                self.name
            );
        }
        Ok(())
    }
}

impl AggregateUDFImpl for LabelAggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.check(types)?;
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.check(types)?;
        Ok(self.statistic.data_type())
    }

    fn is_nullable(&self) -> bool {
        self.statistic == LabelStatistic::Prevalence
    }

    fn default_value(&self, _data_type: &DataType) -> Result<datafusion::scalar::ScalarValue> {
        LabelAccumulator::new(self.statistic).evaluate()
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.refuse_distinct(&args)?;
        Ok(Box::new(LabelAccumulator::new(self.statistic)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name| Field::new(format_state_name(args.name, name), DataType::UInt64, false);
        Ok(STATE.map(|name| Arc::new(field(name))).to_vec())
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        self.refuse_distinct(&args)?;
        Ok(Box::new(LabelGroups::new(self.statistic)))
    }
}
