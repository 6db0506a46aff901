//! Whether the rows of a stream are needed only once, and so need not be kept.

use super::count_plan::CountPlan;
use super::plan::Plan;
use crate::engine::Dataset;
use crate::engine::counting::{Counting, Engine};
use crate::source::layout::LayoutKind;
use crate::source::row_stream::ComingRows;

/// Whether nothing that the plan asks for reads rows twice.
pub(super) fn suits(plan: &Plan) -> bool {
    let Plan { count, row_measures, sampling, state, skip_exit_code, part, .. } = plan;
    *row_measures != Some(true)
        && sampling.is_none()
        && state.is_none()
        && skip_exit_code.is_none()
        && part.is_none()
        && count.groups.is_none()
        && count.limits.cluster.is_none()
        && count.engine != Engine::Encoded
}

/// Whether the first rows say all that has to be known of the others before they come.
pub(super) fn suits_rows(
    plan: &CountPlan,
    dataset: &Dataset,
    counting: &Counting,
    rows: &ComingRows,
) -> bool {
    let layout = &counting.layout;
    let is_one_column_each = dataset.shards.iter().all(|shard| shard.nested.is_empty());
    if layout.kind == LayoutKind::Long || layout.has_heads() || !is_one_column_each {
        return false;
    }
    if plan.layout.is_some() && !plan.labels.is_empty() {
        return true;
    }
    // Counting checks every value of these layouts. A column without any value yet may still be a label.
    let is_checked = matches!(layout.kind, LayoutKind::Wide | LayoutKind::Vector);
    let is_label = |name: &str| layout.columns().any(|own| own == name);
    let schema = rows.schema();
    let mut others = schema.fields().iter().filter(|field| !is_label(field.name()));
    is_checked
        && others.all(|field| {
            let holds_values = |batch: &arrow::array::RecordBatch| {
                batch.column_by_name(field.name()).is_some_and(|array| array.null_count() < array.len())
            };
            rows.first().iter().any(holds_values)
        })
}
