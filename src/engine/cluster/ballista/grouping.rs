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

use super::order::{PieceOrder, PieceOutput};
use super::piece::{BYTES, id_type};
use super::total;
use crate::counts::Cell;
use crate::engine::cluster::exchange::pair_batches::{id_columns, side};
use crate::engine::counting::{Counting, Keys};
use crate::engine::errors::ours;
use crate::engine::functions::sum::checked;
use crate::engine::partial::{self, by_name};
use crate::engine::read::rows::column;
use crate::engine::read::table::PlanTable;
use crate::error::Result;

/// The plan over `scan`, which adds up partial counts by label and group, and patterns by labels and group.
pub(super) fn grouped(
    context: &SessionContext,
    order: &PieceOrder,
    scan: Arc<dyn ExecutionPlan>,
) -> Result<DataFrame> {
    let rows = context.read_table(Arc::new(PlanTable(scan))).map_err(|cause| ours(&cause))?;
    let grouped = match &order.output {
        PieceOutput::Counts => counts(rows, &order.counting),
        PieceOutput::Pairs => pairs(rows, &order.counting, id_type(order)?),
        PieceOutput::Patterns(_) => {
            rows.aggregate(vec![column("pattern")], vec![total("rows"), total(BYTES)])
        }
        PieceOutput::Rows(_) => Ok(rows),
    };
    grouped.map_err(|cause| ours(&cause))
}

fn sum(of: Expr) -> Expr {
    total::counts().call(vec![of])
}

fn total(name: &str) -> Expr {
    sum(column(name)).alias(name)
}

fn total_mass(name: &str) -> Expr {
    checked().call(vec![column(name)]).alias(name)
}

fn by(n_by: usize) -> Vec<Expr> {
    (0..n_by).map(|i| column(&by_name(i))).collect()
}

/// The column that identifies a label; the other one of the two is NULL.
fn label(counting: &Counting) -> &'static str {
    if matches!(counting.keys, Keys::Names(_)) { "label" } else { "label_index" }
}

/// The empty value of a column of partial counts.
fn empty(name: &str) -> Expr {
    match name {
        "shard" => lit(ScalarValue::UInt32(None)),
        "label_index" => lit(ScalarValue::UInt64(None)),
        "label" | "example" => lit(ScalarValue::Utf8(None)),
        _ => lit(0_u64),
    }
}

/// Adds up the partial counts of pieces.
fn counts(rows: DataFrame, counting: &Counting) -> DfResult<DataFrame> {
    let keys = ["shard", label(counting)];
    let sums = ["positives", "negatives", "uncertain", "missing", "invalid", "skipped", BYTES];
    let masses: &[&str] = if counting.has_mass() { &["positives_mass", "negatives_mass"] } else { &[] };
    let mut totals: Vec<Expr> = sums.iter().copied().map(total).collect();
    totals.extend(masses.iter().copied().map(total_mass));
    totals.push(min(column("example")).alias("example"));
    let rows = rows.aggregate(all_keys(counting, &keys), totals)?;
    as_partial(rows, counting, &[&keys[..], &sums, masses, &["example"]].concat())
}

/// Removes duplicate pairs, then counts ids per side and label, and ids per group.
fn pairs(rows: DataFrame, counting: &Counting, id: &DataType) -> DfResult<DataFrame> {
    let label = label(counting);
    let of_pair = [id_columns(id), &[label]].concat();
    let sides = vec![max(column("side")).alias("side"), total(BYTES)];
    let distinct = rows.aggregate(all_keys(counting, &of_pair), sides)?;
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
    let rows = distinct.aggregate(all_keys(counting, &[label]), totals)?;
    as_partial(rows, counting, &[label, "positives", "negatives", "uncertain", BYTES])
}

/// The group columns, and `keys`.
fn all_keys(counting: &Counting, keys: &[&str]) -> Vec<Expr> {
    by(counting.by.len()).into_iter().chain(keys.iter().map(|name| column(name))).collect()
}

/// The columns of partial counts and the bytes that were read; columns that are not `known` are empty.
fn as_partial(rows: DataFrame, counting: &Counting, known: &[&str]) -> DfResult<DataFrame> {
    let n_by = counting.by.len();
    let is_known = |name: &str| known.contains(&name) || (0..n_by).any(|i| by_name(i) == name);
    let schema = partial::schema(n_by);
    let mut columns: Vec<Expr> = schema
        .fields()
        .iter()
        .map(|field| {
            let value = if is_known(field.name()) { column(field.name()) } else { empty(field.name()) };
            cast(value, field.data_type().clone()).alias(field.name())
        })
        .collect();
    columns.push(column(BYTES));
    rows.select(columns)
}
