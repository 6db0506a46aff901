//! Numbers that a threshold or `--soft` judges: from encoded pages and as arrays they are one answer, byte for byte.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "values are made for narrow types too"
)]

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, FixedSizeListArray, Float16Array, Float32Array, Float64Array,
    PrimitiveArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Field, Int8Type, Int64Type, UInt32Type, UInt64Type};
use parquet::basic::Encoding;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use proptest::prelude::*;

use crate::engines::both;
use crate::generate::{Rows, Settings, lists, settings};
use crate::row_questions::{CONDITIONS, GROUPS, WEIGHTS, condition_column, group_column, weight_column};
use crate::support::{Place, cases, write_with};

const KINDS: [&str; 12] = [
    "f16",
    "f32",
    "f64",
    "decimal32",
    "decimal64",
    "decimal128",
    "wide decimal",
    "bool",
    "i8",
    "u32",
    "i64",
    "u64",
];

const RULES: [&[&str]; 9] = [
    &["--threshold", "0.5"],
    &["--threshold", "0.7"],
    &["--threshold", "0"],
    &["--threshold", "0.3", "--missing-values=-1,0.25", "--uncertain-values", "0.7"],
    &["--threshold", "0.1", "--positive-values", "0,0.02", "--negative-values", "0.9"],
    &["--threshold", "1e300"],
    &["--soft"],
    &["--soft", "--missing-values=-1,0.5", "--uncertain-values", "0.1", "--uncertain-as", "positive"],
    &["--soft", "--positive-values", "1,0.7,7", "--negative-values", "0,0.02"],
];

/// Numbers from 0 to 1 for most codes; -1, 7 and NaN for few.
fn number(code: u16, strange: bool) -> f64 {
    match (code % 64, strange) {
        (60, true) => -1.0,
        (61, true) => 7.0,
        (62, true) => f64::NAN,
        (63, true) => -0.0,
        (at @ 0..8, _) => [0.0, 1.0, 0.5, 0.7, 0.25, 0.02, 0.1, 0.9][usize::from(at)],
        (8, _) => 0.5_f64.next_down(),
        (9, _) => 1e-9,
        (10, _) => 1e-30,
        (11, _) => f64::from(0.7_f32),
        _ => f64::from(code) / 65536.0,
    }
}

fn scores(kind: &str, codes: &[Option<u16>], strange: bool) -> ArrayRef {
    let numbers: Vec<Option<f64>> = codes.iter().map(|code| code.map(|code| number(code, strange))).collect();
    let decimals = |precision, scale: i8| -> ArrayRef {
        let one = 10_f64.powi(scale.into());
        let units = numbers.iter().map(|x| x.filter(|x| !x.is_nan()).map(|x| (x * one).round() as i128));
        Arc::new(units.collect::<Decimal128Array>().with_precision_and_scale(precision, scale).unwrap())
    };
    macro_rules! whole {
        ($type:ty, $native:ty) => {
            Arc::new(
                numbers.iter().map(|x| x.map(|x| x.round() as $native)).collect::<PrimitiveArray<$type>>(),
            )
        };
    }
    match kind {
        "f16" => Arc::new(numbers.iter().map(|x| x.map(half::f16::from_f64)).collect::<Float16Array>()),
        "f32" => Arc::new(numbers.iter().map(|x| x.map(|x| x as f32)).collect::<Float32Array>()),
        "f64" => Arc::new(numbers.iter().copied().collect::<Float64Array>()),
        "decimal32" => decimals(5, 2),
        "decimal64" => decimals(17, 3),
        "decimal128" => decimals(36, 18),
        "wide decimal" => decimals(38, 30),
        "bool" => Arc::new(numbers.iter().map(|x| x.map(|x| x >= 0.5)).collect::<BooleanArray>()),
        "i8" => whole!(Int8Type, i8),
        "u32" => whole!(UInt32Type, u32),
        "i64" => whole!(Int64Type, i64),
        _ => whole!(UInt64Type, u64),
    }
}

