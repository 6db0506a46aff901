//! Casts in conditions are done where they are written, whatever row groups say and whatever they are compared with.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Datum, Float64Array, Int32Array, Int64Array, Scalar, StringArray,
};
use arrow::compute::kernels::cmp::{eq, gt, gt_eq, lt, lt_eq, neq};
use arrow::compute::kernels::numeric::{div, mul};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::nan::numbers;
use crate::support::{Place, array, cases, write, write_with};

type Compare = fn(&dyn Datum, &dyn Datum) -> Result<BooleanArray, ArrowError>;

static OPERATORS: [(&str, Compare); 6] =
    [("=", eq), ("<>", neq), ("<", lt), ("<=", lt_eq), (">", gt), (">=", gt_eq)];
/// One of so many conditions is counted.
const STEP: usize = 6;

const fn time(unit: TimeUnit) -> DataType {
    DataType::Timestamp(unit, None)
}

static TYPES: [(&str, DataType); 15] = [
    ("Int8", DataType::Int8),
    ("Int32", DataType::Int32),
    ("Int64", DataType::Int64),
    ("UInt16", DataType::UInt16),
    ("Float32", DataType::Float32),
    ("Float64", DataType::Float64),
    ("Decimal128(9, 1)", DataType::Decimal128(9, 1)),
    ("Decimal128(12, 3)", DataType::Decimal128(12, 3)),
    ("Date32", DataType::Date32),
    ("Timestamp(Second, None)", time(TimeUnit::Second)),
    ("Timestamp(Millisecond, None)", time(TimeUnit::Millisecond)),
    ("Timestamp(Microsecond, None)", time(TimeUnit::Microsecond)),
    ("Time64(Microsecond)", DataType::Time64(TimeUnit::Microsecond)),
    ("Utf8", DataType::Utf8),
    ("Boolean", DataType::Boolean),
];

/// The same cells as columns of many types.
fn columns(cells: &[Option<i32>]) -> Vec<(&'static str, ArrayRef)> {
    let whole: ArrayRef = array(cells.iter().copied().collect::<Int32Array>());
    let wide = |by: i64| {
        let wide = cast(&whole, &DataType::Int64).unwrap();
        mul(&wide, &Int64Array::new_scalar(by)).unwrap()
    };
    let fraction = |by: f64| {
        let wide = cast(&whole, &DataType::Float64).unwrap();
        div(&wide, &Float64Array::new_scalar(by)).unwrap()
    };
    let of = |array: ArrayRef, of: DataType| cast(&array, &of).unwrap();
    let decimal = of(fraction(100.0), DataType::Decimal128(9, 2));
    vec![
        ("i64", wide(1 << 26)),
        ("u64", of(wide(1 << 26), DataType::UInt64)),
        ("i16", of(Arc::clone(&whole), DataType::Int16)),
        ("f32", of(fraction(8.0), DataType::Float32)),
        ("f64", fraction(4.0)),
        ("d", decimal),
        ("day", of(Arc::clone(&whole), DataType::Date32)),
        ("s", of(wide(3333), time(TimeUnit::Second))),
        ("ms", of(wide(3_333_333), time(TimeUnit::Millisecond))),
        ("us", of(wide(3_333_333_333), time(TimeUnit::Microsecond))),
        ("text", of(whole, DataType::Utf8)),
    ]
}

/// A condition on the cast of a column, and how many rows meet it.
fn condition(columns: &[(&str, ArrayRef)], at: &[Index; 4]) -> Option<(String, usize)> {
    let (name, column) = at[0].get(columns);
    let (wanted, of) = at[1].get(&TYPES);
    let (operator, compare) = at[2].get(&OPERATORS);
    if !can_cast_types(column.data_type(), of) || column.data_type() == of {
        return None;
    }
    // What does not fit is NULL.
    let done = cast(column, of).ok()?;
    let known: Vec<usize> = (0..done.len()).filter(|row| done.is_valid(*row)).collect();
    if known.is_empty() {
        return None;
    }
    let value = array_value_to_string(&done, *at[3].get(&known)).unwrap();
    let text: ArrayRef = array(StringArray::from(vec![value.clone()]));
    let literal = cast(&text, of).ok()?;
    // Times of day have no end here, but no text either.
    if literal.is_null(0) {
        return None;
    }
    let met = compare(&done, &Scalar::new(literal)).unwrap();
    let sql = format!("arrow_try_cast({name}, '{wanted}') {operator} arrow_cast('{value}', '{wanted}')");
    Some((sql, met.true_count()))
}

/// A condition on a time and a text that may be finer, and how many rows meet it.
fn finer(columns: &[(&str, ArrayRef)], at: &[Index; 4], nanos: i64) -> (String, usize) {
    let times: Vec<_> = columns.iter().filter(|(name, _)| ["s", "ms", "us"].contains(name)).collect();
    let (name, column) = at[0].get(&times);
    let (operator, compare) = at[2].get(&OPERATORS);
    let done = cast(column, &time(TimeUnit::Nanosecond)).unwrap();
    let row = at[3].index(done.len());
    let near = cast(&done.slice(row, 1), &DataType::Int64).unwrap();
    let near = arrow::compute::kernels::numeric::add(&near, &Int64Array::new_scalar(nanos)).unwrap();
    let value = cast(&near, &time(TimeUnit::Nanosecond)).unwrap();
    let met = compare(&done, &Scalar::new(Arc::clone(&value))).unwrap();
    let text = array_value_to_string(&value, 0).unwrap();
    let text = if text.is_empty() { "NULL".to_owned() } else { format!("'{text}'") };
    (format!("{name} {operator} {text}"), met.true_count())
}

