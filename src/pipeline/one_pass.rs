//! Whether the rows of a stream are needed only once, or can be opened again, and so need not be kept.

use super::count_plan::CountPlan;
use super::plan::Plan;
use crate::engine::Dataset;
use crate::engine::counting::{Counting, Engine};
use crate::source::layout::LayoutKind;
use crate::source::row_stream::ComingRows;

/// Which streams need not be kept.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OnePass {
    /// The one on stdin.
    pub(super) stdin: bool,
    /// Rows that were handed over and come once.
    pub(super) once: bool,
    /// Tables that were handed over, which can be read again.
    pub(super) tables: bool,
}

impl OnePass {
    /// What the plan asks for decides.
    pub(super) fn of(plan: &Plan) -> Self {
        let Plan { count, row_measures, sampling, state, skip_exit_code, part, .. } = plan;
        let suits = sampling.is_none()
            && state.is_none()
            && skip_exit_code.is_none()
            && part.is_none()
            && count.groups.is_none()
            && count.limits.cluster.is_none()
            && count.engine != Engine::Encoded;
        Self {
            stdin: suits && *row_measures != Some(true),
            // A result in memory has the measures of rows, whatever holds the rows.
            once: suits && *row_measures == Some(false),
            tables: suits,
        }
    }

    /// Whether these rows, which were handed over, need not be kept.
    pub(super) fn suits_handed(self, rows: &ComingRows) -> bool {
        // Rows that are all here are read as often as one likes.
        !rows.is_whole() && if rows.can_reopen() { self.tables } else { self.once }
    }
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
