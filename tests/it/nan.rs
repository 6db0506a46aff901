//! Comparisons with NaN and -0 mean one thing: in SQL, in conditions, in every engine, and whatever row groups say.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, StringArray};
use arrow::datatypes::Int64Type;
use parquet::file::properties::WriterProperties;
use posweight::testing::Queries;
use proptest::prelude::*;

use crate::engines::both;
use crate::support::{Place, array, cases, write, write_with};

/// What a cell may hold: NaN of both signs and with a payload, both zeros, and numbers.
const CELLS: [Option<f64>; 10] = [
    None,
    Some(f64::NAN),
    Some(-f64::NAN),
    Some(0.0),
    Some(-0.0),
    Some(0.5),
    Some(-1.5),
    Some(2.0),
    Some(f64::INFINITY),
    Some(f64::NEG_INFINITY),
];
const VALUES: [(&str, f64); 5] =
    [("0", 0.0), ("(-0.0)", -0.0), ("0.5", 0.5), ("(-1.5)", -1.5), ("CAST('NaN' AS DOUBLE)", f64::NAN)];
/// One of so many conditions is counted.
const STEP: usize = 6;
const OPERATORS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

/// Whether `a` compares so with `b`, where NaN is above all numbers.
fn holds(a: f64, operator: &str, b: f64) -> bool {
    let order = match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(&b).unwrap(),
        (left, right) => left.cmp(&right),
    };
    match operator {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// Conditions on `p` with how many of `cells` meet them.
fn conditions(cells: &[Option<f64>]) -> Vec<(String, usize)> {
    let met = |meets: &dyn Fn(f64) -> bool| cells.iter().flatten().filter(|cell| meets(**cell)).count();
    let mut found = Vec::new();
    for (text, value) in VALUES {
        for operator in OPERATORS {
            found.push((format!("p {operator} {text}"), met(&|p| holds(p, operator, value))));
            found.push((format!("{text} {operator} p"), met(&|p| holds(value, operator, p))));
            found.push((format!("NOT (p {operator} {text})"), met(&|p| !holds(p, operator, value))));
            let both = met(&|p| holds(p, operator, value) && holds(p, "<", 2.0));
            found.push((format!("p {operator} {text} AND p < 2"), both));
        }
    }
    found.push(("p BETWEEN 0 AND 2".to_owned(), met(&|p| holds(p, ">=", 0.0) && holds(p, "<=", 2.0))));
    found.push(("p NOT BETWEEN 0 AND 2".to_owned(), met(&|p| holds(p, "<", 0.0) || holds(p, ">", 2.0))));
    found.push(("p IN (0, 0.5, 7)".to_owned(), met(&|p| holds(p, "=", 0.0) || holds(p, "=", 0.5))));
    found.push(("CASE p WHEN 0 THEN true ELSE false END".to_owned(), met(&|p| holds(p, "=", 0.0))));
    found
}

/// The numbers that a query gives: one row, or one column.
pub(crate) fn numbers(place: &Place, sql: &str) -> Vec<i64> {
    place.weights(&["one", "--layout", "wide", "--labels", "l"]);
    let table = format!("t={}", place.path("in").display());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (_, batches) = runtime.block_on(async {
        Queries::open(vec![table], &place.path("out"), true).unwrap().answer(sql).await.unwrap()
    });
    let columns = batches.iter().flat_map(arrow::array::RecordBatch::columns);
    columns.flat_map(|column| column.as_primitive::<Int64Type>().values().to_vec()).collect()
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn nan_is_one_number_above_all_others(
        cells in proptest::collection::vec(proptest::sample::select(&CELLS[..]), 1..14),
        group_rows in 1..5_usize,
        is_single in any::<bool>(),
        offset in 0..STEP,
    ) {
        let place = Place::new();
        let column: ArrayRef = if is_single {
            #[expect(clippy::cast_possible_truncation, reason = "all cells are floats of both kinds")]
            Arc::new(cells.iter().map(|cell| cell.map(|cell| cell as f32)).collect::<Float32Array>())
        } else {
            Arc::new(cells.iter().copied().collect::<Float64Array>())
        };
        let labels = || array(cells.iter().map(|_| Some(true)).collect::<BooleanArray>());
        let groups = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows));
        write_with(&place.path("in/a.parquet"), vec![("l", labels()), ("p", column)], groups.build());
        write(&place.path("one/a.parquet"), vec![("l", labels())]);
        let conditions = conditions(&cells);
        let mut columns = Vec::new();
        for (at, (condition, _)) in conditions.iter().enumerate() {
            columns.push(format!("(SELECT count(*) FROM t WHERE {condition}) AS s{at}"));
        }
        let of_sql = numbers(&place, &format!("SELECT {}", columns.join(", ")));
        for ((condition, expected), of_sql) in conditions.iter().zip(&of_sql) {
            prop_assert_eq!(usize::try_from(*of_sql).unwrap(), *expected, "{}", condition);
        }
        // Some of them are counted, since each is a run of its own; no rows are no counts.
        let some: Vec<_> = conditions.iter().skip(offset).step_by(STEP).filter(|(_, met)| *met > 0).collect();
        for engine in ["encoded", "plain"] {
            let mut runs = vec!["SELECT -1 AS i, CAST(0 AS BIGINT) AS positives".to_owned()];
            for (at, (condition, _)) in some.iter().enumerate() {
                let options = format!("layout=wide, labels=l, engine={engine}, where={condition}");
                runs.push(format!(
                    "SELECT {at} AS i, positives FROM label_counts('{}', '{}')",
                    place.path("in").display(),
                    options.replace('\'', "''"),
                ));
            }
            let runs = runs.join(" UNION ALL ");
            let counted = numbers(&place, &format!("SELECT positives FROM ({runs}) ORDER BY i"));
            for ((condition, expected), counted) in some.iter().zip(&counted[1..]) {
                prop_assert_eq!(usize::try_from(*counted).unwrap(), *expected, "{} {}", engine, condition);
            }
        }
    }
}

