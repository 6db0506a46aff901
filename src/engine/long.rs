//! The layout `long`: one row per (row id, label), in any order, with duplicates, over many shards.
//!
//! ```text
//! (by, id, label, value?) ─▶ distinct (by, id, label) ─▶ group by (by, label): rows on each side
//! (by, id)                ─▶ distinct (by, id)        ─▶ group by (by):        N
//! ```
//!
//! Where one pair is listed with several values, the side that says most wins: positive before
//! uncertain before negative before missing. Pairs that are not listed are negative; with a value
//! column, which says what is known, they are missing.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt8Array};
use arrow::compute::cast as cast_array;
use arrow::datatypes::{DataType, Int64Type, UInt32Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::functions_aggregate::expr_fn::{count as count_of, max, min, sum};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, Volatility, cast, create_udf, lit};

use super::collect::{Collector, GroupKey};
use super::counting::{Counting, Keys};
use super::partial::{PartialRow, Partials, by_name};
use super::partial_exec::{Progress, external};
use super::plain::interner::Interner;
use super::plain::visit::visit;
use super::query::{column, drain};
use super::session::ours;
use super::table::SHARD_COLUMN;
use crate::counts::{Cell, Tally};
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// The sides a listed pair can be on, as numbers of which the largest wins.
const SIDES: [(Cell, &str); 4] = [
    (Cell::Missing, "missing"),
    (Cell::Negative, "negatives"),
    (Cell::Uncertain, "uncertain"),
    (Cell::Positive, "positives"),
];

/// Counts `rows` into `collector`.
pub(super) async fn count(
    rows: DataFrame,
    shards: &[Shard],
    counting: &Arc<Counting>,
    progress: &Progress,
    collector: &mut Collector,
) -> Result<()> {
    for (key, listed) in rows_per_group(&rows, counting).await? {
        let n = true_rows(listed, counting)?;
        progress.add(n);
        let tally = Tally { negatives: n, ..Tally::default() };
        let mut whole = Partials::new(counting.by.len());
        whole.push(&PartialRow { by: &key, tally, ..PartialRow::default() });
        whole.finish().iter().try_for_each(|batch| collector.add(batch))?;
    }
    let labels = labels(&rows, shards, counting).map_err(|cause| ours(&cause))?;
    let mut namer = Namer { interner: Interner::new(&counting.keys), counting, unknown: Vec::new() };
    drain(labels.execute_stream().await.map_err(|cause| ours(&cause))?, |batch| {
        namer.partials(&batch)?.finish().iter().try_for_each(|partial| collector.add(partial))
    })
    .await?;
    let mut wrong = Vec::new();
    for (label, what) in namer.unknown {
        wrong.push(place(&rows, shards, counting, label, &what).await?);
    }
    match Error::together(wrong, "labels") {
        Some(error) => Err(error.hint("correct the data, the --vocabulary or --num-labels")),
        None => Ok(()),
    }
}

/// N per group: the distinct row ids.
async fn rows_per_group(rows: &DataFrame, counting: &Counting) -> Result<Vec<(GroupKey, u64)>> {
    let id = counting.layout.id.as_deref().unwrap_or_default();
    let mut key = by(counting);
    key.push(column(id).alias("id"));
    let plan = || {
        let is_null = cast(column("id").is_null(), DataType::Int64);
        let totals = vec![count_of(lit(1)).alias("n"), sum(is_null).alias("nulls")];
        rows.clone().select(key)?.distinct()?.aggregate(by_columns(counting), totals)
    };
    let plan = plan().map_err(|cause| ours(&cause))?;
    let mut groups = Vec::new();
    drain(plan.execute_stream().await.map_err(|cause| ours(&cause))?, |batch| {
        let (n, nulls) = (numbers(&batch, "n")?, numbers(&batch, "nulls")?);
        for (row, key) in keys(&batch, counting)?.into_iter().enumerate() {
            if nulls[row] > 0 {
                return Err(Error::input(format!("row id column {id:?} holds NULL")).hint(format!(
                    "every row of layout long needs an id; or leave rows out: --where '{id} IS NOT NULL'"
                )));
            }
            if n[row] > 0 {
                groups.push((key, n[row]));
            }
        }
        Ok(())
    })
    .await?;
    Ok(groups)
}

