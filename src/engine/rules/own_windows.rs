//! Window functions that give what other engines give.
//!
//! `lead` and `lag` that ignore NULL look at all rows of a partition: DataFusion, which keeps a few rows at a time, loses values
//! behind NULL, and with `LIMIT` does not read the rows in which they are. Places are signed numbers. And `array_agg` gets
//! its rows in the order of its window, also beside a window of the opposite order.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::function::{
    AccumulatorArgs, ExpressionArgs, PartitionEvaluatorArgs, StateFieldsArgs, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, PartitionEvaluator, WindowFunctionDefinition,
    WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;

use crate::engine::rules::own_functions::named_as_inner;
use crate::engine::rules::signed_functions::signed;

const SHIFTED: [&str; 2] = ["lag", "lead"];
const PLACES: [&str; 4] = ["dense_rank", "ntile", "rank", "row_number"];
/// Aggregates whose result depends on the order of rows.
const IN_ORDER: [&str; 2] = ["array_agg", "string_agg"];

/// These functions of a session, of all that it knows.
pub(in crate::engine) fn own_windows(known: &HashMap<String, Arc<WindowUDF>>) -> Vec<WindowUDF> {
    let found = SHIFTED.iter().chain(&PLACES).filter_map(|name| known.get(*name).cloned());
    found.map(|inner| WindowUDF::new_from_impl(OwnWindow { inner })).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OwnWindow {
    inner: Arc<WindowUDF>,
}

// It has no other function for rows in reverse order, which would be one of DataFusion.
impl WindowUDFImpl for OwnWindow {
    named_as_inner!();

    fn field(&self, arguments: WindowUDFFieldArgs) -> DfResult<FieldRef> {
        let field = self.inner.field(arguments)?;
        if SHIFTED.contains(&self.name()) {
            return Ok(field);
        }
        let of = signed(field.data_type());
        Ok(Arc::new(field.as_ref().clone().with_data_type(of)))
    }

    fn expressions(&self, arguments: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        self.inner.expressions(arguments)
    }

    fn partition_evaluator(
        &self,
        arguments: PartitionEvaluatorArgs,
    ) -> DfResult<Box<dyn PartitionEvaluator>> {
        let ignores_nulls = arguments.ignore_nulls();
        let inner = self.inner.partition_evaluator_factory(arguments)?;
        Ok(if PLACES.contains(&self.name()) {
            Box::new(SignedPlaces(inner))
        } else if ignores_nulls {
            Box::new(OfAllRows(inner))
        } else {
            inner
        })
    }
}

/// Gives the values of a partition at once.
#[derive(Debug)]
struct OfAllRows(Box<dyn PartitionEvaluator>);

impl PartitionEvaluator for OfAllRows {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> DfResult<ArrayRef> {
        self.0.evaluate_all(values, rows)
    }

    fn get_range(&self, row: usize, rows: usize) -> DfResult<Range<usize>> {
        self.0.get_range(row, rows)
    }
}

/// Gives places as signed numbers.
#[derive(Debug)]
struct SignedPlaces(Box<dyn PartitionEvaluator>);

impl PartitionEvaluator for SignedPlaces {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> DfResult<ArrayRef> {
        Ok(cast(&self.0.evaluate_all(values, rows)?, &DataType::Int64)?)
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> DfResult<ScalarValue> {
        self.0.evaluate(values, range)?.cast_to(&DataType::Int64)
    }

    fn evaluate_all_with_rank(&self, rows: usize, ranks: &[Range<usize>]) -> DfResult<ArrayRef> {
        Ok(cast(&self.0.evaluate_all_with_rank(rows, ranks)?, &DataType::Int64)?)
    }

    fn get_range(&self, row: usize, rows: usize) -> DfResult<Range<usize>> {
        self.0.get_range(row, rows)
    }

    fn is_causal(&self) -> bool {
        self.0.is_causal()
    }

    fn supports_bounded_execution(&self) -> bool {
        self.0.supports_bounded_execution()
    }

    fn uses_window_frame(&self) -> bool {
        self.0.uses_window_frame()
    }

    fn include_rank(&self) -> bool {
        self.0.include_rank()
    }
}

/// The same window, whose rows are not turned around.
pub(super) fn with_own_order(part: Expr) -> Transformed<Expr> {
    let Expr::WindowFunction(mut window) = part else { return Transformed::no(part) };
    match &window.fun {
        WindowFunctionDefinition::AggregateUDF(inner)
            if IN_ORDER.contains(&inner.name()) && !inner.inner().is::<InOrder>() =>
        {
            let own = AggregateUDF::new_from_impl(InOrder { inner: Arc::clone(inner) });
            window.fun = WindowFunctionDefinition::AggregateUDF(Arc::new(own));
            Transformed::yes(Expr::WindowFunction(window))
        }
        _ => Transformed::no(Expr::WindowFunction(window)),
    }
}

/// An aggregate that has no other one for rows in reverse order: that of DataFusion gives its lists backwards.
#[derive(Debug, PartialEq, Eq, Hash)]
struct InOrder {
    inner: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for InOrder {
    named_as_inner!();

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        self.inner.return_type(types)
    }

    fn return_field(&self, fields: &[FieldRef]) -> DfResult<FieldRef> {
        self.inner.return_field(fields)
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn default_value(&self, of: &DataType) -> DfResult<ScalarValue> {
        self.inner.default_value(of)
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        self.inner.accumulator(arguments)
    }

    fn create_sliding_accumulator(&self, arguments: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(arguments)
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> DfResult<Vec<FieldRef>> {
        self.inner.state_fields(arguments)
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.inner.supports_null_handling_clause()
    }
}