/// Footers leave NaN out of the bounds of a row group, which is no reason to pass the row group over.
#[test]
fn a_row_group_with_nan_is_not_passed_over() {
    let place = Place::new();
    let nan = f64::NAN;
    for (name, rows) in [("a", 2), ("b", 6)] {
        let p = array(Float64Array::from(vec![0.1, nan, 0.2, nan, 0.9, -nan]));
        let labels = array(BooleanArray::from(vec![true; 6]));
        let groups = WriterProperties::builder().set_max_row_group_row_count(Some(rows)).build();
        write_with(&place.path(&format!("{name}/a.parquet")), vec![("l", labels), ("p", p)], groups);
        for (condition, expected) in [("p > 0.5", 4), ("p > 0.5 AND NOT isnan(p)", 1), ("p <> 0.1", 5)] {
            let arguments = [name, "--layout", "wide", "--labels", "l", "--where", condition];
            assert_eq!(both(&place, &arguments).unwrap()["rows"], expected, "{name} {condition}");
        }
    }
}

#[test]
fn both_zeros_are_one_group_of_by() {
    let place = Place::new();
    let f = || array(Float64Array::from(vec![Some(0.0), Some(-0.0), Some(-1.0), None]));
    let yes = || array(BooleanArray::from(vec![true; 4]));
    let name = array(StringArray::from(vec!["l"; 4]));
    let id = array(StringArray::from(vec!["a", "b", "c", "d"]));
    write(&place.path("wide/a.parquet"), vec![("l", yes()), ("f", f())]);
    write(&place.path("long/a.parquet"), vec![("id", id), ("label", name), ("value", yes()), ("f", f())]);
    for arguments in [
        &["wide", "--layout", "wide", "--labels", "l"][..],
        &["long", "--layout", "long", "--id", "id", "--labels", "label"],
    ] {
        place.weights(&[arguments, &["--by", "f"]].concat());
        let folders = std::fs::read_dir(place.path("out/by")).unwrap();
        let mut folders: Vec<_> =
            folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
        folders.sort();
        assert_eq!(folders, ["f=-1.0", "f=0.0", "f=__HIVE_DEFAULT_PARTITION__"], "{arguments:?}");
    }
}