fn true_rows(listed: u64, counting: &Counting) -> Result<u64> {
    match counting.num_rows {
        Some(n) if n < listed => {
            Err(Error::input(format!("--num-rows is {n}, but {listed} row ids are listed"))
                .hint("give the number of all rows, those without any label included"))
        }
        Some(n) => Ok(n),
        None => Ok(listed),
    }
}

/// One row per (by, label): how many row ids are on each side.
fn labels(rows: &DataFrame, shards: &[Shard], counting: &Counting) -> Result<DataFrame, DataFusionError> {
    let layout = &counting.layout;
    let mut pair = by(counting);
    pair.push(column(layout.id.as_deref().unwrap_or_default()).alias("id"));
    pair.push(column(layout.column()).alias("label"));
    let mut label_key = by_columns(counting);
    label_key.push(column("label"));
    let Some(value) = &layout.value else {
        let pairs = rows.clone().filter(column(layout.column()).is_not_null())?.select(pair)?.distinct()?;
        return pairs.aggregate(label_key, vec![count_of(lit(1)).alias("positives")]);
    };
    let schema = rows.schema();
    let value_type = schema.field_with_unqualified_name(value)?.data_type().clone();
    let side = side_function(counting, value, value_type, shards);
    pair.push(side.call(vec![column(value), column(SHARD_COLUMN)]).alias("side"));
    let mut pair_key = by_columns(counting);
    pair_key.extend([column("id"), column("label")]);
    let pairs = rows.clone().filter(column(layout.column()).is_not_null())?.select(pair)?;
    let pairs = pairs.aggregate(pair_key, vec![max(column("side")).alias("side")])?;
    let sides = SIDES.iter().enumerate().skip(1).map(|(number, (_, name))| {
        let is_side = column("side").eq(lit(ScalarValue::UInt8(u8::try_from(number).ok())));
        sum(cast(is_side, DataType::Int64)).alias(*name)
    });
    pairs.aggregate(label_key, sides.collect())
}

/// A value becomes the number of its side; a value without meaning is an error that names its shard.
fn side_function(counting: &Counting, name: &str, value_type: DataType, shards: &[Shard]) -> ScalarUDF {
    let domain = counting.domain.clone();
    let name = name.to_owned();
    let shards: Vec<String> = shards.iter().map(Shard::name).collect();
    let side = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let numbers = arrays[1].as_primitive::<UInt32Type>();
        let mut sides = Vec::with_capacity(arrays[0].len());
        let mut stray = None;
        visit(&arrays[0], |row, value| {
            let cell = value.map_or(Cell::Missing, |value| domain.cell(&value));
            let number = SIDES.iter().position(|(side, _)| *side == cell).unwrap_or(0);
            sides.push(u8::try_from(number).unwrap_or(0));
            if let (Cell::Invalid, Some(value), None) = (cell, value, &stray) {
                stray = Some((value.to_string(), numbers.value(row)));
            }
        })
        .map_err(external)?;
        if let Some((value, number)) = stray {
            let shard = shards.get(number as usize).map_or("", String::as_str);
            let message = format!("{shard}: column {name:?}: value {value} is neither positive nor negative");
            return Err(external(Error::input(message).hint(
                "declare it with --positive-values, --negative-values, --missing-values or --uncertain-values, \
                 or read numbers with --threshold",
            )));
        }
        Ok(ColumnarValue::Array(Arc::new(UInt8Array::from(sides)) as ArrayRef))
    };
    create_udf(
        "posweight_side",
        vec![value_type, DataType::UInt32],
        DataType::UInt8,
        Volatility::Immutable,
        Arc::new(side),
    )
}

/// Gives labels their positions after counting.
struct Namer<'a> {
    interner: Interner,
    counting: &'a Counting,
    unknown: Vec<(ScalarValue, String)>,
}

