//! The condition of a run, asked of batches of rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::optimizer::simplify_expressions::{ExprSimplifier, SimplifyContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::prelude::SessionContext;

use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::errors::ours;
use crate::engine::read::condition_text::parsed;
use crate::engine::read::pruning::Pruning;
use crate::engine::read::rows::rows;
use crate::engine::rules::exact_arithmetic::with_exact_arithmetic;
use crate::engine::rules::exact_expressions::with_exact_expressions;
use crate::engine::rules::kept_casts::with_kept_casts;
use crate::engine::rules::one_nan::with_one_nan;
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// A condition and the columns it asks for.
#[derive(Debug)]
pub(crate) struct Condition {
    expression: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    pruning: Option<Pruning>,
}

impl Condition {
    /// The condition of `counting`, if it has one.
    pub(crate) fn of(
        context: &SessionContext,
        dataset: &Dataset,
        counting: &Counting,
    ) -> Result<Option<Self>> {
        let Some(text) = &counting.filter else { return Ok(None) };
        let all = Counting { filter: None, ..counting.clone() };
        let table = rows(context, dataset, &all, 1, &[])?;
        let make = || {
            let schema = table.schema();
            // Functions such as now() are answered here, once.
            let simplify =
                SimplifyContext::builder().with_schema(Arc::new(schema.clone())).with_current_time().build();
            let simplifier = ExprSimplifier::new(simplify);
            let expression = with_exact_expressions(parsed(&table, dataset, text)?, schema)?.data;
            let expression = with_kept_casts(simplifier.coerce(expression, schema)?, schema)?.data;
            let expression = with_one_nan(expression, schema)?.data;
            let expression = simplifier.simplify(with_exact_arithmetic(expression, schema)?.data)?;
            let pruning = Pruning::of(context, &expression, schema)?;
            let expression = context.state().create_physical_expr(expression, schema)?;
            let mut columns: Vec<_> = collect_columns(&expression).into_iter().collect();
            columns.sort_by_key(datafusion::physical_expr::expressions::Column::index);
            let fields = columns.iter().map(|column| {
                let plain = schema.as_arrow().field(column.index());
                Field::new(plain.name(), plain.data_type().clone(), true)
            });
            let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            let expression = reassign_expr_columns(expression, &schema)?;
            Ok(Self { expression, schema, pruning })
        };
        make().map(Some).map_err(|cause: DataFusionError| ours(&cause))
    }

    /// The columns it asks for, in the order in which [`Self::holds`] takes them.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.schema.fields().iter().map(|field| field.name().as_str())
    }

    /// Whether a row of a row group may meet it, by its statistics.
    pub(crate) fn may_hold(&self, shard: &Shard, group: usize) -> bool {
        self.pruning.as_ref().is_none_or(|pruning| pruning.may_hold(shard, group))
    }

    /// Which of `rows` rows meet it.
    pub(crate) fn holds(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<BooleanArray> {
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|cause| Error::internal(cause.to_string()))?;
        let found = self.expression.evaluate(&batch).and_then(|found| found.into_array(rows));
        let found = found.map_err(|cause| ours(&cause))?;
        let found =
            found.as_boolean_opt().ok_or_else(|| Error::internal("a condition is neither true nor false"))?;
        // NULL is not true.
        Ok(match found.nulls() {
            Some(known) => BooleanArray::new(found.values() & known.inner(), None),
            None => found.clone(),
        })
    }
}
