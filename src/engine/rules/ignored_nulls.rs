//! `lead` and `lag` that ignore NULL look at all rows of a partition: DataFusion, which keeps a few rows at a time, loses values
//! behind NULL, and with `LIMIT` does not read the rows in which they are.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::function::{ExpressionArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{Documentation, PartitionEvaluator, Signature, WindowUDF, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;

const NAMES: [&str; 2] = ["lag", "lead"];

/// These functions of a session, of all that it knows.
pub(in crate::engine) fn ignored_nulls(known: &HashMap<String, Arc<WindowUDF>>) -> Vec<WindowUDF> {
    let found = NAMES.iter().filter_map(|name| known.get(*name).cloned());
    found.map(|inner| WindowUDF::new_from_impl(Shifted { inner })).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Shifted {
    inner: Arc<WindowUDF>,
}

// It has no other function for rows in reverse order, which would be one of DataFusion.
impl WindowUDFImpl for Shifted {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn field(&self, arguments: WindowUDFFieldArgs) -> DfResult<FieldRef> {
        self.inner.field(arguments)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
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
        Ok(if ignores_nulls { Box::new(OfAllRows(inner)) } else { inner })
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