impl Namer<'_> {
    fn partials(&mut self, batch: &RecordBatch) -> Result<Partials> {
        const UNKNOWN_MAX: usize = 100;
        let keys = keys(batch, self.counting)?;
        let sides: Vec<Option<Vec<u64>>> = SIDES
            .iter()
            .map(|(_, name)| batch.column_by_name(name).map(|_| numbers(batch, name)).transpose())
            .collect::<Result<_>>()?;
        let labels = batch.column_by_name("label").ok_or_else(|| Error::internal("no label column"))?;
        let mut out = Partials::new(self.counting.by.len());
        visit(labels, |row, label| {
            let Some(label) = label.filter(|label| !self.counting.domain.is_missing(label)) else { return };
            let mut tally = Tally::default();
            for ((cell, _), counts) in SIDES.iter().zip(&sides) {
                tally.add(*cell, counts.as_ref().map_or(0, |counts| counts[row]));
            }
            match self.interner.id(&label) {
                Ok(id) => {
                    let open = matches!(self.counting.keys, Keys::Names);
                    out.push(&PartialRow {
                        by: &keys[row],
                        index: (!open).then_some(u64::from(id)),
                        name: self.interner.name(id as usize),
                        tally,
                        ..PartialRow::default()
                    });
                }
                Err(what) if self.unknown.len() < UNKNOWN_MAX => {
                    let scalar = ScalarValue::try_from_array(labels, row).unwrap_or(ScalarValue::Null);
                    self.unknown.push((scalar, what));
                }
                Err(_) => {}
            }
        })?;
        Ok(out)
    }
}

/// The error for an unknown label, with the first shard that has it.
async fn place(
    rows: &DataFrame,
    shards: &[Shard],
    counting: &Counting,
    label: ScalarValue,
    what: &str,
) -> Result<Error> {
    let name = counting.layout.column();
    let find = || {
        rows.clone()
            .filter(column(name).eq(lit(label)))?
            .aggregate(vec![], vec![min(column(SHARD_COLUMN)).alias("shard")])
    };
    let found = find().map_err(|cause| ours(&cause))?.collect().await.map_err(|cause| ours(&cause))?;
    let number =
        found.first().map(|batch| batch.column(0).as_primitive::<UInt32Type>().value(0)).unwrap_or_default();
    let shard = shards.get(number as usize).map(Shard::name).unwrap_or_default();
    Ok(Error::input(format!("{shard}: column {name:?}: {what}")))
}

fn by(counting: &Counting) -> Vec<Expr> {
    counting.by.iter().enumerate().map(|(i, name)| column(name).alias(by_name(i))).collect()
}

fn by_columns(counting: &Counting) -> Vec<Expr> {
    (0..counting.by.len()).map(|i| column(&by_name(i))).collect()
}

fn keys(batch: &RecordBatch, counting: &Counting) -> Result<Vec<GroupKey>> {
    let columns = (0..counting.by.len()).map(|i| {
        let array = batch.column_by_name(&by_name(i)).ok_or_else(|| Error::internal("no group column"))?;
        cast_array(array, &DataType::Utf8).map_err(|cause| Error::internal(cause.to_string()))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let value = |array: &ArrayRef, row: usize| {
        array.is_valid(row).then(|| array.as_string::<i32>().value(row).to_owned())
    };
    Ok((0..batch.num_rows()).map(|row| columns.iter().map(|array| value(array, row)).collect()).collect())
}

fn numbers(batch: &RecordBatch, name: &str) -> Result<Vec<u64>> {
    let array = batch.column_by_name(name).ok_or_else(|| Error::internal(format!("no column {name}")))?;
    let array = cast_array(array, &DataType::Int64).map_err(|cause| Error::internal(cause.to_string()))?;
    let array = array.as_primitive::<Int64Type>();
    Ok((0..array.len())
        .map(|row| if array.is_valid(row) { u64::try_from(array.value(row)).unwrap_or(0) } else { 0 })
        .collect())
}