/// Codes, few or many of them different.
fn codes(len: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Option<u16>>> {
    let len = len.into();
    let code = |most: u16, nulls: u32| {
        let code = (0..most).prop_map(Some);
        if nulls == 0 { code.boxed() } else { prop_oneof![nulls => Just(None), 9 => code].boxed() }
    };
    (prop_oneof![Just(8_u16), Just(64), Just(u16::MAX)], prop_oneof![Just(0_u32), Just(1), Just(5)])
        .prop_flat_map(move |(most, nulls)| proptest::collection::vec(code(most, nulls), len.clone()))
}

/// Writes numbers as they are, or with their bytes apart.
fn properties(settings: &Settings, kind: &str, apart: bool, columns: &[&str]) -> WriterProperties {
    let mut properties = settings.properties();
    if apart && kind != "bool" {
        for column in columns {
            let path = ColumnPath::from(column.split('.').map(str::to_owned).collect::<Vec<_>>());
            properties = properties.set_column_encoding(path, Encoding::BYTE_STREAM_SPLIT);
        }
    }
    properties.build()
}

fn shard(place: &Place, number: usize, columns: &[(&str, ArrayRef)], properties: WriterProperties) {
    let (mut columns, rows) = (columns.to_vec(), columns[0].1.len());
    columns.extend([group_column(rows), weight_column(rows), condition_column(rows, number)]);
    write_with(&place.path(&format!("in/{number}.parquet")), columns, properties);
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn columns_of_numbers(
        shards in proptest::collection::vec((codes(0..400), settings(), any::<bool>()), 1..3),
        kind in proptest::sample::select(&KINDS[..]), rules in proptest::sample::select(&RULES[..]),
        condition in proptest::sample::select(&CONDITIONS[..]), groups in proptest::sample::select(&GROUPS[..]),
        weights in proptest::sample::select(&WEIGHTS[..]), strange in prop_oneof![3 => Just(false), 1 => Just(true)],
    ) {
        let place = Place::new();
        for (i, (codes, settings, apart)) in shards.iter().enumerate() {
            let (a, b) = codes.split_at(codes.len() / 2);
            let columns = [("a", a), ("b", &b[..a.len()])];
            let columns = columns.map(|(name, codes)| (name, scores(kind, codes, strange)));
            shard(&place, i, &columns, properties(settings, kind, *apart, &["a", "b"]));
        }
        let layout = ["in", "--layout", "wide", "--labels", "a,b"];
        let weights = if rules[0] == "--soft" && weights.len() > 1 { &[][..] } else { weights };
        both(&place, &[&layout, rules, condition, groups, weights].concat());
    }

    #[test]
    fn lists_of_numbers(
        shards in proptest::collection::vec((codes(0..400), settings(), any::<bool>(), 0..4_usize), 1..3),
        kind in proptest::sample::select(&KINDS[..]), rules in proptest::sample::select(&RULES[..]),
        condition in proptest::sample::select(&CONDITIONS[..]), groups in proptest::sample::select(&GROUPS[..]),
        strange in prop_oneof![3 => Just(false), 1 => Just(true)], width in 1..6_usize,
    ) {
        let place = Place::new();
        for (i, (codes, settings, apart, shape)) in shards.iter().enumerate() {
            let rows = codes.len() / width;
            let values = scores(kind, &codes[..rows * width], strange);
            let field = Arc::new(Field::new("element", values.data_type().clone(), true));
            // Lists of fixed size, of which some are NULL; or lists with one that is too long.
            let nulls = (*shape == 1).then(|| (0..rows).map(|row| row % 5 != 3).collect::<NullBuffer>());
            let list: ArrayRef = if *shape < 3 {
                Arc::new(FixedSizeListArray::new(field, i32::try_from(width).unwrap(), values, nulls))
            } else {
                let rows_of: Rows = (0..rows).map(|row| (row % 7 != 2).then(|| vec![Some(0); width + usize::from(row == 40)])).collect();
                let count = rows_of.iter().flatten().map(Vec::len).sum();
                let all = scores(kind, &codes.iter().copied().cycle().take(count).collect::<Vec<_>>(), strange);
                lists("list", &rows_of, |_| Arc::clone(&all))
            };
            shard(&place, i, &[("y", list)], properties(settings, kind, *apart, &["y.list.element"]));
        }
        let width = width.to_string();
        let layout = ["in", "--layout", "vector", "--labels", "y", "--num-labels", &width];
        both(&place, &[&layout, rules, condition, groups].concat());
    }
}

/// Soft values are judged from pages, and so are thresholds: nothing is read as arrays.
#[test]
fn rules_do_not_need_arrays() {
    let place = Place::new();
    let codes: Vec<Option<u16>> = (0..3000_u16).map(|code| Some(code.wrapping_mul(31))).collect();
    let settings = Settings { dictionary_bytes: 64, ..Settings::plain() };
    for kind in KINDS {
        let column = scores(kind, &codes, false);
        shard(&place, 0, &[("a", column)], properties(&settings, kind, false, &["a"]));
        for rule in [&["--threshold", "0.5"][..], &["--soft"]] {
            let wide = ["in", "--layout", "wide", "--labels", "a"];
            both(&place, &[&wide, rule].concat()).unwrap();
            let way = place.json("encoded/run_results.json")["counting"]["way"].clone();
            assert_eq!(way["columns"][0].get("arrays"), None, "{kind} {rule:?}: {way}");
        }
    }
}
