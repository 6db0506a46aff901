//! The group-bys on top of a scan of pieces.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Result as DfResult;
use datafusion::dataframe::DataFrame;
use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::logical_expr::{Expr, cast, lit, when};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;

use super::order::{Order, Work};
use super::piece::{BYTES, id_type};
use crate::counts::Cell;
use crate::engine::functions::sum::checked;
use crate::engine::pairs::listed::{id_columns, side};
use crate::engine::partial::{self, by_name};
use crate::engine::query::column;
use crate::engine::session::ours;
use crate::engine::table::PlanTable;
use crate::error::Result;

/// What a plan over `scan` gives: partial counts, each label of a group once; patterns, each once; or rows.
pub(super) fn grouped(
    context: &SessionContext,
    order: &Order,
    scan: Arc<dyn ExecutionPlan>,
) -> Result<DataFrame> {
    let rows = context.read_table(Arc::new(PlanTable(scan))).map_err(|cause| ours(&cause))?;
    let n_by = order.counting.by.len();
    let grouped = match &order.work {
        Work::Counts => counts(rows, n_by),
        Work::Pairs => pairs(rows, n_by, id_type(order)?),
        Work::Patterns(_) => rows.aggregate(vec![column("pattern")], vec![total("rows"), total(BYTES)]),
        Work::Rows(_) => Ok(rows),
    };
    grouped.map_err(|cause| ours(&cause))
}

/// The sum that executors know under this name.
fn sum(of: Expr) -> Expr {
    checked().call(vec![of])
}

fn total(name: &str) -> Expr {
    sum(column(name)).alias(name)
}

fn by(n_by: usize) -> Vec<Expr> {
    (0..n_by).map(|i| column(&by_name(i))).collect()
}

/// Partial counts of pieces, added up.
fn counts(rows: DataFrame, n_by: usize) -> DfResult<DataFrame> {
    let mut keys = by(n_by);
    keys.extend(["shard", "label_index", "label"].map(column));
    let sums = [
        "positives",
        "negatives",
        "uncertain",
        "missing",
        "invalid",
        "positives_mass",
        "negatives_mass",
        "skipped",
        BYTES,
    ];
    let mut totals: Vec<Expr> = sums.map(total).to_vec();
    totals.push(min(column("example")).alias("example"));
    as_partial(rows.aggregate(keys, totals)?, n_by, column)
}

/// Pairs become distinct pairs, then ids on each side of each label, and ids of each group.
fn pairs(rows: DataFrame, n_by: usize, id: &DataType) -> DfResult<DataFrame> {
    let label = ["label_index", "label"].map(column);
    let mut keys = by(n_by);
    keys.extend(id_columns(id).iter().map(|name| column(name)));
    keys.extend(label.clone());
    let distinct = rows.aggregate(keys, vec![max(column("side")).alias("side"), total(BYTES)])?;
    let on = |cell: Cell, name: &str| -> DfResult<Expr> {
        let is = column("side").eq(lit(side(cell)));
        Ok(sum(when(is, lit(1_u64)).otherwise(lit(0_u64))?).alias(name))
    };
    let totals: Vec<Expr> = vec![
        on(Cell::Positive, "positives")?,
        on(Cell::Negative, "negatives")?,
        on(Cell::Uncertain, "uncertain")?,
        total(BYTES),
    ];
    let mut keys = by(n_by);
    keys.extend(label);
    let nothing = |name: &str| match name {
        "shard" => lit(ScalarValue::UInt32(None)),
        "example" => lit(ScalarValue::Utf8(None)),
        "missing" | "invalid" | "positives_mass" | "negatives_mass" | "skipped" => lit(0_u64),
        known => column(known),
    };
    as_partial(distinct.aggregate(keys, totals)?, n_by, nothing)
}

/// The columns of partial counts with their types, and the bytes that were read.
fn as_partial(rows: DataFrame, n_by: usize, of: impl Fn(&str) -> Expr) -> DfResult<DataFrame> {
    let schema = partial::schema(n_by);
    let mut columns: Vec<Expr> = schema
        .fields()
        .iter()
        .map(|field| cast(of(field.name()), field.data_type().clone()).alias(field.name()))
        .collect();
    columns.push(column(BYTES));
    rows.select(columns)
}