/// How far a text is from a time.
fn nanos() -> impl Strategy<Value = i64> {
    (-1_000_001..1_000_001_i64, proptest::sample::select(&[1_i64, 1000][..])).prop_map(|(of, by)| of * by)
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn casts_are_done_where_they_are_written(
        mut cells in proptest::collection::vec(proptest::option::weighted(0.9, -700..700_i32), 1..24),
        is_sorted in any::<bool>(),
        group_rows in 1..6_usize,
        asked in proptest::collection::vec((any::<[Index; 4]>(), nanos()), 16),
    ) {
        if is_sorted {
            cells.sort_unstable();
        }
        let place = Place::new();
        let columns = columns(&cells);
        let labels = || array(cells.iter().map(|_| Some(true)).collect::<BooleanArray>());
        let groups = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows));
        let mut written = vec![("l", labels())];
        written.extend(columns.iter().cloned());
        write_with(&place.path("in/a.parquet"), written, groups.build());
        write(&place.path("one/a.parquet"), vec![("l", labels())]);
        let conditions: Vec<(String, usize)> = asked
            .iter()
            .flat_map(|(at, nanos)| condition(&columns, at).into_iter().chain([finer(&columns, at, *nanos)]))
            .collect();
        let columns = conditions.iter().enumerate();
        let columns = columns.map(|(at, (condition, _))| format!("(SELECT count(*) FROM t WHERE {condition}) AS s{at}"));
        let of_sql = numbers(&place, &format!("SELECT {}", columns.collect::<Vec<_>>().join(", ")));
        for ((condition, expected), of_sql) in conditions.iter().zip(&of_sql) {
            prop_assert_eq!(usize::try_from(*of_sql).unwrap(), *expected, "{}", condition);
        }
        // Some of them are counted, since each is a run of its own; no rows are no counts.
        let some: Vec<_> = conditions.iter().step_by(STEP).filter(|(_, met)| *met > 0).collect();
        let mut runs = vec!["SELECT -1 AS i, CAST(0 AS BIGINT) AS positives".to_owned()];
        for (at, (condition, _)) in some.iter().enumerate() {
            let options = format!("layout=wide, labels=l, where={condition}").replace('\'', "''");
            let folder = place.path("in");
            runs.push(format!("SELECT {at} AS i, positives FROM label_counts('{}', '{options}')", folder.display()));
        }
        let runs = runs.join(" UNION ALL ");
        let counted = numbers(&place, &format!("SELECT positives FROM ({runs}) ORDER BY i"));
        for ((condition, expected), counted) in some.iter().zip(&counted[1..]) {
            prop_assert_eq!(usize::try_from(*counted).unwrap(), *expected, "--where {}", condition);
        }
    }
}

#[test]
fn conditions_round_divide_and_cut_times_as_queries_do() {
    let place = Place::new();
    let of = |array: ArrayRef, of: DataType| cast(&array, &of).unwrap();
    let numbers: ArrayRef = array(Float64Array::from(vec![Some(0.4), Some(0.5), Some(1.5), Some(2.5), None]));
    let micros = |times: Vec<i64>| of(array(Int64Array::from(times)), time(TimeUnit::Microsecond));
    let far = 253_402_214_400_000_000;
    let rows = vec![
        ("l", array(BooleanArray::from(vec![true; 5]))),
        ("f", Arc::clone(&numbers)),
        ("d", of(numbers, DataType::Decimal128(9, 2))),
        ("u", of(array(Int64Array::from(vec![1, 2, 1999, 2000, 2001])), DataType::UInt64)),
        ("day", of(array(Int32Array::from(vec![0, 1, 2, 19_000, 2_932_896])), DataType::Date32)),
        ("t", micros(vec![0, 1_500_000, 3_700_000_000, 86_400_000_000, far])),
        ("z", micros(vec![7_369_000, 0, 0, 0, 0])),
    ];
    // Each row has bounds of its own.
    let groups = WriterProperties::builder().set_max_row_group_row_count(Some(1));
    write_with(&place.path("in/a.parquet"), rows, groups.build());
    for (condition, expected) in [
        ("CAST(d AS INT) = 0", 1),
        ("CAST(d AS BIGINT) IN (1, 3)", 2),
        ("d::int >= 2", 2),
        ("TRY_CAST(d AS TINYINT) < 1", 1),
        ("CAST(f AS INT) = 0", 2),
        ("f::bigint = 2", 2),
        ("TRY_CAST(f AS SMALLINT) BETWEEN 1 AND 2", 2),
        ("u / 1000 = 1", 1),
        ("u / 1000 * 1000 = 2000", 2),
        ("(u - 1) % 1000 = 0", 2),
        ("date_trunc('year', day) = '9999-01-01'", 1),
        ("date_bin(interval '1 day', t) = '9999-12-31'", 1),
        ("date_bin(interval '1 hour', t) IS NOT NULL", 5),
        ("extract(epoch FROM z - t) = 7.369", 1),
        ("extract(minute FROM t - z) = 1", 1),
    ] {
        let arguments = ["compute", "in", "--layout", "wide", "--labels", "l", "--out", "out", "--overwrite"];
        let ended = place.run(&[&arguments[..], &["--where", condition]].concat());
        assert_eq!(ended.code, 0, "{condition}: {}", ended.stderr);
        assert_eq!(place.json("out/weights.json")["rows"], expected, "{condition}");
        let query = format!("SELECT count(*) AS n FROM 'in/' WHERE {condition}");
        let ended = place.run(&["sql", "-c", &query, "--format", "csv"]);
        assert_eq!(ended.stdout, format!("n\n{expected}\n"), "{condition}: {}", ended.stderr);
    }
    let ended = place.run(&["sql", "-c", "SELECT count(*) FROM 'in/' WHERE day > 2024-05-05"]);
    assert_eq!(ended.code, 2, "{}", ended.stdout);
}
